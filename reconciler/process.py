"""The process before anything of the product is imported: its signals, standard streams, garbage collector.

Importing the commands takes a good part of a second, in which a signal would end the process without a
message, and without the report that `apply` has to write. So signals are recorded from the first statement
on, until the command that runs can handle them. Must import nothing but the standard library, and little of
it: even `typing` would double the time without a handler.
"""

import gc
import os
import signal
import sys
from types import FrameType

_ALWAYS = (signal.SIGINT, signal.SIGTERM)


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that ask this process to end: Ctrl+C, the system or CI, and a closed terminal.

    A SIGHUP that is ignored is none of them, because `nohup` sets that; some systems have no SIGHUP.
    """
    hang_up: signal.Signals | None = getattr(signal, "SIGHUP", None)
    if hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN:
        return _ALWAYS
    return (*_ALWAYS, hang_up)


class EarlySignals:
    """Signals that arrive before a command can handle them."""

    def __init__(self) -> None:
        self.received = False
        """Whether a signal has arrived since `remember`."""
        self._handled: tuple[signal.Signals, ...] = ()

    def remember(self) -> None:
        """Record signals from now on, instead of ending at once."""
        self._handled = ending_signals()
        for number in self._handled:
            signal.signal(number, self._note)

    def interrupt(self) -> None:
        """Raise `KeyboardInterrupt` if a signal has arrived, and make the next one raise it at once."""
        if self.received:
            raise KeyboardInterrupt
        for number in self._handled:
            # asyncio replaces the handler of Ctrl+C only if it is this very one.
            signal.signal(number, signal.default_int_handler)

    def ignore(self) -> None:
        """Ignore signals from now on: the command has ended, and its exit code is final."""
        for number in self._handled:
            signal.signal(number, signal.SIG_IGN)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.received = True


early_signals = EarlySignals()
"""The signals of this process."""


def open_standard_streams() -> None:
    """Open the standard streams that the process was started without (`>&-`), as streams that lead nowhere.

    Otherwise the next file it opens would become its standard output, and Python has no `sys.stdout` at all.
    Standard input stays missing for Python, so that no prompt is shown.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # A file gets the lowest number that is free, and those below this one are in use by now.
            opened = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(opened, True)  # noqa: FBT003 - the function's name says it
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def begin_loading() -> None:
    """Suspend garbage collection until `end_loading`: modules that load leave next to no garbage."""
    gc.disable()


def end_loading() -> None:
    """Resume garbage collection, and exempt from it all objects of the loaded modules.

    They are most objects of a short command, and each full collection would traverse them, also at the exit.
    Does nothing in a process without `begin_loading`, such as one that runs tests.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
