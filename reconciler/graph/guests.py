"""Reads the declared guests, by the listing or by id, whichever costs fewer requests.

A listing that fails is never used in part: it is restarted, or the run ends.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from reconciler.errors import AccessDenied
from reconciler.graph import requests
from reconciler.graph.batching import BATCH_SIZE
from reconciler.graph.holdings import Wanted
from reconciler.graph.paging import PageCursor
from reconciler.graph.responses import Answer, Row, unexpected
from reconciler.graph.rows import (
    OddGuest,
    carries_marker,
    deletion_time,
    guest,
    guest_or_odd,
    is_b2b,
    object_id,
    rows,
)
from reconciler.graph.sessions import ReadSession
from reconciler.graph.unavailable import Check, Unavailable
from reconciler.model import AddressOwner, EmailAddress, FoundGuests, Guest, NotChecked, ObjectId, ReadGuests
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """All that a listing showed, whole or cut short."""

    users: dict[ObjectId, Guest | OddGuest]
    """The wanted ids among the rows."""

    holders: dict[EmailAddress, set[AddressOwner]]
    """Users who hold an address that matters, except those in `users` who can be read."""

    b2b: dict[ObjectId, str]
    """The B2B users with the domain of `mail`, empty where there is none."""

    marked: set[ObjectId]
    """The B2B users who carry a marker."""

    whole: bool
    """Whether the listing ran to its end."""


async def find_guests(
    session: ReadSession,
    declared: Collection[ObjectId],
    *,
    wanted: Collection[ObjectId],
    addresses: Collection[EmailAddress],
) -> FoundGuests:
    """Find every wanted id among users and deleted users; see `DirectoryReader.find_guests`.

    Raises `AccessDenied` when users cannot be read.
    """
    asked = frozenset(wanted)
    listing = await _listed(session, asked, Wanted(addresses))
    missing = sorted(asked - listing.users.keys())
    users = listing.users | await _read_by_id(session, missing)
    deleted, not_checked = await _find_deleted(session, [key for key in missing if key not in users])
    known = {key: at for key, at in deleted.items() if at is not None}
    read = _sorted_out(users)
    undeclared = listing.b2b.keys() - frozenset(declared)
    return FoundGuests(
        guests=read.guests,
        odd=read.odd,
        deleted=frozenset(deleted),
        deleted_at=known,
        holders={address: frozenset(owners) for address, owners in listing.holders.items()},
        unmanaged=len(undeclared),
        listed_all=listing.whole,
        markers_left=frozenset(listing.marked & undeclared),
        domains=Counter(domain for domain in listing.b2b.values() if domain),
        not_checked=not_checked,
    )


async def read_guest(session: ReadSession, key: ObjectId) -> Guest | None:
    """Read one user, in one request with others read at the same time; `None` when there is none."""
    answer = await session.get_shared(lambda: requests.user(key), url=_url(key), what=f"user {key}")
    row = _row_of(answer, key)
    return None if row is None else guest(row)


async def read_by_id(session: ReadSession, keys: Sequence[ObjectId]) -> ReadGuests:
    """Read users in batches; ids of no user are omitted. Raises `AccessDenied`."""
    return _sorted_out(await _read_by_id(session, keys))


async def _read_by_id(session: ReadSession, keys: Sequence[ObjectId]) -> dict[ObjectId, Guest | OddGuest]:
    answers = await session.batch_get([_url(key) for key in keys], what=_USERS)
    found = ((key, _row_of(answer, key)) for key, answer in zip(keys, answers, strict=True))
    return {key: guest_or_odd(row) for key, row in found if row is not None}


def _sorted_out(users: Mapping[ObjectId, Guest | OddGuest]) -> ReadGuests:
    """Split users into those that can be read and the odd ones, each sorted by id."""
    in_order = sorted(users.items())
    return ReadGuests(
        guests={key: user for key, user in in_order if isinstance(user, Guest)},
        odd={key: user.property for key, user in in_order if isinstance(user, OddGuest)},
    )


def _url(key: ObjectId) -> str:
    return f"/users/{key}?$select={_FIELDS}"


async def _listed(session: ReadSession, wanted: frozenset[ObjectId], addresses: Wanted) -> _Listing:
    for _ in range(_LISTINGS):
        listing = await _list(session, wanted, addresses)
        if listing is not None:
            return listing
    raise unexpected("guests", f"expired before its last page, {_LISTINGS} times")


async def _list(session: ReadSession, wanted: frozenset[ObjectId], addresses: Wanted) -> _Listing | None:
    """List guests page by page; `None` when the pages expired meanwhile.

    Listing stops once it has cost as much as reading each id: then neither way costs more than twice the
    cheaper one, although the size of the tenant is not known beforehand.
    """
    batches = -(-len(wanted) // BATCH_SIZE)
    users: dict[ObjectId, Guest | OddGuest] = {}
    holders: defaultdict[EmailAddress, set[AddressOwner]] = defaultdict(set)
    b2b: dict[ObjectId, str] = {}
    marked: set[ObjectId] = set()
    trail = PageCursor(session, what=_USERS)
    answer = await session.get(requests.guest_listing, what=_USERS)
    while True:
        if answer.error.code == "Directory_ExpiredPageToken":
            return None
        must_be_readable(answer)
        page = answer.document(_USERS)
        for row in rows(page, what=_USERS):
            key = object_id(row.get("id"), what=_USERS)
            if key in wanted:
                users[key] = guest_or_odd(row)
            if not isinstance(users.get(key), Guest):
                for address, owner in addresses.held_in(row):
                    holders[address].add(owner)
            if is_b2b(row):
                b2b[key] = _domain(row)
                if carries_marker(row):
                    marked.add(key)
        link = trail.next(page)
        if link is None or len(trail) >= batches:
            return _Listing(users=users, holders=holders, b2b=b2b, marked=marked, whole=link is None)
        answer = await session.get_url(link, what=_USERS)


def _domain(row: Row) -> str:
    """Return the domain of `mail`, empty where there is none; undeclared rows may be malformed."""
    mail = row.get("mail")
    _, at, domain = mail.rpartition("@") if isinstance(mail, str) else ("", "", "")
    return domain.lower() if at else ""


def _row_of(answer: Answer, key: ObjectId) -> Row | None:
    if answer.status == 404:
        return None
    must_be_readable(answer)
    row = answer.document(f"user {key}")
    if object_id(row.get("id"), what=_USERS) != key:
        raise unexpected(f"user {key}", "is about another one")
    return row


async def _find_deleted(
    session: ReadSession, keys: Sequence[ObjectId]
) -> tuple[dict[ObjectId, datetime | None], tuple[NotChecked, ...]]:
    """Find which ids are those of deleted users, and since when.

    Source: https://learn.microsoft.com/graph/api/directory-deleteditems-get
    """
    answers = await session.try_batch(
        [f"/directory/deletedItems/{quote(key)}?$select=id,deletedDateTime" for key in keys],
        what=_DELETED.name,
    )
    deleted: dict[ObjectId, datetime | None] = {}
    unavailable: set[Unavailable] = set()
    for key, answer in zip(keys, answers, strict=True):
        if isinstance(answer, Answer):
            row = answer.document(_DELETED.name)
            if object_id(row.get("id"), what=_DELETED.name) != key:
                raise unexpected(_DELETED.name, "is about another one")
            deleted[key] = deletion_time(row, what=_DELETED.name)
        elif answer.status != 404:
            unavailable.add(answer)
    return deleted, _DELETED.all_not_made(unavailable)


def must_be_readable(answer: Answer) -> None:
    """Raise unless users could be read: `AccessDenied` for a refusal, else `UnexpectedAnswer`."""
    if answer.status == 403:
        raise AccessDenied(
            "the application may not read users",
            rule=Rule.USERS_NOT_READABLE,
            hint="grant it the application permission User.Read.All, with admin consent",
        )
    if answer.status != 200:
        raise unexpected(_USERS, f"came with status {answer.status}")
