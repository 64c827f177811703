"""A `DirectoryReader` over values in memory, which records what it is asked for."""

from collections.abc import Collection
from dataclasses import dataclass, field

from reconciler.model import (
    AddressOwner,
    CallerKind,
    EmailAddress,
    FoundGuests,
    FoundOwners,
    FoundRoles,
    Guest,
    InvitationPolicy,
    Live,
    ObjectId,
    ReadGuests,
    TenantFacts,
    TenantId,
)
from tests.support.directory import held_by


@dataclass(slots=True)
class ReaderInMemory:
    """Reads a directory that a `Live` describes, every user in its `guests`, by single reads."""

    live: Live
    """Its `owners` are objects beside its users; its counts are ignored."""

    shown: int = 1_000
    """How many users the listing shows, by id, before it is cheaper to read each wanted one."""

    unfound: Collection[ObjectId] = ()
    """Users whom no look-up of an address finds yet."""

    named: list[ObjectId] = field(default_factory=list)
    """The ids that were looked for among users and deleted users."""

    read: list[ObjectId] = field(default_factory=list)
    """The ids that were read later, one by one."""

    looked_up: list[EmailAddress] = field(default_factory=list)
    """The addresses whose owners were looked up."""

    async def read_tenant(self, declared: TenantId) -> TenantFacts:
        """Return the tenant, whichever is declared."""
        del declared
        return TenantFacts(
            id=self.live.tenant_id,
            verified_domains=self.live.verified_domains,
            initial_domain=self.live.initial_domain,
            not_checked=self.live.not_checked,
        )

    async def read_invitation_policy(self) -> InvitationPolicy:
        """Return who may invite."""
        return InvitationPolicy(invites_from=self.live.invites_from)

    async def find_guests(
        self,
        declared: Collection[ObjectId],
        *,
        wanted: Collection[ObjectId],
        addresses: Collection[EmailAddress],
    ) -> FoundGuests:
        """Return the wanted users, and those that the listing shows beside them."""
        self.named.extend(wanted)
        shown = [self.live.guests[key] for key in sorted(self.live.guests)[: self.shown]]
        others = [user for user in shown if user.id not in wanted]
        unmanaged = [user for user in shown if user.is_b2b and user.id not in declared]
        held = {address: self._users_of(others, address) for address in addresses}
        return FoundGuests(
            guests={key: self.live.guests[key] for key in sorted(wanted) if key in self.live.guests},
            odd={key: self.live.odd[key] for key in sorted(wanted) if key in self.live.odd},
            deleted=self.live.deleted & frozenset(wanted),
            deleted_at={key: at for key, at in self.live.deleted_at.items() if key in wanted},
            holders={address: frozenset(owners) for address, owners in held.items() if owners},
            unmanaged=len(unmanaged),
            listed_all=len(shown) == len(self.live.guests),
            markers_left=frozenset(user.id for user in unmanaged if user.markers),
            domains=self.live.domains,
        )

    async def read_guests(self, ids: Collection[ObjectId]) -> ReadGuests:
        """Return the users among these ids."""
        self.read.extend(ids)
        return ReadGuests(
            guests={key: self.live.guests[key] for key in ids if key in self.live.guests},
            odd={key: self.live.odd[key] for key in ids if key in self.live.odd},
        )

    async def find_owners(self, addresses: Collection[EmailAddress]) -> FoundOwners:
        """Return the users who hold each address, and what else does."""
        self.looked_up.extend(addresses)
        users = [user for user in self.live.guests.values() if user.id not in self.unfound]
        return FoundOwners(
            owners={
                address: _in_order({*self._users_of(users, address), *self.live.owners.get(address, ())})
                for address in sorted(addresses)
            }
        )

    async def find_role_holders(self, declared: Collection[ObjectId]) -> FoundRoles:
        """Return the declared ids among the role holders."""
        holders = self.live.role_holders
        return FoundRoles(holders={key: holders[key] for key in sorted(holders) if key in declared})

    def caller(self) -> CallerKind:
        """Return whom the reads were made as."""
        return self.live.caller

    @staticmethod
    def _users_of(users: Collection[Guest], address: EmailAddress) -> list[AddressOwner]:
        return [owner for user in users for owner in held_by(user, address)]


def _in_order(owners: Collection[AddressOwner]) -> tuple[AddressOwner, ...]:
    return tuple(sorted(owners, key=lambda owner: (owner.id, owner.use)))
