"""Shows on stderr how far a long read has come: one line that changes on a terminal, else a line at times."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from reconciler.cli import console
from reconciler.clock import Clock
from reconciler.render.wording import count_of

_LINE_EVERY: Final = 10.0
"""Seconds between two lines of a log, which is read afterwards."""


@contextmanager
def read_progress(clock: Clock) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows the number of users read so far, until the block ends."""
    terminal = Console(stderr=True)
    if not terminal.is_terminal:
        yield _Lines(clock).show
        return
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), console=terminal, transient=True
    ) as line:
        task = line.add_task(_words(0))
        yield lambda count: line.update(task, description=_words(count))


class _Lines:
    """Prints lines, not more often than a log needs them: a read that ends soon prints none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._printed = clock.now()

    def show(self, count: int) -> None:
        """Print the number of users, if it is time to."""
        now = self._clock.now()
        if (now - self._printed).total_seconds() >= _LINE_EVERY:
            self._printed = now
            console.notice(_words(count))


def _words(count: int) -> str:
    return f"Reading the directory: {count_of(count, 'user')} so far"
