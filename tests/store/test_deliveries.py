"""Deliveries that could not be carried out are kept for a week, and no longer."""

from uuid import UUID

import pytest

from store.clock import SetClock
from store.database import Database
from store.deliveries import KEPT_FOR, Deliveries, KeptDelivery
from store.keyring import Keyring

pytestmark = pytest.mark.anyio


async def test_what_was_kept_for_a_week_is_forgotten(database: Database, keyring: Keyring, clock: SetClock) -> None:
    deliveries, began = Deliveries(database, keyring), clock.now()
    await deliveries.keep("shop", "msg_1", b"\xff{}", "why", began)
    await deliveries.keep("shop", "msg_2", b"{}", "why", began + KEPT_FOR / 2)

    assert [one.delivery_id for one in await deliveries.list(began + KEPT_FOR * 0.9)] == ["msg_1", "msg_2"]
    [left] = await deliveries.list(began + KEPT_FOR)
    assert (left.delivery_id, left.body, left.reason) == ("msg_2", b"{}", "why")
    await deliveries.keep("shop", "msg_3", b"{}", "why", began + KEPT_FOR * 2)
    assert [one.delivery_id for one in await deliveries.list(began)] == ["msg_3"]


async def test_the_same_delivery_is_kept_once_with_the_latest_reason(
    database: Database, keyring: Keyring, clock: SetClock
) -> None:
    deliveries, began = Deliveries(database, keyring), clock.now()
    for reason, at in (("first", began), ("last", began + KEPT_FOR / 2)):
        await deliveries.keep("shop", "msg_1", b"{}", reason, at)

    [kept] = await deliveries.list(began)
    assert (kept.reason, kept.received_at) == ("last", began)
    await deliveries.remove(kept.id)
    assert await deliveries.list(began) == []


@pytest.mark.parametrize(
    ("body", "names", "mentions"),
    [
        (b'{"ticket": {"customer": "CU-7"}}', {"CU-7"}, True),
        (b'{"ticket": {"customer": "CU-77"}}', {"CU-7"}, False),
        (b'{"ticket": {"customer": "X-CU-7"}}', {"CU-7"}, False),
        (b'{"ticket": {"note": "asked by CU-7."}}', {"CU-7"}, True),
        (b'{"ticket": {"customer": "\\u043c-7"}}', {"\u043c-7"}, True),
        (b'{"customers": [7, 8]}', {"7"}, True),
        (b'{"note": "7 cables, 12 of them red"}', {"7", "12"}, False),
        (b"customer=CU-7&order=1", {"CU-7"}, True),
        (b"\xff", {"CU-7"}, False),
    ],
)
async def test_what_mentions_a_customer_is_known_by_his_name_and_not_by_a_part_of_another(
    body: bytes, names: set[str], mentions: bool, clock: SetClock
) -> None:
    assert KeptDelivery(UUID(int=1), "shop", clock.now(), "msg_1", body, "why").mentions(names) is mentions
