"""The main job: the sample tree through validate, plan, apply, and a plan that shows no change."""

import json
import os
import stat

from reconciler.emulator.control.client import ControlClient, GuestTruth
from tests.e2e.shell import Shell

ANA = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
BO = "2c7b5a1d-9b1d-4e7f-8b62-6a4b4a2d8f12"
DMITRI = "4e9d7c3f-bd3f-4091-8d84-8c6d6c4fa134"
ORDER_DESK = "71c0af62-e062-43c4-90b7-bf9f9f72d467"
FOUR = {ANA, BO, DMITRI, ORDER_DESK}


def _possessions(guest: GuestTruth) -> tuple[object, ...]:
    return guest.id, guest.user_principal_name, guest.groups, guest.app_role_assignments


def test_the_four_cases_are_planned_applied_and_gone(shell: Shell, tenant: ControlClient) -> None:
    """The four guests are changed, keep all they had, and nothing is left to do."""
    before = tenant.truth()
    assert shell.run("validate").returncode == 0
    plan = shell.plan("--out", "plan.json")
    assert {change["id"] for change in plan["changes"]} == FOUR
    assert tenant.history() == []

    applied = shell.run(
        "apply", "--plan", "plan.json", "--report", "report.json", "--journal", "journal.jsonl"
    )

    assert applied.returncode == 0, applied.stderr
    report = json.loads((shell.folder / "report.json").read_text())
    assert {one["id"] for one in report["outcomes"] if one["outcome"] == "applied"} == FOUR
    after = tenant.truth()
    history = tenant.history()
    for guest, was in before.items():
        assert _possessions(after[guest]) == _possessions(was)
        if guest not in FOUR:
            assert after[guest] == was, "a guest who needed nothing was touched"
    assert {write.id for write in history} == FOUR
    for guest in FOUR:
        assert after[guest].state == "PendingAcceptance"
        assert [write.operation for write in history if write.id == guest].count("reset") == 1
    for guest in FOUR - {BO}:
        assert after[guest].mail != before[guest].mail
        assert before[guest].mail not in after[guest].other_mails
        touches_mail = ["mail" in write.changes for write in history if write.id == guest]
        assert touches_mail[0], "mail is written first"
        assert not any("@reconciler.invalid" in address for address in after[guest].other_mails)
    assert shell.plan()["changes"] == []


def test_planning_reads_only(shell: Shell, tenant: ControlClient) -> None:
    """A plan sends nothing but GETs, alone or in batches."""
    shell.plan()

    requests = tenant.requests()

    assert requests
    for request in requests:
        assert request.method == "GET" or request.url == "/v1.0/$batch", request
    assert tenant.history() == []


def test_the_sample_plans_with_nothing_set(shell: Shell) -> None:
    """Without credential or variable the sample is planned against the embedded emulator, and says so."""
    done = shell.run("plan")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("EMULATOR")
    assert "4 guests to change" in done.stdout
    assert (shell.folder / ".reconciler").is_dir()


def test_the_embedded_tenant_outlives_the_process(shell: Shell) -> None:
    """What one embedded run applied, the next one sees."""
    assert shell.run("apply", "--auto-approve").returncode == 0
    assert shell.plan()["changes"] == []


def test_redeem_links_stand_only_in_their_file(shell: Shell, tenant: ControlClient) -> None:
    """Each link is in the file that was asked for, which is the owner's alone, and in no other output."""
    done = shell.run(
        "apply",
        "--auto-approve",
        "--redeem-links",
        "links.jsonl",
        "--report",
        "report.json",
        "--journal",
        "journal.jsonl",
    )

    assert done.returncode == 0, done.stderr
    file = shell.folder / "links.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {line["id"] for line in lines} == FOUR
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    elsewhere = done.stdout + done.stderr
    elsewhere += (shell.folder / "report.json").read_text() + (shell.folder / "journal.jsonl").read_text()
    assert "redeem?" not in elsewhere
    assert not any(line["redeemUrl"] in elsewhere for line in lines)
