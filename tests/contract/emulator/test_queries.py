"""Query options: each path takes some, and none is silently ignored."""

import pytest

from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.tenant import ANA, SEED, Tenant

GROUP = "6d0c1a2b-0000-4000-8000-000000000000"
ROLES = "/roleManagement/directory/roleAssignments"
MEMBERS = f"/groups/{GROUP}/transitiveMembers"
POLICY = "/policies/authorizationPolicy"


@pytest.fixture
def tenant(plant: Plant) -> Tenant:
    """Give a tenant with a group."""
    return plant({**SEED, "groups": [{"id": GROUP, "name": "Team", "members": [ANA]}]})


@pytest.mark.parametrize(
    "path",
    [
        *(
            f"{path}?{option}"
            for path in (ROLES, f"/users/{ANA}", f"/groups/{GROUP}", "/organization", POLICY, MEMBERS)
            for option in ("$nonsense=1", "$skip=1", "$search=x", "$count=true")
        ),
        f"{ROLES}?$orderby=id",
        f"/users/{ANA}?$filter=id eq 'x'",
        f"/users/{ANA}?$top=1",
        "/organization?$filter=id eq 'x'",
        "/organization?$expand=extensions",
        f"{POLICY}?$expand=x",
        "/directory/deletedItems/x?$filter=id eq 'x'",
    ],
)
def test_options_a_path_does_not_take_are_refused(tenant: Tenant, path: str) -> None:
    """What Graph does not take there is 400, as on the listings."""
    answer = tenant.get(path)
    assert (answer.status, answer.code) in {(400, "BadRequest"), (400, "Request_UnsupportedQuery")}


@pytest.mark.parametrize(
    "path",
    [
        f"/users/{ANA}?$expand=manager",
        f"/groups/{GROUP}?$expand=members",
        f"{MEMBERS}?$filter=startsWith(displayName,'a')",
        "/users?$format=application/xml",
    ],
)
def test_options_graph_takes_and_the_emulator_does_not(tenant: Tenant, path: str) -> None:
    """What only the emulator cannot do is 501."""
    answer = tenant.get(path)
    assert (answer.status, answer.code) == (501, "EmulatorNotImplemented")


@pytest.mark.parametrize(
    "path", [f"/users/{ANA}?$select=id&$format=json", f"{ROLES}?select=id&top=5", f"{MEMBERS}?$top=5"]
)
def test_options_that_are_taken(tenant: Tenant, path: str) -> None:
    """What a path takes it takes, also without the dollar sign."""
    assert tenant.get(path).status == 200


def test_writes_take_no_options(tenant: Tenant) -> None:
    """A write with a query option is refused and changes nothing."""
    assert tenant.send("PATCH", f"/users/{ANA}?$select=id", {"displayName": "A"}).status == 400
    assert tenant.send("POST", "/invitations?$nonsense=1", {}).status == 400
    assert tenant.history() == []
