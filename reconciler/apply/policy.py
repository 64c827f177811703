"""What follows a failed write: one table, by what was being written and what the failure tells.

Pure. It never sees a status or a message of Graph; `FailureKind` is all that counts.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from reconciler.apply.progress import WaitReason
from reconciler.model import FailureKind


class Write(StrEnum):
    """A write, by what a failure at that point leaves behind."""

    PREPARE = "prepare"
    """A PATCH before any reset: nobody is locked out yet, and sending it again changes nothing."""

    RESET = "reset"
    """The POST that locks the guest out: each success kills the link sent before."""

    COMMIT = "commit"
    """A PATCH after the reset: without it a later run cannot tell that all is done."""


class Response(StrEnum):
    """What to do about a failed write."""

    SEND_AGAIN = "send-again"
    """After a pause, as long as the patience lasts."""

    LOOK = "look"
    """Read the guest until they show whether it happened."""

    GIVE_UP = "give-up"


class Patience(StrEnum):
    """Which allowance of the guest a wait is taken from."""

    DIRECTORY = "directory"
    """`Settings.throttled_for`"""

    REPLICATION = "replication"
    """`Settings.replicate_for`"""

    RUN = "run"
    """`Settings.commit_for`, and on for as long as other guests are at work."""


class Blame(StrEnum):
    """Whose failure it is; the failure budget counts by it."""

    GUEST = "guest"
    """Nobody else is concerned."""

    REFUSED = "refused"
    """The directory refused a write: if it refuses the first guests all alike, it is not their doing."""

    DIRECTORY = "directory"
    """Not the guest's own: throttled out, out of reach, no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Growing pauses between two tries, in seconds."""

    first: float
    growth: float
    longest: float

    def after(self, tries: int) -> float:
        """Give the pause after that many tries, counted from 1."""
        # The exponent is bounded because a float overflows long before patience ends.
        return min(self.longest, self.first * self.growth ** min(tries - 1, 64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """A row of the table."""

    response: Response
    patience: Patience
    pauses: Pauses
    waits_as: WaitReason
    blame: Blame

    stops_run: bool = False
    """Whether no other guest starts from now on."""


LOOKING = Pauses(first=0.5, growth=1.25, longest=10.0)
"""Between two reads that wait for a write to show: cheap, and close enough that the wait is not prolonged."""

HURRIED = 1.0
"""Longest pause, in seconds, once the run has been interrupted."""

_WAIT = Treatment(
    response=Response.SEND_AGAIN,
    patience=Patience.DIRECTORY,
    pauses=Pauses(first=1.0, growth=2.0, longest=60.0),
    waits_as=WaitReason.THROTTLED,
    blame=Blame.DIRECTORY,
)
_REPLICATE = Treatment(
    response=Response.SEND_AGAIN,
    patience=Patience.REPLICATION,
    pauses=Pauses(first=1.0, growth=1.5, longest=30.0),
    waits_as=WaitReason.REPLICATION,
    blame=Blame.DIRECTORY,
)
_LOOK = Treatment(
    response=Response.LOOK,
    patience=Patience.DIRECTORY,
    pauses=LOOKING,
    waits_as=WaitReason.LOST_ANSWER,
    blame=Blame.DIRECTORY,
)
_REFUSED = Treatment(
    response=Response.GIVE_UP,
    patience=Patience.DIRECTORY,
    pauses=LOOKING,
    waits_as=WaitReason.THROTTLED,
    blame=Blame.REFUSED,
)
_STOP = Treatment(
    response=Response.GIVE_UP,
    patience=Patience.DIRECTORY,
    pauses=LOOKING,
    waits_as=WaitReason.THROTTLED,
    blame=Blame.GUEST,
    stops_run=True,
)
_COMMIT = Treatment(
    response=Response.SEND_AGAIN,
    patience=Patience.RUN,
    pauses=Pauses(first=1.0, growth=2.0, longest=30.0),
    waits_as=WaitReason.THROTTLED,
    blame=Blame.DIRECTORY,
)
_COMMIT_REFUSED = Treatment(
    response=Response.SEND_AGAIN,
    patience=Patience.RUN,
    pauses=_COMMIT.pauses,
    waits_as=WaitReason.THROTTLED,
    blame=Blame.GUEST,
)
_COMMIT_AND_STOP = Treatment(
    response=Response.SEND_AGAIN,
    patience=Patience.RUN,
    pauses=_COMMIT.pauses,
    waits_as=WaitReason.THROTTLED,
    blame=Blame.GUEST,
    stops_run=True,
)

TREATMENTS: Mapping[tuple[Write, FailureKind], Treatment] = MappingProxyType(
    {
        (Write.PREPARE, FailureKind.NOT_EXECUTED): _WAIT,
        (Write.PREPARE, FailureKind.UNKNOWN): _WAIT,
        (Write.PREPARE, FailureKind.REPLICATION): _REFUSED,
        (Write.PREPARE, FailureKind.GUEST_REFUSED): _REFUSED,
        (Write.PREPARE, FailureKind.RUN_REFUSED): _STOP,
        (Write.RESET, FailureKind.NOT_EXECUTED): _WAIT,
        (Write.RESET, FailureKind.UNKNOWN): _LOOK,
        (Write.RESET, FailureKind.REPLICATION): _REPLICATE,
        (Write.RESET, FailureKind.GUEST_REFUSED): _REFUSED,
        (Write.RESET, FailureKind.RUN_REFUSED): _STOP,
        (Write.COMMIT, FailureKind.NOT_EXECUTED): _COMMIT,
        (Write.COMMIT, FailureKind.UNKNOWN): _COMMIT,
        (Write.COMMIT, FailureKind.REPLICATION): _COMMIT,
        (Write.COMMIT, FailureKind.GUEST_REFUSED): _COMMIT_REFUSED,
        (Write.COMMIT, FailureKind.RUN_REFUSED): _COMMIT_AND_STOP,
    }
)
"""Every write and every kind of failure."""


def treatment(write: Write, kind: FailureKind, *, patched: bool) -> Treatment:
    """Look a failure up.

    `patched` tells whether this change writes `otherMails` before its reset, now or in an earlier run:
    only then can an address that the reset does not know be a matter of waiting.
    """
    if write is Write.RESET and kind is FailureKind.REPLICATION and not patched:
        return _REFUSED
    return TREATMENTS[write, kind]


def pause(rule: Treatment, *, tries: int, retry_after: float | None, guest: str) -> float:
    """Give the seconds to wait before sending again.

    What the directory asked for is kept to the letter. On top comes up to a second, different for each
    guest and try, so that many guests who were turned away together do not come back together.
    """
    wait = rule.pauses.after(tries) if retry_after is None else retry_after
    return wait + zlib.crc32(f"{guest}/{tries}".encode()) / 2**32
