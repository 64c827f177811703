"""How patient reads are. Writes are never repeated from here: who writes decides that himself."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import httpx
from tenacity import AsyncRetrying, Future, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential, wait_random

from reconciler.errors import Unreachable
from reconciler.graph.answers import Answer

_T = TypeVar("_T")

_PASSING = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Bounds of trying a read again."""

    connects: int = 3
    """Tries when no connection can be made; the pauses between them stay below two seconds."""

    tries: int = 6
    """Tries when the directory fails or the connection breaks."""

    seconds: float = 240.0
    """Longest time spent waiting for one read, whatever `Retry-After` says."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Waits that many seconds."""


class Setback(Exception):
    """A read did not succeed, and may succeed later."""

    def __init__(self, reason: str, *, connected: bool = True, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.connected = connected
        self.retry_after = retry_after


async def attempt(send: Callable[[], Awaitable[Answer]]) -> Answer:
    """Send once; give any answer that is final, raise `Setback` for what may pass."""
    try:
        answer = await send()
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Setback("no connection could be made", connected=False) from error
    except TimeoutError as error:
        raise Setback("there was no answer in time") from error
    except httpx.RequestError as error:
        raise Setback("the connection broke") from error
    if answer.status == 429:
        raise Setback("it is throttling requests", retry_after=answer.retry_after)
    if answer.status in _PASSING:
        raise Setback(f"it answered with status {answer.status}", retry_after=answer.retry_after)
    return answer


async def patiently(read: Callable[[], Awaitable[_T]], *, what: str, patience: Patience) -> _T:
    """Call `read` until it raises no `Setback`; raise `Unreachable` when patience ends."""

    async def once() -> _T:  # tenacity awaits only what is declared `async`
        return await read()

    retrying = AsyncRetrying(
        sleep=patience.sleep,
        retry=retry_if_exception_type(Setback),
        wait=_pause,
        stop=lambda state: _enough(state, patience),
        reraise=True,
    )
    try:
        return await retrying(once)
    except Setback as setback:
        raise Unreachable(
            f"the directory could not be asked about {what}: {setback.reason}",
            rule="unreachable",
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
        return setback.retry_after + _JITTER(state)
    return _GROWING(state) if setback.connected else _SOON(state)


def _enough(state: RetryCallState, patience: Patience) -> bool:
    setback = _setback(state)
    if state.idle_for + state.upcoming_sleep > patience.seconds:
        return True
    if setback.retry_after is not None:
        return False
    return state.attempt_number >= (patience.tries if setback.connected else patience.connects)
