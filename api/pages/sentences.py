"""The history in sentences: one for each type of event, in the reader's language.

>>> sentence(item, Wording("en", UTC)).words  # doctest: +SKIP
'li (courier) received revision 2: it is in the van'
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from api.pages.wording import OUTCOMES, Wording, msg
from projections.history import HistoryItem

__all__ = ["SENTENCES", "Quote", "Sentence", "actors_of", "sentence"]


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of somebody, as they were recorded; None where they are erased. `label` says what they are."""

    words: str | None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """What happened: in a sentence, with an icon, what was said, and what else belongs to it."""

    words: str
    icon: str
    tone: str = ""
    quotes: tuple[Quote, ...] = ()
    facts: tuple[str, ...] = ()


class Event:
    """An event, as a sentence asks for its parts."""

    def __init__(self, item: HistoryItem, words: Wording) -> None:
        self.item = item
        self.t, self.who, self.words = words.t, words.who, words
        self.is_erased = item.data.get("erased") is True

    @property
    def person(self) -> str:
        """Who did it; where a system speaks for him, it is named in the details."""
        return self.who(self.item.on_behalf_of or self.item.actor)

    @property
    def recipient(self) -> str:
        return self.who(self.text("recipient") or "")

    @property
    def order(self) -> str:
        return self.item.order_id or ""

    def text(self, name: str) -> str | None:
        found = self.item.data.get(name)
        return found if isinstance(found, str) else None

    def role(self) -> str:
        return self.words.role(self.text("role") or "")

    def instant(self, name: str) -> datetime | None:
        found = self.text(name)
        return datetime.fromisoformat(found) if found is not None else None

    def due(self) -> str | None:
        due = self.item.data.get("due")
        at = due.get("at") if isinstance(due, dict) else None
        if not isinstance(at, str):
            return None
        return self.t("To be kept by %(time)s", time=self.words.when(datetime.fromisoformat(at)))

    def names(self, name: str) -> list[str]:
        found = self.item.data.get(name)
        return [str(one) for one in found] if isinstance(found, list) else []

    def said(self, name: str, label: str) -> tuple[Quote, ...]:
        """A note or a reason, where there is one."""
        found = self.text(name)
        return (Quote(found, self.t(label)),) if found is not None else ()

    def promised(self) -> tuple[Quote, ...]:
        things = self.item.data.get("items")
        listed = [f"{one['quantity']} × {one['sku']}" for one in things] if isinstance(things, list) else []
        return (Quote(self.text("promise")), *([Quote(", ".join(listed))] if listed else []))

    def channel(self) -> tuple[str, ...]:
        channel = self.text("channel")
        if channel is None:
            return ()
        ways = {"inbound": msg("channel %(channel)s, inbound"), "outbound": msg("channel %(channel)s, outbound")}
        return (self.t(ways.get(self.text("direction") or "", msg("channel %(channel)s")), channel=channel),)


_WARNINGS: Final = {
    "receipt_window_does_not_fit": msg("No time was left for a receipt before it was due"),
    "already_departed": msg("Who must keep it had already left"),
    "duplicate_kind_on_order": msg("Another promise of this kind stood on this order"),
    "calendar_incomplete": msg("The holidays of that year were not published yet"),
    "no_recipient_yet": msg("Nobody was named to keep it yet"),
}
_PARTS: Final = {
    "promise": msg("the words"),
    "due": msg("the time"),
    "path": msg("who keeps it"),
    "items": msg("the things"),
    "value": msg("the value"),
}
_LEVELS: Final = {
    1: msg("It went up to whoever made the promise: %(why)s"),
    2: msg("It went up to the supervisor: %(why)s"),
    3: msg("It went up to the manager: %(why)s"),
}
_WITHDRAWN: Final = {
    "agreed": msg("%(who)s withdrew the promise, and the customer agreed"),
    "not_agreed": msg("%(who)s withdrew the promise without the customer’s agreement"),
    "mistake": msg("%(who)s withdrew the promise: it was a mistake"),
}
_WHY_NOT: Final = {
    "older_revision": msg("It does not count: the promise had changed meanwhile"),
    "no_longer_recipient": msg("It does not count: somebody else had become the keeper"),
    "commitment_closed": msg("It does not count: the promise was closed"),
}
_SOURCES: Final = {
    "own": msg("named for this promise alone"),
    "order": msg("as whoever carries the order"),
    "kind": msg("as for every promise of this kind"),
}


def _made(e: Event) -> Sentence:
    words = e.t("%(who)s promised the customer %(customer)s:", who=e.person, customer=e.item.customer_id)
    warnings = [e.t(_WARNINGS[one]) for one in e.names("warnings") if one in _WARNINGS]
    told = (e.words.kind(e.text("kind") or ""), e.due(), *e.channel(), *warnings)
    return Sentence(words, "speech", "strong", e.promised(), tuple(one for one in told if one))


def _amended(e: Event) -> Sentence:
    changed = e.names("changed")
    words = e.t("%(who)s changed the promise; it is revision %(revision)s now:", who=e.person, revision=e.item.revision)
    parts = ", ".join(e.t(_PARTS[one]) for one in changed if one in _PARTS)
    agreed = {True: e.t("The customer agreed"), False: e.t("The customer did not agree")}.get(
        e.item.data.get("customer_agreed")  # type: ignore[call-overload]
    )
    told = (e.t("New: %(what)s", what=parts) if parts else None, e.due() if "due" in changed else None, agreed)
    quotes = (*e.promised(), *e.said("reason", msg("Reason")))
    return Sentence(words, "changed", "strong", quotes, tuple(one for one in told if one))


def _withdrawn(e: Event) -> Sentence:
    words = e.t(_WITHDRAWN.get(e.text("cause") or "", _WITHDRAWN["agreed"]), who=e.person)
    return Sentence(words, "withdrawn", "strong", e.said("reason", msg("Reason")))


def _kept(e: Event) -> Sentence:
    photos = len(e.names("evidence"))
    facts = (e.t("photos: %(count)s", count=photos),) if photos else ()
    return Sentence(e.t("%(who)s said: it is kept", who=e.person), "received", "done", e.said("note", "Note"), facts)


def _broken(e: Event) -> Sentence:
    return Sentence(e.t("Its time was up and it was not kept: the promise is broken"), "overdue", "alarm")


def _reopened(e: Event) -> Sentence:
    note = e.said("note", msg("Note"))
    if e.text("reason") == "mistaken":
        return Sentence(e.t("%(who)s took it back: it was not closed after all", who=e.person), "attempted", "", note)
    if e.item.actor.startswith("customer:"):
        return Sentence(e.t("The customer said: I did not get this. The promise is open again"), "disputed", "alarm")
    words = e.t("%(who)s opened it again: the customer says that it did not happen", who=e.person)
    return Sentence(words, "disputed", "alarm", note)


def _attempted(e: Event) -> Sentence:
    why = e.t(OUTCOMES.get(e.text("outcome") or "", OUTCOMES["other"]))
    words = e.t("%(who)s tried and could not keep it: %(why)s", who=e.person, why=why)
    return Sentence(words, "attempted", "alarm", e.said("note", msg("Note")))


def _contacted(e: Event) -> Sentence:
    minutes = e.item.data.get("minutes")
    told = (*e.channel(), *((e.t("%(minutes)s min", minutes=minutes),) if minutes is not None else ()))
    outbound = e.text("direction") == "outbound"
    sentence = msg("%(who)s had to get in touch with the customer about it") if outbound else None
    words = e.t(sentence or msg("The customer had to ask again, and told %(who)s"), who=e.person)
    return Sentence(words, "phone", "alarm", e.said("note", msg("Note")), told)


def _escalated(e: Event) -> Sentence:
    level = e.item.data.get("level")
    why = e.words.reason(e.text("cause") or "")
    words = e.t(_LEVELS[level] if level in _LEVELS else _LEVELS[3], why=why)
    by = (e.t("by %(who)s", who=e.person),) if e.text("cause") == "raised" else ()
    return Sentence(words, "up", "", e.said("note", msg("Note")), by)


def _taken(e: Event) -> Sentence:
    return Sentence(e.t("%(who)s said: I deal with it", who=e.person), "person", "", e.said("note", msg("Note")))


def _informed(e: Event) -> Sentence:
    words = e.t("The customer was told of revision %(revision)s", revision=e.item.revision)
    return Sentence(words, "sent", "", (), e.channel())


def _assigned(e: Event) -> Sentence:
    told = {"who": e.recipient, "role": e.role(), "revision": e.item.revision}
    words = e.t("It was handed to %(who)s, in revision %(revision)s", **told)
    if e.item.data.get("known") is True:
        words = e.t("%(who)s keeps it, and knows it from having promised it", **told)
    due = e.instant("receipt_due_at")
    facts = [e.t(_SOURCES[source])] if (source := e.text("source")) in _SOURCES else []
    facts += [e.t("receipt due by %(time)s", time=e.words.when(due))] if due is not None else []
    return Sentence(words, "person", "", (), tuple(facts))


def _released(e: Event) -> Sentence:
    words = e.t("%(who)s is not its keeper any more; nobody is, as %(role)s", who=e.recipient, role=e.role())
    return Sentence(words, "nobody", "alarm")


def _sent(e: Event) -> Sentence:
    words = e.t("A message about revision %(revision)s left for %(who)s", revision=e.item.revision, who=e.recipient)
    return Sentence(words, "sent", "quiet", (), e.channel())


def _failed(e: Event) -> Sentence:
    words = e.t("A message to %(who)s did not leave", who=e.recipient)
    return Sentence(words, "declined", "alarm", e.said("reason", msg("Reason")), e.channel())


def _delivered(e: Event) -> Sentence:
    told = {"who": e.recipient, "revision": e.item.revision}
    return _reported(e, e.t("Revision %(revision)s reached the phone of %(who)s", **told), "phone", "quiet")


def _seen(e: Event) -> Sentence:
    told = {"who": e.recipient, "revision": e.item.revision}
    return _reported(e, e.t("%(who)s opened revision %(revision)s", **told), "seen", "quiet")


def _acknowledged(e: Event) -> Sentence:
    told = {"who": e.recipient, "revision": e.item.revision}
    return _reported(e, e.t("%(who)s received revision %(revision)s: I know", **told), "received", "done")


def _held(e: Event) -> Sentence:
    told = {"who": e.recipient, "revision": e.item.revision}
    if e.text("role") == "courier":
        words = e.t("%(who)s received revision %(revision)s: it is in the van", **told)
    else:
        words = e.t("%(who)s received revision %(revision)s: I have it", **told)
    return _reported(e, words, "van" if e.text("role") == "courier" else "received", "done")


def _declined(e: Event) -> Sentence:
    told = {"who": e.recipient, "revision": e.item.revision}
    return _reported(e, e.t("%(who)s declined revision %(revision)s: I can’t", **told), "declined", "alarm")


def _reported(e: Event, words: str, icon: str, tone: str) -> Sentence:
    """A receipt, and why it does not count, if it does not."""
    why_not = e.text("why_not")
    by = e.person if (e.item.on_behalf_of or e.item.actor) != e.text("recipient") else None
    facts = ([e.t(_WHY_NOT[why_not])] if why_not in _WHY_NOT else []) + ([e.t("by %(who)s", who=by)] if by else [])
    return Sentence(words, icon, "alarm" if why_not else tone, e.said("reason", msg("Reason")), tuple(facts))


def _missed(e: Event) -> Sentence:
    if e.text("recipient") is None:
        words = e.t("Nobody was named to keep it, as %(role)s: the receipt was missed", role=e.role())
    else:
        told = {"who": e.recipient, "revision": e.item.revision}
        words = e.t("%(who)s had not confirmed revision %(revision)s: the receipt was missed", **told)
    due = e.instant("receipt_due_at")
    facts = (e.t("receipt due by %(time)s", time=e.words.when(due)),) if due is not None else ()
    return Sentence(words, "overdue", "alarm", (), facts)


def _order_assigned(e: Event) -> Sentence:
    told = {"who": e.recipient, "order": e.order, "role": e.role()}
    leaves, start = e.instant("departs_at"), e.instant("planned_start")
    stop = e.item.data.get("stop")
    facts = [e.t("Stop %(number)s", number=stop)] if stop is not None else []
    facts += [e.t("Departure %(time)s", time=e.words.when(leaves))] if leaves is not None else []
    facts += [e.t("planned for %(time)s", time=e.words.when(start))] if start is not None else []
    return Sentence(
        e.t("%(who)s carries the order %(order)s, as %(role)s", **told),
        "van",
        "",
        (Quote(e.text("address")),) if e.text("address") is not None or e.is_erased else (),
        tuple(facts),
    )


def _order_unassigned(e: Event) -> Sentence:
    told = {"who": e.recipient, "order": e.order, "role": e.role()}
    return Sentence(e.t("%(who)s does not carry the order %(order)s any more, as %(role)s", **told), "nobody", "alarm")


def _erased(e: Event) -> Sentence:
    words = e.t("All personal words about the customer %(customer)s were erased for good", customer=e.item.customer_id)
    return Sentence(words, "withdrawn", "strong")


def _commitment_erased(e: Event) -> Sentence:
    words = {
        "request": msg("The words of the promise were erased for good, because somebody asked for it"),
        "retention": msg("The words of the promise were erased for good, because of their age"),
    }
    return Sentence(e.t(words.get(e.text("cause") or "", words["request"])), "withdrawn", "strong")


def _order_erased(e: Event) -> Sentence:
    return Sentence(e.t("The addresses of the order %(order)s were erased for good", order=e.order), "withdrawn")


def _held_back(e: Event) -> Sentence:
    told = {"person": e.person, "customer": e.item.customer_id}
    until = e.instant("until")
    facts = (e.t("until %(time)s", time=e.words.when(until)),) if until is not None else ()
    words = e.t("%(person)s ordered that nothing is forgotten of the customer %(customer)s", **told)
    return Sentence(words, "warning", "strong", e.said("reason", msg("Reason")), facts)


def _let_go(e: Event) -> Sentence:
    told = {"person": e.person, "customer": e.item.customer_id}
    return Sentence(e.t("%(person)s lifted the hold on the customer %(customer)s", **told), "open")


SENTENCES: dict[str, tuple[str, Callable[[Event], Sentence]]] = {
    "CommitmentMade": (msg("A promise was made"), _made),
    "CommitmentAmended": (msg("A promise changed"), _amended),
    "CommitmentWithdrawn": (msg("A promise was withdrawn"), _withdrawn),
    "CommitmentKept": (msg("A promise was kept"), _kept),
    "CommitmentBroken": (msg("A promise was broken"), _broken),
    "CommitmentReopened": (msg("A promise was opened again"), _reopened),
    "CommitmentEscalated": (msg("It went up the ladder"), _escalated),
    "EscalationTaken": (msg("Somebody deals with it"), _taken),
    "FulfilmentAttempted": (msg("Tried, and not kept"), _attempted),
    "CustomerContacted": (msg("The customer had to ask again"), _contacted),
    "CustomerInformed": (msg("The customer was told"), _informed),
    "HandoffAssigned": (msg("Handed to a keeper"), _assigned),
    "HandoffReleased": (msg("Taken from a keeper"), _released),
    "HandoffSent": (msg("A message left"), _sent),
    "HandoffFailed": (msg("A message did not leave"), _failed),
    "HandoffDelivered": (msg("It reached a phone"), _delivered),
    "HandoffSeen": (msg("It was opened"), _seen),
    "HandoffAcknowledged": (msg("Received: I know"), _acknowledged),
    "HandoffHeld": (msg("Received: I have it"), _held),
    "HandoffDeclined": (msg("Declined: I can’t"), _declined),
    "ReceiptMissed": (msg("A receipt was missed"), _missed),
    "OrderAssigned": (msg("An order was given to somebody"), _order_assigned),
    "OrderUnassigned": (msg("An order was taken from somebody"), _order_unassigned),
    "CommitmentErased": (msg("The words of a promise were erased"), _commitment_erased),
    "OrderErased": (msg("The addresses of an order were erased"), _order_erased),
    "CustomerHeld": (msg("A customer was put on hold"), _held_back),
    "CustomerReleased": (msg("A hold was lifted"), _let_go),
    "CustomerErased": (msg("A customer was erased"), _erased),
}
"""Each type of event: what it is called, and its sentence."""


def sentence(item: HistoryItem, words: Wording) -> Sentence:
    """An event in a sentence; one that this version does not know is called by its type."""
    known = SENTENCES.get(item.type)
    return known[1](Event(item, words)) if known is not None else Sentence(item.type, "open")


def actors_of(item: HistoryItem) -> list[str | None]:
    """Everybody whom the sentence about an event may name."""
    recipient = item.data.get("recipient")
    return [item.actor, item.on_behalf_of, recipient if isinstance(recipient, str) else None]
