"""Fault plans beyond single failures: their switches, their mistakes, and answers they change."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.faults.plan import fault_plan, load_faults
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed, load_seed
from reconciler.errors import InvalidDesired
from reconciler.schemas import load_schema
from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.tenant import ANA, SEED, Tenant

NEW = "ana@newco.example"


def test_a_plan_turns_switches(plant: Plant) -> None:
    """The switches of a plan hold from its first request on."""
    tenant = plant(faults={"switches": {"staleProxiesKept": False}})
    tenant.patch(ANA, mail=NEW)
    assert tenant.user(ANA)["proxyAddresses"] == [f"SMTP:{NEW}"]


def test_switches_of_a_plan_reach_an_existing_state(tmp_path: Path) -> None:
    """They are turned over a kept state as well, outlive its reset, and end when they are turned again."""
    state = tmp_path / "tenant.sqlite"
    with serve(state, seed=Seed(document=SEED)):
        pass
    plan = fault_plan({"switches": {"pimLicensed": False}})
    with serve(state, faults=plan) as emulator, ControlClient(emulator.root) as control:
        assert control.switches()["pimLicensed"] is False
        control.set_faults({})
        control.reset()
        assert control.switches()["pimLicensed"] is False
        control.set_faults({"switches": {"pimLicensed": True}})
        assert control.switches()["pimLicensed"] is True


def test_a_plan_knows_the_switches_of_a_seed() -> None:
    """Seed and plan have the same switches, with the same defaults and the same words."""
    of_seed, of_plan = (load_schema(name) for name in ("emulator", "emulator-faults"))
    assert of_plan["properties"]["switches"]["properties"] == of_seed["properties"]["switches"]["properties"]
    assert of_plan["$defs"]["domain"] == of_seed["$defs"]["domain"]


@pytest.mark.parametrize(
    ("load", "text", "what"),
    [
        (load_faults, "rules: [{do: explode}]\n", "the fault plan"),
        (load_faults, "switches: {nonsense: true}\n", "the fault plan"),
        (load_seed, "guests: {}\n", "the seed"),
    ],
)
def test_a_broken_file_is_called_by_its_name(tmp_path: Path, load: Any, text: str, what: str) -> None:
    """What has a problem is the file that was given, not the desired state."""
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(InvalidDesired) as raised:
        load(path)
    assert raised.value.message == str(raised.value) == f"{what} {path} has 1 problem"


@pytest.mark.parametrize("doing", ["cut-body", "answer", "empty-page", "repeat-row"])
def test_what_was_carried_out_cannot_go_wrong_before(doing: str) -> None:
    """A rule that needs the answer of the request is not taken for the time before it."""
    fault_plan({"rules": [{"do": doing, "where": "after"}]})
    with pytest.raises(ValueError, match="rules/0/where"):
        fault_plan({"rules": [{"do": doing, "where": "before"}]})


@pytest.mark.parametrize(
    ("method", "path", "scope", "information"),
    [
        ("PATCH", f"/users/{ANA}", "Tenant_Application/Write/", "WriteLimitExceeded"),
        ("POST", "/invitations", "Tenant/ReadWrite/", "RequestLimitExceeded"),
        ("GET", f"/users/{ANA}", "Tenant_Application/ReadWrite/", "ResourceUnitLimitExceeded"),
    ],
)
def test_scripted_throttling_tells_what_the_real_one_does(
    plant: Plant, method: str, path: str, scope: str, information: str
) -> None:
    """A 429 of a rule names scope and reason like one of the quotas, unless it is told not to."""
    rule = {"do": "fail", "status": 429}
    answer = plant(faults={"rules": [rule]}).send(method, path)
    assert answer.headers["x-ms-throttle-scope"].startswith(scope)
    assert answer.headers["x-ms-throttle-information"] == information
    silent = plant(faults={"rules": [{**rule, "throttleHeaders": False}]}).send(method, path)
    assert not [name for name in silent.headers if name.startswith("x-ms-throttle")]
    other = plant(faults={"rules": [{"do": "fail"}]}).send(method, path)
    assert not [name for name in other.headers if name.startswith("x-ms-throttle")]


def test_an_answer_can_be_changed(plant: Plant) -> None:
    """A rule sets and leaves out properties of a success; the request was carried out as usual."""
    rule = {"on": "POST", "do": "answer", "fields": {"status": "Error"}, "without": ["inviteRedeemUrl"]}
    tenant = plant(faults={"rules": [rule]})
    tenant.patch(ANA, otherMails=[NEW])
    answer = tenant.reset(ANA, NEW)
    assert (answer.status, answer.body["status"]) == (201, "Error")
    assert "inviteRedeemUrl" not in answer.body
    assert answer.headers["request-id"]
    assert tenant.truth(ANA)["hasLiveLink"]
    assert tenant.requests()[-1]["fault"] == "answer after"
    refused = tenant.reset(ANA, "nowhere@newco.example")
    assert (refused.status, refused.code) == (400, "BadRequest")


def test_an_answer_can_be_untrue(plant: Plant) -> None:
    """With `undone`, what is answered as a success has written nothing, and no message was sent."""
    rule = {"on": "POST", "do": "answer", "fields": {"status": "InProgress"}, "undone": True}
    tenant = plant(faults={"rules": [rule]})
    tenant.patch(ANA, otherMails=[NEW])
    answer = tenant.reset(ANA, NEW, sendInvitationMessage=True)
    assert (answer.status, answer.body["status"]) == (201, "InProgress")
    assert tenant.user(ANA)["externalUserState"] == "Accepted"
    assert [write["operation"] for write in tenant.history()] == ["patch"]
    assert tenant.messages() == []
    assert [entry["status"] for entry in tenant.requests()] == [204, 201, 200]


def test_an_error_can_be_spelt_otherwise(plant: Plant) -> None:
    """Both spellings of the innermost part of an error are known, also in errors that a rule asks for."""
    tenant = plant(innerErrorLowerCase=True, faults={"rules": [{"on": "PATCH", "do": "fail"}]})
    for answer in (tenant.get("/users/nobody"), tenant.patch(ANA, mail=NEW)):
        assert answer.body["error"]["innererror"]["request-id"] == answer.headers["request-id"]
        assert "innerError" not in answer.body["error"]


def test_an_address_in_use_can_be_a_conflict(plant: Plant) -> None:
    """The other form that is reported: 409 with a code of its own and no details."""
    tenant = plant(addressInUseIsHttpConflict=True)
    answer = tenant.patch(ANA, mail="bo@fabrikam.example")
    assert (answer.status, answer.code) == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert "details" not in answer.body["error"]


def test_an_unchanged_tenant_spells_as_documented(tenant: Tenant) -> None:
    """Without switches it is the documented spelling."""
    assert "innerError" in tenant.get("/users/nobody").body["error"]
