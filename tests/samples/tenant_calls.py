"""What a tenant in memory is asked, and what it can be told to answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.errors import DirectoryError
from reconciler.model import Done, EmailAddress, Failed, FailureKind, ObjectId, RedeemUrl


class Kind(StrEnum):
    """What a call asks for."""

    READ = "read"
    OWNERS = "owners"
    OTHER_MAILS = "otherMails"
    RESET = "reset"
    MAIL = "mail"

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self in {Kind.OTHER_MAILS, Kind.RESET, Kind.MAIL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, as the tenant got it."""

    number: int
    """Counted from 1 over all calls."""

    kind: Kind

    guest: ObjectId | None
    """`None` for a question about owners."""

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


def done(link: RedeemUrl | None = None) -> Done:
    return Done(status=201 if link else 204, request_id="r", redeem_url=link)


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
        rule=rule or kind.value,
        message=f"the directory says {rule or kind.value}",
        status=status,
        request_id=None if status is None else "r",
        retry_after=retry_after,
    )
