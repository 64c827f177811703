"""Time that a test lets pass."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.graph.rate_limits import RateLimiter
from reconciler.graph.read_retries import ReadRetryPolicy
from reconciler.graph.sessions import SessionOptions


@dataclass(slots=True)
class Clock:
    """Time that passes only when somebody waits."""

    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        """Give the instant: the time that was waited, from 1970 on."""
        return datetime.fromtimestamp(self.monotonic(), UTC)

    def monotonic(self) -> float:
        """Give the time that was waited."""
        return sum(self.waits)

    async def sleep(self, seconds: float) -> None:
        """Note the pause and go on at once."""
        self.waits.append(seconds)

    @property
    def options(self) -> SessionOptions:
        """Terms under which retries wait on this clock, and the pace on one of its own."""
        return SessionOptions(
            call_seconds=5, retry_policy=ReadRetryPolicy(sleep=self.sleep), limiter=RateLimiter(clock=Clock())
        )
