"""A plan file is an allow-list: whoever can write one can not make apply write an address of theirs."""

import json
from dataclasses import replace

from reconciler.documents import dump, plan_from_json, plan_to_json
from reconciler.emulator.control import ControlClient
from reconciler.model import AddOtherMail, Change, EmailAddress, TenantId
from reconciler.plan.content import change_digest, plan_digest
from tests.e2e.shell import Shell

BO = "2c7b5a1d-9b1d-4e7f-8b62-6a4b4a2d8f12"
TENANT = TenantId("7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10")
EVIL = EmailAddress("evil@attacker.example")


def _forge(change: Change) -> Change:
    actions = (AddOtherMail(email=EVIL), *change.actions)
    digest = change_digest(
        tenant=TENANT, guest=change.id, kind=change.kind, fields=change.fields, actions=actions
    )
    return replace(change, actions=actions, digest=digest)


def test_an_address_smuggled_into_a_plan_file_is_never_written(shell: Shell, tenant: ControlClient) -> None:
    """A forged action with digests that fit is not done: the guest is stale, the others are applied."""
    assert shell.run("plan", "--out", "plan.json").returncode == 0
    file = shell.folder / "plan.json"
    plan = plan_from_json(file.read_bytes(), tenant=TENANT)
    forged = tuple(_forge(change) if change.id == BO else change for change in plan.changes)
    digest = plan_digest(change.digest for change in forged)
    file.write_text(dump(plan_to_json(replace(plan, changes=forged, digest=digest))))

    done = shell.run("apply", "--plan", "plan.json", "--report", "report.json")

    assert done.returncode == 7, done.stderr
    outcomes = json.loads((shell.folder / "report.json").read_text())["outcomes"]
    assert next(one["outcome"] for one in outcomes if one["id"] == BO) == "stale"
    assert EVIL.text not in str(tenant.history())
