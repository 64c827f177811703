"""How far an apply is, on stderr: a bar on a terminal, plain lines anywhere else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from reconciler.apply.progress import Progress, WaitReason
from reconciler.apply.settings import Clock
from reconciler.cli import screen
from reconciler.graph.pacing import Waiting
from reconciler.guard.approval import Work
from reconciler.model import ActionRecord, Change, GuestOutcome, ObjectId

_WAITS = {
    WaitReason.CHAIN: "another guest to give up the address",
    WaitReason.THROTTLED: "the directory's quota",
    WaitReason.REPLICATION: "the new address to reach the invitation service",
    WaitReason.LOST_ANSWER: "the guest to show whether a lost write happened",
    WaitReason.READ_BACK: "the result to show",
}

Quotas = Callable[[], Sequence[Waiting]]
"""Tells which quotas of the directory requests wait for just now."""

_LINE_EVERY = 10.0
"""Seconds between two plain lines about the whole run: a log is read afterwards."""

_DRAWN_EVERY = 0.5
"""Seconds until what stands beside the bar is said anew."""


class Tally:
    """What is known of the run's progress, in words."""

    def __init__(self, *, guests: int, clock: Clock, quotas: Quotas) -> None:
        self.guests = guests
        self.finished = 0
        self._quotas = quotas
        self._clock = clock
        self._started = clock.now()
        self._waiting: dict[ObjectId, tuple[WaitReason, datetime | None]] = {}

    def wait(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Take note that a guest waits."""
        self._waiting[guest] = (reason, until)

    def move(self, guest: ObjectId) -> None:
        """Take note that a guest does not wait any more."""
        self._waiting.pop(guest, None)

    def finish(self, guest: ObjectId) -> None:
        """Take note that a guest has ended."""
        self.move(guest)
        self.finished += 1

    def line(self) -> str:
        """Say what most of the waiting guests wait for, and when the run should end."""
        now = self._clock.now()
        waits = [wait for wait in self._waiting.values() if wait[1] is None or wait[1] > now]
        parts = []
        if waits:
            (reason, count), *_ = Counter(reason for reason, _ in waits).most_common(1)
            known = [until for why, until in waits if why is reason and until is not None]
            until = f" until {max(known):%H:%M:%S} UTC" if known else ""
            parts.append(
                f"{count} {'guest waits' if count == 1 else 'guests wait'} for {_WAITS[reason]}{until}"
            )
        parts.extend(_queue(queue) for queue in self._quotas())
        if 0 < self.finished < self.guests:
            pace = (now - self._started) / self.finished
            at_this_pace = now + pace * (self.guests - self.finished)
            end = max([at_this_pace, *(until for _, until in waits if until is not None)])
            parts.append(f"expected to end at {end:%H:%M:%S} UTC")
        return "; ".join(parts)


def _queue(queue: Waiting) -> str:
    requests = "1 request waits" if queue.queued == 1 else f"{queue.queued} requests wait"
    next_one = f", the next one for {queue.seconds:.0f} s" if queue.seconds >= 1 else ""
    return f"{requests} for the quota of {queue.quota}{next_one}"


class LineProgress:
    """A line for each guest that ends, and at regular times one about the whole run."""

    interval = _LINE_EVERY

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def tell(self) -> None:
        """Say how far the run is, what it waits for, and when it should end."""
        state = f"{self._tally.finished}/{self._tally.guests} guests ended"
        screen.notice("; ".join(filter(None, (state, self._tally.line()))))

    def guest_started(self, change: Change) -> None:
        """Show nothing: in a log, the end of a guest says more."""

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Count the guest as moving."""
        del record
        self._tally.move(guest)

    def waiting(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Count the guest as waiting."""
        self._tally.wait(guest, reason, until)

    def guest_finished(self, outcome: GuestOutcome) -> None:
        """Say what became of the guest."""
        self._tally.finish(outcome.id)
        screen.notice(f"{self._tally.finished}/{self._tally.guests} {outcome.id} {outcome.outcome}")


class BarProgress:
    """A bar that says what the run waits for."""

    interval = _DRAWN_EVERY

    def __init__(self, tally: Tally, bar: Bar) -> None:
        self._tally = tally
        self._bar = bar
        self._task = bar.add_task("", total=tally.guests, line="")

    def tell(self) -> None:
        """Say anew what stands beside the bar."""
        self._bar.update(self._task, line=self._tally.line())

    def guest_started(self, change: Change) -> None:
        """Show nothing yet."""

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Count the guest as moving."""
        del record
        self._tally.move(guest)

    def waiting(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Count the guest as waiting."""
        self._tally.wait(guest, reason, until)

    def guest_finished(self, outcome: GuestOutcome) -> None:
        """Move the bar."""
        self._tally.finish(outcome.id)
        self._bar.update(self._task, completed=self._tally.finished)


@asynccontextmanager
async def progress_on(work: Sequence[Work], *, clock: Clock, quotas: Quotas) -> AsyncIterator[Progress]:
    """Show the progress of some work on stderr until the block ends."""
    tally = Tally(guests=len(work), clock=clock, quotas=quotas)
    console = Console(stderr=True)
    if not console.is_terminal:
        async with _told_regularly(LineProgress(tally), clock) as lines:
            yield lines
        return
    line = TextColumn("{task.fields[line]}", markup=False)
    with Bar(BarColumn(), MofNCompleteColumn(), line, console=console, transient=True) as bar:
        async with _told_regularly(BarProgress(tally, bar), clock) as drawn:
            yield drawn


@asynccontextmanager
async def _told_regularly(progress: LineProgress | BarProgress, clock: Clock) -> AsyncIterator[Progress]:
    """Let the progress be told while nothing happens, too: quotas fill without an event.

    From a task, not a thread: what is told belongs to the event loop.
    """

    async def tell() -> None:
        while True:
            await clock.sleep(progress.interval)
            progress.tell()

    telling = asyncio.ensure_future(tell())
    try:
        yield progress
    finally:
        telling.cancel()
        await asyncio.wait([telling])
