"""The retry policy of writes: one table, by the write and the kind of failure.

Pure. It never sees a code or a message of Graph; it decides by `FailureKind` alone.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from reconciler.apply.events import WaitReason
from reconciler.model import FailureKind


class Stage(StrEnum):
    """A write, by the state in which a failure leaves the guest."""

    PREPARE = "prepare"
    """A PATCH before any reset: nobody is locked out yet."""

    RESET = "reset"
    """The POST that locks the guest out: each success kills the link sent before."""

    COMMIT = "commit"
    """A PATCH after the reset: without it the guest is not as declared, and carries a marker."""


class Allowance(StrEnum):
    """The allowance of a guest that a wait is charged to."""

    DIRECTORY = "directory"
    """`Settings.throttled_for`"""

    REPLICATION = "replication"
    """`Settings.replicate_for`"""

    RUN = "run"
    """`Settings.commit_for`, and longer as long as other guests make progress."""


class FaultDomain(StrEnum):
    """The domain of a failure; the failure budget counts by it."""

    GUEST = "guest"
    """No other guest is concerned."""

    DENIED = "denied"
    """The directory denied this write; if the first of all, the cause is rarely the guest."""

    DIRECTORY = "directory"
    """The directory's: throttled for too long, unreachable, no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Growing delays between two tries, in seconds."""

    first: float
    growth: float
    longest: float

    def delay(self, tries: int) -> float:
        """Return the delay after that many tries, counted from 1."""
        # The exponent is bounded because a float overflows long before any allowance is used up.
        return min(self.longest, self.first * self.growth ** min(tries - 1, 64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    """Send again after a delay, as long as the allowance lasts."""

    allowance: Allowance
    backoff: Backoff
    waits_as: WaitReason

    blames: FaultDomain = FaultDomain.DIRECTORY
    """The domain of the failure once the allowance is used up."""

    stops_run: bool = False
    """Whether no other guest starts from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """The write may have been executed: read the guest before anything else."""

    then: Resend | None
    """The resend when no read shows it; `None`: never by a rule of this table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """A retry would not change the answer."""

    blames: FaultDomain
    stops_run: bool = False


RetryRule = Resend | Verify | GiveUp

POLL = Backoff(first=0.5, growth=1.25, longest=10.0)
"""Delay between two reads that wait for a write to show: 0.5 s growing to 10 s."""

SHUTDOWN_DELAY = 1.0
"""Longest delay, in seconds, once the run has been interrupted."""

_SLOWLY = Backoff(first=1.0, growth=2.0, longest=60.0)
_COMMIT = Backoff(first=1.0, growth=2.0, longest=30.0)
_REPLICATING = Backoff(first=1.0, growth=1.5, longest=30.0)

_WAIT = Resend(allowance=Allowance.DIRECTORY, backoff=_SLOWLY, waits_as=WaitReason.THROTTLED)
_DOUBT = Verify(then=_WAIT)
_FIND_OUT = Verify(then=None)
_REPLICATE = Resend(allowance=Allowance.REPLICATION, backoff=_REPLICATING, waits_as=WaitReason.REPLICATION)
_REFUSED = GiveUp(blames=FaultDomain.GUEST)
_STOP = GiveUp(blames=FaultDomain.GUEST, stops_run=True)
_FINISH = Resend(allowance=Allowance.RUN, backoff=_COMMIT, waits_as=WaitReason.THROTTLED)
_FINISH_REFUSED = Resend(
    allowance=Allowance.RUN, backoff=_COMMIT, waits_as=WaitReason.THROTTLED, blames=FaultDomain.GUEST
)
_FINISH_AND_STOP = Resend(
    allowance=Allowance.RUN,
    backoff=_COMMIT,
    waits_as=WaitReason.THROTTLED,
    blames=FaultDomain.GUEST,
    stops_run=True,
)

RETRY_RULES: Mapping[tuple[Stage, FailureKind], RetryRule] = MappingProxyType(
    {
        (Stage.PREPARE, FailureKind.NOT_EXECUTED): _WAIT,
        (Stage.PREPARE, FailureKind.UNKNOWN): _DOUBT,
        (Stage.PREPARE, FailureKind.NOT_FOUND): _REPLICATE,
        (Stage.PREPARE, FailureKind.REPLICATION): _REFUSED,
        (Stage.PREPARE, FailureKind.GUEST_REFUSED): _REFUSED,
        (Stage.PREPARE, FailureKind.RUN_REFUSED): _STOP,
        (Stage.RESET, FailureKind.NOT_EXECUTED): _WAIT,
        (Stage.RESET, FailureKind.UNKNOWN): _FIND_OUT,
        (Stage.RESET, FailureKind.NOT_FOUND): _REPLICATE,
        (Stage.RESET, FailureKind.REPLICATION): _REPLICATE,
        (Stage.RESET, FailureKind.GUEST_REFUSED): _REFUSED,
        (Stage.RESET, FailureKind.RUN_REFUSED): _STOP,
        (Stage.COMMIT, FailureKind.NOT_EXECUTED): _FINISH,
        (Stage.COMMIT, FailureKind.UNKNOWN): _FINISH,
        (Stage.COMMIT, FailureKind.NOT_FOUND): _FINISH,
        (Stage.COMMIT, FailureKind.REPLICATION): _FINISH,
        (Stage.COMMIT, FailureKind.GUEST_REFUSED): _FINISH_REFUSED,
        (Stage.COMMIT, FailureKind.RUN_REFUSED): _FINISH_AND_STOP,
    }
)
"""Every stage and every kind of failure."""

_DENIED = GiveUp(blames=FaultDomain.DENIED)


def retry_rule(stage: Stage, kind: FailureKind, *, status: int | None, patched: bool = True) -> RetryRule:
    """Return the rule for a failure.

    `patched` says whether an address was written before the reset, now or in an earlier run: only then can
    waiting help if the reset does not know the address. A 403 differs from other refusals: it may deny the
    application, rather than the guest.
    """
    if stage is Stage.RESET and kind is FailureKind.REPLICATION and not patched:
        return _REFUSED
    if stage is not Stage.COMMIT and kind is FailureKind.GUEST_REFUSED and status == 403:
        return _DENIED
    return RETRY_RULES[stage, kind]


def delay_before_retry(backoff: Backoff, *, tries: int, retry_after: float | None, guest: str) -> float:
    """Return the seconds to wait before sending again.

    The directory's `Retry-After` is respected exactly. Up to one second of jitter is added, different for
    each guest and try, so that guests who were refused together do not retry together.
    """
    wait = backoff.delay(tries) if retry_after is None else retry_after
    return wait + zlib.crc32(f"{guest}/{tries}".encode()) / 2**32
