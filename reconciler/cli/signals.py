"""Handles signals during a command that must not end before it has reported its result."""

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
    """The present effect of a signal; at first it is only recorded."""

    def __init__(self, *, received: bool) -> None:
        """Start with a signal that arrived earlier, or with none."""
        self.received = received
        """Whether a signal has arrived."""
        self._answer: Callable[[], object] = _nothing

    def answer(self, answer: Callable[[], object]) -> None:
        """Call this at every signal from now on, and at once if one has arrived."""
        self._answer = answer
        if self.received:
            answer()

    def interrupt(self) -> None:
        """Raise `KeyboardInterrupt` at signals from now on, and at once if one has arrived."""
        self.answer(_interrupt)

    def ignore(self) -> None:
        """Ignore signals from now on."""
        self._answer = _nothing

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Raise `KeyboardInterrupt` at a signal in this block, and at once if one has arrived before."""
        before = self._answer
        try:
            self.interrupt()
            yield
        finally:
            self._answer = before

    @contextmanager
    def cancelling(self) -> Iterator[Callable[[asyncio.Event], None]]:
        """Cancel the task of this block at a signal; once it has passed an event, only set the event.

        A signal that arrived before the block raises `KeyboardInterrupt`.
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

        # The callback runs between two steps of the event loop, so no step is interrupted.
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
    """Handle the ending signals for the duration of the block; one that arrived before it counts."""
    signals = Signals(received=False)
    previous = {number: signal.signal(number, signals.handle) for number in ending_signals()}
    # Read only now: a signal in between has been recorded by either.
    signals.received = signals.received or early_signals.received
    try:
        yield signals
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def run_until_signal(begin: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run a coroutine that writes nothing to the directory; raise `KeyboardInterrupt` at a signal.

    The signal cancels it, so that it can close its resources; blocking calls are not waited for.
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
