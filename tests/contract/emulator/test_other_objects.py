"""What planning looks up besides users: the tenant, roles, groups, contacts and the bin."""

import pytest

from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.tenant import ANA, MARA, ROOT, SEED, Tenant

GROUP, INNER, CONTACT, GONE = (f"6d0c1a2b-0000-4000-8000-00000000000{n}" for n in range(4))
DOCUMENT = {
    **SEED,
    "groups": [
        {"id": GROUP, "name": "Outer", "mail": "outer@contoso.example", "members": ["Inner", MARA]},
        {"id": INNER, "name": "Inner", "members": ["ana@fabrikam.example", "Outer"]},
    ],
    "contacts": [{"id": CONTACT, "name": "Reception", "mail": "reception@fabrikam.example"}],
    "deleted": [{"id": GONE, "email": "gone@fabrikam.example", "deleted": "2026-01-02T03:04:05Z"}],
    "roles": [
        {"role": "Global Administrator", "holder": "mara@contoso.example"},
        {"role": "Reports Reader", "holder": "Outer", "scope": "/administrativeUnits/1"},
        {"role": "Reports Reader", "holder": "7d0c1a2b-0000-4000-8000-000000000000"},
        {"role": "Helpdesk Administrator", "holder": ANA, "eligible": True},
    ],
}


@pytest.fixture
def rich(plant: Plant) -> Tenant:
    """Give a tenant with one of everything."""
    return plant(DOCUMENT)


def test_the_organization_shows_its_domains(rich: Tenant) -> None:
    """The organization names its id and every verified domain, the initial one marked."""
    [organization] = rich.get("/organization").body["value"]
    domains = {
        entry["name"]: (entry["isInitial"], entry["isDefault"]) for entry in organization["verifiedDomains"]
    }
    assert domains == {"contoso.onmicrosoft.com": (True, False), "contoso.example": (False, True)}
    picked = rich.get("/organization?$select=id").body
    assert picked["value"] == [{"id": organization["id"]}]
    assert picked["@odata.context"].endswith("#organization(id)")
    assert rich.get("/organization?$select=nonsense").status == 400


def test_the_policy_says_who_may_invite(plant: Plant) -> None:
    """`allowInvitesFrom` follows its switch."""
    tenant = plant(allowInvitesFrom="none")
    assert tenant.get("/policies/authorizationPolicy").body["allowInvitesFrom"] == "none"
    answer = tenant.get("/policies/authorizationPolicy?$select=allowInvitesFrom")
    assert answer.body.keys() == {"@odata.context", "allowInvitesFrom"}


def test_role_assignments_show_their_principals(rich: Tenant) -> None:
    """Active assignments are listed; `$expand` shows whether a principal is a user, a group or neither."""
    listed = rich.get("/roleManagement/directory/roleAssignments?$expand=principal").body["value"]
    kinds = [entry["principal"] and entry["principal"]["@odata.type"] for entry in listed]
    assert kinds == ["#microsoft.graph.user", "#microsoft.graph.group", None]
    assert [entry["principalId"] for entry in listed][:2] == [MARA, GROUP]
    defined = rich.get("/roleManagement/directory/roleAssignments?$expand=roleDefinition").body["value"]
    assert defined[0]["roleDefinition"]["displayName"] == "Global Administrator"


def test_role_assignments_can_be_filtered_picked_and_paged(rich: Tenant) -> None:
    """Filters by principal, role and scope work, as do `$select` and nextLinks."""
    path = "/roleManagement/directory/roleAssignments"
    assert len(rich.get(f"{path}?$filter=principalId eq '{MARA.upper()}'").body["value"]) == 1
    assert len(rich.get(f"{path}?$filter=directoryScopeId eq '/'").body["value"]) == 2
    page = rich.get(f"{path}?$top=2&$select=principalId").body
    assert page["value"] == [{"principalId": MARA}, {"principalId": GROUP}]
    rest = rich.get(page["@odata.nextLink"].removeprefix(ROOT)).body
    assert len(rest["value"]) == 1
    assert "@odata.nextLink" not in rest
    assert rich.get(f"{path}?$expand=principal,roleDefinition").status == 400
    assert rich.get(f"{path}?$filter=id eq 'x'").status == 400


def test_eligibility_needs_a_licence(plant: Plant) -> None:
    """Eligible assignments are listed apart; without the licence the tenant answers with an error."""
    path = "/roleManagement/directory/roleEligibilityScheduleInstances"
    [eligible] = plant(DOCUMENT).get(path).body["value"]
    assert eligible["principalId"] == ANA
    answer = plant(DOCUMENT, pimLicensed=False).get(path)
    assert (answer.status, answer.code) == (400, "AadPremiumLicenseRequired")


def test_members_of_groups_inside_groups(rich: Tenant) -> None:
    """Transitive members are users and groups at any depth, each once, also where groups go in circles."""
    path = f"/groups/{GROUP.upper()}/transitiveMembers"
    listed = rich.get(f"{path}?$select=id").body["value"]
    assert {entry["id"] for entry in listed} == {ANA, MARA, INNER, GROUP}
    assert {entry["@odata.type"] for entry in listed} == {"#microsoft.graph.user", "#microsoft.graph.group"}
    first = rich.get(f"{path}?$top=3").body
    rest = rich.get(first["@odata.nextLink"].removeprefix(ROOT)).body
    assert len(first["value"]) + len(rest["value"]) == 4
    assert rich.get(f"/groups/{MARA}/transitiveMembers").status == 404


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/groups?$filter=mail eq 'outer@contoso.example'&$select=id", GROUP),
        ("/groups?$filter=proxyAddresses/any(p:p eq 'smtp:outer@contoso.example')&$select=id", GROUP),
        (
            "/contacts?$filter=proxyAddresses/any(p:p eq 'SMTP:reception@fabrikam.example')&$select=id",
            CONTACT,
        ),
        ("/directory/deletedItems/microsoft.graph.user?$select=id", GONE),
    ],
)
def test_other_collections_can_be_searched(rich: Tenant, path: str, found: str) -> None:
    """Groups, contacts and deleted users are found by their addresses."""
    assert rich.get(path).body["value"] == [{"id": found}]


@pytest.mark.parametrize(
    "path", [f"/groups/{GROUP}", f"/contacts/{CONTACT}", f"/directory/deletedItems/{GONE}"]
)
def test_other_objects_can_be_read(rich: Tenant, path: str) -> None:
    """Groups, contacts and deleted objects are read by id, and only under their own path."""
    assert rich.get(path).body["id"] == path.rpartition("/")[2]
    assert rich.get(path.rpartition("/")[0] + f"/{ANA}").status == 404


def test_a_deleted_user_says_so(rich: Tenant) -> None:
    """A deleted user is a typed object in the bin, with the time, and no user any more."""
    body = rich.get(f"/directory/deletedItems/{GONE}?$select=id,deletedDateTime").body
    assert body["@odata.type"] == "#microsoft.graph.user"
    assert body["deletedDateTime"] == "2026-01-02T03:04:05Z"
    assert rich.get(f"/users/{GONE}").status == 404
