"""Finds out which objects of the tenant hold an address, and in which property.

Only plain filters, one a question: https://learn.microsoft.com/graph/aad-advanced-queries . Whether
they regard case is documented nowhere: an address is asked for as it was declared and in lower case,
with both spellings of the proxy prefix, and what comes back is compared here, as are all rows of the
listing of guests.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from reconciler.errors import AccessDenied
from reconciler.graph.answers import Row, unexpected
from reconciler.graph.batching import BATCH_SIZE
from reconciler.graph.client import ReadSession
from reconciler.graph.paging import all_rows
from reconciler.graph.rows import addresses_in, is_b2b, object_id, proxy_addresses
from reconciler.graph.together import together
from reconciler.graph.unread import Check, Unread
from reconciler.model import AddressOwner, AddressUse, EmailAddress, NotChecked, OwnerKind

_WHAT = "who holds an address"


_UNMADE = "an address in use would be found out by apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOwners:
    """Who holds each address, and where could not be looked."""

    owners: dict[EmailAddress, tuple[AddressOwner, ...]] = field(default_factory=dict)
    """An entry for each address asked about, sorted by address; owners sorted by id and property."""

    users_unread: Unread | None = None
    """Why not all users could be looked at; `None` when they could."""

    not_checked: tuple[NotChecked, ...] = ()


class Wanted:
    """Addresses that matter, to be recognised in the rows of a listing, whatever their case."""

    def __init__(self, addresses: Iterable[EmailAddress]) -> None:
        self._by_key = {address.key: address for address in addresses}

    def held_in(self, row: Row) -> Iterator[tuple[EmailAddress, AddressOwner]]:
        """Give the wanted addresses a user holds, each with every property that holds it."""
        texts = [row.get("mail"), row.get("userPrincipalName")]
        for name in ("otherMails", "proxyAddresses"):
            values = row.get(name)
            # Rows nobody declared may be odd, as long as they hold nothing that matters.
            texts += values if isinstance(values, list) else ()
        keys = {text.lower().removeprefix("smtp:") for text in texts if isinstance(text, str)}
        for key in self._by_key.keys() & keys:
            address = self._by_key[key]
            for owner in _uses(row, _USERS, address):
                yield address, owner


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A kind of object that can hold addresses."""

    path: str
    fields: str
    filters: tuple[str, ...]
    check: Check


_PROXIES = ("proxyAddresses/any(p:p eq 'smtp:{}')", "proxyAddresses/any(p:p eq 'SMTP:{}')")

# Sources: https://learn.microsoft.com/graph/api/user-list, …/group-list, …/orgcontact-list
_USERS = _Place(
    path="users",
    fields="id,displayName,creationType,externalUserState,mail,userPrincipalName,otherMails,proxyAddresses",
    filters=("mail eq '{}'", "userPrincipalName eq '{}'", "otherMails/any(o:o eq '{}')", *_PROXIES),
    check=Check(name="addresses of users", permission="User.Read.All", essential=True, unmade=_UNMADE),
)
_GROUPS = _Place(
    path="groups",
    fields="id,displayName,mail,proxyAddresses",
    filters=("mail eq '{}'", *_PROXIES),
    check=Check(
        name="addresses of groups", permission="GroupMember.Read.All", essential=False, unmade=_UNMADE
    ),
)
_CONTACTS = _Place(
    path="contacts",
    fields="id,displayName,mail,proxyAddresses",
    filters=("mail eq '{}'", *_PROXIES),
    check=Check(
        name="addresses of contacts", permission="OrgContact.Read.All", essential=False, unmade=_UNMADE
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One filter about one address in one place, and what came back."""

    address: EmailAddress
    place: _Place
    url: str


_Findings = list[tuple[_Question, list[Row] | Unread]]


async def find_owners(
    session: ReadSession,
    addresses: Sequence[EmailAddress],
    *,
    listed: Mapping[EmailAddress, Collection[AddressOwner]] | None = None,
) -> FoundOwners:
    """Ask users, groups and contacts about each address, and add the owners a listing has shown."""
    shown = listed or {}
    asked = sorted(set(addresses))
    owners = {address: set(shown.get(address, ())) for address in asked}
    of_users, of_others = await together((_of_users(session, asked), _of_others(session, asked)))
    unread: dict[str, set[Unread]] = {place.path: set() for place in (_USERS, _GROUPS, _CONTACTS)}
    for question, listing in of_users + of_others:
        if isinstance(listing, Unread):
            unread[question.place.path].add(listing)
            continue
        for row in listing:
            owners[question.address] |= set(_uses(row, question.place, question.address))
    return FoundOwners(
        owners={
            address: tuple(sorted(found, key=lambda owner: (owner.id, owner.use)))
            for address, found in owners.items()
        },
        users_unread=min(unread[_USERS.path], key=lambda each: each.status != 403, default=None),
        not_checked=tuple(
            missed
            for place in (_USERS, _GROUPS, _CONTACTS)
            for missed in place.check.all_not_made(unread[place.path])
        ),
    )


async def read_owners(
    session: ReadSession, addresses: Sequence[EmailAddress]
) -> Mapping[EmailAddress, tuple[AddressOwner, ...]]:
    """Like `find_owners`, but users must be readable: else raise `AccessDenied` or `UnexpectedAnswer`."""
    found = await find_owners(session, addresses)
    if found.users_unread is None:
        return found.owners
    if found.users_unread.status == 403:
        raise AccessDenied(
            "the application may not read the addresses of users",
            rule="users-not-readable",
            hint="grant it the application permission User.Read.All, with admin consent",
        )
    raise unexpected(_WHAT, f"came with status {found.users_unread.status}")


async def _of_users(session: ReadSession, addresses: Sequence[EmailAddress]) -> _Findings:
    questions = _questions(addresses, (_USERS,))
    answers = await session.batch_get([question.url for question in questions], what=_WHAT)
    listings = await together(all_rows(session, answer, what=_WHAT) for answer in answers)
    return list(zip(questions, listings, strict=True))


async def _of_others(session: ReadSession, addresses: Sequence[EmailAddress]) -> _Findings:
    """Ask a first batch; what answers nothing of it at all is not asked again and again."""
    questions = _questions(addresses, (_GROUPS, _CONTACTS))
    found = await _tried(session, questions[:BATCH_SIZE])
    answering = {question.place.path for question, listing in found if not isinstance(listing, Unread)}
    rest = [question for question in questions[BATCH_SIZE:] if question.place.path in answering]
    return found + await _tried(session, rest)


async def _tried(session: ReadSession, questions: Sequence[_Question]) -> _Findings:
    answers = await session.try_batch([question.url for question in questions], what=_WHAT)
    listings = await together(all_rows(session, answer, what=_WHAT, best_effort=True) for answer in answers)
    return list(zip(questions, listings, strict=True))


def _questions(addresses: Sequence[EmailAddress], places: Sequence[_Place]) -> list[_Question]:
    return [
        _Question(address=address, place=place, url=_url(place, text, spelling))
        for address in addresses
        for place in places
        for text in place.filters
        for spelling in sorted({address.text, address.key})
    ]


def _url(place: _Place, text: str, address: str) -> str:
    literal = address.replace("'", "''")
    return f"/{place.path}?$select={place.fields}&$filter={quote(text.format(literal), safe='')}"


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
