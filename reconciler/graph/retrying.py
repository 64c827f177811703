"""How patient reads are. Writes are never repeated from here: who writes decides that himself."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import inf
from typing import TypeVar, assert_never, cast

import httpx
from tenacity import AsyncRetrying, Future, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential, wait_random

from reconciler.errors import Unreachable
from reconciler.graph.answers import Answer
from reconciler.rules import Rule

_T = TypeVar("_T")

_PASSING = frozenset({500, 502, 503, 504})

_SHORTEST_PAUSE = 1.0
"""Seconds to wait at least when told how long: zero would ask again in a tight circle."""


class Trouble(Enum):
    """What kept a read from succeeding."""

    UNCONNECTED = auto()
    FAILED = auto()
    SILENT = auto()
    THROTTLED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Bounds of trying a read again; each kind of trouble is counted on its own."""

    connects: int = 3
    """Tries when no connection can be made; the pauses between them stay below two seconds."""

    tries: int = 6
    """Tries when the directory fails or the connection breaks."""

    silences: int = 6
    """Tries when there is no answer in time: each takes as long as a call may."""

    seconds: float = 240.0
    """Longest time of pauses for a read that fails, whatever `Retry-After` says."""

    throttled_seconds: float = 600.0
    """Longest time of pauses for a read that is throttled: as long as a write waits."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Waits that many seconds."""

    def bounds(self, trouble: Trouble) -> tuple[float, float]:
        """Give most tries and longest time of pauses for one kind of trouble."""
        match trouble:
            case Trouble.UNCONNECTED:
                return self.connects, self.seconds
            case Trouble.FAILED:
                return self.tries, self.seconds
            case Trouble.SILENT:
                return self.silences, self.seconds
            case Trouble.THROTTLED:
                return inf, self.throttled_seconds
            case _ as unknown:
                assert_never(unknown)

    def short(self) -> "Patience":
        """Give the patience for what can be done without: a failure holds nothing up for long.

        Throttling is no failure: it says when to come again, and is waited out like any other.
        """
        return replace(
            self, tries=min(self.tries, 3), silences=min(self.silences, 1), seconds=min(self.seconds, 5.0)
        )


class Setback(Exception):
    """A read did not succeed, and may succeed later."""

    def __init__(
        self, reason: str, *, trouble: Trouble = Trouble.FAILED, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.trouble = trouble
        self.retry_after = retry_after


async def attempt(send: Callable[[], Awaitable[Answer]]) -> Answer:
    """Send once; give any answer that is final, raise `Setback` for what may pass."""
    try:
        answer = await send()
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Setback("no connection could be made", trouble=Trouble.UNCONNECTED) from error
    except (TimeoutError, httpx.TimeoutException) as error:
        raise Setback("there was no answer in time", trouble=Trouble.SILENT) from error
    except httpx.RequestError as error:
        raise Setback("the connection broke") from error
    if answer.status == 429:
        raise Setback("it is throttling requests", trouble=Trouble.THROTTLED, retry_after=answer.retry_after)
    if answer.is_foreign:
        raise Setback(f"something on the way answered with status {answer.status}")
    if answer.status in _PASSING:
        raise Setback(f"it answered with status {answer.status}", retry_after=answer.retry_after)
    return answer


async def patiently(read: Callable[[], Awaitable[_T]], *, what: str, patience: Patience) -> _T:
    """Call `read` until it raises no `Setback`; raise `Unreachable` when patience ends.

    The setback is the error's cause.
    """

    async def once() -> _T:  # tenacity awaits only what is declared `async`
        return await read()

    retrying = AsyncRetrying(
        sleep=patience.sleep,
        retry=retry_if_exception_type(Setback),
        wait=_pause,
        stop=_Enough(patience),
        reraise=True,
    )
    try:
        return await retrying(once)
    except Setback as setback:
        raise Unreachable(
            f"the directory could not be asked about {what}: {setback.reason}",
            rule=Rule.UNREACHABLE,
            hint="check the network, proxies and https://status.cloud.microsoft, then run the command again",
        ) from setback


_GROWING = wait_exponential(multiplier=1, max=30) + wait_random(0, 0.5)
_SOON = wait_exponential(multiplier=0.3, exp_base=3, max=1)
_JITTER = wait_random(0, 0.5)


def _setback(state: RetryCallState) -> Setback:
    """Give what was raised: nothing else is tried again."""
    return cast("Setback", cast("Future", state.outcome).exception())


def _pause(state: RetryCallState) -> float:
    setback = _setback(state)
    if setback.retry_after is not None:
        return max(setback.retry_after, _SHORTEST_PAUSE) + _JITTER(state)
    return _SOON(state) if setback.trouble is Trouble.UNCONNECTED else _GROWING(state)


class _Enough:
    """Tells of one read when patience with it ends."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._met: Counter[Trouble] = Counter()
        self._paused: defaultdict[Trouble, float] = defaultdict(float)

    def __call__(self, state: RetryCallState) -> bool:
        """Count a setback and the pause that would follow it; true when another try is not worth it."""
        trouble = _setback(state).trouble
        self._met[trouble] += 1
        self._paused[trouble] += state.upcoming_sleep
        tries, seconds = self._patience.bounds(trouble)
        return self._met[trouble] >= tries or self._paused[trouble] > seconds
