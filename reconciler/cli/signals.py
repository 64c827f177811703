"""SIGINT and SIGTERM while a command runs that must not end before it has told how it ended."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from reconciler.cli import screen

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _interrupt() -> None:
    raise KeyboardInterrupt


class Signals:
    """What a signal does just now; at first it raises `KeyboardInterrupt`."""

    def __init__(self) -> None:
        self.heard = False
        """Whether there has been a signal."""
        self._answer: Callable[[], object] = _interrupt

    def answer(self, answer: Callable[[], object]) -> None:
        """Call this at every signal from now on."""
        self._answer = answer

    def ignore(self) -> None:
        """Let signals do nothing from now on."""
        self._answer = lambda: None

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let a signal raise `KeyboardInterrupt` in this block, at once if there has been one before."""
        before = self._answer
        self._answer = _interrupt
        try:
            self._make_up_for()
            yield
        finally:
            self._answer = before

    @contextmanager
    def cancelling(self) -> Iterator[Callable[[asyncio.Event], None]]:
        """Let a signal cancel the task of this block; once it has named an event, only set that.

        A signal that came before the block raises `KeyboardInterrupt`.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        events: list[asyncio.Event] = []

        def end() -> None:
            if not events and task is not None:
                task.cancel()
            elif events and not events[0].is_set():
                screen.notice("Interrupted: finishing what is half done, starting nothing else.")
                events[0].set()

        # The callback runs between two steps of the event loop, so nothing is cut in half.
        self.answer(lambda: loop.call_soon_threadsafe(end))
        self._make_up_for()
        yield events.append

    def _make_up_for(self) -> None:
        """Interrupt late for a signal whose interrupt was swallowed, or that nothing has answered yet."""
        if self.heard:
            _interrupt()

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        del number, frame
        self.heard = True
        self._answer()


@contextmanager
def handled_signals() -> Iterator[Signals]:
    """Handle SIGINT and SIGTERM for the length of the block."""
    signals = Signals()
    previous = {number: signal.signal(number, signals.hear) for number in _SIGNALS}
    try:
        yield signals
    finally:
        for number, before in previous.items():
            signal.signal(number, before)
