"""A run that was killed between the reset of a guest and the end: the next one finishes, and says how."""

import json
import subprocess
from typing import Any

import pytest

from reconciler.emulator.control.client import ControlClient
from tests.e2e.shell import Shell, clean_environment, command_line

ANA = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
NEW = "ana.ruiz@fabrikam.example"

_JOURNAL = ("--journal", "journal.jsonl")


@pytest.fixture
def killed(shell: Shell, tenant: ControlClient) -> ControlClient:
    """Kill a run whose reset of Ana was acknowledged, just before her marker is taken away."""
    shell.plan("--out", "plan.json")
    rule = {"on": f"PATCH /users/{ANA}", "do": "pause", "where": "before", "at": 2}
    tenant.set_faults({"rules": [rule]})
    with subprocess.Popen(
        command_line("apply", "--plan", "plan.json", *_JOURNAL),
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        assert tenant.paused(wait=60)
        running.kill()
    tenant.resume(carry_out=False)
    tenant.set_faults({})
    truth = tenant.truth()[ANA]
    assert (truth.mail, truth.state) == (NEW, "PendingAcceptance")
    assert any(address.startswith("pending-") for address in truth.other_mails)
    return tenant


def _heal(shell: Shell, *options: str) -> dict[str, Any]:
    """Apply once more, and give what the report says of Ana."""
    done = shell.run("apply", "--plan", "plan.json", "--report", "report.json", *options)
    assert done.returncode == 0, done.stderr
    report = json.loads((shell.folder / "report.json").read_text())
    (ana,) = [one for one in report["outcomes"] if one["id"] == ANA]
    assert ana["outcome"] == "applied"
    return {one["action"]: one["result"] for one in ana["actions"]}


def _resets(tenant: ControlClient) -> int:
    return sum(1 for write in tenant.history() if write.id == ANA and write.operation == "reset")


def _is_finished(shell: Shell, tenant: ControlClient) -> bool:
    truth = tenant.truth()[ANA]
    marked = any(address.startswith("pending-") for address in truth.other_mails)
    return truth.mail == NEW and truth.has_live_link and not marked and shell.plan()["changes"] == []


def test_a_journal_spares_the_guest_a_second_message(shell: Shell, killed: ControlClient) -> None:
    """The journal proves the reset, so that only the marker is left to take away."""
    results = _heal(shell, *_JOURNAL)
    assert results["ResetRedemption"] == "skipped"
    assert results["ClearMarker"] == "done"
    assert _resets(killed) == 1
    assert _is_finished(shell, killed)


def test_without_the_journal_the_guest_is_reset_once_more(shell: Shell, killed: ControlClient) -> None:
    """Nothing on the guest proves whose reset it was: one more is sent, the report says so, then none."""
    results = _heal(shell, "--journal", "another.jsonl")
    assert results["ResetRedemption"] == "repeated"
    assert _resets(killed) == 2
    assert _is_finished(shell, killed)
    again = shell.run("apply", "--plan", "plan.json", "--journal", "another.jsonl")
    assert again.returncode == 0, again.stderr
    assert _resets(killed) == 2
