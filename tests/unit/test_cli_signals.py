"""Signals: what each does at which point, and that none ends the process by itself."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from reconciler.cli.signals import handled_signals
from reconciler.process import early_signals

pytestmark = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])


@pytest.fixture(autouse=True)
def terminal() -> Iterator[None]:
    """Let a closed terminal count, also where these tests run under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_signal_is_remembered_at_first(number: int) -> None:
    """Until the command says what a signal does, none cuts anything off, and none is forgotten."""
    with handled_signals() as signals:
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            signals.interrupt()


def test_a_signal_interrupts_when_that_was_asked_for(number: int) -> None:
    """A command that can be cut off anywhere is, by the next signal."""
    with handled_signals() as signals:
        signals.interrupt()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_a_signal_from_before_the_command_counts(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came while the command was imported is answered as soon as it can be."""
    monkeypatch.setattr(early_signals, "received", True)
    calls: list[int] = []
    with handled_signals() as signals:
        signals.answer(lambda: calls.append(number))
    assert calls == [number]


def test_an_ignored_hang_up_stays_ignored(number: int) -> None:
    """Under `nohup` the run outlives its terminal; what else asks it to end is answered."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with handled_signals() as signals:
        os.kill(os.getpid(), number)
        assert signals.received == (number != signal.SIGHUP)


def test_a_signal_calls_what_was_named_last(number: int) -> None:
    """From then on every signal is an ordinary call."""
    calls: list[str] = []
    with handled_signals() as signals:
        signals.answer(lambda: calls.append("first"))
        signals.answer(lambda: calls.append("last"))
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert signals.received
    assert calls == ["last", "last"]


def test_ignored_signals_do_nothing(number: int) -> None:
    """While a report is written, no signal gets in the way, however many there are."""
    with handled_signals() as signals:
        signals.ignore()
        for _ in range(3):
            os.kill(os.getpid(), number)


def test_a_block_can_be_interrupted(number: int) -> None:
    """A block that stands still is left at a signal, and afterwards signals do what they did before."""
    calls: list[int] = []
    with handled_signals() as signals:
        signals.answer(lambda: calls.append(1))
        with pytest.raises(KeyboardInterrupt), signals.interrupting():
            os.kill(os.getpid(), number)
        assert calls == []
        os.kill(os.getpid(), number)
    assert calls == [1]


def test_a_signal_that_came_before_interrupts_too(number: int) -> None:
    """Nobody is asked anything once the run is to end."""
    with handled_signals() as signals:
        signals.answer(lambda: None)
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt), signals.interrupting():
            pytest.fail("the block was entered")


def test_handlers_are_put_back(number: int) -> None:
    """Whoever calls the command in a program keeps their own handlers."""
    before = signal.getsignal(number)
    with handled_signals():
        assert signal.getsignal(number) != before
    assert signal.getsignal(number) == before


def test_a_signal_cancels_the_run_until_it_writes(number: int) -> None:
    """Before anything is written, the run ends where it stands."""

    async def run() -> None:
        with signals.cancelling():
            os.kill(os.getpid(), number)
            await asyncio.sleep(20)

    with handled_signals() as signals, pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_a_signal_asks_a_run_that_writes_to_end(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Once the run has named an event, signals set that, and the person is told once."""

    async def run() -> None:
        stop = asyncio.Event()
        with signals.cancelling() as from_now_on_only_set:
            from_now_on_only_set(stop)
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
            await stop.wait()
            await asyncio.sleep(0)

    with handled_signals() as signals:
        asyncio.run(run())
    assert capsys.readouterr().err.count("Interrupted") == 1


def test_a_signal_whose_interrupt_was_swallowed_is_made_up_for(number: int) -> None:
    """A run that is to end does not begin."""

    async def run() -> None:
        with signals.cancelling():
            pytest.fail("the run began")

    with handled_signals() as signals:
        signals.interrupt()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(run())
