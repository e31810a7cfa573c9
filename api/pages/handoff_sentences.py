"""What happened to a hand-off, in sentences: one for each type of event.

>>> HANDOFF_SENTENCES["HandoffHeld"][1](event).words  # doctest: +SKIP
'li (courier) received revision 2: it is in the van'
"""

from collections.abc import Callable
from typing import Final

from api.pages.events import Event, Sentence
from api.pages.wording import msg

__all__ = ["HANDOFF_SENTENCES"]

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


def _nagged(e: Event) -> Sentence:
    words = e.t("%(who)s asked the keeper again: %(keeper)s", who=e.person, keeper=e.recipient)
    return Sentence(words, "sent", "", e.said("note", msg("Note")))


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


HANDOFF_SENTENCES: Final[dict[str, tuple[str, Callable[[Event], Sentence]]]] = {
    "HandoffAssigned": (msg("Handed to a keeper"), _assigned),
    "HandoffReleased": (msg("Taken from a keeper"), _released),
    "HandoffSent": (msg("A message left"), _sent),
    "HandoffFailed": (msg("A message did not leave"), _failed),
    "HandoffNagged": (msg("The keeper was asked again"), _nagged),
    "HandoffDelivered": (msg("It reached a phone"), _delivered),
    "HandoffSeen": (msg("It was opened"), _seen),
    "HandoffAcknowledged": (msg("Received: I know"), _acknowledged),
    "HandoffHeld": (msg("Received: I have it"), _held),
    "HandoffDeclined": (msg("Declined: I can’t"), _declined),
    "ReceiptMissed": (msg("A receipt was missed"), _missed),
}
"""Each type of event about a hand-off: what it is called, and its sentence."""
