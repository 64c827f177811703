"""Finds the guests that hold a directory role: directly, through a group, or eligible for one.

Graph refuses an application the reset of a role holder, and protects their `otherMails`.
Source: https://learn.microsoft.com/entra/external-id/reset-redemption-status
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.concurrency import gather_or_raise
from reconciler.graph import requests
from reconciler.graph.paging import all_rows
from reconciler.graph.responses import Answer, Row
from reconciler.graph.rows import object_id
from reconciler.graph.sessions import ReadSession
from reconciler.graph.transport import BuildRequest
from reconciler.graph.unavailable import Check, Unavailable
from reconciler.model import FoundRoles, NotChecked, ObjectId

_ASSIGNED = Check(
    name="role assignments",
    permission="RoleManagement.Read.Directory",
    essential=True,
    unmade="Microsoft refuses to reset whoever holds a role",
)
_ELIGIBLE = Check(
    name="eligible role assignments",
    # RoleEligibilitySchedule.Read.Directory would do as well, but this one is needed for assignments anyway.
    # Source: https://learn.microsoft.com/graph/api/rbacapplication-list-roleeligibilityscheduleinstances
    permission="RoleManagement.Read.Directory",
    essential=False,
    unmade="many tenants have no licence for them",
)
_MEMBERS = Check(
    name="members of groups that hold a role",
    permission="GroupMember.Read.All",
    essential=True,
    unmade="Microsoft refuses to reset whoever holds a role",
)
_ELIGIBLE_MEMBERS = Check(
    name="members of groups that are eligible for a role",
    permission="GroupMember.Read.All",
    essential=False,
    unmade="Microsoft may refuse to reset them",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Principal:
    id: ObjectId

    name: str | None

    is_group: bool | None
    """`None` when Graph did not return its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holding:
    """How a user holds a role."""

    principal: ObjectId
    """The user, or the group through which the role is held."""

    eligible: bool
    how: str


async def find_role_holders(session: ReadSession, declared: Collection[ObjectId]) -> FoundRoles:
    """Find the declared ids that hold a role, and how."""
    holdings, not_checked = await _holdings(session, declared)
    return FoundRoles(
        holders={holder: holding.how for holder, holding in sorted(holdings.items())}, not_checked=not_checked
    )


async def find_roles(session: ReadSession, users: Collection[ObjectId]) -> FoundRoles:
    """Find the users who hold a role, which ones, and how.

    The names of roles take two further requests, best effort, if anybody holds one: Graph expands one
    property at a time. Source: https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments
    """
    holdings, not_checked = await _holdings(session, users)
    if not holdings:
        return FoundRoles(holders={}, not_checked=not_checked)
    active, eligible = await gather_or_raise(
        (
            _names(session, lambda: requests.role_assignments(expand="roleDefinition"), _ASSIGNED),
            _names(session, lambda: requests.role_eligibilities(expand="roleDefinition"), _ELIGIBLE),
        )
    )
    holders = {}
    for holder, holding in sorted(holdings.items()):
        names = (eligible if holding.eligible else active).get(holding.principal, ())
        holders[holder] = ", ".join([*sorted(names), holding.how])
    return FoundRoles(holders=holders, not_checked=not_checked)


async def _holdings(
    session: ReadSession, declared: Collection[ObjectId]
) -> tuple[dict[ObjectId, _Holding], tuple[NotChecked, ...]]:
    assigned, eligible = await gather_or_raise((_assigned(session), _eligible(session)))
    direct, direct_not_checked = assigned
    could, could_not_checked = eligible
    members, groups_not_checked = await _members(session, could | direct, declared, essential=direct.keys())
    holdings: dict[ObjectId, _Holding] = {}
    # Later entries overwrite: an active role is reported in preference to an eligible one.
    for principals, is_eligible, alone, through in (
        (could, True, "eligible for it", "eligible through the group"),
        (direct, False, "assigned directly", "through the group"),
    ):
        for principal in principals.values():
            how = f"{through} {principal.name or principal.id}"
            for member in members.get(principal.id, ()):
                holdings[member] = _Holding(principal=principal.id, eligible=is_eligible, how=how)
        for holder in principals.keys() & declared:
            holdings[holder] = _Holding(principal=holder, eligible=is_eligible, how=alone)
    return holdings, (*direct_not_checked, *could_not_checked, *groups_not_checked)


async def _names(session: ReadSession, build: BuildRequest, check: Check) -> dict[ObjectId, set[str]]:
    """Return the names of each principal's roles; empty where they cannot be read."""
    answer = await session.try_get(build, what=check.name)
    listing = await all_rows(session, answer, what=check.name, best_effort=True)
    names: defaultdict[ObjectId, set[str]] = defaultdict(set)
    for row in () if isinstance(listing, Unavailable) else listing:
        match row.get("roleDefinition"):
            case {"displayName": str(name)}:
                names[object_id(row.get("principalId"), what=check.name)].add(name)
            case _:
                continue
    return dict(names)


async def _assigned(
    session: ReadSession,
) -> tuple[dict[ObjectId, _Principal], tuple[NotChecked, ...]]:
    answer = await session.get(requests.role_assignments, what=_ASSIGNED.name)
    listing = await all_rows(session, answer, what=_ASSIGNED.name)
    if isinstance(listing, Unavailable):
        return {}, (_ASSIGNED.not_made(listing),)
    return _principals(listing, what=_ASSIGNED.name), ()


async def _eligible(
    session: ReadSession,
) -> tuple[dict[ObjectId, _Principal], tuple[NotChecked, ...]]:
    answer = await session.try_get(requests.role_eligibilities, what=_ELIGIBLE.name)
    listing = await all_rows(session, answer, what=_ELIGIBLE.name, best_effort=True)
    if not isinstance(listing, Unavailable):
        return _principals(listing, what=_ELIGIBLE.name), ()
    if "licen" in listing.code.lower():
        listing = Unavailable(reason="the tenant has no licence for them")
    return {}, (_ELIGIBLE.not_made(listing),)


def _principals(assignments: Iterable[Row], *, what: str) -> dict[ObjectId, _Principal]:
    found: dict[ObjectId, _Principal] = {}
    for assignment in assignments:
        key = object_id(assignment.get("principalId"), what=what)
        is_group: bool | None
        shown = assignment.get("principal")
        match shown:
            case {"@odata.type": str(kind)}:
                is_group = kind == "#microsoft.graph.group"
            case _:
                is_group = None
        name = shown.get("displayName") if isinstance(shown, dict) else None
        found[key] = _Principal(id=key, name=name if isinstance(name, str) else None, is_group=is_group)
    return found


async def _members(
    session: ReadSession,
    principals: dict[ObjectId, _Principal],
    declared: Collection[ObjectId],
    *,
    essential: Collection[ObjectId],
) -> tuple[dict[ObjectId, list[ObjectId]], tuple[NotChecked, ...]]:
    """Return the declared members of each principal that is a group, nested ones too.

    A principal of unknown type is requested as a group: 404 means that it is none.
    Source: https://learn.microsoft.com/graph/api/group-list-transitivemembers
    """
    groups = sorted(
        key
        for key, principal in principals.items()
        if principal.is_group or (principal.is_group is None and key not in declared)
    )
    held = [key for key in groups if key in essential]
    possible = [key for key in groups if key not in essential]
    of_held, of_possible = await gather_or_raise(
        (
            _listings(session, held, best_effort=False),
            _listings(session, possible, best_effort=True),
        )
    )
    members: dict[ObjectId, list[ObjectId]] = {}
    not_checked: set[NotChecked] = set()
    for check, listings in ((_MEMBERS, of_held), (_ELIGIBLE_MEMBERS, of_possible)):
        for key, listing in listings.items():
            if not isinstance(listing, Unavailable):
                members[key] = [member for member in _ids(listing) if member in declared]
            elif listing.status != 404 or principals[key].is_group:
                not_checked.add(check.not_made(listing))
    return members, tuple(sorted(not_checked))


async def _listings(
    session: ReadSession, groups: Sequence[ObjectId], *, best_effort: bool
) -> dict[ObjectId, list[Row] | Unavailable]:
    urls = [f"/groups/{key}/transitiveMembers?$select=id&$top=999" for key in groups]
    first: Sequence[Answer | Unavailable]
    if best_effort:
        first = await session.try_batch(urls, what=_MEMBERS.name)
    else:
        first = await session.batch_get(urls, what=_MEMBERS.name)
    listings = await gather_or_raise(
        all_rows(session, answer, what=_MEMBERS.name, best_effort=best_effort) for answer in first
    )
    return dict(zip(groups, listings, strict=True))


def _ids(listing: Iterable[Row]) -> Iterator[ObjectId]:
    return (object_id(row.get("id"), what=_MEMBERS.name) for row in listing)
