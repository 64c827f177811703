"""Shows the progress of an apply on stderr: a bar on a terminal, plain lines elsewhere."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from reconciler.apply import RunObserver, WaitReason
from reconciler.cli import console
from reconciler.clock import Clock
from reconciler.graph.rate_limits import Waiting
from reconciler.guard.approval import Work
from reconciler.model import ActionRecord, Change, GuestOutcome, ObjectId
from reconciler.render import wording

_WAITS = {
    WaitReason.PREDECESSOR: "another guest to give up the address",
    WaitReason.EARLIER_RUN: "what an earlier run may have written to show",
    WaitReason.THROTTLED: "the directory to take writes again",
    WaitReason.REPLICATION: "the new address to reach the invitation service",
    WaitReason.LOST_ANSWER: "the guest to show whether a lost write happened",
    WaitReason.READ_BACK: "the result to show",
}

Quotas = Callable[[], Sequence[Waiting]]
"""Returns the quotas of the directory that requests wait for now."""

_LINE_EVERY = 10.0
"""Seconds between two plain lines about the whole run: a log is read afterwards."""

_DRAWN_EVERY = 0.5
"""Seconds between two updates of the text beside the bar."""


class Tally:
    """The progress of a run: observes every step, and describes it in words."""

    def __init__(
        self, *, guests: int, clock: Clock, quotas: Quotas, show_end: Callable[["Tally", GuestOutcome], None]
    ) -> None:
        """Start with no guest ended. `show_end` shows that a guest has ended."""
        self.guests = guests
        self.finished = 0
        self._quotas = quotas
        self._clock = clock
        self._show_end = show_end
        self._started = clock.now()
        self._waiting: dict[ObjectId, tuple[WaitReason, datetime | None]] = {}

    def guest_started(self, change: Change) -> None:
        """Count the guest as not waiting."""
        self._waiting.pop(change.id, None)

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Count the guest as not waiting."""
        del record
        self._waiting.pop(guest, None)

    def waiting(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Count the guest as waiting."""
        self._waiting[guest] = (reason, until)

    def guest_finished(self, outcome: GuestOutcome) -> None:
        """Show the outcome of the guest."""
        self._waiting.pop(outcome.id, None)
        self.finished += 1
        self._show_end(self, outcome)

    def line(self) -> str:
        """Return what most of the waiting guests wait for, and when the run is expected to end."""
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
            known_ends = [until for _, until in waits if until is not None]
            # Waiting guests run in parallel and have a known end, so only the others enter the estimate.
            moving = self.guests - self.finished - len(known_ends)
            at_this_pace = now + (now - self._started) / self.finished * moving
            parts.append(f"expected to end at {max([at_this_pace, *known_ends]):%H:%M:%S} UTC")
        return "; ".join(parts)


def _queue(queue: Waiting) -> str:
    requests = "1 request waits" if queue.queued == 1 else f"{queue.queued} requests wait"
    next_one = f", the next one for {queue.seconds:.0f} s" if queue.seconds >= 1 else ""
    return f"{requests} for the quota of {queue.quota}{next_one}"


@asynccontextmanager
async def progress_on(work: Sequence[Work], *, clock: Clock, quotas: Quotas) -> AsyncIterator[RunObserver]:
    """Show the progress of some work on stderr until the block ends: a bar on a terminal, else lines."""
    terminal = Console(stderr=True)
    if not terminal.is_terminal:
        tally = Tally(guests=len(work), clock=clock, quotas=quotas, show_end=_end_line)
        async with _told(lambda: console.notice(_state_line(tally)), clock, every=_LINE_EVERY):
            yield tally
        return
    line = TextColumn("{task.fields[line]}", markup=False)
    with Bar(BarColumn(), MofNCompleteColumn(), line, console=terminal, transient=True) as bar:
        task = bar.add_task("", total=len(work), line="")
        tally = Tally(
            guests=len(work),
            clock=clock,
            quotas=quotas,
            show_end=lambda known, _: bar.update(task, completed=known.finished),
        )
        async with _told(lambda: bar.update(task, line=tally.line()), clock, every=_DRAWN_EVERY):
            yield tally


def _end_line(tally: Tally, outcome: GuestOutcome) -> None:
    named = f"{outcome.id} {outcome.display_name or wording.NO_NAME}"
    console.notice(f"{tally.finished}/{tally.guests} {named}: {outcome.outcome}")


def _state_line(tally: Tally) -> str:
    return "; ".join(filter(None, (f"{tally.finished}/{tally.guests} guests ended", tally.line())))


@asynccontextmanager
async def _told(tell: Callable[[], None], clock: Clock, *, every: float) -> AsyncIterator[None]:
    """Call `tell` at intervals while no event arrives: quotas fill without an event.

    In a task, not a thread: the quotas belong to the event loop.
    """

    async def go_on_telling() -> None:
        while True:
            await clock.sleep(every)
            tell()

    telling = asyncio.ensure_future(go_on_telling())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait([telling])
