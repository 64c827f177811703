"""Decides the faults of each request: by the rules of a plan, counted, and the same every time.

Decides only; `pipeline` executes the faults.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reconciler.emulator.faults.fault import Fault, FaultKind
from reconciler.emulator.faults.plan import FaultPlan
from reconciler.emulator.protocol.error_responses import (
    ErrorResponse,
    expired_page_token,
    insufficient_privileges,
    invalid_token,
    not_found,
)
from reconciler.emulator.protocol.wire import GraphRequest

_ON_PAGES = frozenset({FaultKind.EMPTY_PAGE, FaultKind.REPEAT_ROW})
"""The faults of a listing during its execution."""

_CARRIED_OUT = _ON_PAGES | {FaultKind.CUT_BODY, FaultKind.ANSWER}
"""The faults that cannot occur before the request is executed."""


class RequestOrigin(StrEnum):
    """The form in which a request arrived: rules may match all requests or only those on the wire."""

    SINGLE = "single"
    ENVELOPE = "envelope"
    ITEM = "item"


@dataclass(slots=True)
class _Rule:
    """One entry of `rules` and the number of requests it has matched."""

    entry: Mapping[str, Any]
    met: int = 0

    def meets(self, request: GraphRequest, way: RequestOrigin, dice: random.Random) -> bool:
        if not matches(self.entry.get("on", "any"), request, way):
            return False
        if "has" in self.entry and not _stands(self.entry["has"], request):
            return False
        if "lacks" in self.entry and _stands(self.entry["lacks"], request):
            return False
        if self.entry["do"] == FaultKind.EXPIRE_PAGE_TOKEN and "skiptoken" not in request.query:
            return False
        if self.entry["do"] in _ON_PAGES and (request.method != "GET" or way is RequestOrigin.ENVELOPE):
            return False
        self.met += 1
        first = self.entry.get("at", 1)
        times = self.entry.get("times", 1 if "at" in self.entry else None)
        if self.met < first or (times is not None and self.met >= first + times):
            return False
        return bool(dice.randrange(100) < self.entry.get("chance", 100))

    def fault(self, request: GraphRequest) -> Fault:
        doing = FaultKind(self.entry["do"])
        after = self.entry.get("where", "before") == "after" or doing in _CARRIED_OUT
        error = self._error(doing, request)
        return Fault(
            doing=doing,
            after=after,
            error=error,
            tells_throttle=error is not None
            and error.status == 429
            and self.entry.get("throttleHeaders", True),
            entry=self.entry,
            undoes=doing is FaultKind.ANSWER and self.entry.get("undone", False),
            label=f"{doing} {'after' if after else 'before'}",
        )

    def _error(self, doing: FaultKind, request: GraphRequest) -> ErrorResponse | None:
        match doing:
            case FaultKind.FAIL:
                return self._failure(request)
            case FaultKind.DENY:
                return insufficient_privileges()
            case FaultKind.EXPIRE_TOKEN:
                return invalid_token("Lifetime validation failed, the token is expired.")
            case FaultKind.EXPIRE_PAGE_TOKEN:
                return expired_page_token()
            case _:
                return None

    def _failure(self, request: GraphRequest) -> ErrorResponse:
        status = self.entry.get("status", 503)
        code, message = _STATUSES.get(status, ("UnknownError", "The emulator was told to fail."))
        if status == 404:
            absent = not_found(_object_of(request))
            code, message = absent.code, absent.message
        wait = self.entry.get("retryAfter", 1 if status == 429 else None)
        return ErrorResponse(
            status,
            self.entry.get("code", code),
            self.entry.get("message", message),
            details=[{"message": "", **detail} for detail in self.entry.get("details", ())],
            headers={} if wait is None else {"Retry-After": str(wait)},
        )


_STATUSES = {
    429: ("TooManyRequests", "Too many requests. Please try again later."),
    500: ("InternalServerError", "An internal server error occurred."),
    502: ("BadGateway", "The service is temporarily unreachable."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable."),
    504: ("GatewayTimeout", "The service did not answer in time."),
}


@dataclass(slots=True)
class Faults:
    """A fault plan in use: the counts of each rule, and the random generator."""

    plan: FaultPlan
    _rules: list[_Rule] = field(init=False)
    _dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rules = [_Rule(entry) for entry in self.plan.document.get("rules", ())]
        self._dice = random.Random(self.plan.document.get("seed", 0))  # noqa: S311  repeatable on purpose

    @property
    def met(self) -> Sequence[int]:
        """The number of requests each rule has matched, whether it had an effect on them or not."""
        return [rule.met for rule in self._rules]

    def match(self, request: GraphRequest, way: RequestOrigin) -> list[Fault]:
        """Return the faults of a request. Every rule counts it, so call once for each request."""
        return [rule.fault(request) for rule in self._rules if rule.meets(request, way, self._dice)]

    def latency(self, request: GraphRequest, way: RequestOrigin) -> float:
        """Return the emulated seconds a request on the wire takes; items take none of their own."""
        if way is RequestOrigin.ITEM:
            return 0.0
        for entry in self.plan.document.get("latency", ()):
            if matches(entry.get("on", "any"), request, way):
                spread = entry.get("spread", 0)
                milliseconds = entry["milliseconds"] + self._dice.uniform(-spread, spread)
                return float(max(0.0, milliseconds) / 1000)
        return 0.0

    def lag(self, of: str) -> float:
        """Return the emulated seconds until `reads` or `invitations` see a write, for this request.

        With `current`, some requests are answered by a current replica: reads alternate between old and new.
        """
        replication = self.plan.document.get("replication", {})
        lag = float(replication.get(of, 0)) / 1000
        if lag and self._dice.randrange(100) < replication.get("current", 0):
            return 0.0
        return lag


def matches(on: str, request: GraphRequest, way: RequestOrigin) -> bool:
    """Return whether a rule applies to a request.

    `any` matches every request on the wire; `reads` and `writes` match items of batches too, and so does a
    method with an optional path, where `*` stands for one part.
    """
    if on == "any":
        return way is not RequestOrigin.ITEM
    if on in {"reads", "writes"}:
        return way is not RequestOrigin.ENVELOPE and (request.method == "GET") == (on == "reads")
    method, _, path = on.partition(" ")
    if method != request.method:
        return False
    if not path:
        return way is not RequestOrigin.ENVELOPE
    pattern = "/".join("[^/]+" if part == "*" else re.escape(part) for part in path.strip("/").split("/"))
    return re.fullmatch(pattern, "/".join(request.segments)) is not None


def _stands(text: str, request: GraphRequest) -> bool:
    # A text search in the body, without parsing: rules are scripts for tests, and bodies are ours.
    pattern = '[^"]*'.join(map(re.escape, text.split("*")))
    return re.search(f'"{pattern}"'.encode(), request.body) is not None


def _object_of(request: GraphRequest) -> str:
    """Return the object of a request: the one in its path, or the user who is invited again."""
    found = re.search(rb'"id"\s*:\s*"([^"]*)"', request.body)
    return found[1].decode() if found else request.segments[-1]
