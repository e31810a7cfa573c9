"""How a promise stands, in words: now, and at two instants beside each other."""

from dataclasses import dataclass
from typing import Final

from api.pages.wording import STATUSES, Wording, msg
from projections.views import CommitmentView, HandoffView

__all__ = ["HANDOFF_STATES", "Compared", "Standing", "compared", "standing"]

HANDOFF_STATES: Final = {
    "unassigned": msg("nobody is named"),
    "assigned": msg("named, not told yet"),
    "sent": msg("a message left"),
    "delivered": msg("it reached the phone"),
    "seen": msg("opened"),
    "acknowledged": msg("acknowledged"),
    "held": msg("has the thing"),
    "declined": msg("declined"),
}

_LEVELS: Final = (msg("whoever keeps it"), msg("whoever promised it"), msg("the supervisor"), msg("the manager"))
"""With whom it stands, by how high it has come."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A state in words, with its icon and its tone."""

    words: str
    icon: str
    tone: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that is said of a promise, at two instants; the promise itself needs a voice of its own."""

    label: str
    left: str
    right: str
    is_promise: bool = False

    @property
    def differs(self) -> bool:
        return self.left != self.right


def standing(shown: CommitmentView, words: Wording) -> Standing:
    """How a promise stands.

    >>> standing(shown, Wording("en", UTC)).words  # doctest: +SKIP
    'Broken: it was to be kept by Wed, Nov 25, 2026 16:00'
    """
    due = words.until(shown.due.at)
    match shown.status:
        case "kept":
            kept = words.when(shown.kept_at) if shown.kept_at is not None else ""
            late = words.t("Kept on %(time)s, later than promised", time=kept)
            return Standing(late if shown.late else words.t("Kept on %(time)s", time=kept), "received", "done")
        case "withdrawn":
            return Standing(words.t("Withdrawn"), "withdrawn", "")
        case "broken":
            return Standing(words.t("Broken: it was to be kept by %(time)s", time=due), "overdue", "alarm")
        case _:
            return Standing(words.t("Open: to be kept by %(time)s", time=due), "open", "")


def compared(left: CommitmentView | None, right: CommitmentView | None, words: Wording) -> list[Compared]:
    """What is said of a promise at two instants; None where it had not been made."""
    told = [_told(shown, words) if shown is not None else {} for shown in (left, right)]
    labels = list(dict.fromkeys([*told[0], *told[1]]))
    promise = words.t("The words")
    return [
        Compared(label, told[0].get(label, "–"), told[1].get(label, "–"), is_promise=label == promise)
        for label in labels
    ]


def _told(shown: CommitmentView, words: Wording) -> dict[str, str]:
    things = ", ".join(f"{item.quantity} × {item.sku}" for item in shown.items or ())
    parts = {
        msg("Status"): words.t(STATUSES[shown.status]),
        msg("Revision"): str(shown.revision),
        msg("The words"): shown.promise if shown.promise is not None else words.t("(erased)"),
        msg("Things"): things or "–",
        msg("To be kept by"): words.until(shown.due.at),
    }
    counts = {
        msg("The customer asked again"): str(shown.contacts),
        msg("Postponed"): str(shown.postponements),
        msg("It stands with"): words.t(_LEVELS[shown.escalation_level]),
    }
    keepers = {
        words.t("Keeper, as %(role)s", role=words.role(one.role)): _handoff(one, words) for one in shown.handoffs
    }
    labelled = {words.t(label): value for label, value in parts.items()}
    return labelled | keepers | {words.t(label): value for label, value in counts.items()}


def _handoff(one: HandoffView, words: Wording) -> str:
    state = HANDOFF_STATES[one.state]
    if one.recipient is None:
        return words.t(state)
    if one.asked == "none":
        return f"{words.who(one.recipient)}: {words.t('nothing to confirm')}"
    has = words.t("received") if one.received else words.t("not received")
    return f"{words.who(one.recipient)}: {words.t(state)}; {has}"
