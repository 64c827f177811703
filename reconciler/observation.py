"""Observes the directory for a plan: which guests and addresses matter to it, asked of a `DirectoryReader`.

Knows no request and no property of Graph. A declared guest who owns an address that another one wants matters
too: whether the address becomes free depends on the owner's own change.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from reconciler.concurrency import both
from reconciler.model import (
    AddressOwner,
    Desired,
    DirectoryReader,
    EmailAddress,
    FoundGuests,
    Guest,
    Live,
    NotChecked,
    ObjectId,
)
from reconciler.plan import questions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surroundings:
    """The guests that matter, and the owners of the addresses that they contest."""

    wanted: frozenset[ObjectId]
    """The ids that were named, and those of the declared owners."""

    guests: Mapping[ObjectId, Guest]
    """The wanted ids that exist as users, sorted by id, except those in `odd`."""

    odd: Mapping[ObjectId, str]
    """The wanted ids of users that cannot be parsed, with the property of an undocumented shape."""

    owners: Mapping[EmailAddress, tuple[AddressOwner, ...]]
    """Sorted by address; owners sorted by id and property."""

    not_checked: frozenset[NotChecked]


async def observe(
    reader: DirectoryReader,
    desired: Desired,
    *,
    only: Collection[ObjectId] | None = None,
    also: Collection[ObjectId] = (),
) -> Live:
    """Read all that planning `desired` needs.

    `only` limits that to these entries, and to those whose addresses they want. `also` are undeclared ids to
    read too. Raises `DirectoryError` when guests cannot be read, `WrongTenant` when the live organization is
    not the declared one. Independent reads run at the same time; the first that fails cancels the others.
    """
    declared = frozenset(entry.id for entry in desired.guests)
    named = (declared if only is None else declared & frozenset(only)) | frozenset(also)
    tenant = await reader.read_tenant(desired.tenant_id)
    found, policy = await both(
        reader.find_guests(declared, wanted=named, addresses=_addresses(desired)),
        reader.read_invitation_policy(),
    )
    around, roles = await both(
        _follow_owners(reader, desired, found, named=named), reader.find_role_holders(declared)
    )
    return Live(
        tenant_id=tenant.id,
        verified_domains=tenant.verified_domains,
        initial_domain=tenant.initial_domain,
        invites_from=policy.invites_from,
        caller=reader.caller(),
        guests=around.guests,
        odd=around.odd,
        deleted=found.deleted,
        deleted_at=found.deleted_at,
        role_holders={guest: how for guest, how in roles.holders.items() if guest in around.wanted},
        owners=around.owners,
        unmanaged=found.unmanaged,
        listed_all=found.listed_all,
        not_checked=_sorted(
            tenant.not_checked, policy.not_checked, found.not_checked, roles.not_checked, around.not_checked
        ),
        markers_left=tuple(sorted(found.markers_left)),
        domains=found.domains,
    )


async def _follow_owners(
    reader: DirectoryReader, desired: Desired, found: FoundGuests, *, named: frozenset[ObjectId]
) -> _Surroundings:
    """Find the owners of contested addresses, read those who are declared, and go on with their addresses."""
    declared = frozenset(entry.id for entry in desired.guests)
    wanted, guests, odd = named, dict(found.guests), dict(found.odd)
    owners: dict[EmailAddress, tuple[AddressOwner, ...]] = {}
    not_checked: set[NotChecked] = set()
    while True:
        answer = await reader.find_owners(set(questions(desired, guests)) - owners.keys())
        owners |= {
            address: _joined(held, found.holders.get(address)) for address, held in answer.owners.items()
        }
        not_checked.update(answer.not_checked)
        neighbours = _ids(owners.values()) & declared - wanted
        if not neighbours:
            return _Surroundings(
                wanted=wanted,
                guests=dict(sorted(guests.items())),
                odd=dict(sorted(odd.items())),
                owners=dict(sorted(owners.items())),
                not_checked=frozenset(not_checked),
            )
        wanted |= neighbours
        read = await reader.read_guests(sorted(neighbours))
        guests |= read.guests
        odd |= read.odd


def _addresses(desired: Desired) -> frozenset[EmailAddress]:
    """Return every declared address."""
    return frozenset(
        address for entry in desired.guests for address in (entry.email, *(entry.alternate_emails or ()))
    )


def _joined(
    looked_up: tuple[AddressOwner, ...], shown: frozenset[AddressOwner] | None
) -> tuple[AddressOwner, ...]:
    """Return the owners that a look-up found and those that were shown before: either may lag behind."""
    if not shown:
        return looked_up
    return tuple(sorted({*looked_up, *shown}, key=lambda owner: (owner.id, owner.use)))


def _ids(owners: Iterable[tuple[AddressOwner, ...]]) -> frozenset[ObjectId]:
    return frozenset(owner.id for held in owners for owner in held)


def _sorted(*not_checked: Iterable[NotChecked]) -> tuple[NotChecked, ...]:
    return tuple(sorted(chain(*not_checked), key=lambda missed: (missed.check, missed.reason)))
