"""Reads the declared guests, by the listing or by id, whichever costs fewer requests.

A listing that fails is never used in part: it is restarted, or the run ends.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from reconciler.errors import AccessDenied
from reconciler.graph import requests
from reconciler.graph.batching import BATCH_SIZE
from reconciler.graph.holdings import Wanted
from reconciler.graph.paging import PageCursor
from reconciler.graph.responses import Answer, Row, unexpected
from reconciler.graph.rows import OddGuest, carries_marker, guest, guest_or_odd, is_b2b, object_id, rows
from reconciler.graph.sessions import ReadSession
from reconciler.graph.unavailable import Check, Unavailable
from reconciler.model import AddressOwner, EmailAddress, Guest, NotChecked, ObjectId
from reconciler.rules import Rule

_LISTINGS = 4
"""Number of times the listing is started before expiring pages count as an error."""

_FIELDS = ",".join(requests.USER_FIELDS)
_USERS = "users"

_DELETED = Check(
    name="deleted users",
    permission="User.Read.All",
    essential=False,
    unmade="a deleted guest shows as not found",
)


@dataclass(slots=True, kw_only=True)
class FoundGuests:
    """The results for the requested ids, and the other users that the listing showed."""

    guests: dict[ObjectId, Guest] = field(default_factory=dict)
    """Sorted by id."""

    odd: dict[ObjectId, str] = field(default_factory=dict)
    """Requested ids of users who cannot be parsed, with the name of a property of an undocumented shape."""

    deleted: frozenset[ObjectId] = frozenset()

    unmanaged: int = 0
    """Listed B2B users who are not declared."""

    listed_all: bool = True
    not_checked: tuple[NotChecked, ...] = ()

    markers_left: frozenset[ObjectId] = frozenset()
    """Listed B2B users who carry a marker and are not declared."""

    domains: Counter[str] = field(default_factory=Counter)
    """Number of listed B2B users with a `mail` in each domain, in lower case."""

    holders: defaultdict[EmailAddress, set[AddressOwner]] = field(default_factory=lambda: defaultdict(set))
    """Listed users who hold an address that matters, except those in `guests`."""

    def add(self, user: Guest | OddGuest) -> None:
        """Add a requested user."""
        if isinstance(user, OddGuest):
            self.odd[user.id] = user.property
        else:
            self.guests[user.id] = user


async def find_guests(
    session: ReadSession,
    declared: Collection[ObjectId],
    *,
    wanted: Collection[ObjectId] | None = None,
    addresses: Iterable[EmailAddress] = (),
) -> FoundGuests:
    """Find every wanted id among users and deleted users; all declared ids are wanted by default.

    Other listed users who hold one of `addresses` are recorded. Raises `AccessDenied` when users cannot be
    read.
    """
    asked = frozenset(declared if wanted is None else wanted)
    found = await _listed(
        session,
        asked,
        declared=frozenset(declared),
        addresses=Wanted(addresses),
    )
    missing = sorted(asked - found.guests.keys() - found.odd.keys())
    for user in await read_by_id(session, missing):
        found.add(user)
    found.guests = dict(sorted(found.guests.items()))
    gone = [key for key in missing if key not in found.guests and key not in found.odd]
    found.deleted, found.not_checked = await _find_deleted(session, gone)
    return found


async def read_guest(session: ReadSession, key: ObjectId) -> Guest | None:
    """Read one user, in one request with others read at the same time; `None` when there is none."""
    answer = await session.get_shared(lambda: requests.user(key), url=_url(key), what=f"user {key}")
    row = _row_of(answer, key)
    return None if row is None else guest(row)


async def read_by_id(session: ReadSession, keys: Sequence[ObjectId]) -> list[Guest | OddGuest]:
    """Read users in batches; ids of no user are omitted. Raises `AccessDenied`."""
    answers = await session.batch_get([_url(key) for key in keys], what=_USERS)
    rows = (_row_of(answer, key) for key, answer in zip(keys, answers, strict=True))
    return [guest_or_odd(row) for row in rows if row is not None]


def _url(key: ObjectId) -> str:
    return f"/users/{key}?$select={_FIELDS}"


async def _listed(
    session: ReadSession,
    wanted: frozenset[ObjectId],
    *,
    declared: frozenset[ObjectId],
    addresses: Wanted,
) -> FoundGuests:
    for _ in range(_LISTINGS):
        listing = await _list(
            session,
            wanted,
            declared=declared,
            addresses=addresses,
        )
        if listing is not None:
            return listing
    raise unexpected("guests", f"expired before its last page, {_LISTINGS} times")


def _domain(row: Row) -> str:
    """Return the domain of `mail`, empty where there is none; undeclared rows may be malformed."""
    mail = row.get("mail")
    _, at, domain = mail.rpartition("@") if isinstance(mail, str) else ("", "", "")
    return domain.lower() if at else ""


async def _list(
    session: ReadSession,
    wanted: frozenset[ObjectId],
    *,
    declared: frozenset[ObjectId],
    addresses: Wanted,
) -> FoundGuests | None:
    """List guests page by page; `None` when the pages expired meanwhile.

    Listing stops once it has cost as much as reading each id: then neither way costs more than twice the
    cheaper one, although the size of the tenant is not known beforehand.
    """
    batches = -(-len(wanted) // BATCH_SIZE)
    found = FoundGuests()
    listed: dict[ObjectId, str] = {}
    marked: set[ObjectId] = set()
    trail = PageCursor(session, what=_USERS)
    answer = await session.get(requests.guest_listing, what=_USERS)
    while True:
        if answer.error.code == "Directory_ExpiredPageToken":
            return None
        _must_be_readable(answer)
        page = answer.document(_USERS)
        for row in rows(page, what=_USERS):
            key = object_id(row.get("id"), what=_USERS)
            if key in wanted:
                found.add(guest_or_odd(row))
            if key not in found.guests:
                for address, owner in addresses.held_in(row):
                    found.holders[address].add(owner)
            if is_b2b(row):
                listed[key] = _domain(row)
                if carries_marker(row):
                    marked.add(key)
        link = trail.next(page)
        if link is None or len(trail) >= batches:
            found.listed_all = link is None
            found.unmanaged = len(listed.keys() - declared)
            found.markers_left = frozenset(marked - declared)
            found.domains = Counter(domain for domain in listed.values() if domain)
            return found
        answer = await session.get_url(link, what=_USERS)


def _row_of(answer: Answer, key: ObjectId) -> Row | None:
    if answer.status == 404:
        return None
    _must_be_readable(answer)
    row = answer.document(f"user {key}")
    if object_id(row.get("id"), what=_USERS) != key:
        raise unexpected(f"user {key}", "is about another one")
    return row


async def _find_deleted(
    session: ReadSession, keys: Sequence[ObjectId]
) -> tuple[frozenset[ObjectId], tuple[NotChecked, ...]]:
    answers = await session.try_batch(
        [f"/directory/deletedItems/{quote(key)}?$select=id" for key in keys], what=_DELETED.name
    )
    deleted: set[ObjectId] = set()
    unavailable: set[Unavailable] = set()
    for key, answer in zip(keys, answers, strict=True):
        if isinstance(answer, Answer):
            if object_id(answer.document(_DELETED.name).get("id"), what=_DELETED.name) != key:
                raise unexpected(_DELETED.name, "is about another one")
            deleted.add(key)
        elif answer.status != 404:
            unavailable.add(answer)
    return frozenset(deleted), _DELETED.all_not_made(unavailable)


def _must_be_readable(answer: Answer) -> None:
    if answer.status == 403:
        raise AccessDenied(
            "the application may not read users",
            rule=Rule.USERS_NOT_READABLE,
            hint="grant it the application permission User.Read.All, with admin consent",
        )
    if answer.status != 200:
        raise unexpected(_USERS, f"came with status {answer.status}")
