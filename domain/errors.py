"""The one tree of refusals: every error that Upheld tells anybody about, with its code and HTTP status.

>>> from domain.errors import CommitmentClosed
>>> error = CommitmentClosed("it was kept on 23 November")
>>> error.code, error.status, str(error)
('commitment_closed', 409, 'it was kept on 23 November')

The codes are stable words of the contract; the HTTP status stands beside each code, so that the
API needs no table of its own.
"""

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "CalendarHasNoWorkingTime",
    "CommitmentClosed",
    "CommitmentNotClosed",
    "ConfigurationError",
    "Conflict",
    "ContentTooLarge",
    "DueRequired",
    "Erased",
    "Forbidden",
    "IdempotencyKeyReused",
    "Invalid",
    "MappingFailed",
    "MasterKeyLost",
    "Misdirected",
    "NotFound",
    "NotRestorable",
    "OnHold",
    "PhotosAreOff",
    "PreconditionFailed",
    "PrivateAddress",
    "ProjectionBehind",
    "Rejection",
    "SignInRefused",
    "TooManyAttempts",
    "Unauthenticated",
    "Unavailable",
    "Undelivered",
    "UpheldError",
]


class UpheldError(Exception):
    """The root of the tree: `code` is the stable word, `status` the HTTP status that goes with it."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"


@dataclass(frozen=True)
class Rejection:
    """One fault in what was sent: where it is (an RFC 6901 pointer into the body) and what it is."""

    pointer: str
    detail: str


class Invalid(UpheldError):
    """What was sent cannot be right, with a pointer to each fault.

    >>> Invalid("/due/at", "lies before the making").rejections
    (Rejection(pointer='/due/at', detail='lies before the making'),)
    """

    code = "invalid"
    status = 422
    title = "The request is not valid"

    def __init__(self, pointer: str, detail: str, *more: Rejection) -> None:
        super().__init__(detail)
        self.rejections = (Rejection(pointer, detail), *more)


class MappingFailed(Invalid):
    """What another system sent holds too little for the command that the configuration makes of it."""

    code = "mapping_failed"
    title = "The delivery could not be made into a command"

    def __init__(self, detail: str) -> None:
        super().__init__("", detail)


class DueRequired(Invalid):
    """A promise without a time is not a promise (story 4)."""

    code = "due_required"
    title = "The promise needs a time"

    def __init__(self, kind: str) -> None:
        super().__init__("/due", f"a promise of the kind '{kind}' needs a time by which it is kept")


class CalendarHasNoWorkingTime(Invalid):
    """The deadline can never come: the calendar has no working time to count."""

    code = "calendar_has_no_working_time"
    title = "The calendar has no working time"


class IdempotencyKeyReused(Invalid):
    """The same Idempotency-Key came with another body."""

    code = "idempotency_key_reused"
    title = "The Idempotency-Key was used for another request"

    def __init__(self) -> None:
        super().__init__("", "this Idempotency-Key belongs to a request with another body")


class Unauthenticated(UpheldError):
    """Nobody said who asks, or not in the form ROLE:ID."""

    code = "unauthenticated"
    status = 401
    title = "It is not known who asks"


class Forbidden(UpheldError):
    """Who asks may not do this."""

    code = "forbidden"
    status = 403
    title = "Not allowed"


class Misdirected(UpheldError):
    """Whoever asks took another server for this one, or somebody leads him here by a name of his own."""

    code = "misdirected"
    status = 421
    title = "Misdirected Request"

    def __init__(self) -> None:
        super().__init__("this is no address of this server: use the one that it said when it started")


class SignInRefused(Forbidden):
    """Who came from the provider of sign-in is let in as nobody; `why` tells which words the page has for it."""

    code = "sign_in_refused"
    title = "Not signed in"

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


class NotFound(UpheldError):
    """There is no such thing, or it is gone."""

    code = "not_found"
    status = 404
    title = "Not found"


class PhotosAreOff(NotFound):
    """Nobody asked for photos in the configuration, so none are taken and none are shown."""

    code = "photos_are_off"
    title = "Photos are switched off"

    def __init__(self) -> None:
        super().__init__("photos are taken only where the configuration says [evidence] photos = true")


class Conflict(UpheldError):
    """Somebody else changed the same thing first, again and again."""

    code = "conflict"
    status = 409
    title = "Somebody else changed it first"


class CommitmentClosed(UpheldError):
    """The commitment is kept or withdrawn; this makes no sense on it any more."""

    code = "commitment_closed"
    status = 409
    title = "The commitment is closed"


class CommitmentNotClosed(UpheldError):
    """Only what was kept or withdrawn can be reopened."""

    code = "commitment_not_closed"
    status = 409
    title = "The commitment is not closed"


class Unreachable(UpheldError):
    """Nobody can be asked: no keeper is named, or the book of people does not know how he is reached."""

    code = "unreachable"
    status = 409
    title = "The keeper cannot be told"


class Erased(UpheldError):
    """The words of the commitment are gone for good, and its key with them: no others can be kept in their place."""

    code = "erased"
    status = 409
    title = "The words of the commitment are erased"


class OnHold(UpheldError):
    """Somebody ordered that nothing is forgotten of this customer yet."""

    code = "on_hold"
    status = 409
    title = "The customer is on hold"


class ContentTooLarge(UpheldError):
    """What was sent is larger than it may be."""

    code = "content_too_large"
    status = 413
    title = "Content Too Large"


class PreconditionFailed(UpheldError):
    """What If-Match names is no longer what the promise says."""

    code = "precondition_failed"
    status = 412
    title = "The commitment changed since it was read"


class TooManyAttempts(UpheldError):
    """Too much was tried in vain to be let in; try again in `retry_after` seconds."""

    code = "too_many_attempts"
    status = 429
    title = "Too many attempts"

    def __init__(self, retry_after: int) -> None:
        super().__init__("too much was tried in vain; wait before the next attempt")
        self.retry_after = retry_after


class Unavailable(UpheldError):
    """The database or the queue is out of reach; try again in `retry_after` seconds."""

    code = "unavailable"
    status = 503
    title = "Out of reach for the moment"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ProjectionBehind(Unavailable):
    """The projections did not reach the position asked for in time; `log_position` is where the log itself ends."""

    code = "projection_behind"
    title = "The projections have not come that far yet"

    def __init__(self, detail: str, retry_after: int = 1, log_position: int | None = None) -> None:
        super().__init__(detail, retry_after)
        self.log_position = log_position


class ProjectionParked(Unavailable):
    """A fact of this commitment could not be projected; it waits until that is mended."""

    code = "projection_parked"
    title = "What was asked for could not be projected"


class ProjectionRebuilding(Unavailable):
    """The rows that a query reads are being built for the first time, or in a new form."""

    code = "projection_rebuilding"
    title = "The answer is being built"


class ConfigurationError(UpheldError):
    """The configuration is damaged; the message is one line that names the key."""

    code = "configuration"
    title = "The configuration is not valid"


class MasterKeyLost(UpheldError):
    """The log holds keys that this master key cannot open."""

    code = "master_key_lost"
    title = "The master key does not open this log"


class NotRestorable(UpheldError):
    """A backup that is not whole, or that does not go with where it is to be restored; the message is one line."""

    code = "not_restorable"
    status = 409
    title = "The backup cannot be restored"


class Undelivered(UpheldError):
    """What was to be sent to another system got no answer; the message is a line that shows no secret."""

    code = "undelivered"
    status = 502
    title = "The other system did not answer"


class PrivateAddress(Undelivered):
    """The other system is in a network that nothing is sent into unless that was allowed."""

    code = "private_address"
    title = "The address is not a public one"
