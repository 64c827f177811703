"""What apply may be told: its patience, and the clock it lives by."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Limits and patience of one apply run. All durations are seconds."""

    half_done: int = 50
    """At most this many guests stand between their first write and their last."""

    see_within: float = 60.0
    """How long a write may take to show in reads before it counts as not seen."""

    reread_after: float = 60.0
    """A guest, and who owns the new address, read longer ago than this are read again before the reset."""

    watch_for: float = 30.0
    """How long a guest whom an earlier run left before the reset is watched: it may have been sent unseen."""

    throttled_for: float = 600.0
    """How long one guest may take in all, from a first failure on, until the directory carries writes out."""

    replicate_for: float = 300.0
    """How long one guest may take in all until the invitation service knows the address just written."""

    commit_for: float = 600.0
    """How long the last write of a reset guest is tried at least; longer while others are at work."""

    grace: float = 7.0
    """How long an interrupted run takes to finish what is half done."""


class Clock(Protocol):
    """Time as apply sees it, so that a run can live on a faster or an imagined clock."""

    def now(self) -> datetime:
        """Give the instant, in UTC."""
        ...

    def monotonic(self) -> float:
        """Give seconds since some fixed moment; never runs backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of this clock."""
        ...


class SystemClock:
    """The computer's own clock."""

    def now(self) -> datetime:
        """Give the instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give seconds since some fixed moment; never runs backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(seconds)
