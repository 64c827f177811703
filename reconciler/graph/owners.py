"""Finds the objects of the tenant that hold an address, and the properties that do.

Looks up the addresses, or lists a whole kind of object, whichever costs fewer requests. Both are plain
queries: advanced ones are answered from an index that lags, and without them users whose `userType` is null
cannot be listed apart. So users are listed without a filter.

Source: https://learn.microsoft.com/graph/aad-advanced-queries
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from reconciler.concurrency import gather_or_raise
from reconciler.graph import requests
from reconciler.graph.batching import BATCH_SIZE
from reconciler.graph.holdings import WHAT, Wanted, complete
from reconciler.graph.lookups import Lookup, look_up, pack, requests_for
from reconciler.graph.paging import PageCursor
from reconciler.graph.places import CONTACTS, GROUPS, USERS, Place
from reconciler.graph.responses import Answer
from reconciler.graph.rows import check_addresses, rows
from reconciler.graph.sessions import ReadSession
from reconciler.graph.unavailable import Unavailable
from reconciler.model import AddressOwner, EmailAddress, FoundOwners

_Held = set[tuple[EmailAddress, AddressOwner]]


@dataclass(slots=True)
class _Found:
    """The results of a search so far."""

    held: _Held = field(default_factory=set)
    unavailable: dict[str, set[Unavailable]] = field(default_factory=dict)
    """By the path of the place."""

    def why_not(self, place: Place) -> set[Unavailable]:
        """Return the reasons for which a part of a place was not read."""
        return self.unavailable.get(place.path, set())


async def find_owners(
    session: ReadSession, addresses: Collection[EmailAddress], *, users: int = 0
) -> FoundOwners:
    """Find each address at users, groups and contacts.

    `users` is the least number of users the tenant is known to have.
    """
    asked = sorted(set(addresses))
    of_users, of_others = await gather_or_raise(
        (
            _search(session, asked, (USERS,), at_least=users),
            _search(session, asked, (GROUPS, CONTACTS), at_least=0),
        )
    )
    owners: dict[EmailAddress, set[AddressOwner]] = {address: set() for address in asked}
    for address, owner in of_users.held | of_others.held:
        owners[address].add(owner)
    return FoundOwners(
        owners={
            address: tuple(sorted(found, key=lambda owner: (owner.id, owner.use)))
            for address, found in owners.items()
        },
        not_checked=tuple(
            missed
            for found, place in ((of_users, USERS), (of_others, GROUPS), (of_others, CONTACTS))
            for missed in place.check.all_not_made(found.why_not(place))
        ),
    )


async def _search(
    session: ReadSession, addresses: Sequence[EmailAddress], places: Sequence[Place], *, at_least: int
) -> _Found:
    """Search places that are all essential, or all not."""
    wanted = Wanted(addresses)
    packs = [pack(place, addresses) for place in places]
    listings = await gather_or_raise(
        _listed(session, place, wanted, instead_of=lookups, at_least=at_least)
        for place, lookups in zip(places, packs, strict=True)
    )
    found = _Found()
    for listing in listings:
        found.held |= listing or set()
    left = [lookups for lookups, listing in zip(packs, listings, strict=True) if listing is None]
    best_effort = not all(place.check.essential for place in places)
    for lookup, reply in await look_up(session, left, best_effort=best_effort):
        if isinstance(reply, Unavailable):
            found.unavailable.setdefault(lookup.place.path, set()).add(reply)
            continue
        for row in reply:
            held = set(wanted.held_in(complete(row, lookup.place), lookup.place))
            if not held:  # the filter found an address here: an odd row may hold it
                check_addresses(row, what=WHAT)
            found.held |= held
    return found


async def _listed(
    session: ReadSession, place: Place, wanted: Wanted, *, instead_of: Sequence[Lookup], at_least: int
) -> _Held | None:
    """List all objects of a place; `None` when look-ups are cheaper, or the listing failed.

    Addresses that fit one batch are looked up, which takes one round trip. Otherwise listing stops once it
    has cost as many requests as look-ups: then neither way costs more than twice the cheaper one, although
    the size of the tenant is not known beforehand.
    """
    most = requests_for(instead_of)
    if len(instead_of) <= BATCH_SIZE or at_least > most * requests.LARGEST_PAGE:
        return None
    essential = place.check.essential
    get, follow = (session.get, session.get_url) if essential else (session.try_get, session.try_url)
    held: _Held = set()
    trail = PageCursor(session, what=WHAT)
    answer = await get(lambda: requests.listing(place.path, place.fields), what=WHAT)
    while isinstance(answer, Answer) and answer.status == 200:
        page = answer.document(WHAT)
        for row in rows(page, what=WHAT):
            held.update(wanted.held_in(complete(row, place), place))
        link = trail.next(page)
        if link is None:
            return held
        if len(trail) >= most:
            return None
        answer = await follow(link, what=WHAT)
    # The look-ups show whether the permission is missing, or only the listing failed.
    return None
