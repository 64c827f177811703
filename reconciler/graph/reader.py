"""The directory as planning and apply read it. Nothing here can write: the session cannot."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

from reconciler.graph.concurrency import both
from reconciler.graph.guests import FoundGuests, find_guests, read_by_id, read_guest
from reconciler.graph.owners import FoundOwners, find_owners
from reconciler.graph.roles import find_role_holders
from reconciler.graph.sessions import ReadSession, SessionOptions, TokenSource, connect
from reconciler.graph.tenant import caller_of, read_invites_from, read_tenant
from reconciler.model import (
    AddressOwner,
    Desired,
    EmailAddress,
    Guest,
    Live,
    ObjectId,
)
from reconciler.plan import questions


class GraphReader:
    """A `DirectoryReader` over Microsoft Graph."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def observe(
        self,
        desired: Desired,
        *,
        only: Collection[ObjectId] | None = None,
        also: Collection[ObjectId] = (),
    ) -> Live:
        """Read all that planning `desired` needs; see `DirectoryReader.observe`.

        `only` limits that to these entries, and to those whose addresses they want. `also` are undeclared ids
        to read too. From then on, markers are recognised in this tenant's domains too.
        """
        session = self._session
        tenant = await read_tenant(session, desired.tenant_id)
        declared = frozenset(wanted.id for wanted in desired.guests)
        wanted = (declared if only is None else declared & frozenset(only)) | frozenset(also)
        found, (invites_from, policy_not_checked) = await both(
            find_guests(session, declared, wanted=wanted, addresses=_addresses(desired)),
            read_invites_from(session),
        )
        users = len(found.guests) + found.unmanaged
        session.size_tenant(users)
        (owners, wanted), roles = await both(
            _find_all_owners(session, desired, found, wanted=wanted, users=users),
            find_role_holders(session, declared),
        )
        not_checked = (
            *tenant.not_checked,
            *policy_not_checked,
            *found.not_checked,
            *roles.not_checked,
            *owners.not_checked,
        )
        return Live(
            tenant_id=tenant.id,
            verified_domains=tenant.verified_domains,
            invites_from=invites_from,
            caller=caller_of(session),
            guests=found.guests,
            odd=found.odd,
            deleted=found.deleted,
            role_holders={guest: how for guest, how in roles.holders.items() if guest in wanted},
            owners=owners.owners,
            unmanaged=found.unmanaged,
            listed_all=found.listed_all,
            not_checked=tuple(
                sorted(not_checked, key=lambda unavailable: (unavailable.check, unavailable.reason))
            ),
            domains=found.domains,
            initial_domain=tenant.initial_domain,
            markers_left=tuple(sorted(found.markers_left)),
        )

    async def read_guest(self, guest: ObjectId) -> Guest | None:
        """Read one user; see `DirectoryReader.read_guest`."""
        return await read_guest(self._session, guest)


async def _find_all_owners(
    session: ReadSession,
    desired: Desired,
    found: FoundGuests,
    *,
    wanted: frozenset[ObjectId],
    users: int,
) -> tuple[FoundOwners, frozenset[ObjectId]]:
    """Find the owners of contested addresses, and the guests that matter because of them.

    A declared guest who owns an address that another one wants is added to `found`: the owner's own change
    decides whether the address becomes free.
    """
    declared = frozenset(entry.id for entry in desired.guests)
    asked = questions(desired, found.guests)
    owners = await find_owners(session, asked, listed=found.holders, users=users)
    while neighbours := _holders(owners.owners) & declared - wanted:
        wanted |= neighbours
        for user in await read_by_id(session, sorted(neighbours)):
            found.add(user)
        asked = tuple(set(questions(desired, found.guests)) - owners.owners.keys())
        owners = owners.joined(await find_owners(session, asked, listed=found.holders, users=users))
    return owners, wanted


def _addresses(desired: Desired) -> Iterator[EmailAddress]:
    for entry in desired.guests:
        yield entry.email
        yield from entry.alternate_emails or ()


def _holders(owners: Mapping[EmailAddress, Sequence[AddressOwner]]) -> frozenset[ObjectId]:
    return frozenset(owner.id for holders in owners.values() for owner in holders)


@asynccontextmanager
async def open_reader(
    root: str, tokens: TokenSource, *, options: SessionOptions | None = None
) -> AsyncIterator[GraphReader]:
    """Connect to a Graph root, such as `https://graph.microsoft.com`, for reading."""
    async with connect(root, tokens, options=options) as session:
        yield GraphReader(session)
