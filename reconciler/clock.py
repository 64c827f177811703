"""The clock of every module that waits or dates: passed in, so that tests can replace it.

Must hold no rule about how long anything may take.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Instants, durations and waiting, of the computer or of a test."""

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment: never backwards, suspension of the machine counted."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds of this clock."""
        ...


def _counting_suspension() -> Callable[[], float]:
    """Return the computer's clock that advances while the machine sleeps, else the ordinary one.

    On Linux `time.monotonic` stands still while a laptop sleeps, so that a guest read eight hours ago
    would count as read just now. Source: https://docs.python.org/3/library/time.html#time.CLOCK_BOOTTIME
    """
    number = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic if number is None else lambda: time.clock_gettime(number)


class SystemClock:
    """The computer's own clock."""

    def __init__(self) -> None:
        self._monotonic = _counting_suspension()

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since the machine was started, those asleep among them where that is known."""
        return self._monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        await asyncio.sleep(seconds)
