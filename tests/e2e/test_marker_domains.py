"""Tenants that do not take the marker of an unfinished change as an address."""

import json
from typing import Any

from reconciler.emulator.control.client import ControlClient
from tests.e2e.shell import Shell

ANA = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
BO = "2c7b5a1d-9b1d-4e7f-8b62-6a4b4a2d8f12"

_INVALID = "Invalid value specified for property 'otherMails' of resource 'User'."


def _outcomes(shell: Shell) -> dict[str, dict[str, Any]]:
    report = json.loads((shell.folder / "report.json").read_text())
    return {one["id"]: one for one in report["outcomes"]}


def test_a_tenant_that_refuses_the_domain_gets_the_initial_one(shell: Shell, tenant: ControlClient) -> None:
    """The changes go through, it is refused once, no marker is left, and the report says what was used."""
    tenant.set_switches(markerDomainRefused=True)

    done = shell.run("apply", "--auto-approve", "--max-in-flight", "1", "--report", "report.json")

    assert done.returncode == 0, done.stderr
    outcomes = _outcomes(shell)
    assert "in contoso.onmicrosoft.com was used" in outcomes[ANA]["message"]
    assert {one["outcome"] for one in outcomes.values()} <= {"applied", "blocked"}
    truth = tenant.truth()
    assert truth[ANA].mail == "ana.ruiz@fabrikam.example"
    assert not any("pending-" in address for guest in truth.values() for address in guest.other_mails)
    refused = [one for one in tenant.requests() if one.method == "PATCH" and one.status == 400]
    assert len(refused) == 1
    assert "was used" in done.stdout


def test_a_tenant_that_takes_no_marker_loses_nothing(shell: Shell, tenant: ControlClient) -> None:
    """Every first write is refused in both domains: nobody is reset, and the message names the key to set."""
    before = tenant.truth()
    detail = {"code": "InvalidValue", "message": _INVALID, "target": "otherMails"}
    refusal = {"status": 400, "code": "Request_BadRequest", "message": _INVALID, "details": [detail]}
    tenant.set_faults({"rules": [{"on": "PATCH /users/*", "do": "fail", **refusal}]})

    done = shell.run("apply", "--auto-approve", "--report", "report.json")

    assert done.returncode == 7
    outcomes = _outcomes(shell)
    failed = {key: one for key, one in outcomes.items() if one["outcome"] == "failed"}
    assert {one["rule"] for one in failed.values()} == {"marker-refused"}
    message = failed[ANA]["message"]
    assert "markerDomain" in message
    assert "reconciler.invalid and contoso.onmicrosoft.com" in message
    assert {write.id for write in tenant.history()} == {BO}, "a reset without a new address needs no marker"
    after = tenant.truth()
    assert all(after[key] == before[key] for key in failed)
    assert {key for key, one in outcomes.items() if one["outcome"] == "applied"} == {BO}
