"""Who may be in flight: a limited number of guests, and few before the directory has taken a write."""

import asyncio
from collections.abc import Iterable

from reconciler.model import Guest, ObjectId

_CANARIES = 3
"""How many first writes may be on their way until one of any guest has succeeded."""


class Admission:
    """The concurrency limit of a run, and its canaries."""

    def __init__(self, limit: int) -> None:
        """Let at most `limit` guests be between their first write and their last."""
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
        """Give a slot back."""
        self.in_flight -= 1
        self._slots.release()

    async def first_write(self) -> bool:
        """Wait until a guest's first write may go; true when it goes as a canary, which has to be ended."""
        if self._released:
            return False
        await self._canaries.acquire()
        return True

    def end_canary(self) -> None:
        """Let another canary go."""
        self._canaries.release()

    def release_canaries(self) -> None:
        """Let guests start in numbers: the directory takes writes."""
        if not self._released:
            self._released = True
            # Only guests that hold a slot can be waiting, so this many releases wake them all.
            for _ in range(self._limit):
                self._canaries.release()


class Predecessors:
    """Guests whom others wait for, because they free an address."""

    def __init__(self, guests: Iterable[ObjectId]) -> None:
        """Expect these guests of this run; nobody waits for any other."""
        self._freed: dict[ObjectId, asyncio.Event] = {guest: asyncio.Event() for guest in guests}
        self._seen: dict[ObjectId, Guest | None] = {}

    async def wait_for(self, guest: ObjectId) -> Guest | None:
        """Return a guest as first read with their new address; `None` when that was not seen.

        A guest who is no part of this run is never seen.
        """
        freed = self._freed.get(guest)
        if freed is None:
            return None
        await freed.wait()
        return self._seen[guest]

    def free(self, guest: ObjectId, seen: Guest | None) -> None:
        """Let those who wait for a guest go on; the first word counts."""
        freed = self._freed.get(guest)
        if freed is not None and not freed.is_set():
            self._seen[guest] = seen
            freed.set()
