"""How many guests may be under way at once, and how many before the directory has taken a write at all."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

_CANARIES = 3
"""How many first writes may be under way until one of them has shown that the directory takes any."""


class Gate:
    """What guests pass before they are written to."""

    def __init__(self, half_done: int) -> None:
        """Let at most `half_done` guests stand between their first write and their last."""
        self._half_done = half_done
        self._room = asyncio.Semaphore(half_done)
        self._canaries = asyncio.Semaphore(_CANARIES)
        self._open = False
        self._at_work = 0
        self._stuck = 0

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """Stand between the first write and the last, as one of a limited number of guests."""
        async with self._room:
            self._at_work += 1
            try:
                yield
            finally:
                self._at_work -= 1

    @asynccontextmanager
    async def first_write(self) -> AsyncIterator[None]:
        """Send a guest's first write, as one of a few until the directory has taken one."""
        if self._open:
            yield
            return
        async with self._canaries:
            yield

    def open(self) -> None:
        """Tell that the directory takes writes, so that guests may start in numbers."""
        if not self._open:
            self._open = True
            # Whoever has room can be waiting here, and nobody else.
            for _ in range(self._half_done):
                self._canaries.release()

    @contextmanager
    def stuck(self) -> Iterator[None]:
        """Mark a guest whose last write does not go through, while it waits."""
        self._stuck += 1
        try:
            yield
        finally:
            self._stuck -= 1

    @property
    def others_move(self) -> bool:
        """Whether some half-done guest still gets ahead, so that the run goes on anyhow."""
        return self._stuck < self._at_work
