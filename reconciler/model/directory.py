"""The seam to the directory: readers that cannot write, and a writer that performs one write at a time.

An implementation of the writer translates every answer of Graph into `Done` or `Failed`; its callers decide
by `FailureKind` alone and never see a code or a body.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from reconciler.model.identity import EmailAddress, ObjectId, TenantId
from reconciler.model.live import CallerKind, Guest
from reconciler.model.marker import Marker
from reconciler.model.plan import ResetRedemption
from reconciler.model.reads import (
    FoundGuests,
    FoundOwners,
    FoundRoles,
    InvitationPolicy,
    ListedGuests,
    OddUser,
    ReadGuests,
    TenantFacts,
)
from reconciler.rules import RuleId

_T = TypeVar("_T")


class RedeemUrl:
    """A redeem link: any holder of it can bind an account to the guest. Never shown by accident."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def reveal(self) -> str:
        """Return the link itself, for the one file the caller asked for."""
        return self._url

    def __repr__(self) -> str:
        return "RedeemUrl(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdate:
    """PATCH of one user: `otherMails` as a whole, and `mail` where it is given."""

    mail: EmailAddress | None
    """The new `mail`; `None` leaves it unchanged."""

    other_mails: tuple[EmailAddress, ...]
    """The whole list, in the order in which it is sent, without a marker."""

    marker: Marker | None = None
    """Appended to the end of the list: the first value may feed a claim."""


Write = UserUpdate | ResetRedemption
"""The writes that can be sent: nothing else is ever written."""


class FailureKind(StrEnum):
    """The certainty that a failed write leaves about its execution; apply decides by nothing else."""

    NOT_EXECUTED = "not-executed"
    """Certainly not executed (429, no connection): wait and send again."""

    UNKNOWN = "unknown"
    """May have been executed (5xx, timeout, broken connection): read before sending again."""

    REPLICATION = "replication"
    """The address just written has not reached the invitation service yet: wait and send again."""

    NOT_FOUND = "not-found"
    """Not executed, as this part of the directory does not know the guest (yet): read, then send again.

    Source: https://devblogs.microsoft.com/identity/designing-for-eventual-consistency-for-microsoft-entra/
    """

    GUEST_REFUSED = "guest-refused"
    """Refused for this guest, permanently."""

    RUN_REFUSED = "run-refused"
    """Refused for every guest: stop the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The directory executed the write."""

    status: int
    """HTTP status."""

    request_id: str | None
    """Graph's `request-id`."""

    redeem_url: RedeemUrl | None = None
    """Only after a reset. A secret."""

    at: datetime | None = None
    """The answer's `Date`, UTC, in whole seconds: the directory's own clock; `None` where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The directory did not, or may not have, executed the write."""

    kind: FailureKind

    rule: RuleId
    """Stable id of the cause, such as `holds-role` or `throttled`."""

    message: str
    """A sentence with the remedy. Never holds any part of a response body."""

    status: int | None
    """HTTP status; `None` when there was no answer."""

    request_id: str | None
    """Graph's `request-id`, when there was an answer."""

    retry_after: float | None = None
    """Seconds to wait, as the directory asked by `Retry-After`."""


WriteAnswer = Done | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The permit was withheld when the write's turn came: nothing was sent."""


Permit = Callable[[], Awaitable[bool]]
"""Called when quota, connection and token are available, just before each time the request is sent.

False withholds the request. After a refusal for its token a request asks once more before it is sent again:
withheld then, it was certainly not executed either.
"""


class DirectoryReader(Protocol):
    """The reads that observing the directory is made of.

    Has no method that writes, so a holder of only this protocol cannot write. Raises `DirectoryError` for a
    read that cannot be done without; a check that can is reported as `NotChecked`.
    """

    async def read_tenant(self, declared: TenantId) -> TenantFacts:
        """Read the tenant; raise `WrongTenant` when it is not the declared one."""
        ...

    async def read_invitation_policy(self) -> InvitationPolicy:
        """Read who may invite."""
        ...

    async def find_guests(
        self,
        declared: Collection[ObjectId],
        *,
        wanted: Collection[ObjectId],
        addresses: Collection[EmailAddress],
    ) -> FoundGuests:
        """Find every wanted id among users and deleted users.

        Other users whom this shows are counted as unmanaged unless they are declared, and recorded as holders
        if they hold one of `addresses`.
        """
        ...

    async def read_guests(self, ids: Collection[ObjectId]) -> ReadGuests:
        """Read users by id; ids of no user are omitted."""
        ...

    async def find_owners(self, addresses: Collection[EmailAddress]) -> FoundOwners:
        """Find the objects of the tenant that hold each address: users, groups and contacts."""
        ...

    async def find_role_holders(self, declared: Collection[ObjectId]) -> FoundRoles:
        """Find the declared ids that hold a directory role, and how."""
        ...

    def caller(self) -> CallerKind:
        """Return the kind of principal that the reads so far were made as."""
        ...


class TenantReader(Protocol):
    """The reads that importing a tenant is made of. Has no method that writes; raises `DirectoryError`."""

    async def read_tenant(self, declared: TenantId) -> TenantFacts:
        """Read the tenant; raise `WrongTenant` when it is not the declared one."""
        ...

    async def list_guests(
        self, keep: Callable[[Guest | OddUser], _T], *, progress: Callable[[int], None]
    ) -> ListedGuests[_T]:
        """List every guest, and every other user who was invited, to the last page.

        `keep` reduces a user to what is kept of it: a large tenant, whole, fills the memory. `progress` is
        called after each page with the number of users so far.
        """
        ...

    async def find_roles(self, users: Collection[ObjectId]) -> FoundRoles:
        """Find the users who hold a directory role: which ones, and how."""
        ...


class GuestReader(Protocol):
    """Reads single users: all that apply reads of the directory. Has no method that writes."""

    async def read_guest(self, guest: ObjectId) -> Guest | None:
        """Read one user; `None` when there is none. Raises `DirectoryError`."""
        ...


class DirectoryWriter(Protocol):
    """Sends single writes. Raises for no answer of the directory, whatever it is."""

    async def perform(
        self, guest: ObjectId, write: Write, *, client_request_id: str, permit: Permit
    ) -> WriteAnswer | NotSent:
        """Send one write when its turn comes, which may take minutes, and return its answer.

        A reset is not idempotent: each success kills the link sent before. A success names this very guest;
        any other answer is `Failed` with the rule `not-a-reset`.
        """
        ...

    def hurry(self) -> None:
        """Stop waiting for as long as `Retry-After` asks, and wait for quotas only: the process ends soon."""
        ...

    def may_write(self) -> bool | None:
        """Return whether the token's roles allow to write users at all; `None` when that cannot be read."""
        ...
