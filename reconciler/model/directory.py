"""The seam to the directory: a reader that cannot write, and a writer that knows three writes.

Whoever implements the writer translates every answer of Graph into `Done` or `Failed`; whoever
calls it decides by `FailureKind` alone and never sees a status, a code or a body.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from reconciler.model.desired import Desired
from reconciler.model.identity import EmailAddress, ObjectId
from reconciler.model.live import AddressOwner, Guest, Live
from reconciler.model.plan import ResetRedemption


class RedeemUrl:
    """A redeem link: whoever holds it can bind an account to the guest. Never shown by accident."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def reveal(self) -> str:
        """Give the link itself, for the one file the caller asked for."""
        return self._url

    def __repr__(self) -> str:
        return "RedeemUrl(…)"


class FailureKind(StrEnum):
    """What a failed write tells about what happened, which is all that apply decides by."""

    NOT_EXECUTED = "not-executed"
    """Certainly not carried out (429, no connection): wait and send again."""

    UNKNOWN = "unknown"
    """May have been carried out (5xx, timeout, broken connection): look before sending again."""

    REPLICATION = "replication"
    """The address just written has not reached the invitation service yet: wait and send again."""

    GUEST_REFUSED = "guest-refused"
    """Refused for this guest, for good."""

    RUN_REFUSED = "run-refused"
    """Refused for every guest: stop the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The directory carried the write out."""

    status: int
    """HTTP status."""

    request_id: str | None
    """Graph's `request-id`."""

    redeem_url: RedeemUrl | None = None
    """Only after a reset. A secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The directory did not, or may not have, carried the write out."""

    kind: FailureKind

    rule: str
    """Stable id of the cause, such as `holds-role` or `throttled`."""

    message: str
    """A sentence that says what to do. Never holds any part of a response body."""

    status: int | None
    """HTTP status; `None` when there was no answer."""

    request_id: str | None
    """Graph's `request-id`, when there was an answer."""

    retry_after: float | None = None
    """Seconds the directory asked to wait."""


WriteAnswer = Done | Failed


class DirectoryReader(Protocol):
    """Reads the directory. Has no method that writes, so whoever holds only this cannot."""

    async def observe(self, desired: Desired) -> Live:
        """Read all that planning `desired` needs.

        Raises `DirectoryError` when guests cannot be read, `WrongTenant` when the live
        organization is not the declared one.
        """
        ...

    async def read_guest(self, guest: ObjectId) -> Guest | None:
        """Read one user; `None` when there is none. Raises `DirectoryError`."""
        ...

    async def read_owners(
        self, addresses: Sequence[EmailAddress]
    ) -> Mapping[EmailAddress, tuple[AddressOwner, ...]]:
        """Tell for each address which objects of the tenant hold it. Raises `DirectoryError`."""
        ...


class DirectoryWriter(Protocol):
    """The three writes there are. None raises for an answer of the directory, whatever it is.

    A write may wait for its turn, minutes when the directory is busy. `before_sending` is called when the
    turn has come, just before the request goes out, and once more when a refused token was renewed first.
    What it raises passes through, and nothing is carried out.
    """

    def hurry(self) -> None:
        """Wait for quotas only from now on, and no longer because the directory asks to: the end is near."""
        ...

    async def set_other_mails(
        self,
        guest: ObjectId,
        other_mails: Sequence[EmailAddress],
        *,
        client_request_id: str,
        before_sending: Callable[[], None] | None = None,
    ) -> WriteAnswer:
        """Replace the whole of `otherMails`."""
        ...

    async def set_mail(
        self,
        guest: ObjectId,
        email: EmailAddress,
        other_mails: Sequence[EmailAddress],
        *,
        client_request_id: str,
        before_sending: Callable[[], None] | None = None,
    ) -> WriteAnswer:
        """Replace `mail` and the whole of `otherMails` in one request."""
        ...

    async def reset_redemption(
        self,
        guest: ObjectId,
        reset: ResetRedemption,
        *,
        client_request_id: str,
        before_sending: Callable[[], None] | None = None,
    ) -> WriteAnswer:
        """Invite the guest anew. Not idempotent: each success kills the link sent before."""
        ...
