"""The emulator's time: the timestamps of objects, and the speed of durations."""

import asyncio
import time
from datetime import UTC, datetime
from email.utils import format_datetime


def http_date(moment: datetime) -> str:
    """Format a time in UTC as in the header `Date`, in whole seconds.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
    """
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


class EmulatedClock:
    """Real time for timestamps; durations may run faster.

    With `speed` 5, a lag of 5 s is over after one second, a quota per 150 s is refilled in 30 s. Timestamps
    stay real, because callers compare them with their own clock.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Return emulated seconds since some moment: only differences have a meaning."""
        return time.monotonic() * self.speed

    def real(self, emulated: float) -> float:
        """Convert an emulated duration to a real one, both in seconds."""
        return emulated / self.speed

    async def sleep(self, emulated: float) -> None:
        """Wait for that many emulated seconds."""
        await asyncio.sleep(self.real(emulated))
