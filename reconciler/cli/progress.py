"""How far an apply is, on stderr: a bar on a terminal, plain lines anywhere else."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task
from rich.progress import Progress as Bar
from rich.text import Text

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

_LINE_EVERY = timedelta(seconds=10)
"""Plain lines about waiting come no closer than this: a log is read afterwards."""


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
        parts.extend(
            f"{queue.queued} requests wait {queue.seconds:.0f} s for the quota of {queue.quota}"
            for queue in self._quotas()
        )
        if 0 < self.finished < self.guests:
            pace = (now - self._started) / self.finished
            parts.append(f"expected to end at {now + pace * (self.guests - self.finished):%H:%M:%S} UTC")
        return "; ".join(parts)


class LineProgress:
    """A line for each guest that ends, and now and then one about what the run waits for."""

    def __init__(self, tally: Tally, *, clock: Clock) -> None:
        self._tally = tally
        self._clock = clock
        self._last = clock.now()

    def guest_started(self, change: Change) -> None:
        """Show nothing: in a log, the end of a guest says more."""

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Count the guest as moving."""
        del record
        self._tally.move(guest)

    def waiting(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Say what is waited for, unless that was said a moment ago."""
        self._tally.wait(guest, reason, until)
        if self._clock.now() - self._last >= _LINE_EVERY:
            self._say(f"{self._tally.finished}/{self._tally.guests} {self._tally.line()}")

    def guest_finished(self, outcome: GuestOutcome) -> None:
        """Say what became of the guest."""
        self._tally.finish(outcome.id)
        self._say(f"{self._tally.finished}/{self._tally.guests} {outcome.id} {outcome.outcome}")

    def _say(self, line: str) -> None:
        self._last = self._clock.now()
        screen.notice(line.rstrip())


class _LineColumn(ProgressColumn):
    """What the run waits for, anew whenever the bar is drawn: quotas fill without an event."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def render(self, task: Task) -> Text:
        """Draw the line."""
        del task
        return Text(self._tally.line())


class BarProgress:
    """A bar that says what the run waits for."""

    def __init__(self, tally: Tally, bar: Bar) -> None:
        self._tally = tally
        self._bar = bar
        self._task = bar.add_task("", total=tally.guests)

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


@contextmanager
def progress_on(work: Sequence[Work], *, clock: Clock, quotas: Quotas) -> Iterator[Progress]:
    """Show the progress of some work on stderr until the block ends."""
    tally = Tally(guests=len(work), clock=clock, quotas=quotas)
    console = Console(stderr=True)
    if not console.is_terminal:
        yield LineProgress(tally, clock=clock)
        return
    with Bar(BarColumn(), MofNCompleteColumn(), _LineColumn(tally), console=console, transient=True) as bar:
        yield BarProgress(tally, bar)
