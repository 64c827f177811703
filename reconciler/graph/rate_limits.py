"""Limits requests to Graph's quotas: up to the limit when there is enough work, and never above it.

One token bucket for each documented quota, and behind each a queue that is served in order. Graph's reports
of its own load are observed: `Retry-After` stops the whole bucket that was throttled, and
`x-ms-throttle-limit-percentage` slows it down before that. Sources:
https://learn.microsoft.com/graph/throttling-limits, https://learn.microsoft.com/graph/throttling
"""

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit

from reconciler.clock import Clock, SystemClock
from reconciler.graph.responses import Answer


class Quota(StrEnum):
    """A quota of Graph, in the words of the progress display."""

    INVITATIONS = "invitations"
    WRITES = "directory writes"
    UNITS = "directory requests"
    """Counted in resource units, of which a request costs one or more."""


Cost = Mapping[Quota, int]
"""The tokens a request costs of each quota; the first is the one it is usually throttled for."""

UPDATE: Cost = {Quota.WRITES: 1, Quota.UNITS: 1}
INVITATION: Cost = {Quota.INVITATIONS: 1, Quota.WRITES: 1, Quota.UNITS: 1}
"""Whether an invitation counts as a directory write too is not documented: it is counted as one."""

_LIMITS = {Quota.INVITATIONS: (150, 5.0), Quota.WRITES: (3_000, 150.0), Quota.UNITS: (3_500, 10.0)}
"""Tokens and the period in seconds; the units are those of the smallest tenants."""

_UNITS_BY_USERS = ((501, 8_000), (50, 5_000))
"""Number of users from which a tenant has this many units per ten seconds."""

_REASONS = {"WriteLimitExceeded": Quota.WRITES, "ResourceUnitLimitExceeded": Quota.UNITS}

_RESERVE = 0.5
"""Seconds' worth of tokens that are never used: requests do not take equally long to arrive."""

_SLOW_FROM = 0.8
_UNTOLD_PAUSE = 5.0
_LONGEST_PAUSE = 600.0
_HURRIED_PAUSE = 1.0
_LONGEST_NAP = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A queue in front of a quota."""

    quota: Quota

    queued: int
    """Number of requests in it."""

    seconds: float
    """Seconds until the next request may be sent, as estimated now."""


class RateLimiter:
    """Sends requests no faster than a share of each quota allows."""

    def __init__(self, *, share: float = 0.8, clock: Clock | None = None) -> None:
        """Start with full buckets.

        `share` is the part of each quota to use, above 0 and at most 1; the rest is left to other
        applications. Raises `ValueError` for a share outside of that.
        """
        if not 0 < share <= 1:
            raise ValueError(f"a share of the quota is above 0 and at most 1, not {share}")
        clock = clock or SystemClock()
        self._buckets = {
            quota: _Bucket(limit=limit, per=per, share=share, clock=clock)
            for quota, (limit, per) in _LIMITS.items()
        }

    async def acquire(self, cost: Cost) -> None:
        """Wait until a request of this cost may be sent: then either `commit` or `release` has to follow."""
        taken: dict[Quota, int] = {}
        try:
            for quota in Quota:
                if quota in cost:
                    await self._buckets[quota].take(cost[quota])
                    taken[quota] = cost[quota]
        except BaseException:
            self.release(taken)
            raise

    def commit(self, cost: Cost) -> None:
        """Record that a request of this cost was sent, and has been answered or never will be."""
        for quota in cost:
            self._buckets[quota].start_filling()

    def release(self, cost: Cost) -> None:
        """Return the tokens of a request of this cost that was not sent.

        Without that, withheld writes would use up the quota, and no other write would be sent.
        """
        for quota, tokens in cost.items():
            self._buckets[quota].release(tokens)

    def hurry(self) -> None:
        """Stop waiting for the pauses that Graph asks for, and keep to the quotas only.

        For a process that is about to be killed: a request sent too early is refused at worst, one not sent
        leaves a guest half done.
        """
        for bucket in self._buckets.values():
            bucket.hurry()

    def observe(self, cost: Cost, answer: Answer) -> None:
        """Update the buckets from an answer to a request of this cost: pauses, and Graph's own load."""
        first = next(iter(cost))
        if answer.status == 429 or (answer.status == 503 and answer.retry_after is not None):
            named = _REASONS.get(answer.headers.get("x-ms-throttle-information", ""), first)
            pause = answer.retry_after if answer.retry_after is not None else _UNTOLD_PAUSE
            self._buckets[named].hold(pause)
        self._buckets[first].slow_down(_percentage(answer))

    def size_tenant(self, users: int) -> None:
        """Record that the tenant has at least so many users: larger tenants have more resource units."""
        for smallest, units in _UNITS_BY_USERS:
            if users >= smallest:
                self._buckets[Quota.UNITS].widen(units)
                return

    def waiting(self) -> tuple[Waiting, ...]:
        """Return the quotas that requests wait for now."""
        return tuple(
            Waiting(quota=quota, queued=bucket.queued, seconds=bucket.pause(1))
            for quota, bucket in self._buckets.items()
            if bucket.queued
        )


class _Bucket:
    """A token bucket: starts full, fills evenly, is emptied and stopped by a 429."""

    def __init__(self, *, limit: int, per: float, share: float, clock: Clock) -> None:
        self._per = per
        self._share = share
        self._clock = clock
        self._turn = asyncio.Lock()
        self._speed = 1.0
        self._hurried = False
        self._filling = False
        self._filled_at = clock.monotonic()
        self._rate = self._capacity = self._tokens = 0.0
        self.queued = 0
        self.widen(limit)

    def widen(self, limit: int) -> None:
        """Set the tokens of a period; the additional ones can be used at once."""
        before = self._capacity
        self._rate = self._share * limit / self._per
        self._capacity = min(self._share * limit, limit - _RESERVE * limit / self._per)
        self._tokens += self._capacity - before

    async def take(self, tokens: int) -> None:
        """Wait until there are enough tokens, first come, first served, and remove them."""
        self.queued += 1
        try:
            async with self._turn:
                while (pause := self.pause(tokens)) > 0:
                    # Check again soon: answers received meanwhile may change the pause.
                    await self._clock.sleep(min(pause, _LONGEST_NAP))
                self._filling = self._filling and self._tokens < self._capacity
                self._tokens -= tokens
        finally:
            self.queued -= 1

    def release(self, tokens: int) -> None:
        """Add tokens back that were not used; a bucket that is stopped begins empty all the same."""
        self._fill()
        if self._filled_at <= self._clock.monotonic():
            self._tokens = min(self._capacity, self._tokens + tokens)

    def hurry(self) -> None:
        """Limit stops to a moment, from now on."""
        self._hurried = True
        self._filled_at = min(self._filled_at, self._clock.monotonic())

    def start_filling(self) -> None:
        """Start to fill now, if not before.

        Graph's bucket has been full until the first request arrived, and gained nothing meanwhile.
        """
        self._fill()
        self._filling = True

    def hold(self, seconds: float) -> None:
        """Stop the bucket for so many seconds, at most ten minutes, and start empty then.

        Source: https://learn.microsoft.com/graph/throttling
        """
        self.start_filling()
        self._tokens = min(self._tokens, 0.0)
        longest = _HURRIED_PAUSE if self._hurried else _LONGEST_PAUSE
        self._filled_at = max(self._filled_at, self._clock.monotonic() + min(seconds, longest))

    def slow_down(self, percentage: float) -> None:
        """Set the speed by how full Graph's own bucket is: 0.8 is full speed, 1.0 its limit.

        Up to the limit a little slower, at most a hundredth, is enough to move away from it: an application
        that uses its whole quota receives values near it all the time. Beyond, where requests are refused,
        much less is sent: at 1.8, the highest value of Graph, a fifth.
        """
        self._fill()
        if percentage <= _SLOW_FROM:
            self._speed = 1.0
        elif percentage <= 1:
            self._speed = 1 - (percentage - _SLOW_FROM) / 20
        else:
            self._speed = max(0.2, 0.99 - (percentage - 1))

    def pause(self, tokens: int) -> float:
        """Return the seconds until so many tokens can be taken."""
        self._fill()
        held = max(0.0, self._filled_at - self._clock.monotonic())
        # A batch may cost more than a very small share holds: it is sent when the bucket is full.
        missing = min(tokens, self._capacity) - self._tokens
        # Float error can leave 1e-12 tokens missing, and loop on sleeps of no length.
        return held + (missing / (self._rate * self._speed) if missing > 1e-9 else 0.0)

    def _fill(self) -> None:
        now = self._clock.monotonic()
        if now <= self._filled_at:
            return
        if self._filling:
            filled = self._tokens + (now - self._filled_at) * self._rate * self._speed
            self._tokens = min(self._capacity, filled)
        self._filled_at = now


def read_cost(urls: Iterable[str]) -> Cost:
    """Return the cost of GETs, on their own or as items of a batch: each item counts.

    Requests without a documented cost are assumed to cost as much as most do.
    """
    return {Quota.UNITS: sum(map(_units, urls))}


def _units(url: str) -> int:
    parts = urlsplit(url)
    segments = unquote(parts.path).removeprefix("/v1.0").strip("/").split("/")
    options = parse_qs(parts.query)
    units = 1
    if segments == ["users"]:
        units = 2
    if segments[-1] == "transitiveMembers":
        units = 5
    units += ("$expand" in options) - ("$select" in options)
    return max(1, units)


def _percentage(answer: Answer) -> float:
    try:
        percentage = float(answer.headers.get("x-ms-throttle-limit-percentage", "0"))
    except ValueError:
        return 0.0
    return percentage if math.isfinite(percentage) else 0.0
