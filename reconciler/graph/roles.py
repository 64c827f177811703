"""Finds out which guests hold a directory role: directly, through a group, or eligible for one.

Graph refuses an application the reset of a role holder, and protects their `otherMails`.
Source: https://learn.microsoft.com/entra/external-id/reset-redemption-status
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from reconciler.graph import requests
from reconciler.graph.answers import Answer, Row
from reconciler.graph.client import ReadSession
from reconciler.graph.paging import all_rows
from reconciler.graph.rows import object_id
from reconciler.graph.together import together
from reconciler.model import NotChecked, ObjectId

_ASSIGNED = "role assignments"
_ELIGIBLE = "eligible role assignments"
_MEMBERS = "members of groups that hold a role"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRoles:
    """Who holds a role, and what could not be looked at."""

    holders: dict[ObjectId, str] = field(default_factory=dict)
    """Declared ids, with how each holds a role, in words."""

    not_checked: tuple[NotChecked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Principal:
    id: ObjectId

    name: str | None

    is_group: bool | None
    """`None` when Graph did not show what it is."""


async def find_role_holders(session: ReadSession, declared: Collection[ObjectId]) -> FoundRoles:
    """Tell which of the declared ids hold a role, and how."""
    assigned, eligible = await together((_assigned(session), _eligible(session)))
    direct, direct_not_checked = assigned
    could, could_not_checked = eligible
    members, groups_not_checked = await _members(session, direct | could, declared, essential=direct.keys())
    holders: dict[ObjectId, str] = {}
    # Later ones win: who holds a role now is told so, although they are eligible for another one.
    for principals, alone, through in (
        (could, "eligible for it", "eligible through the group"),
        (direct, "assigned directly", "through the group"),
    ):
        for principal in principals.values():
            for member in members.get(principal.id, ()):
                holders[member] = f"{through} {principal.name or principal.id}"
        holders |= dict.fromkeys(principals.keys() & declared, alone)
    return FoundRoles(
        holders=dict(sorted(holders.items())),
        not_checked=(*direct_not_checked, *could_not_checked, *groups_not_checked),
    )


async def _assigned(
    session: ReadSession,
) -> tuple[dict[ObjectId, _Principal], tuple[NotChecked, ...]]:
    answer = await session.get(requests.role_assignments, what=_ASSIGNED)
    if answer.status == 403:
        return {}, (
            NotChecked(
                check=_ASSIGNED,
                permission="RoleManagement.Read.Directory",
                essential=True,
                reason="the application may not read them; Microsoft refuses to reset whoever holds a role",
            ),
        )
    return _principals(await all_rows(session, answer, what=_ASSIGNED), what=_ASSIGNED), ()


async def _eligible(
    session: ReadSession,
) -> tuple[dict[ObjectId, _Principal], tuple[NotChecked, ...]]:
    answer = await session.get(requests.role_eligibilities, what=_ELIGIBLE)
    if answer.status == 200:
        return _principals(await all_rows(session, answer, what=_ELIGIBLE), what=_ELIGIBLE), ()
    licence = "licen" in answer.error.code.lower()
    return {}, (
        NotChecked(
            check=_ELIGIBLE,
            permission=None if licence or answer.status != 403 else "RoleEligibilitySchedule.Read.Directory",
            essential=False,
            reason="the tenant has no licence for them"
            if licence
            else f"the directory answered with status {answer.status}; many tenants have no licence for them",
        ),
    )


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
    """Give the declared members of each principal that is a group, nested ones too.

    A principal Graph did not describe is asked for as a group: 404 says that it is none.
    Source: https://learn.microsoft.com/graph/api/group-list-transitivemembers
    """
    groups = sorted(
        key
        for key, principal in principals.items()
        if principal.is_group or (principal.is_group is None and key not in declared)
    )
    answers = await session.batch_get(
        [f"/groups/{key}/transitiveMembers?$select=id&$top=999" for key in groups], what=_MEMBERS
    )
    asked = [(key, answer) for key, answer in zip(groups, answers, strict=True) if answer.status != 404]
    refused = [key for key, answer in asked if answer.status == 403]
    readable = [(key, answer) for key, answer in asked if answer.status != 403]
    listings = await together(_member_ids(session, answer) for _, answer in readable)
    members = {
        key: [member for member in listing if member in declared]
        for (key, _), listing in zip(readable, listings, strict=True)
    }
    if not refused:
        return members, ()
    return members, (
        NotChecked(
            check=_MEMBERS,
            permission="GroupMember.Read.All",
            essential=any(key in essential for key in refused),
            reason=f"the application may not read the members of {len(refused)} of them",
        ),
    )


async def _member_ids(session: ReadSession, first: Answer) -> list[ObjectId]:
    return [object_id(row.get("id"), what=_MEMBERS) for row in await all_rows(session, first, what=_MEMBERS)]
