"""Many promises that wait for their receipt at once, on vans that leave one after another: something for the clock."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from bench.simulation import Life, Simulation, Stretch
from bench.world import World
from domain.catalogue import parse_catalogue
from domain.deadlines import DueRule
from domain.order import Assignment, assign_order
from domain.promising import Making, Wanted
from store.keyring import Keyring

__all__ = ["opened"]

_LEAD = timedelta(minutes=30)
"""How long before the departure of a van the receipts of what it carries are due."""


def opened(count: int, keyring: Keyring, *, now: datetime, first: datetime, over: timedelta) -> Iterator[Stretch]:
    """`count` promises made now, whose receipts fall due evenly within `over`, from `first` on.

    >>> minute = timedelta(minutes=1)
    >>> stretches = opened(10_000, keyring, now=now, first=now + minute, over=minute)  # doctest: +SKIP
    >>> sum(len(stretch.events) for stretch in stretches)  # doctest: +SKIP
    20060
    """
    simulation = Simulation(World(Random()), parse_catalogue(""), keyring, now)
    vans = max(min(round(over.total_seconds()), count // 50), 1)
    for van in range(vans):
        mine = count * (van + 1) // vans - count * van // vans
        simulation.start(_load(simulation, mine, first + over * van / vans))
    return simulation.run(now)


def _load(simulation: Simulation, count: int, receipts_due: datetime) -> Life:
    """One van, and what was promised of its load."""
    world = simulation.world
    order_id = f"SO-{world.random.getrandbits(64):x}"
    order = simulation.order(order_id)
    plan = Assignment(world.person("courier"), departs_at=receipts_due + _LEAD)
    simulation.record(order, "system:oms", lambda moment: assign_order(order, "courier", plan, moment))
    due = Wanted(DueRule(at=receipts_due + timedelta(hours=6)))
    for _ in range(count):
        making = Making(world.customer(), "redelivery", "Today before six", order_id, due)
        simulation.make(making, world.person("agent"))
        yield simulation.now
