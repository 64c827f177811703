"""Seeds: what a person writes, and the tenant that comes of it."""

from pathlib import Path
from textwrap import dedent

import pytest

from reconciler.emulator.faults.plan import fault_plan, load_faults
from reconciler.emulator.tenant.seed import load_seed
from reconciler.emulator.tenant.seeding import generated_id
from reconciler.emulator.tenant.switches import Switches
from reconciler.errors import InvalidDesired, UsageError
from reconciler.sample import SAMPLE_TREE
from reconciler.schemas import load_schema, violations
from tests.contract.emulator.conftest import Plant

REPOSITORY = Path(__file__).parents[3]


def _file(folder: Path, text: str) -> Path:
    path = folder / "seed.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def test_the_sample_tenant_is_as_its_file_says(plant: Plant) -> None:
    """The sample seed has guests to change and others, a group with a role, a contact, a deleted user."""
    tenant = plant(load_seed(SAMPLE_TREE / "emulator.yaml").document)
    ana = tenant.truth("1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01")
    assert ana["account"] == "ana@fabrikam.example"
    assert ana["groups"] == ["All partners", "Purchasing partners"]
    assert ana["appRoleAssignments"] == ["Contract archive", "Order portal"]
    assert tenant.sign_in("kim@proseware.example").result == "redeemed"
    assert len(tenant.get("/directory/deletedItems/microsoft.graph.user").ids) == 1
    assert len(tenant.get("/contacts").ids) == 1
    assert len(tenant.get("/roleManagement/directory/roleAssignments").ids) == 2


def test_what_is_not_given_follows_from_the_address(plant: Plant) -> None:
    """An entry with nothing but an address is an accepted guest, always with the same id."""
    ids = set()
    for _ in range(2):
        tenant = plant({"guests": [{"email": "ana@fabrikam.example"}]})
        [found] = tenant.get("/users").ids
        ids.add(found)
        assert tenant.user(found)["proxyAddresses"] == ["SMTP:ana@fabrikam.example"]
        assert tenant.truth(found)["account"] == "ana@fabrikam.example"
    assert len(ids) == 1


def test_what_is_given_counts(plant: Plant) -> None:
    """Every property of a guest and of a member can be set."""
    entry: dict[str, object] = {
        "email": "ana@fabrikam.example",
        "mail": None,
        "otherMails": [],
        "userType": "Member",
        "userPrincipalName": "ana@contoso.example",
        "account": None,
        "onPremisesSynced": True,
    }
    tenant = plant({"guests": [entry]})
    [user] = tenant.get(
        "/users?$select=id,mail,otherMails,proxyAddresses,userType,onPremisesSyncEnabled"
    ).body["value"]
    assert user.pop("id")
    assert user == {
        "mail": None, "otherMails": [], "proxyAddresses": [], "userType": "Member",
        "onPremisesSyncEnabled": True,
    }  # fmt: skip
    assert tenant.sign_in("ana@fabrikam.example").result == "refused"


def test_many_guests_are_generated(plant: Plant) -> None:
    """Generated guests follow the declared ones, each with its own id, address and identities."""
    tenant = plant(
        {"guests": [{"email": "ana@fabrikam.example"}], "generate": {"guests": 3, "domain": "many.example"}}
    )
    assert tenant.get("/users").ids[1:] == [generated_id(n) for n in range(3)]
    last = tenant.user(generated_id(2))
    assert last["mail"] == "guest-000002@many.example"
    assert last["proxyAddresses"] == ["SMTP:guest-000002@many.example"]
    assert last["identities"][1]["issuerAssignedId"].startswith("guest-000002_many.example#EXT#@")
    assert tenant.sign_in("guest-000001@many.example").id == generated_id(1)
    found = tenant.get("/users?$filter=otherMails/any(o:o eq 'GUEST-000000@many.example')")
    assert found.ids == [generated_id(0)]


def test_every_problem_of_a_seed_is_told(tmp_path: Path) -> None:
    """A seed that breaks its schema raises with each problem and its place."""
    path = _file(
        tmp_path,
        """\
        guests:
          - name: nobody
          - email: x@y.example
            enabled: perhaps
        switches:
          nonsense: true
        """,
    )
    with pytest.raises(InvalidDesired) as raised:
        load_seed(path)
    assert [(problem.line, problem.rule) for problem in raised.value.problems] == [
        (2, "missing-key"), (4, "wrong-type"), (6, "unknown-key"),
    ]  # fmt: skip


def test_names_nobody_bears_are_told(tmp_path: Path) -> None:
    """A group, member or holder that the file does not hold is a problem; ids are taken as they are."""
    path = _file(
        tmp_path,
        """\
        guests:
          - email: ana@fabrikam.example
            groups: [Nobody]
        groups:
          - name: Team
            members: [nobody@x.example, 1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01, Team, ana@fabrikam.example]
            owners: [nobody@x.example, ana@fabrikam.example]
        roles:
          - {role: Reader, holder: Nowhere}
          - {role: Reader, holder: 1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01}
        """,
    )
    with pytest.raises(InvalidDesired) as raised:
        load_seed(path)
    assert [(problem.line, problem.rule) for problem in raised.value.problems] == [
        (3, "unknown-name"), (6, "unknown-name"), (7, "unknown-name"), (9, "unknown-name"),
    ]  # fmt: skip


def test_the_same_object_twice_is_told(tmp_path: Path) -> None:
    """Two entries that would be one object are a problem that names both places."""
    path = _file(
        tmp_path,
        """\
        guests:
          - email: ana@fabrikam.example
        deleted:
          - email: ana@fabrikam.example
            deleted: 2026-01-02T03:04:05Z
        """,
    )
    with pytest.raises(InvalidDesired) as raised:
        load_seed(path)
    [problem] = raised.value.problems
    assert (problem.line, problem.rule) == (4, "duplicate-id")
    assert "2:" in problem.message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A seed or fault plan that is not there is wrong usage, with the name of the file."""
    for load in (load_seed, load_faults):
        with pytest.raises(UsageError, match="absent"):
            load(tmp_path / "absent")


def test_every_switch_stands_in_the_schema() -> None:
    """The seed's schema knows each switch with its default, and no other."""
    declared = load_schema("emulator")["properties"]["switches"]["properties"]
    assert {name: entry["default"] for name, entry in declared.items()} == Switches().to_json()


@pytest.mark.parametrize(
    "changes",
    [
        {"nonsense": True},
        {"pimLicensed": "yes"},
        {"deniedDomains": "x"},
        {"deniedDomains": [1]},
        {"allowInvitesFrom": "x"},
    ],
)
def test_wrong_switches_are_refused(changes: dict[str, object]) -> None:
    """A switch there is none of, or a value it does not take, is an error and turns nothing."""
    with pytest.raises(ValueError, match=r"switch|InvitesFrom"):
        Switches().turned(changes)


def test_switches_survive_their_json() -> None:
    """Writing switches as JSON and turning them back gives the same."""
    turned = Switches().turned({"deniedDomains": ["X.example"], "pimLicensed": False})
    assert turned.denied_domains == ("x.example",)
    assert Switches().turned(turned.to_json()) == turned


def test_a_fault_plan_is_read_from_a_file(tmp_path: Path) -> None:
    """A fault plan is YAML that fits its schema; what does not is told with its place."""
    good = _file(
        tmp_path, "speed: 5\nlatency: [{milliseconds: 300}]\nrules: [{on: PATCH /users/*, do: cut, at: 2}]\n"
    )
    assert load_faults(good).document["rules"] == [{"on": "PATCH /users/*", "do": "cut", "at": 2}]
    with pytest.raises(InvalidDesired) as raised:
        load_faults(_file(tmp_path, "rules:\n  - {do: explode}\n"))
    assert [(problem.line, problem.rule) for problem in raised.value.problems] == [(2, "not-allowed")]
    with pytest.raises(ValueError, match="rules/0/do"):
        fault_plan({"rules": [{"do": "explode"}]})
    with pytest.raises(ValueError, match="the document"):
        fault_plan({"rules": [], "speed": 5}["rules"])  # type: ignore[arg-type]  # a list on purpose


def test_an_empty_fault_plan_fits() -> None:
    """Nothing goes wrong by default."""
    assert list(violations("emulator-faults", {})) == []
