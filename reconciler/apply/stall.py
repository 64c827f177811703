"""Notices when the directory takes no write of anybody any more."""

from reconciler.apply.settings import Clock
from reconciler.model import Failed, FailureKind, WriteAnswer

_NOT_TAKEN = frozenset({FailureKind.NOT_EXECUTED, FailureKind.UNKNOWN})
"""Failures that say something about the directory; a refusal is an answer, and one guest's affair."""


class Stall:
    """Watches the writes of a whole run.

    Each guest's own patience is asked when a write of theirs has failed; while the directory takes
    nothing, most of them only wait for their turn.
    """

    def __init__(self, clock: Clock, *, longest: float) -> None:
        """Take it for a stall when every write has failed for `longest` seconds."""
        self._clock = clock
        self.longest = longest
        self._failing_since: float | None = None
        self.reached = False
        """Whether nobody may wait for another try any more."""

    def learn(self, answer: WriteAnswer) -> None:
        """Hear how a write went, whoever's it was."""
        if not (isinstance(answer, Failed) and answer.kind in _NOT_TAKEN):
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = self._clock.monotonic()

    async def wait(self) -> None:
        """Return when the run has stalled."""
        while not self.reached:
            since, now = self._failing_since, self._clock.monotonic()
            left = self.longest if since is None else since + self.longest - now
            if left > 0:
                await self._clock.sleep(left)
            self.reached = left <= 0
