"""Who holds a role is found directly, through groups and by eligibility."""

from typing import Any

import pytest

from reconciler.model import ObjectId
from tests.support.plans import guest_id
from tests.support.scripted_graph import Reply, refusal
from tests.support.scripted_graph.tenant import (
    ASSIGNMENTS,
    ELIGIBILITIES,
    FORBIDDEN,
    GROUP,
    OTHER_GROUP,
    PERSON,
    Graph,
    observe_guests,
    quiet,
    rows,
    user,
)


def principal(key: ObjectId, kind: str, name: str | None = None) -> dict[str, Any]:
    return {
        "principalId": key,
        "principal": {"id": key, "@odata.type": f"#microsoft.graph.{kind}", "displayName": name},
    }


def with_roles(*assigned: object, eligible: tuple[object, ...] = ()) -> Graph:
    graph = quiet(_users=rows(*map(user, (1, 2, 3))))
    graph.answers[ASSIGNMENTS] = rows(*assigned)
    graph.answers[ELIGIBILITIES] = rows(*eligible)
    return graph


async def test_roles_reach_guests_directly_through_groups_and_by_eligibility() -> None:
    """Who holds a role now is told before who could hold one; others' roles do not matter."""
    graph = with_roles(
        principal(guest_id(1), "user"),
        principal(GROUP, "group", "Reviewers"),
        principal(PERSON, "servicePrincipal"),
        eligible=(
            principal(guest_id(1), "user"),
            principal(OTHER_GROUP, "group"),
            principal(guest_id(3), "user"),
        ),
    )
    graph.answers[f"/groups/{GROUP}/transitiveMembers"] = rows({"id": guest_id(2)}, {"id": PERSON})
    graph.answers[f"/groups/{OTHER_GROUP}/transitiveMembers"] = rows({"id": guest_id(2)}, {"id": guest_id(3)})
    live = await observe_guests(graph, 1, 2, 3)
    assert live.role_holders == {
        guest_id(1): "assigned directly",
        guest_id(2): "through the group Reviewers",
        guest_id(3): "eligible for it",
    }
    assert live.not_checked == ()


async def test_members_of_a_group_are_read_to_the_last_page() -> None:
    """A role that many hold through a group is found on its second page."""
    graph = with_roles(principal(GROUP, "group", "Reviewers"))
    graph.answers[f"/groups/{GROUP}/transitiveMembers"] = lambda _: graph.page("/next", {"id": PERSON})
    graph.answers["/next"] = rows({"id": guest_id(2)})
    assert set((await observe_guests(graph, 1, 2)).role_holders) == {guest_id(2)}


async def test_principal_that_was_not_shown_is_asked_for_as_a_group() -> None:
    """Without a description a principal is a declared guest, or a group, or neither."""
    graph = with_roles({"principalId": guest_id(1)}, {"principalId": GROUP}, {"principalId": PERSON})
    graph.answers[f"/groups/{GROUP}/transitiveMembers"] = rows({"id": guest_id(2)})
    live = await observe_guests(graph, 1, 2)
    assert live.role_holders == {
        guest_id(1): "assigned directly",
        guest_id(2): f"through the group {GROUP}",
    }


async def test_closed_groups_make_a_plan_incomplete_only_where_a_role_is_held() -> None:
    """Members that cannot be read matter for held roles, not for ones somebody could activate."""
    held = with_roles(principal(GROUP, "group"))
    held.answers[f"/groups/{GROUP}/transitiveMembers"] = FORBIDDEN
    (unavailable,) = (await observe_guests(held, 1)).not_checked
    assert (unavailable.permission, unavailable.essential) == ("GroupMember.Read.All", True)
    possible = with_roles(eligible=(principal(GROUP, "group"),))
    possible.answers[f"/groups/{GROUP}/transitiveMembers"] = FORBIDDEN
    (unavailable,) = (await observe_guests(possible, 1)).not_checked
    assert not unavailable.essential


async def test_closed_role_assignments_make_a_plan_incomplete() -> None:
    """Roles that cannot be read are said not to have been checked."""
    graph = with_roles()
    graph.answers[ASSIGNMENTS] = FORBIDDEN
    (unavailable,) = (await observe_guests(graph, 1)).not_checked
    assert (unavailable.permission, unavailable.essential) == ("RoleManagement.Read.Directory", True)


@pytest.mark.parametrize(
    ("answer", "permission"),
    [
        (FORBIDDEN, "RoleManagement.Read.Directory"),
        (refusal(403, "AadPremiumLicenseRequired"), None),
        (refusal(400, "AadPremiumLicenseRequired"), None),
        (refusal(404), None),
        (Reply(status=403), None),
    ],
)
async def test_unreadable_eligibility_is_a_remark(answer: Reply, permission: str | None) -> None:
    """Eligibility needs a licence: what cannot be read is remarked, with the permission if it is that."""
    graph = with_roles()
    graph.answers[ELIGIBILITIES] = answer
    (unavailable,) = (await observe_guests(graph, 1)).not_checked
    assert (unavailable.permission, unavailable.essential) == (permission, False)
