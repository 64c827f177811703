"""Every point at which a run can be killed: each write of each guest by name, each read by its number.

Guests are written to at the same time, so the number of a write among all requests says nothing: it is
another write in the next run.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

from reconciler.emulator.control.client import RecordedRequest
from tests.crashlab.evidence import CLEAR, MARK, OTHER_MAILS, RESET, WRITTEN_BY, Held
from tests.crashlab.scenario import cases, guest_id


class Way(StrEnum):
    """How the job is started again: with the approved plan or with none, with the journal or without it."""

    SAME_PLAN = "same plan"
    SAME_PLAN_ELSEWHERE = "same plan elsewhere"
    """On another machine, to which nothing but the plan was brought."""

    NO_PLAN = "no plan"
    NO_PLAN_ELSEWHERE = "no plan elsewhere"

    @property
    def has_plan(self) -> bool:
        """Whether the approved plan is at hand."""
        return self in {Way.SAME_PLAN, Way.SAME_PLAN_ELSEWHERE}

    @property
    def elsewhere(self) -> bool:
        """Whether the journal is lost, and the hint of when the last write was."""
        return self in {Way.SAME_PLAN_ELSEWHERE, Way.NO_PLAN_ELSEWHERE}


class Where(StrEnum):
    """On which side of the request the kill comes."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Boundary:
    """A point at which a run is killed."""

    kind: str
    """For the table, such as `PATCH mail`."""

    on: str
    """The requests it is looked for among, as a rule of a fault plan says it."""

    has: str = ""
    """A property or a value in the body that tells them from others; empty: none is needed."""

    lacks: str = ""
    """What must not stand there; empty: anything may."""

    at: int = 1
    """Which of those, counted from 1."""

    where: Where
    way: Way
    guest: str = ""
    """Whose write it is; empty for a read."""

    action: str = ""

    @property
    def name(self) -> str:
        """Say which point it is."""
        what = f"{self.action} of {self.guest}" if self.action else f"{self.on} no. {self.at}"
        return f"{what}, {self.where}, {self.way}"

    @property
    def held(self) -> Held:
        """Say what is held there."""
        return Held(guest=self.guest or None, action=self.action or None)

    def rule(self) -> dict[str, Any]:
        """Hold the request there."""
        body = {name: text for name, text in (("has", self.has), ("lacks", self.lacks)) if text}
        return {"on": self.on, "at": self.at, "where": self.where, "do": "pause", **body}


A_MARKER = "pending-*"
"""What stands in the body of a write of a marker, for a rule of a fault plan."""

_ON_THE_WIRE = {
    OTHER_MAILS: ("PATCH otherMails", "PATCH /users/{guest}", "otherMails", "mail"),
    MARK: ("PATCH mail and marker", "PATCH /users/{guest}", A_MARKER, ""),
    RESET: ("POST /invitations", "POST /invitations", "{guest}", ""),
    CLEAR: ("PATCH mail, no marker", "PATCH /users/{guest}", "mail", A_MARKER),
}
"""What is written, to: row of the table, path, what stands in the body, and what does not."""


def write_boundary(number: int, action: str, where: Where, way: Way) -> Boundary:
    """Name the side of one write: of each action of a guest, the first one sent."""
    guest = guest_id(number)
    kind, on, has, lacks = _ON_THE_WIRE[WRITTEN_BY[action]]
    return Boundary(
        kind=f"{kind} ({action})" if kind == "PATCH otherMails" else kind,
        on=on.format(guest=guest),
        has=has.format(guest=guest),
        lacks=lacks,
        where=where,
        way=way,
        guest=guest,
        action=action,
    )


def write_boundaries(plan: Mapping[str, Any]) -> Iterator[Boundary]:
    """Name both sides of every write of a run that nobody kills.

    A write that Graph refuses is not carried out, so it has one side. What comes after it is not sent.
    """
    declared = {case.id: case for case in cases()}
    for change in plan["changes"]:
        case = declared[change["id"]]
        if case.is_left:
            continue
        actions = change["actions"][:1] if case.fails else change["actions"]
        sides = (Where.BEFORE,) if case.fails else tuple(Where)
        for action, where, way in product(actions, sides, Way):
            yield write_boundary(case.number, action["action"], where, way)


def read_boundaries(requests: Sequence[RecordedRequest], guests: Collection[str]) -> Iterator[Boundary]:
    """Name both sides of every read of an undisturbed run, of those guests and of all that is no guest.

    A read in a batch holds its batch. Batches are put together differently from run to run, so they are no
    boundaries themselves.
    """
    counts: Counter[str] = Counter()
    for request in requests:
        path = request.url.removeprefix("/v1.0").partition("?")[0]
        on = f"{request.method} {path}"
        counts[on] += 1
        guest = path.removeprefix("/users/")
        if request.method != "GET" or (guest != path and guest not in guests):
            continue
        kind = on if guest == path else "GET /users/*"
        for where, way in product(Where, Way):
            yield Boundary(kind=kind, on=on, at=counts[on], where=where, way=way)
