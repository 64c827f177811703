"""The retry policy of reads. Writes are never repeated from here: the caller of a write decides that."""

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

from reconciler.certificates import REMEDY, distrust
from reconciler.errors import Unreachable
from reconciler.graph.responses import Answer
from reconciler.rules import Rule

_T = TypeVar("_T")

TRANSIENT_STATUSES = frozenset({500, 502, 503, 504})
"""Statuses of a failure of the directory that may not repeat itself."""

_SHORTEST_PAUSE = 1.0
"""Floor for `Retry-After`, in seconds: zero must not retry in a tight loop."""


class ReadFailure(Enum):
    """The cause of a failed read."""

    UNCONNECTED = auto()
    FAILED = auto()
    SILENT = auto()
    THROTTLED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRetryPolicy:
    """Bounds of retries of a read; each kind of failure is counted on its own."""

    connects: int = 3
    """Most tries when no connection can be made; the pauses between them stay below two seconds."""

    tries: int = 6
    """Most tries when the directory fails or the connection breaks."""

    silences: int = 6
    """Most tries when there is no answer in time: each takes as long as a call may."""

    seconds: float = 240.0
    """Longest total of pauses, in seconds, for a read that fails, whatever `Retry-After` says."""

    throttled_seconds: float = 600.0
    """Longest total of pauses, in seconds, for a throttled read: as long as a write waits."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Waits that many seconds."""

    def bounds(self, failure: ReadFailure) -> tuple[float, float]:
        """Return most tries and the longest total of pauses, in seconds, for one kind of failure."""
        match failure:
            case ReadFailure.UNCONNECTED:
                return self.connects, self.seconds
            case ReadFailure.FAILED:
                return self.tries, self.seconds
            case ReadFailure.SILENT:
                return self.silences, self.seconds
            case ReadFailure.THROTTLED:
                return inf, self.throttled_seconds
            case _ as unknown:
                assert_never(unknown)

    def short(self) -> "ReadRetryPolicy":
        """Return the policy for best-effort reads: a failure must not delay the run for long.

        Throttling is no failure: it says when to retry, and is waited for as in other reads.
        """
        return replace(
            self, tries=min(self.tries, 3), silences=min(self.silences, 1), seconds=min(self.seconds, 5.0)
        )


class TransientError(Exception):
    """A read did not succeed, and may succeed later."""

    def __init__(
        self, reason: str, *, failure: ReadFailure = ReadFailure.FAILED, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.failure = failure
        self.retry_after = retry_after


async def attempt(send: Callable[[], Awaitable[Answer]]) -> Answer:
    """Send once; return a final answer, raise `TransientError` for an answer that a retry may change.

    Raises `Unreachable` when the server's certificate is not trusted.
    """
    try:
        answer = await send()
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        reason = distrust(error)
        if reason is not None:
            raise Unreachable(
                f"the certificate with which the directory answered is not trusted ({reason})",
                rule=Rule.UNTRUSTED_CERTIFICATE,
                hint=REMEDY,
            ) from error
        raise TransientError("no connection could be made", failure=ReadFailure.UNCONNECTED) from error
    except (TimeoutError, httpx.TimeoutException) as error:
        raise TransientError("there was no answer in time", failure=ReadFailure.SILENT) from error
    except httpx.RequestError as error:
        raise TransientError("the connection broke") from error
    if answer.status == 429:
        raise TransientError(
            "it is throttling requests", failure=ReadFailure.THROTTLED, retry_after=answer.retry_after
        )
    if answer.is_foreign:
        raise TransientError(f"something on the way answered with status {answer.status}")
    if answer.status in TRANSIENT_STATUSES:
        raise TransientError(f"it answered with status {answer.status}", retry_after=answer.retry_after)
    return answer


async def with_retries(read: Callable[[], Awaitable[_T]], *, what: str, retry_policy: ReadRetryPolicy) -> _T:
    """Call `read` until it raises no `TransientError`; raise `Unreachable` when its retry policy ends.

    The transient error is the error's cause.
    """

    async def once() -> _T:  # tenacity awaits only what is declared `async`
        return await read()

    retrying = AsyncRetrying(
        sleep=retry_policy.sleep,
        retry=retry_if_exception_type(TransientError),
        wait=_pause,
        stop=_GiveUp(retry_policy),
        reraise=True,
    )
    try:
        return await retrying(once)
    except TransientError as error:
        raise Unreachable(
            f"the directory could not be asked about {what}: {error.reason}",
            rule=Rule.UNREACHABLE,
            hint="check the network, proxies and https://status.cloud.microsoft, then run the command again",
        ) from error


_GROWING = wait_exponential(multiplier=1, max=30) + wait_random(0, 0.5)
_SOON = wait_exponential(multiplier=0.3, exp_base=3, max=1)
_JITTER = wait_random(0, 0.5)


def _transient_error(state: RetryCallState) -> TransientError:
    """Return the error that was raised: no other is retried."""
    return cast("TransientError", cast("Future", state.outcome).exception())


def _pause(state: RetryCallState) -> float:
    error = _transient_error(state)
    if error.retry_after is not None:
        return max(error.retry_after, _SHORTEST_PAUSE) + _JITTER(state)
    return _SOON(state) if error.failure is ReadFailure.UNCONNECTED else _GROWING(state)


class _GiveUp:
    """Decides for one read when its policy ends."""

    def __init__(self, retry_policy: ReadRetryPolicy) -> None:
        self._retry_policy = retry_policy
        self._met: Counter[ReadFailure] = Counter()
        self._paused: defaultdict[ReadFailure, float] = defaultdict(float)

    def __call__(self, state: RetryCallState) -> bool:
        """Count a failure and its pause; return whether the policy ends instead of another try."""
        failure = _transient_error(state).failure
        self._met[failure] += 1
        self._paused[failure] += state.upcoming_sleep
        tries, seconds = self._retry_policy.bounds(failure)
        return self._met[failure] >= tries or self._paused[failure] > seconds
