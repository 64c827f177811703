"""The other holders of the addresses a guest wants: those that block, warn, or can be waited for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.model import (
    AddressUse,
    ChangeKind,
    EmailAddress,
    Guest,
    Live,
    Note,
    ObjectId,
    OwnerKind,
)
from reconciler.plan.difference import Difference
from reconciler.rules import Rule

_PRIMARY = "proxyAddresses (primary)"
_SECONDARY = "proxyAddresses (secondary)"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Holder:
    """An object of the tenant and the properties in which it holds one address."""

    id: ObjectId
    kind: OwnerKind
    display_name: str
    uses: tuple[str, ...]
    """Sorted names of properties, those of `proxyAddresses` with their rank."""


Holders = Mapping[EmailAddress, tuple[Holder, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressConflicts:
    """The conflicts between one guest's wanted addresses and their present holders."""

    obstacles: tuple[Note, ...]
    warnings: tuple[Note, ...]

    waits_for: ObjectId | None
    """The declared guest whose own change frees the address first."""


def find_holders(live: Live, wanted: Iterable[EmailAddress]) -> Holders:
    """Join the owners that were looked up with those in the declared guests' own rows, sorted by id."""
    held: dict[EmailAddress, dict[ObjectId, tuple[OwnerKind, str, set[str]]]] = {
        address: {} for address in wanted
    }
    for guest in live.guests.values():
        kind = OwnerKind.GUEST if guest.is_b2b else OwnerKind.MEMBER
        for address, use in _held_by(guest):
            if address in held:
                entry = held[address].setdefault(guest.id, (kind, guest.display_name or "", set()))
                entry[2].add(use)
    for address, holders in held.items():
        for owner in sorted(live.owners.get(address, ()), key=lambda owner: owner.display_name or ""):
            entry = holders.setdefault(owner.id, (owner.kind, owner.display_name or "", set()))
            entry[2].add(_use(owner.use, primary=owner.primary))
    return {
        address: tuple(
            Holder(id=holder, kind=kind, display_name=name, uses=tuple(sorted(uses)))
            for holder, (kind, name, uses) in sorted(holders.items())
        )
        for address, holders in held.items()
    }


def address_conflicts(
    difference: Difference, holders: Holders, differences: Mapping[ObjectId, Difference]
) -> AddressConflicts:
    """Check every other holder of every address that matters to one guest.

    `differences` are the differences of all declared guests: a holder who is leaving the address is waited
    for. An address that the guest holds already, and is only reset with, leads to a warning at most.
    """
    obstacles: list[Note] = []
    warnings: list[Note] = []
    leaving: dict[ObjectId, EmailAddress] = {}
    for address in difference.contested_addresses:
        for holder in holders.get(address, ()):
            if holder.id == difference.entry.id:
                continue
            if address not in difference.added:
                warnings.append(
                    _note(address, holder, "the reset may be refused; make sure that this guest is meant")
                )
            elif not _stands_in_the_way(holder):
                warnings.append(_note(address, holder, "make sure that both are the same person"))
            elif holder.id in differences and _is_left(address, holder, differences[holder.id]):
                leaving[holder.id] = address
            else:
                obstacles.append(_note(address, holder, _remedy(holder)))
    if len(leaving) > 1:
        named = ", ".join(f"{address} of {holder}" for holder, address in sorted(leaving.items()))
        obstacles.append(
            Note(
                rule=Rule.ADDRESS_IN_USE,
                message=f"takes over addresses of several guests at once ({named}): do it in two steps",
            )
        )
    return AddressConflicts(
        obstacles=tuple(obstacles),
        warnings=tuple(warnings),
        waits_for=min(leaving, default=None),
    )


def given_up(differences: Iterable[Difference]) -> set[EmailAddress]:
    """Return the addresses that undoing these changes would set again."""
    return {address for address in map(_given_up, differences) if address is not None}


def _given_up(difference: Difference) -> EmailAddress | None:
    """Return the address that an undo of a change would have to set again; `None` when there is none.

    `mail` was empty, or is not replaced, or is only put right.
    """
    if difference.kind is not ChangeKind.CHANGE_EMAIL or not difference.replaces_mail:
        return None
    return difference.guest.mail


def about_undo(
    difference: Difference, holders: Holders, changing: Mapping[ObjectId, Difference]
) -> Iterable[Note]:
    """Warn when an undo would be blocked by other holders of the address that one guest gives up.

    They may hold it for as long as anybody can remember: only now does it matter. `changing` are the guests
    whom the plan changes: who leaves the address with it stands in nobody's way afterwards.
    """
    address = _given_up(difference)
    if address is None:
        return
    for holder in holders.get(address, ()):
        stays = holder.id not in changing or not _is_left(address, holder, changing[holder.id])
        if holder.id != difference.entry.id and stays and _stands_in_the_way(holder):
            yield replace(_note(address, holder, _no_undo(holder)), rule=Rule.UNDO_BLOCKED)


def _stands_in_the_way(holder: Holder) -> bool:
    """Return whether Graph, or the person behind a guest, would suffer from another holder of an address."""
    return holder.kind is OwnerKind.GUEST or holder.uses != (AddressUse.OTHER_MAILS,)


def _held_by(guest: Guest) -> Iterable[tuple[EmailAddress, str]]:
    if guest.mail is not None:
        yield guest.mail, AddressUse.MAIL
    if guest.user_principal_name is not None:
        yield EmailAddress(guest.user_principal_name), AddressUse.USER_PRINCIPAL_NAME
    for proxy in guest.proxy_addresses:
        yield proxy.address, _use(AddressUse.PROXY_ADDRESSES, primary=proxy.primary)
    for address in guest.other_mails:
        yield address, AddressUse.OTHER_MAILS


def _use(use: AddressUse, *, primary: bool) -> str:
    if use is not AddressUse.PROXY_ADDRESSES:
        return use.value
    return _PRIMARY if primary else _SECONDARY


def _is_left(address: EmailAddress, holder: Holder, difference: Difference) -> bool:
    """Return whether a holder's own change frees the address, as far as Graph allows.

    A secondary address in `proxyAddresses` stays there: Graph makes that list read-only
    (https://learn.microsoft.com/graph/api/resources/user). The primary one follows `mail`, which is the first
    write of the holder's change.
    """
    if {AddressUse.USER_PRINCIPAL_NAME.value, _SECONDARY} & set(holder.uses):
        return False
    if _PRIMARY in holder.uses and AddressUse.MAIL not in holder.uses:
        return False
    return address != difference.after.mail and address not in difference.after.other_mails


def _note(address: EmailAddress, holder: Holder, advice: str) -> Note:
    uses = " and ".join(holder.uses)
    name = f" {holder.display_name}" if holder.display_name else ""
    return Note(
        rule=Rule.ADDRESS_IN_USE,
        message=f"{address} is in {uses} of the {holder.kind}{name} ({holder.id}): {advice}",
    )


def _remedy(holder: Holder) -> str:
    if _SECONDARY in holder.uses:
        return (
            "Graph can remove no address from there; declare another address, or ask an Exchange "
            "administrator whether they can remove it"
        )
    return "free it there first, or declare another address"


def _no_undo(holder: Holder) -> str:
    lasting = "; Graph can remove no address from there" if _SECONDARY in holder.uses else ""
    return f"this change cannot be undone while it is held there{lasting}"
