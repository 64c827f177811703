"""Finds out which objects of the tenant hold an address, and in which property.

Only plain filters, one a question: https://learn.microsoft.com/graph/aad-advanced-queries . Whether
they regard case is documented nowhere, so both spellings of the proxy prefix are asked for and what
comes back is compared here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from reconciler.errors import AccessDenied
from reconciler.graph.answers import Answer, Row, unexpected
from reconciler.graph.client import ReadSession
from reconciler.graph.paging import all_rows
from reconciler.graph.rows import addresses_in, is_b2b, object_id, proxy_addresses
from reconciler.graph.together import together
from reconciler.model import AddressOwner, AddressUse, EmailAddress, NotChecked, OwnerKind

_WHAT = "who holds an address"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOwners:
    """Who holds each address, and where could not be looked."""

    owners: dict[EmailAddress, tuple[AddressOwner, ...]] = field(default_factory=dict)
    """An entry for each address asked about, sorted by address; owners sorted by id and property."""

    not_checked: tuple[NotChecked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A kind of object that can hold addresses."""

    path: str
    fields: str
    filters: tuple[str, ...]
    not_checked: NotChecked


_PROXIES = ("proxyAddresses/any(p:p eq 'smtp:{}')", "proxyAddresses/any(p:p eq 'SMTP:{}')")

# Sources: https://learn.microsoft.com/graph/api/user-list, …/group-list, …/orgcontact-list
_USERS = _Place(
    path="users",
    fields="id,displayName,creationType,externalUserState,mail,userPrincipalName,otherMails,proxyAddresses",
    filters=("mail eq '{}'", "userPrincipalName eq '{}'", "otherMails/any(o:o eq '{}')", *_PROXIES),
    not_checked=NotChecked(
        check="addresses of users",
        permission="User.Read.All",
        essential=True,
        reason="the application may not read them; an address in use would be found out by apply",
    ),
)
_GROUPS = _Place(
    path="groups",
    fields="id,displayName,mail,proxyAddresses",
    filters=("mail eq '{}'", *_PROXIES),
    not_checked=NotChecked(
        check="addresses of groups",
        permission="GroupMember.Read.All",
        essential=False,
        reason="the application may not read them; an address in use would be found out by apply",
    ),
)
_CONTACTS = _Place(
    path="contacts",
    fields="id,displayName,mail,proxyAddresses",
    filters=("mail eq '{}'", *_PROXIES),
    not_checked=NotChecked(
        check="addresses of contacts",
        permission="OrgContact.Read.All",
        essential=False,
        reason="the application may not read them; an address in use would be found out by apply",
    ),
)
_PLACES = (_USERS, _GROUPS, _CONTACTS)


async def find_owners(session: ReadSession, addresses: Sequence[EmailAddress]) -> FoundOwners:
    """Ask users, groups and contacts about each address."""
    questions = [
        (address, place, _url(place, text, address))
        for address in sorted(set(addresses))
        for place in _PLACES
        for text in place.filters
    ]
    answers = await session.batch_get([url for _, _, url in questions], what=_WHAT)
    listings = await together(_rows(session, answer) for answer in answers)
    owners: dict[EmailAddress, set[AddressOwner]] = {address: set() for address, _, _ in questions}
    refused: set[NotChecked] = set()
    for (address, place, _), listing in zip(questions, listings, strict=True):
        if listing is None:
            refused.add(place.not_checked)
            continue
        for row in listing:
            owners[address] |= set(_uses(row, place, address))
    return FoundOwners(
        owners={
            address: tuple(sorted(found, key=lambda owner: (owner.id, owner.use)))
            for address, found in owners.items()
        },
        not_checked=tuple(sorted(refused)),
    )


async def read_owners(
    session: ReadSession, addresses: Sequence[EmailAddress]
) -> Mapping[EmailAddress, tuple[AddressOwner, ...]]:
    """Like `find_owners`, but users must be readable: else raise `AccessDenied`."""
    found = await find_owners(session, addresses)
    if any(unread.essential for unread in found.not_checked):
        raise AccessDenied(
            "the application may not read the addresses of users",
            rule="users-not-readable",
            hint="grant it the application permission User.Read.All, with admin consent",
        )
    return found.owners


def _url(place: _Place, text: str, address: EmailAddress) -> str:
    literal = address.text.replace("'", "''")
    return f"/{place.path}?$select={place.fields}&$filter={quote(text.format(literal), safe='')}"


async def _rows(session: ReadSession, answer: Answer) -> list[Row] | None:
    """Give the rows of an answer and of the pages after it; `None` when it was refused."""
    if answer.status == 403:
        return None
    return await all_rows(session, answer, what=_WHAT)


def _uses(row: Row, place: _Place, address: EmailAddress) -> list[AddressOwner]:
    """Tell in which properties a row really holds the address."""
    key = object_id(row.get("id"), what=_WHAT)
    name = row.get("displayName")
    if name is not None and not isinstance(name, str):
        raise unexpected(_WHAT, "holds a name that is none")
    mail, principal_name, other_mails, proxies = addresses_in(row, what=_WHAT)
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
            display_name=name,
            use=use,
            primary=use is AddressUse.PROXY_ADDRESSES and True in primaries,
        )
        for use, held in uses.items()
        if held
    ]


def _kind(row: Row, place: _Place) -> OwnerKind:
    if place is _GROUPS:
        return OwnerKind.GROUP
    if place is _CONTACTS:
        return OwnerKind.CONTACT
    return OwnerKind.GUEST if is_b2b(row) else OwnerKind.MEMBER
