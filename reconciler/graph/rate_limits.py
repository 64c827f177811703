"""Keeps below Graph's quotas: at the ceiling where there is that much to do, and never past it.

One token bucket for each documented quota, and behind each a queue that is served in order. What
Graph says about its own load is observed: `Retry-After` stops the whole bucket that was throttled, and
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
    """A quota of Graph, in the words progress uses."""

    INVITATIONS = "invitations"
    WRITES = "directory writes"
    UNITS = "directory requests"
    """Counted in resource units, of which a request costs one or more."""


Cost = Mapping[Quota, int]
"""What a request takes from each quota; the first is the one it is throttled for, as a rule."""

UPDATE: Cost = {Quota.WRITES: 1, Quota.UNITS: 1}
INVITATION: Cost = {Quota.INVITATIONS: 1, Quota.WRITES: 1, Quota.UNITS: 1}
"""Whether an invitation counts as a directory write as well is not documented: it is taken as one."""

_LIMITS = {Quota.INVITATIONS: (150, 5.0), Quota.WRITES: (3_000, 150.0), Quota.UNITS: (3_500, 10.0)}
"""So many in so many seconds; the units are those of the smallest tenants."""

_UNITS_BY_USERS = ((501, 8_000), (50, 5_000))
"""From so many users on, a tenant has so many units per ten seconds."""

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
    """Requests in it."""

    seconds: float
    """Until the next one may go, as far as is known now."""


class RateLimiter:
    """Lets requests go no faster than a share of each quota allows."""

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
        """Return when a request of this cost may go: then either `commit` or `release` has to follow."""
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
        """Learn that a request of this cost was sent, and has been answered or never will be."""
        for quota in cost:
            self._buckets[quota].start_filling()

    def release(self, cost: Cost) -> None:
        """Learn that a request of this cost was not sent after all.

        Without that, writes that are withheld would use the quota up, and nobody would get ahead.
        """
        for quota, tokens in cost.items():
            self._buckets[quota].release(tokens)

    def hurry(self) -> None:
        """Keep to the quotas only from now on, and no longer to the pauses Graph asks for.

        For a process that is about to be killed: what it sends too early is refused at worst, what it does
        not send leaves a guest half done.
        """
        for bucket in self._buckets.values():
            bucket.hurry()

    def observe(self, cost: Cost, answer: Answer) -> None:
        """Learn from an answer to a request of this cost how busy Graph is."""
        first = next(iter(cost))
        if answer.status == 429 or (answer.status == 503 and answer.retry_after is not None):
            named = _REASONS.get(answer.headers.get("x-ms-throttle-information", ""), first)
            pause = answer.retry_after if answer.retry_after is not None else _UNTOLD_PAUSE
            self._buckets[named].hold(pause)
        self._buckets[first].slow_down(_percentage(answer))

    def size_tenant(self, users: int) -> None:
        """Learn that the tenant has at least so many users: larger ones have more resource units."""
        for smallest, units in _UNITS_BY_USERS:
            if users >= smallest:
                self._buckets[Quota.UNITS].widen(units)
                return

    def waiting(self) -> tuple[Waiting, ...]:
        """Tell which quotas requests wait for just now."""
        return tuple(
            Waiting(quota=quota, queued=bucket.queued, seconds=bucket.pause(1))
            for quota, bucket in self._buckets.items()
            if bucket.queued
        )


class _Bucket:
    """So many tokens in a period: starts full, fills evenly, is emptied and stopped by a 429."""

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
        """Allow so many tokens in the period; what is more than before can be used at once."""
        before = self._capacity
        self._rate = self._share * limit / self._per
        self._capacity = min(self._share * limit, limit - _RESERVE * limit / self._per)
        self._tokens += self._capacity - before

    async def take(self, tokens: int) -> None:
        """Take tokens, in order of asking, as soon as there are enough."""
        self.queued += 1
        try:
            async with self._turn:
                while (pause := self.pause(tokens)) > 0:
                    # Look again soon: what is heard meanwhile may change the pause.
                    await self._clock.sleep(min(pause, _LONGEST_NAP))
                self._filling = self._filling and self._tokens < self._capacity
                self._tokens -= tokens
        finally:
            self.queued -= 1

    def release(self, tokens: int) -> None:
        """Put tokens back that were taken for nothing; a bucket that is stopped begins empty all the same."""
        self._fill()
        if self._filled_at <= self._clock.monotonic():
            self._tokens = min(self._capacity, self._tokens + tokens)

    def hurry(self) -> None:
        """Be stopped no longer than a moment, from now on."""
        self._hurried = True
        self._filled_at = min(self._filled_at, self._clock.monotonic())

    def start_filling(self) -> None:
        """Fill from now on, if not before.

        Graph's bucket has been full until the first request arrived, and gained nothing meanwhile.
        """
        self._fill()
        self._filling = True

    def hold(self, seconds: float) -> None:
        """Let nothing go for so long, at most ten minutes, and begin with an empty bucket then.

        Source: https://learn.microsoft.com/graph/throttling
        """
        self.start_filling()
        self._tokens = min(self._tokens, 0.0)
        longest = _HURRIED_PAUSE if self._hurried else _LONGEST_PAUSE
        self._filled_at = max(self._filled_at, self._clock.monotonic() + min(seconds, longest))

    def slow_down(self, percentage: float) -> None:
        """Fill at a speed that fits how full Graph's own bucket is: 0.8 is full speed, 1.0 its limit.

        Up to the limit a little slower, at most a hundredth, is enough to move away from it: an application
        that uses its whole quota is told to be near it all the time. Beyond, where requests are refused,
        much less goes out: at 1.8, the most Graph tells, a fifth.
        """
        self._fill()
        if percentage <= _SLOW_FROM:
            self._speed = 1.0
        elif percentage <= 1:
            self._speed = 1 - (percentage - _SLOW_FROM) / 20
        else:
            self._speed = max(0.2, 0.99 - (percentage - 1))

    def pause(self, tokens: int) -> float:
        """Tell how many seconds there are until so many tokens can be taken."""
        self._fill()
        held = max(0.0, self._filled_at - self._clock.monotonic())
        # A batch may cost more than a very small share holds: it goes when the bucket is full.
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
    """Give what GETs cost, on their own or as items of a batch: each item counts.

    What the price list does not name is taken to cost what most do.
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
