"""What a tenant in memory is asked, and what it can be told to answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.errors import DirectoryError, Unreachable
from reconciler.model import Done, EmailAddress, Failed, FailureKind, ObjectId, RedeemUrl
from reconciler.rules import OtherRule, Rule


class Kind(StrEnum):
    """What a call asks for."""

    READ = "read"
    OTHER_MAILS = "otherMails"
    MAIL = "mail"
    """`mail` with a marker."""

    RESET = "reset"
    CLEAR = "clear"
    """`mail` without a marker."""

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self is not Kind.READ


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, as the tenant got it."""

    number: int
    """Counted from 1 over all calls."""

    kind: Kind

    guest: ObjectId

    nth: int
    """Counted from 1 over the calls of this kind for this guest."""

    at: datetime
    addresses: tuple[EmailAddress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What becomes of a call instead of the ordinary."""

    answer: Failed | DirectoryError | Exception | None = None
    """`None`: the ordinary answer after all."""

    committed: bool = False
    """Whether the call takes effect nevertheless."""

    kills: bool = False
    """Whether the whole process dies here: no call is ever answered again."""

    takes: float = 0.0
    """Seconds more until the answer."""

    meanwhile: Callable[[], None] | None = None
    """What people do between the effect of a write and its answer."""


Script = Callable[[Call], Fault | None]


def done(link: RedeemUrl | None = None, *, at: datetime | None = None) -> Done:
    return Done(status=201 if link else 204, request_id="r", redeem_url=link, at=at)


def refused(rule: str = "refused") -> Failed:
    return failed(FailureKind.GUEST_REFUSED, rule=rule, status=403)


def failed(
    kind: FailureKind,
    *,
    rule: str | None = None,
    status: int | None = None,
    retry_after: float | None = None,
) -> Failed:
    """Make a failure of a kind, with a sentence that names the rule."""
    return Failed(
        kind=kind,
        rule=OtherRule(rule or kind.value),
        message=f"the directory says {rule or kind.value}",
        status=status,
        request_id=None if status is None else "r",
        retry_after=retry_after,
    )


THROTTLED = Fault(answer=failed(FailureKind.NOT_EXECUTED, status=429, retry_after=30.0))
NO_CONNECTION = Fault(answer=failed(FailureKind.NOT_EXECUTED, rule="unreachable"))
LOST_BEFORE = Fault(answer=failed(FailureKind.UNKNOWN, status=503))
LOST_AFTER = Fault(answer=failed(FailureKind.UNKNOWN), committed=True)
MISMATCH = Fault(answer=failed(FailureKind.REPLICATION, status=400))
REFUSED = Fault(answer=refused("holds-role"))
UNREADABLE = Fault(answer=Unreachable("no answer", rule=Rule.UNREACHABLE))
KILLED_BEFORE = Fault(kills=True)
KILLED_AFTER = Fault(committed=True, kills=True)
