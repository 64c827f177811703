"""The emulator's time: what objects are stamped with, and how fast waiting goes by."""

import asyncio
import time
from datetime import UTC, datetime
from email.utils import format_datetime


def http_date(moment: datetime) -> str:
    """Write a time in UTC as the header `Date` does, in whole seconds.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
    """
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


class Clock:
    """Real time for stamps; durations may be played faster.

    With `speed` 5, a lag of 5 s is over after one second, a quota per 150 s is refilled in 30 s. Stamps
    stay real, because the caller compares them with their own clock.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Count emulated seconds: only differences mean anything."""
        return time.monotonic() * self.speed

    def real(self, emulated: float) -> float:
        """Turn an emulated duration into a real one, both in seconds."""
        return emulated / self.speed

    async def sleep(self, emulated: float) -> None:
        """Let so many emulated seconds go by."""
        await asyncio.sleep(self.real(emulated))
