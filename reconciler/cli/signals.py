"""Signals while a command runs that must not end before it has said how it ended."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from reconciler.cli import console
from reconciler.graph.daemon_threads import DaemonThreads
from reconciler.process import early_signals, ending_signals

_T = TypeVar("_T")


def _interrupt() -> None:
    raise KeyboardInterrupt


def _nothing() -> None:
    pass


class Signals:
    """What a signal does just now; at first it is only remembered."""

    def __init__(self, *, received: bool) -> None:
        """Begin with a signal that came earlier, or with none."""
        self.received = received
        """Whether there has been a signal."""
        self._answer: Callable[[], object] = _nothing

    def answer(self, answer: Callable[[], object]) -> None:
        """Call this at every signal from now on, and at once when there has been one."""
        self._answer = answer
        if self.received:
            answer()

    def interrupt(self) -> None:
        """Let a signal raise `KeyboardInterrupt` from now on, at once when there has been one."""
        self.answer(_interrupt)

    def ignore(self) -> None:
        """Let signals do nothing from now on."""
        self._answer = _nothing

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let a signal raise `KeyboardInterrupt` in this block, at once if there has been one before."""
        before = self._answer
        try:
            self.interrupt()
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
                console.notice("Interrupted: finishing what is half done, starting nothing else.")
                events[0].set()

        # The callback runs between two steps of the event loop, so nothing is cut in half.
        self.interrupt()
        self.answer(lambda: loop.call_soon_threadsafe(end))
        yield events.append

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        del number, frame
        self.received = True
        self._answer()


@contextmanager
def handled_signals() -> Iterator[Signals]:
    """Handle the signals that ask to end for the length of the block; one that came before it counts."""
    signals = Signals(received=False)
    previous = {number: signal.signal(number, signals.handle) for number in ending_signals()}
    # Looked at only now: a signal in between has been remembered by either.
    signals.received = signals.received or early_signals.received
    try:
        yield signals
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def run_until_signal(begin: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run a coroutine that writes nothing to the directory; raise `KeyboardInterrupt` at a signal.

    The signal cancels it, so that it can close what it has open; no blocking call is waited for.
    """

    async def cancellable() -> _T:
        with signals.cancelling():
            return await begin()

    with handled_signals() as signals, asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(DaemonThreads())
        try:
            return runner.run(cancellable())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
