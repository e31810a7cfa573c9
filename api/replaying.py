"""What an operator does with the deliveries of other systems that could not be carried out: look at them, try again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starlette.types import ASGIApp

from api.app import create_app
from api.delivering import carry_out, failure
from api.operating import looking_on
from api.routes import decoded
from api.runtime import Runtime
from api.settings import Settings
from domain.errors import NotFound
from store.deliveries import Deliveries, KeptDelivery

__all__ = ["Kept", "Replayed", "kept", "replay"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery that waits to be tried again, and why."""

    id: UUID
    hook: str
    received_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one: `reason` is None where it was carried out, and is kept no longer."""

    id: UUID
    hook: str
    reason: str | None


async def kept(settings: Settings) -> list[Kept]:
    """What is kept, the oldest first."""
    async with looking_on(settings) as runtime:
        found = await Deliveries(runtime.database, runtime.keyring).list(await runtime.now())
    return [Kept(one.id, one.hook, one.received_at, one.reason) for one in found]


async def replay(settings: Settings, name: str | None, ids: Sequence[UUID]) -> list[Replayed]:
    """Carry out what is kept by the rules as they are now, under the keys of the first time: nothing is done twice.

    Raises `NotFound` where an id is named that is not kept.
    """
    async with looking_on(settings) as runtime:
        deliveries = Deliveries(runtime.database, runtime.keyring)
        found = await deliveries.list(await runtime.now())
        if unknown := set(ids) - {one.id for one in found}:
            raise NotFound(f"no delivery {min(unknown)} is kept")
        app = create_app(runtime=runtime)
        app.state.runtime = runtime  # the app is not started: it would feed the projections, which others do
        wanted = [one for one in found if name in (None, one.hook) and (not ids or one.id in ids)]
        return [Replayed(one.id, one.hook, await _again(app, runtime, one, deliveries)) for one in wanted]


async def _again(app: ASGIApp, runtime: Runtime, one: KeptDelivery, deliveries: Deliveries) -> str | None:
    """Why a delivery still fails; where it does not, it is kept no longer."""
    hook = runtime.catalogue.hooks.get(one.hook)
    if hook is None:
        return "no hook of that name is configured"
    reason = failure(await carry_out(app, hook, one.delivery_id, decoded(one.body)))
    if reason is None:
        await deliveries.remove(one.id)
    else:
        await deliveries.keep(one.hook, one.delivery_id, one.body, reason, await runtime.now())
    return reason
