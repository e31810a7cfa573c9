"""The one clock of a process. It is injected everywhere, and no SQL asks the database for the time.

>>> clock = SetClock(datetime(2026, 11, 20, 2, 15, tzinfo=UTC))
>>> clock.now().isoformat()
'2026-11-20T02:15:00+00:00'
"""

from datetime import UTC, datetime
from typing import Protocol

from psycopg import AsyncConnection

from domain.errors import ConfigurationError, Invalid

__all__ = ["Clock", "SetClock", "SystemClock", "TestClock"]


class Clock(Protocol):
    """Tells the time; `read` asks anew where the time is kept elsewhere. One that is `ticking` goes on by itself."""

    @property
    def ticking(self) -> bool: ...

    def now(self) -> datetime: ...

    async def read(self, conn: "AsyncConnection[tuple[object, ...]]", /) -> datetime: ...


class SystemClock:
    """The time of this machine, in UTC."""

    ticking = True

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def read(self, _: "AsyncConnection[tuple[object, ...]]", /) -> datetime:
        return self.now()


class SetClock:
    """A clock that stands still until it is set: for replaying what happened earlier."""

    ticking = False

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        """Move the clock, forward only.

        Raises `Invalid` where `now` lies before the time it shows.
        """
        if now < self._now:
            raise Invalid("/now", f"lies before {self._now.isoformat()}, and the clock moves forward only")
        self._now = now

    async def read(self, _: "AsyncConnection[tuple[object, ...]]", /) -> datetime:
        return self._now


class TestClock(SetClock):
    """A clock that stands still for every process on the database, and is moved in one place.

    It begins at the real time of the first start on a database.
    """

    __test__ = False

    @classmethod
    async def open(cls, conn: "AsyncConnection[tuple[object, ...]]", *, begin: bool = True) -> "TestClock":
        """The clock of a database, which only whoever serves may begin. Raises `ConfigurationError`."""
        if begin:
            begun = "INSERT INTO test_clock (now) VALUES (%s) ON CONFLICT DO NOTHING"
            await conn.execute(begun, (SystemClock().now(),))
        elif await (await conn.execute("SELECT FROM test_clock")).fetchone() is None:
            raise ConfigurationError("UPHELD_TEST_CLOCK: this database has no test clock; leave the setting out")
        clock = cls(datetime.min.replace(tzinfo=UTC))
        await clock.read(conn)
        return clock

    async def read(self, conn: "AsyncConnection[tuple[object, ...]]", /) -> datetime:
        """The time that the database keeps, which another process may have moved."""
        row = await (await conn.execute("SELECT now FROM test_clock")).fetchone()
        if row is not None and isinstance(row[0], datetime):
            self._now = max(self._now, row[0].astimezone(UTC))
        return self._now

    async def move(self, conn: "AsyncConnection[tuple[object, ...]]", now: datetime) -> None:
        """Move the clock for all processes, forward only."""
        moved = await conn.execute("UPDATE test_clock SET now = %s WHERE now <= %s", (now, now))
        # Those who follow the log do not only ask what was recorded, but also what time has made due.
        await conn.execute("NOTIFY stored_events")
        await self.read(conn)
        if moved.rowcount == 0:
            self.set(now)
