"""Recognises addresses that matter in rows of the directory, whatever their case.

Graph's comparison is never relied on: the rows of a filter or a listing are compared here.
"""

from collections.abc import Iterable, Iterator

from reconciler.graph.places import CONTACTS, GROUPS, USERS, Place
from reconciler.graph.responses import Row, unexpected
from reconciler.graph.rows import addresses_in, is_b2b, object_id, proxy_addresses
from reconciler.model import AddressOwner, AddressUse, EmailAddress, OwnerKind

WHAT = "who holds an address"
"""The name of these reads in errors."""


class Wanted:
    """Addresses that matter, to be recognised in rows."""

    def __init__(self, addresses: Iterable[EmailAddress]) -> None:
        self._by_key = {address.key: address for address in addresses}

    def held_in(self, row: Row, place: Place = USERS) -> Iterator[tuple[EmailAddress, AddressOwner]]:
        """Yield the wanted addresses an object holds, each with every property that holds it."""
        texts = [row.get("mail"), row.get("userPrincipalName")]
        for name in ("otherMails", "proxyAddresses"):
            values = row.get(name)
            # Undeclared rows may be malformed, as long as they hold no wanted address.
            texts += values if isinstance(values, list) else ()
        keys = {text.lower().removeprefix("smtp:") for text in texts if isinstance(text, str)}
        for key in self._by_key.keys() & keys:
            address = self._by_key[key]
            for owner in _uses(row, place, address):
                yield address, owner


def complete(row: Row, place: Place) -> Row:
    """Return a row if it has every requested property.

    Raises `UnexpectedAnswer` otherwise: Graph returns a property without a value as null, so a missing
    property was not read, and an owner could be overlooked.
    """
    missing = [name for name in place.fields if name not in row]
    if missing:
        raise unexpected(WHAT, f"leaves out {missing[0]}")
    return row


def _uses(row: Row, place: Place, address: EmailAddress) -> list[AddressOwner]:
    """Return the properties in which a row really holds the address."""
    key = object_id(row.get("id"), what=WHAT)
    name = row.get("displayName")
    mail, principal_name, other_mails, proxies = addresses_in(row)
    primaries = {entry.primary for entry in proxy_addresses(proxies) if entry.address == address}
    uses = {
        AddressUse.MAIL: mail is not None and EmailAddress(mail) == address,
        AddressUse.USER_PRINCIPAL_NAME: principal_name is not None
        and EmailAddress(principal_name) == address,
        AddressUse.OTHER_MAILS: address in map(EmailAddress, other_mails),
        AddressUse.PROXY_ADDRESSES: bool(primaries),
    }
    kind = _kind(row, place)
    return [
        AddressOwner(
            id=key,
            kind=kind,
            display_name=name if isinstance(name, str) else None,
            use=use,
            primary=use is AddressUse.PROXY_ADDRESSES and True in primaries,
        )
        for use, held in uses.items()
        if held
    ]


def _kind(row: Row, place: Place) -> OwnerKind:
    if place is GROUPS:
        return OwnerKind.GROUP
    if place is CONTACTS:
        return OwnerKind.CONTACT
    return OwnerKind.GUEST if is_b2b(row) else OwnerKind.MEMBER
