"""A plan file is an allow-list: whoever can write one can not make apply write an address of theirs."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace

from reconciler.documents import dump, plan_from_json, plan_to_json
from reconciler.emulator.control.client import ControlClient
from reconciler.model import (
    Action,
    AddOtherMail,
    Change,
    ClearMarker,
    EmailAddress,
    ResetRedemption,
    SetMail,
    SetOtherMails,
    TenantId,
)
from reconciler.plan.compare import Written, carried_out, changed_fields
from reconciler.plan.digests import change_digest, plan_digest
from tests.e2e.shell import Shell

ANA = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
BO = "2c7b5a1d-9b1d-4e7f-8b62-6a4b4a2d8f12"
TENANT = TenantId("7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10")
EVIL = EmailAddress("evil@attacker.example")


def _with_digest(change: Change) -> Change:
    digest = change_digest(
        tenant=TENANT, guest=change.id, kind=change.kind, fields=change.fields, actions=change.actions
    )
    return replace(change, digest=digest)


def _apply_forged(
    shell: Shell, guest: str, forge: Callable[[Change], Change]
) -> subprocess.CompletedProcess[str]:
    """Apply a plan of which one row is forged, with digests that fit."""
    assert shell.run("plan", "--out", "plan.json").returncode == 0
    file = shell.folder / "plan.json"
    plan = plan_from_json(file.read_bytes(), tenant=TENANT)
    forged = tuple(_with_digest(forge(change)) if change.id == guest else change for change in plan.changes)
    digest = plan_digest(change.digest for change in forged)
    file.write_text(dump(plan_to_json(replace(plan, changes=forged, digest=digest))))
    return shell.run("apply", "--plan", "plan.json", "--report", "report.json")


def _to_evil(action: Action) -> Action:
    match action:
        case SetMail() | ClearMarker():
            return replace(action, email=EVIL, other_mails=(EVIL,))
        case AddOtherMail() | ResetRedemption():
            return replace(action, email=EVIL)
        case SetOtherMails():
            return replace(action, other_mails=(EVIL,))


def _hand_over(change: Change) -> Change:
    """Let every part of a change of address agree that the address is another one."""
    actions = tuple(map(_to_evil, change.actions))
    before = Written(mail=change.precondition.mail, other_mails=change.precondition.other_mails)
    [fields] = changed_fields([(before, carried_out(actions, before))])
    return replace(change, actions=actions, fields=fields)


def test_an_address_put_in_the_place_of_another_is_never_written(shell: Shell, tenant: ControlClient) -> None:
    """A forged row in which everything fits is not done: the guest is stale, the others are applied."""
    done = _apply_forged(shell, ANA, _hand_over)

    assert done.returncode == 7, done.stderr
    outcomes = json.loads((shell.folder / "report.json").read_text())["outcomes"]
    found = {one["id"]: one["outcome"] for one in outcomes}
    assert found[ANA] == "stale"
    assert found[BO] == "applied"
    assert EVIL.text not in str(tenant.history())


def test_an_action_smuggled_into_a_row_refuses_the_whole_plan(shell: Shell, tenant: ControlClient) -> None:
    """A forged action that does not fit the rest of its row is met before the directory is asked."""
    done = _apply_forged(
        shell,
        BO,
        lambda change: replace(change, actions=(AddOtherMail(email=EVIL), *change.actions)),
    )

    assert done.returncode == 5
    assert "invalid-plan" in done.stderr
    assert tenant.history() == []
