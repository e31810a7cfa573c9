"""The history in sentences: one for each type of event, in the reader's language.

>>> sentence(item, Wording("en", UTC)).words  # doctest: +SKIP
'li (courier) received revision 2: it is in the van'
"""

from collections.abc import Callable
from typing import Final

from api.pages.events import Event, Quote, Sentence
from api.pages.handoff_sentences import HANDOFF_SENTENCES
from api.pages.wording import OUTCOMES, Wording, msg
from projections.history import HistoryItem

__all__ = ["SENTENCES", "actors_of", "sentence"]


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


def _order_assigned(e: Event) -> Sentence:
    told = {"who": e.recipient, "order": e.order, "role": e.role()}
    leaves, start = e.instant("departs_at"), e.instant("planned_start")
    stop = e.item.data.get("stop")
    facts = [e.t("by %(who)s", who=e.person)] if (e.item.on_behalf_of or e.item.actor) != e.text("recipient") else []
    facts += [e.t("Stop %(number)s", number=stop)] if stop is not None else []
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
    **HANDOFF_SENTENCES,
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
