"""Observing for a plan: who is read beside those named, what is joined, and how reads fail together."""

import asyncio
from collections.abc import Collection

import pytest

from reconciler.errors import Unreachable
from reconciler.model import (
    AddressUse,
    EmailAddress,
    FoundGuests,
    FoundOwners,
    FoundRoles,
    Guest,
    InvitationPolicy,
    NotChecked,
    ObjectId,
    OwnerKind,
)
from reconciler.observation import observe
from reconciler.rules import Rule
from tests.support.directory import addresses, declared, desired, guest, guest_id, held_by, live, owner
from tests.support.reader import ReaderInMemory

NEW = EmailAddress("ana@new.example")


def directory(*users: Guest) -> ReaderInMemory:
    """Make a directory of these users in which nothing stands in the way."""
    return ReaderInMemory(live(*users))


def named(number: int) -> str:
    """Give the address of a guest that is as declared."""
    return f"g{number}@old.example"


async def test_owners_lead_to_owners_until_nobody_wants_more() -> None:
    """One named guest wants the address of a second, who wants that of a third, who wants a free one."""
    tree = desired(
        declared(1, named(2)), declared(2, named(3)), declared(3, "free@new.example"), declared(4, named(4))
    )
    reader = directory(*(guest(number, named(number)) for number in (1, 2, 3, 4)))
    found = await observe(reader, tree, only=[guest_id(1)])
    assert reader.named == [guest_id(1)]
    assert reader.read == [guest_id(2), guest_id(3)]
    assert list(found.guests) == [guest_id(1), guest_id(2), guest_id(3)]
    assert list(found.owners) == list(addresses("free@new.example", named(2), named(3)))


async def test_guests_who_want_each_others_addresses_are_read_once() -> None:
    """A circle of owners comes to its end."""
    tree = desired(declared(1, named(2)), declared(2, named(1)))
    reader = directory(guest(1, named(1)), guest(2, named(2)))
    found = await observe(reader, tree, only=[guest_id(2)])
    assert reader.read == [guest_id(1)]
    assert set(found.guests) == {guest_id(1), guest_id(2)}
    assert sorted(reader.looked_up) == list(addresses(named(1), named(2)))


async def test_owner_nobody_declares_is_named_and_not_read() -> None:
    """Whether another object gives an address up is not in the tree: there is nothing to read."""
    reader = ReaderInMemory(
        live(guest(1, named(1)), guest(5, named(5)), owners=[("ana@new.example", owner(9))])
    )
    tree = desired(declared(1, NEW.text, alternates=[named(5)]))
    found = await observe(reader, tree)
    assert reader.read == []
    assert {each.id for held in found.owners.values() for each in held} == {guest_id(5), guest_id(9)}
    assert set(found.guests) == {guest_id(1)}


async def test_declared_owner_whom_only_the_listing_shows_is_an_owner() -> None:
    """A look-up may lag behind the listing: what either shows counts, each property once."""
    tree = desired(declared(1, NEW.text), declared(2, named(2)))
    reader = directory(guest(1, named(1)), guest(2, NEW.text))
    reader.unfound = [guest_id(2)]
    found = await observe(reader, tree, only=[guest_id(1)])
    assert found.owners[NEW] == held_by(guest(2, NEW.text), NEW)
    assert reader.read == [guest_id(2)]
    reader.unfound = ()
    assert await observe(reader, tree, only=[guest_id(1)]) == found


async def test_undeclared_ids_are_read_and_want_nothing() -> None:
    """Ids of entries that are gone are read or found deleted, roles included where they are declared only."""
    reader = ReaderInMemory(
        live(guest(1, named(1)), guest(7, named(7)), deleted=frozenset({guest_id(8), guest_id(9)}))
    )
    tree = desired(declared(1, NEW.text))
    found = await observe(reader, tree, also=[guest_id(7), guest_id(8)])
    assert set(found.guests) == {guest_id(1), guest_id(7)}
    assert found.deleted == {guest_id(8)}
    assert reader.looked_up == [NEW]


async def test_only_ids_that_are_declared_can_be_named() -> None:
    """An id that no entry has is no part of the tree: it needs to be asked for as such."""
    reader = directory(guest(1, named(1)), guest(2, named(2)))
    found = await observe(reader, desired(declared(1, NEW.text)), only=[guest_id(2)])
    assert reader.named == []
    assert found.guests == {}
    assert found.unmanaged == 1


async def test_role_holders_nobody_asked_about_are_left_out() -> None:
    """A plan of a part says nothing of the roles of the rest."""
    reader = ReaderInMemory(
        live(
            guest(1, named(1)),
            guest(2, named(2)),
            guest(3, named(3)),
            role_holders=dict.fromkeys([guest_id(2), guest_id(3)], "assigned directly"),
        )
    )
    tree = desired(*(declared(number, named(number % 2 + 1)) for number in (1, 2)), declared(3, named(3)))
    assert set((await observe(reader, tree, only=[guest_id(1)])).role_holders) == {guest_id(2)}
    assert set((await observe(reader, tree)).role_holders) == {guest_id(2), guest_id(3)}


class Partial(ReaderInMemory):
    """A reader that cannot make some check in each of its reads."""

    async def read_invitation_policy(self) -> InvitationPolicy:
        """Return that it is not known."""
        return InvitationPolicy(invites_from=None, not_checked=(missed("policy"),))

    async def find_owners(self, addresses: Collection[EmailAddress]) -> FoundOwners:
        """Return what there is, and that groups were not searched."""
        found = await super().find_owners(addresses)
        return FoundOwners(owners=found.owners, not_checked=(missed("groups"),))

    async def find_role_holders(self, declared: Collection[ObjectId]) -> FoundRoles:
        """Return that roles were not read, for two reasons."""
        del declared
        return FoundRoles(holders={}, not_checked=(missed("roles", "z"), missed("roles", "a")))


def missed(check: str, reason: str = "no permission") -> NotChecked:
    return NotChecked(check=check, permission=None, essential=False, reason=reason)


async def test_checks_that_were_not_made_are_told_once_in_order() -> None:
    """Each read adds its own, sorted by check and reason, however often owners were looked up."""
    reader = Partial(live(guest(1, named(1)), guest(2, named(2)), not_checked=(missed("domains"),)))
    tree = desired(declared(1, named(2)), declared(2, NEW.text))
    found = await observe(reader, tree, only=[guest_id(1)])
    assert reader.read == [guest_id(2)]
    assert found.not_checked == (
        missed("domains"),
        missed("groups"),
        missed("policy"),
        missed("roles", "a"),
        missed("roles", "z"),
    )


class Waiting(ReaderInMemory):
    """A reader whose reads of one kind wait for those beside them."""

    def __init__(self, *users: Guest) -> None:
        super().__init__(live(*users))
        self.begun = asyncio.Event()
        self.cancelled = False

    async def find_guests(
        self,
        declared: Collection[ObjectId],
        *,
        wanted: Collection[ObjectId],
        addresses: Collection[EmailAddress],
    ) -> FoundGuests:
        """Return once the policy is being read."""
        try:
            await self.begun.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        self.begun.clear()
        return await super().find_guests(declared, wanted=wanted, addresses=addresses)

    async def read_invitation_policy(self) -> InvitationPolicy:
        """Let the guests be found."""
        self.begun.set()
        return await super().read_invitation_policy()

    async def find_owners(self, addresses: Collection[EmailAddress]) -> FoundOwners:
        """Return once the roles are being read."""
        await self.begun.wait()
        return await super().find_owners(addresses)

    async def find_role_holders(self, declared: Collection[ObjectId]) -> FoundRoles:
        """Let the owners be found."""
        self.begun.set()
        return await super().find_role_holders(declared)


async def test_reads_that_need_nothing_of_each_other_run_side_by_side() -> None:
    """Guests beside the policy, owners beside roles: one after the other, this would never end."""
    reader = Waiting(guest(1, named(1)), guest(2, NEW.text))
    async with asyncio.timeout(5):
        found = await observe(reader, desired(declared(1, NEW.text)))
    assert [each.use for each in found.owners[NEW]] == [
        AddressUse.MAIL,
        AddressUse.OTHER_MAILS,
        AddressUse.PROXY_ADDRESSES,
    ]
    assert {each.kind for each in found.owners[NEW]} == {OwnerKind.GUEST}


class Broken(Waiting):
    """A reader that cannot be asked about the policy."""

    async def read_invitation_policy(self) -> InvitationPolicy:
        """Fail while guests are being found."""
        await asyncio.sleep(0)
        raise Unreachable("no answer", rule=Rule.UNREACHABLE)


async def test_read_that_fails_cancels_the_one_beside_it() -> None:
    """The error itself is raised, and nothing goes on behind it."""
    reader = Broken(guest(1, named(1)))
    async with asyncio.timeout(5):
        with pytest.raises(Unreachable, match="no answer"):
            await observe(reader, desired(declared(1, NEW.text)))
    assert reader.cancelled
