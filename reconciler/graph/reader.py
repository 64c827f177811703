"""The directory over Microsoft Graph. Nothing here can write: the session cannot."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import TypeVar

from reconciler.graph import guests, listing, owners, roles, tenant
from reconciler.graph.sessions import ReadSession, SessionOptions, TokenSource, connect
from reconciler.model import (
    CallerKind,
    DirectoryReader,
    EmailAddress,
    FoundGuests,
    FoundOwners,
    FoundRoles,
    Guest,
    InvitationPolicy,
    ListedGuests,
    ObjectId,
    OddUser,
    ReadGuests,
    TenantFacts,
    TenantId,
    TenantReader,
)

_T = TypeVar("_T")


class GraphReader:
    """A `DirectoryReader`, a `TenantReader` and a `GuestReader` over Microsoft Graph."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session
        self._users = 0
        """The least number of users that the tenant is known to have."""

    async def read_tenant(self, declared: TenantId) -> TenantFacts:
        """Read the tenant; see `DirectoryReader.read_tenant`."""
        return await tenant.read_tenant(self._session, declared)

    async def read_invitation_policy(self) -> InvitationPolicy:
        """Read who may invite, best effort."""
        return await tenant.read_invitation_policy(self._session)

    async def find_guests(
        self,
        declared: Collection[ObjectId],
        *,
        wanted: Collection[ObjectId],
        addresses: Collection[EmailAddress],
    ) -> FoundGuests:
        """Find the wanted ids, which sizes the tenant too; see `DirectoryReader.find_guests`."""
        found = await guests.find_guests(self._session, declared, wanted=wanted, addresses=addresses)
        self._users = len(found.guests) + found.unmanaged
        self._session.size_tenant(self._users)
        return found

    async def list_guests(
        self, keep: Callable[[Guest | OddUser], _T], *, progress: Callable[[int], None]
    ) -> ListedGuests[_T]:
        """List every guest, which sizes the tenant too; see `TenantReader.list_guests`."""
        found = await listing.list_guests(self._session, keep, progress=progress)
        self._session.size_tenant(len(found.users))
        return found

    async def read_guests(self, ids: Collection[ObjectId]) -> ReadGuests:
        """Read users by id, in batches."""
        return await guests.read_by_id(self._session, sorted(ids))

    async def find_owners(self, addresses: Collection[EmailAddress]) -> FoundOwners:
        """Find the holders of each address; see `DirectoryReader.find_owners`."""
        return await owners.find_owners(self._session, addresses, users=self._users)

    async def find_role_holders(self, declared: Collection[ObjectId]) -> FoundRoles:
        """Find the declared ids that hold a directory role, and how."""
        return await roles.find_role_holders(self._session, declared)

    async def find_roles(self, users: Collection[ObjectId]) -> FoundRoles:
        """Find the users who hold a directory role, which ones, and how."""
        return await roles.find_roles(self._session, users)

    def caller(self) -> CallerKind:
        """Return the kind of principal of the token."""
        return tenant.caller_of(self._session)

    async def read_guest(self, guest: ObjectId) -> Guest | None:
        """Read one user; see `GuestReader.read_guest`."""
        return await guests.read_guest(self._session, guest)


@asynccontextmanager
async def open_reader(
    root: str, tokens: TokenSource, *, options: SessionOptions | None = None
) -> AsyncIterator[DirectoryReader]:
    """Connect to a Graph root, such as `https://graph.microsoft.com`, for observing alone."""
    async with connect(root, tokens, options=options) as session:
        yield GraphReader(session)


@asynccontextmanager
async def open_tenant_reader(
    root: str, tokens: TokenSource, *, options: SessionOptions | None = None
) -> AsyncIterator[TenantReader]:
    """Connect to a Graph root for reading all guests of the tenant."""
    async with connect(root, tokens, options=options) as session:
        yield GraphReader(session)
