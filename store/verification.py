"""Verification: whether the log is as it was sealed, and where it is not, at which position.

>>> verdict = await verify(conn, keyring)  # doctest: +SKIP
>>> verdict.holds, verdict.events, verdict.unsealed  # doctest: +SKIP
(True, 812, 3)
"""

from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import AsyncConnection

from domain.errors import MasterKeyLost
from store.keyring import Keyring
from store.merkle import leaf_hash, root_of
from store.seals import BEGINNING, LAST, MOST, SQL, Seal, SealKey, keys_of, marked, marks_of

__all__ = ["Problem", "Verdict", "verify"]

_ROWS = 5_000
_RECORDED_AT = slice(32, 40)
"""Where a leaf has its instant; later ones have higher bytes."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_APART = timedelta(minutes=2)
"""The clocks of two machines are not further apart."""
_LATE = timedelta(minutes=10)
"""Far longer than it takes until a server that runs has sealed something."""
_FIRST = -(2**63)
"""The first position that there can be; the log begins at one."""
_MOST_TOLD = 100
"""Problems that are told one by one."""

Tell = Callable[[int, int], None]
"""Told now and then how far it has come, and where the log ends."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not hold, and the position where it begins."""

    position: int
    what: str


@dataclass(slots=True)
class Verdict:
    """What was found. Behind the last seal lie `unsealed` events, from `unsealed_from` on; nothing vouches for them.

    `erased` counts the streams whose keys were destroyed, `late` the events that were sealed long after the time that
    they say, the first of them at `late_from`: no seal vouches for that time.
    """

    events: int = 0
    seals: int = 0
    sealed_until: int = 0
    unsealed: int = 0
    unsealed_from: int | None = None
    erased: int = 0
    late: int = 0
    late_from: int | None = None
    not_published: int = 0
    published: int = 0
    """Seals that were given away, and compared."""
    failed: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return self.failed == 0

    @property
    def first(self) -> Problem | None:
        """The first bad position."""
        return min(self.problems, key=lambda problem: problem.position, default=None)

    def add(self, position: int, what: str) -> None:
        self.failed += 1
        if len(self.problems) < _MOST_TOLD:
            self.problems.append(Problem(position, what))


async def verify(
    conn: AsyncConnection[Any],
    keyring: Keyring,
    tell: Tell | None = None,
    published: Iterable[Mapping[str, Any]] = (),
) -> Verdict:
    """Read the whole log and all seals, as of one moment, in a stream: memory stays small however long the log is.

    `published` are seals as they were given away: that one of them is not in the database any more, or is another one,
    is a problem, too; nothing else tells that somebody who has the master key has written all of it anew.
    """
    verdict = Verdict()
    given = _given(verdict, published)
    last_given = max(given, default=None)
    async with conn.transaction():
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for (name,) in await (await conn.execute(SQL["disguised"])).fetchall():
            verdict.add(0, f"{name} is not the plain table that it was made as")
        keys = await _keys(conn, keyring, verdict)
        end = int((await (await conn.execute(SQL["end_of_the_log"])).fetchone() or (0,))[0])
        async with conn.cursor("leaves", binary=True) as rows:
            await rows.execute(SQL["leaves"], (_FIRST, LAST, None))
            leaves = _Leaves(rows)
            before: Seal | None = None
            async for seal, marks in _seals(conn):
                _check_chain(verdict, keys, before, seal)
                _check_published(verdict, given.pop(seal.number, None), seal)
                found = await leaves.until(seal.last_position)
                _check_events(verdict, seal, marks, found, leaves)
                _note_late(verdict, seal, found)
                if seal.size < MOST:
                    # It took all there was: what comes behind it was recorded since.
                    leaves.earliest = _as_sent(seal.sealed_at - _APART)
                verdict.not_published += last_given is not None and seal.number > last_given
                verdict.seals, verdict.sealed_until, before = verdict.seals + 1, seal.last_position, seal
                if tell is not None:
                    tell(seal.last_position, end)
            while rest := await leaves.next():
                _check_order(verdict, rest, leaves)
                verdict.unsealed_from = verdict.unsealed_from or rest[0][0]
                verdict.unsealed += len(rest)
            verdict.events = leaves.read
        for one in given.values():
            verdict.add(int(one["first_position"]), f"seal {one['number']} was published and is not there any more")
        if verdict.holds:
            await _check_streams(conn, keyring, verdict)
    return verdict


def _given(verdict: Verdict, published: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """The seals that were given away, by number, of which each has one: a second is of a log that was sealed anew."""
    given: dict[int, Mapping[str, Any]] = {}
    for one in published:
        if not isinstance(one.get("number"), int) or not isinstance(one.get("first_position"), int):
            verdict.add(0, "a line of what was published is no seal")
        elif one["number"] in given and given[one["number"]].get("signature") != one.get("signature"):
            verdict.add(one["first_position"], f"seal {one['number']} was published twice, as two")
        else:
            given[one["number"]] = one
    verdict.published = len(given)
    return given


async def _seals(conn: AsyncConnection[Any]) -> AsyncIterator[tuple[Seal, bytes]]:
    after = 0
    while rows := await (await conn.execute(SQL["marked"], (after, 100))).fetchall():
        for *columns, marks in rows:
            yield Seal(*columns), marks
        after = rows[-1][0]


class _Leaves:
    """The events of the log, in order, as a seal covers them; `latest` is the instant of the latest so far, and none
    that comes can have been recorded before `earliest`.
    """

    def __init__(self, rows: psycopg.AsyncServerCursor[Any]) -> None:
        self._rows = rows
        self._held: list[tuple[int, bytes]] = []
        self.read = 0
        self.latest = self.earliest = b""

    async def until(self, last: int) -> list[tuple[int, bytes]]:
        """Those up to a position."""
        while not self._held or self._held[-1][0] <= last:
            if not (more := await self._rows.fetchmany(_ROWS)):
                break
            self.read += len(more)
            self._held += more
        cut = bisect_right(self._held, last, key=lambda row: row[0])
        found, self._held = self._held[:cut], self._held[cut:]
        return found

    async def next(self) -> list[tuple[int, bytes]]:
        """Some that come next; none at the end."""
        if not self._held:
            self._held = await self._rows.fetchmany(_ROWS)
            self.read += len(self._held)
        found, self._held = self._held, []
        return found


async def _keys(conn: AsyncConnection[Any], keyring: Keyring, verdict: Verdict) -> dict[object, SealKey]:
    """The keys that may have signed: those that the master key wrapped, each vouched for by the one before it."""
    good: dict[object, SealKey] = {}
    before: SealKey | None = None
    for key in await keys_of(conn):
        try:
            is_ours = key.is_ours(keyring)
        except MasterKeyLost:
            is_ours = False
        is_vouched = before is None or (key.voucher is not None and before.signed(key.vouching(), key.voucher))
        if is_ours and is_vouched:
            good[key.id] = before = key
        else:
            verdict.add(0, f"the signing key {key.number} is not one of this log's")
    return good


def _check_chain(verdict: Verdict, keys: Mapping[object, SealKey], before: Seal | None, seal: Seal) -> None:
    """That a seal is as it was signed, and follows the one before it."""
    number, last, digest = (before.number, before.last_position, before.digest()) if before else (0, 0, BEGINNING)
    key = keys.get(seal.key)
    if key is None or not key.signed(seal.statement(), seal.signature):
        verdict.add(seal.first_position, f"seal {seal.number} is not as it was signed")
    elif seal.number != number + 1 or seal.first_position != last + 1:
        verdict.add(last + 1, f"seals are missing before seal {seal.number}")
    elif seal.previous != digest:
        verdict.add(seal.first_position, f"seal {seal.number} does not follow the one before it")


def _check_published(verdict: Verdict, given: Mapping[str, Any] | None, seal: Seal) -> None:
    if given is not None and given.get("signature") != seal.signature.hex():
        verdict.add(seal.first_position, f"seal {seal.number} was published as another one")


def _check_events(
    verdict: Verdict, seal: Seal, marks: bytes, found: list[tuple[int, bytes]], leaves: "_Leaves"
) -> None:
    """That the events under a seal are those that were sealed."""
    hashes = [leaf_hash(leaf) for _, leaf in found]
    positions = [position for position, _ in found]
    holds = len(found) == seal.size and root_of(hashes) == seal.root
    if holds:
        _check_order(verdict, found, leaves)
    if holds and marks == marks_of(seal.first_position, positions, hashes):
        return
    was, now = marked(seal.first_position, marks), dict(zip(positions, hashes, strict=True))
    problems = list(_differences(was, now)) if not holds else []
    if not problems:
        what = "the marks of seal {} are not as they were" if holds else "what seal {} covers is not as it was sealed"
        problems = [(seal.first_position, what.format(seal.number))]
    for position, what in problems:
        verdict.add(position, what)


def _check_order(verdict: Verdict, found: list[tuple[int, bytes]], leaves: "_Leaves") -> None:
    """That no event is dated before the one in front of it, as where it was slipped in before it was sealed."""
    for position, leaf in found:
        if position < 1:
            verdict.add(position, "the event stands before the begin of the log")
        recorded_at = leaf[_RECORDED_AT]
        if recorded_at < leaves.latest:
            verdict.add(position, "the event is dated before the one in front of it")
        elif recorded_at < leaves.earliest:
            verdict.add(position, "the event is dated before the seal in front of it was made")
        leaves.latest = max(recorded_at, leaves.latest)


def _note_late(verdict: Verdict, seal: Seal, found: list[tuple[int, bytes]]) -> None:
    """Count what was sealed long after the time that it says; the first is the earliest."""
    by_then = _as_sent(seal.sealed_at - _LATE)
    late = bisect_right(found, by_then, key=lambda row: row[1][_RECORDED_AT])
    if late > 0:
        verdict.late += late
        verdict.late_from = verdict.late_from or found[0][0]


def _as_sent(at: datetime) -> bytes:
    """An instant as the log has it: microseconds since 2000."""
    return max((at - _EPOCH) // timedelta(microseconds=1), 0).to_bytes(8)


def _differences(was: Mapping[int, bytes], now: Mapping[int, bytes]) -> Iterable[tuple[int, str]]:
    for position in sorted(was.keys() | now.keys()):
        if position not in now:
            yield position, "the event was deleted"
        elif position not in was:
            yield position, "the event was inserted"
        elif was[position] != now[position][:4]:
            yield position, "the event was changed"


async def _check_streams(conn: AsyncConnection[Any], keyring: Keyring, verdict: Verdict) -> None:
    """That streams say of themselves what the log says of them, and that their keys are those of this master key."""
    try:
        async with conn.cursor("strays") as rows:
            await rows.execute(SQL["strays"])
            async for stream, position in rows:
                verdict.add(position, f"the stream {stream} is not as the log says")
    except psycopg.DataError:
        verdict.add(verdict.unsealed_from or 0, "an event that is not sealed yet cannot be read")
        return
    async with conn.cursor("keys", binary=True) as rows:
        await rows.execute(SQL["wrapped"])
        async for stream, wrapped, position, is_told in rows:
            try:
                is_erased = keyring.key_of(stream, wrapped) is None
            except MasterKeyLost:
                verdict.add(position, f"the key of the stream {stream} is not the one that it was begun with")
                continue
            verdict.erased += is_erased
            if is_erased and not is_told:
                verdict.add(position, f"the key of the stream {stream} is gone, and nothing says that it was erased")
            elif is_told and not is_erased:
                verdict.add(position, f"the stream {stream} was erased and has a key all the same")
    async with conn.cursor("unlisted") as rows:
        await rows.execute(SQL["unlisted"])
        async for stream, position in rows:
            verdict.add(position, f"the stream {stream} was erased, and the list of erasures does not say so")
