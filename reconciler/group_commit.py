"""Forces a file to the disk for many writers at once, without holding up the event loop."""

import asyncio
from collections.abc import Callable


class GroupCommit:
    """Runs one blocking call for all waiting callers, in a thread; later ones never share an earlier call."""

    def __init__(self, force: Callable[[], None]) -> None:
        """Prepare commits by `force`, which blocks and may raise."""
        self._force = force
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        """Waits for the running call, and then serves all callers that have arrived."""

    async def commit(self) -> None:
        """Wait until a call that began after this one has ended. Raises what that call raised."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._commit_after(self._running))
            self._next.add_done_callback(_retrieve)
        # A cancelled waiter must not cancel the commit of the others.
        await asyncio.shield(self._next)

    async def _commit_after(self, running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        await asyncio.to_thread(self._force)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Read the error of a call that no caller waits for any more, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()
