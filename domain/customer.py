"""A customer, as far as forgetting goes: whether somebody ordered that nothing of him is forgotten, and that it was.

>>> hold(customer, "court case 12/2027", None, moment)  # doctest: +SKIP
>>> check_erasable(customer, moment)  # doctest: +SKIP
Traceback (most recent call last):
domain.errors.OnHold: the customer is on hold until it is lifted
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import TAggregate

from domain.errors import Invalid, NotFound, OnHold
from domain.facts import register
from domain.moment import Moment
from domain.recording import Recorded, Recording

__all__ = [
    "Customer",
    "CustomerErased",
    "CustomerFact",
    "CustomerHeld",
    "CustomerReleased",
    "Hold",
    "check_erasable",
    "erase_customer",
    "hold",
    "release",
]

_NAMESPACE = UUID("3f8e2c7a-51d4-5b0e-8a6b-7c1d9e2f4a35")


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing of a customer may be forgotten, by whose order, and until when; until it is lifted where that is
    None.
    """

    reason: str | None
    until: datetime | None
    held_by: str
    held_at: datetime


class CustomerFact(Recorded):
    """A fact about a customer himself. His id is a name that the company's own systems have for him; it stays."""

    customer_id: str

    def mutate(self, aggregate: TAggregate | None) -> TAggregate | None:
        """The first fact about a customer begins him."""
        if aggregate is None:
            aggregate = Customer._begin(self.originator_id, self.customer_id, self.timestamp)  # type: ignore[assignment]
        return super().mutate(aggregate)


class CustomerHeld(CustomerFact):
    """Nothing of the customer may be forgotten until then."""

    reason: str | None
    until: datetime | None

    personal = frozenset({"reason"})

    def apply(self, customer: "Customer") -> None:
        customer.held = Hold(self.reason, self.until, self.origin.person, self.timestamp)


class CustomerReleased(CustomerFact):
    """The hold was lifted."""

    def apply(self, customer: "Customer") -> None:
        customer.held = None


class CustomerErased(CustomerFact):
    """All personal words about the customer are gone for good. Whatever is said of him later begins anew."""

    def apply(self, customer: "Customer") -> None:
        customer.held, customer.is_erased = None, True


class Customer(Recording):
    """What was ordered about a customer. One of whom nothing was recorded has version 0."""

    customer_id: str
    held: Hold | None
    is_erased: bool

    INITIAL_VERSION = 0

    @classmethod
    def unknown(cls, customer_id: str, life: int, at: datetime) -> "Customer":
        """A customer before anything is recorded of him; `life` counts how often he was erased."""
        return cls._begin(cls.id_of(customer_id, life), customer_id, at)

    @classmethod
    def _begin(cls, id: UUID, customer_id: str, at: datetime) -> "Customer":
        customer = cls.__new__(cls)
        customer.__base_init__(id, 0, at)
        customer.customer_id, customer.held, customer.is_erased = customer_id, None, False
        return customer

    @staticmethod
    def id_of(customer_id: str, life: int) -> UUID:
        """The id of a stream of his: another one after each erasure, since a key that is destroyed stays so."""
        return uuid5(_NAMESPACE, f"{life} {customer_id}")

    def hold_at(self, now: datetime) -> Hold | None:
        """The hold that stands at an instant."""
        held = self.held
        return held if held is not None and (held.until is None or held.until > now) else None


def hold(customer: Customer, reason: str, until: datetime | None, moment: Moment) -> None:
    """Order that nothing is forgotten until an instant, or until it is lifted; the same order again records nothing.

    Raises `Invalid` where the instant is past.
    """
    if until is not None and until <= moment.now:
        raise Invalid("/until", "is past")
    standing = customer.hold_at(moment.now)
    if standing is None or (standing.reason, standing.until) != (reason, until):
        moment.record(customer, CustomerHeld, customer_id=customer.customer_id, reason=reason, until=until)


def release(customer: Customer, moment: Moment) -> None:
    """Lift the hold. Raises `NotFound` where none stands."""
    if customer.hold_at(moment.now) is None:
        raise NotFound("this customer is not on hold")
    moment.record(customer, CustomerReleased, customer_id=customer.customer_id)


def check_erasable(customer: Customer, moment: Moment) -> None:
    """Raises `OnHold` where the customer must not be forgotten yet."""
    if (standing := customer.hold_at(moment.now)) is not None:
        until = standing.until.isoformat() if standing.until is not None else "it is lifted"
        raise OnHold(f"the customer is on hold until {until}")


def erase_customer(customer: Customer, moment: Moment, *, at: datetime | None = None) -> None:
    """Record that he is erased; `at` is when he was, where a backup is brought up to date."""
    moment.record(customer, CustomerErased, at=at, customer_id=customer.customer_id)


register(CustomerHeld, CustomerReleased, CustomerErased)
