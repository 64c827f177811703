"""Admits guests: a limited number in flight, and few before the directory has accepted a write."""

import asyncio
from collections.abc import Iterable

from reconciler.model import Guest, ObjectId

_CANARIES = 3
"""Most first writes in flight until one of any guest has succeeded."""


class Admission:
    """The concurrency limit of a run, and its canaries."""

    def __init__(self, limit: int) -> None:
        """Limit to `limit` the guests between their first write and their last."""
        self._limit = limit
        self._slots = asyncio.Semaphore(limit)
        self._canaries = asyncio.Semaphore(_CANARIES)
        self._released = False
        self.in_flight = 0

    async def enter(self) -> None:
        """Wait for a slot."""
        await self._slots.acquire()
        self.in_flight += 1

    def leave(self) -> None:
        """Release a slot."""
        self.in_flight -= 1
        self._slots.release()

    async def first_write(self) -> bool:
        """Wait until a guest's first write may be sent; return whether as a canary, to be ended later."""
        if self._released:
            return False
        await self._canaries.acquire()
        return True

    def end_canary(self) -> None:
        """Release the slot of a canary for another one."""
        self._canaries.release()

    def release_canaries(self) -> None:
        """Release all waiting first writes: the directory accepts writes."""
        if not self._released:
            self._released = True
            # Only guests that hold a slot can be waiting, so this many releases wake them all.
            for _ in range(self._limit):
                self._canaries.release()


class Predecessors:
    """The guests that others wait for, because they free an address."""

    def __init__(self, guests: Iterable[ObjectId]) -> None:
        """Create a future for each of these guests of this run; no other guest is waited for."""
        self._freed: dict[ObjectId, asyncio.Event] = {guest: asyncio.Event() for guest in guests}
        self._seen: dict[ObjectId, Guest | None] = {}

    async def wait_for(self, guest: ObjectId) -> Guest | None:
        """Return a guest as first read with their new address; `None` when no read showed it.

        A guest who is not part of this run returns `None`.
        """
        freed = self._freed.get(guest)
        if freed is None:
            return None
        await freed.wait()
        return self._seen[guest]

    def free(self, guest: ObjectId, seen: Guest | None) -> None:
        """Wake the guests that wait for a guest; only the first call has an effect."""
        freed = self._freed.get(guest)
        if freed is not None and not freed.is_set():
            self._seen[guest] = seen
            freed.set()
