"""Somebody who follows the log from another thread, and keeps what he was shown, in the order of showing."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

__all__ = ["Follower", "following"]

Item = dict[str, Any]
"""What stands at a position of the log; `position` is one of its fields."""


class Follower:
    """Reads on from the last position that he saw, without pause.

    >>> with following(lambda after: api.history(after=after)) as followers:  # doctest: +SKIP
    ...     load.more(100)
    >>> followers[0].seen[-1]["position"]  # doctest: +SKIP
    131
    """

    def __init__(self, read: Callable[[int], list[Item]]) -> None:
        self._read = read
        self._over = threading.Event()
        self.seen: list[Item] = []

    @property
    def position(self) -> int:
        return int(self.seen[-1]["position"]) if self.seen else 0

    def follow(self) -> None:
        while True:
            over = self._over.is_set()  # looked at before reading: after the last word nothing more is written
            items = self._read(self.position)
            self.seen += items
            if not items:
                if over:
                    return
                time.sleep(0.002)

    def end(self) -> None:
        self._over.set()


@contextmanager
def following(*reads: Callable[[int], list[Item]]) -> Iterator[list[Follower]]:
    """Followers who read meanwhile; on leaving they read to the end of the log."""
    followers = [Follower(read) for read in reads]
    with ThreadPoolExecutor(len(followers)) as pool:
        reading = [pool.submit(follower.follow) for follower in followers]
        try:
            yield followers
        finally:
            for follower in followers:
                follower.end()
        for one in reading:
            one.result()
