"""Who at the provider has which id here, and when somebody else may have it."""

import pytest

from store.database import Database
from store.identities import Identities
from store.keyring import Keyring

pytestmark = pytest.mark.anyio

ISSUER = "https://login.example"


async def test_a_name_is_free_again_only_where_whoever_had_it_has_gone(database: Database, keyring: Keyring) -> None:
    identities = Identities(database, keyring)
    assert await identities.id_of(ISSUER, "s1", "mara", "agent") == "mara"

    await identities.free("courier:mara")
    assert await identities.id_of(ISSUER, "s2", "mara", "agent") is None, "another of that name went, not she"
    await identities.free("agent:mara")
    assert await identities.id_of(ISSUER, "s2", "mara", "agent") == "mara"
    assert await identities.id_of(ISSUER, "s1", "mara", "agent") is None
