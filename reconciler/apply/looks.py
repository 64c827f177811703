"""Looking again and again, close together at first, until something shows or patience ends."""

from reconciler.apply.policy import LOOKING
from reconciler.apply.progress import WaitReason
from reconciler.apply.run import Run
from reconciler.model import ObjectId


class Looks:
    """The looks of one guest at one thing. Call `again` before each look but the first."""

    def __init__(self, run: Run, guest: ObjectId, reason: WaitReason, *, within: float) -> None:
        """Begin now; `within` is how many seconds it may take."""
        self._run = run
        self._guest = guest
        self._reason = reason
        self._within = within
        self._started = run.clock.monotonic()
        self.number = 1
        """Of the look that comes now."""

    @property
    def waited(self) -> float:
        """Seconds since the beginning."""
        return self._run.clock.monotonic() - self._started

    @property
    def last(self) -> bool:
        """Whether patience ends with the look that comes now."""
        return self.waited >= self._within

    async def expect(self, seconds: float) -> None:
        """Wait before the first look for as long as it takes as a rule."""
        if seconds:
            await self._run.wait(self._guest, self._reason, seconds)

    async def again(self) -> None:
        """Wait for the next look; one comes just when patience ends, and more for who still goes on."""
        pause, left = LOOKING.after(self.number), self._within - self.waited
        if left > 0:
            pause = min(pause, left)
        self.number += 1
        await self._run.wait(self._guest, self._reason, pause)
