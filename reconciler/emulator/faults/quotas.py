"""The documented quotas, as token buckets on the emulator's clock.

Source of every number and header: https://learn.microsoft.com/graph/throttling-limits and
https://learn.microsoft.com/graph/throttling
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator.clock import EmulatedClock
from reconciler.emulator.protocol.error_responses import ErrorResponse
from reconciler.emulator.protocol.wire import GraphRequest

_WARN_FROM = 0.8
_WORST = 1.8
"""The highest value of Graph: 80 percent of the requests are being refused."""

_REMEMBERED = 10.0
"""Emulated seconds for which a bucket stores refusals; how Graph counts is not documented."""

_NAMES = {
    "resourceUnits": ("Tenant_Application/ReadWrite", "ResourceUnitLimitExceeded"),
    "writes": ("Tenant_Application/Write", "WriteLimitExceeded"),
    "tenantWrites": ("Tenant/Write", "WriteLimitExceeded"),
    "invitations": ("Tenant/ReadWrite", "RequestLimitExceeded"),
}
"""Scope and reason of each bucket, as in the headers of a 429."""


@dataclass(slots=True, kw_only=True)
class _QuotaBucket:
    """A token bucket, which fills evenly, and its recent refusals."""

    scope: str
    reason: str
    limit: float
    per: float
    tokens: float
    filled_at: float
    _asked: deque[tuple[float, bool]] = field(default_factory=deque)
    _refused: int = 0

    def fill(self, now: float) -> None:
        self.tokens = min(self.limit, self.tokens + (now - self.filled_at) * self.limit / self.per)
        self.filled_at = now

    def wait(self, cost: float) -> float:
        return max(0.0, (cost - self.tokens) * self.per / self.limit)

    def remember(self, now: float, *, refused: bool) -> None:
        self._asked.append((now, refused))
        self._refused += refused
        while self._asked[0][0] < now - _REMEMBERED:
            self._refused -= self._asked.popleft()[1]

    @property
    def percentage(self) -> float:
        """The used part, up to 1; above 1, with the part of the requests that is being refused."""
        if self._refused:
            return min(_WORST, 1 + self._refused / len(self._asked))
        return 1 - self.tokens / self.limit


class Quotas:
    """The buckets of one application in one tenant."""

    def __init__(self, document: Mapping[str, Any], *, users: int, clock: EmulatedClock) -> None:
        """Create the buckets.

        `document` may set `writes`, `tenantWrites`, `invitations` and `resourceUnits`, each `{limit, per}`
        with seconds, `filled`, their level in percent, and `invitationsAreWrites`; missing keys are as
        documented. `users` is the size of the tenant, on which the resource units depend.
        """
        self._clock = clock
        units = 3500 if users < 50 else 5000 if users <= 500 else 8000
        now = clock.seconds()
        filled = document.get("filled", 100) / 100

        def bucket(name: str, limit: int, per: int) -> _QuotaBucket:
            own = document.get(name, {})
            limit, per = own.get("limit", limit), own.get("per", per)
            scope, reason = _NAMES[name]
            tokens = limit * filled
            return _QuotaBucket(
                scope=scope, reason=reason, limit=limit, per=per, tokens=tokens, filled_at=now
            )

        self._units = bucket("resourceUnits", units, 10)
        self._writes = bucket("writes", 3000, 150)
        self._tenant_writes = bucket("tenantWrites", 18000, 300)
        self._invitations = bucket("invitations", 150, 5)
        # Whether an invitation spends the directory's write quota too is not documented: yes, to be safe.
        self._invitations_are_writes = document.get("invitationsAreWrites", True)

    def charge(self, request: GraphRequest, *, app_id: str, tenant_id: str) -> dict[str, str]:
        """Reserve the tokens of a request and return the headers that report it.

        Raises `ErrorResponse` 429 when a bucket does not hold enough; then nothing is reserved.
        """
        units = resource_units(request)
        now = self._clock.seconds()
        costs = self._costs(request, units)
        for bucket, _ in costs:
            bucket.fill(now)
        short = max(costs, key=lambda item: item[0].wait(item[1]))
        if short[0].wait(short[1]) > 0:
            short[0].remember(now, refused=True)
            raise _throttled(short[0], short[1], app_id=app_id, tenant_id=tenant_id)
        for bucket, cost in costs:
            bucket.tokens -= cost
            bucket.remember(now, refused=False)
        headers = {"x-ms-resource-unit": str(units)}
        percentage = max(bucket.percentage for bucket, _ in costs)
        if percentage >= _WARN_FROM:
            headers["x-ms-throttle-limit-percentage"] = f"{percentage:.2f}"
        return headers

    def _costs(self, request: GraphRequest, units: int) -> list[tuple[_QuotaBucket, float]]:
        costs: list[tuple[_QuotaBucket, float]] = [(self._units, units)]
        invitation = request.segments[0] == "invitations"
        if invitation:
            costs.append((self._invitations, 1))
        if request.method != "GET" and (not invitation or self._invitations_are_writes):
            costs += [(self._writes, 1), (self._tenant_writes, 1)]
        return costs


def scripted_throttling(request: GraphRequest, *, app_id: str, tenant_id: str) -> dict[str, str]:
    """Return the headers with which the quota that usually binds first would throttle a request."""
    name = "resourceUnits" if request.method == "GET" else "writes"
    scope, reason = _NAMES["invitations" if request.segments[0] == "invitations" else name]
    return _told(scope, reason, app_id=app_id, tenant_id=tenant_id)


def resource_units(request: GraphRequest) -> int:
    """Return the price of a request; a request without a documented price costs one."""
    segments, options = request.segments, request.options
    if request.method != "GET":
        return 1
    price = 1
    if segments == ("users",) or segments[2:] in {("memberOf",), ("transitiveMemberOf",)}:
        price = 2
    if segments[0] == "groups" and segments[2:] in {("members",), ("transitiveMembers",)}:
        price = 3 if segments[2] == "members" else 5
    price -= "$select" in options
    price += "$expand" in options
    price -= options.get("$top", "").isdigit() and int(options["$top"]) < 20
    return max(1, price)


def _throttled(bucket: _QuotaBucket, cost: float, *, app_id: str, tenant_id: str) -> ErrorResponse:
    return ErrorResponse(
        429,
        "TooManyRequests",
        "Too many requests.",
        headers={
            "Retry-After": str(max(1, math.ceil(bucket.wait(cost)))),
            **_told(bucket.scope, bucket.reason, app_id=app_id, tenant_id=tenant_id),
            "x-ms-throttle-limit-percentage": f"{bucket.percentage:.2f}",
        },
    )


def _told(scope: str, reason: str, *, app_id: str, tenant_id: str) -> dict[str, str]:
    return {"x-ms-throttle-scope": f"{scope}/{app_id}/{tenant_id}", "x-ms-throttle-information": reason}
