"""An event loop whose time leaps to the next thing that is due: minutes of waiting take no time at all."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple, Unpack

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

BEGINNING = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)
"""The instant at which imagined time is 0 s."""


class _Leaping(selectors.SelectSelector):
    """Never waits: the time it was asked to wait has passed when it returns."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self.now = now

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits for something that cannot happen any more")
        self.now += max(timeout, 0.0)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, leaping: _Leaping) -> None:
        super().__init__(leaping)
        self._leaping = leaping

    def time(self) -> float:
        return self._leaping.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Ts]], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Call it now: a thread would take time that nobody has imagined."""
        answer: asyncio.Future[_T] = self.create_future()
        try:
            answer.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever awaits the call gets what it raised
            answer.set_exception(error)
        return answer


class ImaginedClock:
    """A clock that goes on from one run to the next."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._leaping: _Leaping | None = None

    def now(self) -> datetime:
        """Give the instant."""
        return BEGINNING + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Give the seconds since the beginning."""
        return self._leaping.now if self._leaping else self._seconds

    async def sleep(self, seconds: float) -> None:
        """Let the others go on meanwhile."""
        await asyncio.sleep(seconds)

    def pass_by(self, seconds: float) -> None:
        """Let time pass between two runs."""
        self._seconds += seconds

    def run(self, main: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end, on a loop of its own."""
        self._leaping = leaping = _Leaping(self._seconds)
        try:
            with asyncio.Runner(loop_factory=lambda: _Loop(leaping)) as runner:
                return runner.run(main)
        finally:
            self._seconds, self._leaping = leaping.now, None
