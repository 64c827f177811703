"""Lists every guest of a tenant, and every other user who was invited.

A listing that fails is never used in part: it is restarted, or the run ends.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from reconciler.concurrency import both
from reconciler.graph import requests
from reconciler.graph.guests import must_be_readable
from reconciler.graph.paging import PageCursor
from reconciler.graph.responses import Answer, Row, unexpected
from reconciler.graph.rows import OddGuest, guest_or_odd, is_b2b, object_id, rows
from reconciler.graph.sessions import ReadSession
from reconciler.model import Guest, ListedGuests, NotChecked, ObjectId, OddUser

_WHAT: Final = "users"

_RESTARTS: Final = 3
"""Number of times a listing is begun anew before expiring pages count as an error."""

_LISTINGS: Final = (
    "userType eq 'Guest'",
    # Plain filters cannot ask for a value that is not null, so each one is asked for.
    "userType eq 'Member' and creationType eq 'Invitation'",
    "userType eq 'Member' and externalUserState eq 'PendingAcceptance'",
    "userType eq 'Member' and externalUserState eq 'Accepted'",
)
"""Filters that together show all guests, and all others who were invited; none needs an index that lags.

Sources: https://learn.microsoft.com/graph/aad-advanced-queries,
https://learn.microsoft.com/entra/external-id/user-properties
"""

_RESTRICTED: Final = "isManagementRestricted"
"""Whether lists give this property is not documented, so an import goes on without it.

Source: https://learn.microsoft.com/graph/api/resources/user
"""

_NOT_IN_LISTS: Final = 501
"""The status of a list that was asked for a property no list gives.

Source: https://learn.microsoft.com/graph/api/user-list
"""

_AT_A_TIME: Final = 25
"""Users of a page that are taken without a pause: about a millisecond."""

_T = TypeVar("_T")


async def list_guests(
    session: ReadSession, keep: Callable[[Guest | OddUser], _T], *, progress: Callable[[int], None]
) -> ListedGuests[_T]:
    """List the users and reduce each to what `keep` returns; see `TenantReader.list_guests`.

    Raises `AccessDenied` when users cannot be read, and `UnexpectedAnswer` when a row lacks a property that
    was asked for: a missing value would pass for an empty one.
    """
    listing = _Listing(session, keep, progress)
    for condition in _LISTINGS:
        await listing.add(condition)
    not_checked = () if listing.shows_restricted else (_unknown_restriction(),)
    return ListedGuests(users=listing.users, not_checked=not_checked)


class _Listing(Generic[_T]):
    """The users that the listings have shown so far."""

    def __init__(
        self, session: ReadSession, keep: Callable[[Guest | OddUser], _T], progress: Callable[[int], None]
    ) -> None:
        self.users: dict[ObjectId, _T] = {}
        self.shows_restricted = True
        self._session = session
        self._keep = keep
        self._progress = progress

    async def add(self, condition: str) -> None:
        """Read the users that meet a condition, to the last page. Raises `UnexpectedAnswer`."""
        for _ in range(1 + _RESTARTS):
            found = await self._read(condition)
            if found is not None:
                self.users |= found
                return
        raise unexpected(_WHAT, f"expired before its last page, {1 + _RESTARTS} times")

    async def _read(self, condition: str) -> dict[ObjectId, _T] | None:
        """Read all pages; `None` when they expired meanwhile."""
        found: dict[ObjectId, _T] = {}
        trail = PageCursor(self._session, what=_WHAT)
        answer = await self._first(condition)
        while True:
            if answer.error.code == "Directory_ExpiredPageToken":
                return None
            must_be_readable(answer)
            page = answer.document(_WHAT)
            link = trail.next(page)
            if link is None:
                await self._take(page, found)
                return found
            # The directory works on the next page meanwhile.
            answer, _ = await both(self._session.get_url(link, what=_WHAT), self._take(page, found))

    async def _take(self, page: Row, found: dict[ObjectId, _T]) -> None:
        """Add the users of a page to `found`, a few at a time: a request beside this needs its turns."""
        taken = rows(page, what=_WHAT)
        for start in range(0, len(taken), _AT_A_TIME):
            for row in taken[start : start + _AT_A_TIME]:
                self._check(row)
                found[object_id(row["id"], what=_WHAT)] = self._keep(_user(row))
            await asyncio.sleep(0)
        # The first listing is the long one, and an invited member is in two of the others.
        self._progress(len(self.users.keys() | found.keys()) if self.users else len(found))

    async def _first(self, condition: str) -> Answer:
        answer = await self._ask(condition)
        if answer.status == _NOT_IN_LISTS and self.shows_restricted:
            self.shows_restricted = False
            answer = await self._ask(condition)
        return answer

    async def _ask(self, condition: str) -> Answer:
        fields = [*requests.LISTED_FIELDS, *([_RESTRICTED] if self.shows_restricted else ())]
        return await self._session.get(lambda: requests.user_listing(condition, fields), what=_WHAT)

    def _check(self, row: Row) -> None:
        missing = next((name for name in requests.LISTED_FIELDS if name not in row), None)
        if missing is not None:
            raise unexpected(_WHAT, f"leaves out {missing}")
        if _RESTRICTED not in row:
            self.shows_restricted = False


def _user(row: Row) -> Guest | OddUser:
    found = guest_or_odd(row)
    if not isinstance(found, OddGuest):
        return found
    name, mail = row["displayName"], row["mail"]
    return OddUser(
        id=found.id,
        property=found.property,
        is_b2b=is_b2b(row),
        display_name=name if isinstance(name, str) else None,
        mail=mail if isinstance(mail, str) else None,
    )


def _unknown_restriction() -> NotChecked:
    return NotChecked(
        check="restricted administrative units",
        permission=None,
        essential=False,
        reason="the directory does not say in lists who is in one, and nobody else may change those users",
    )
