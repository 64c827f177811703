"""One promise for each exit code, of the installed command."""

import json
import shutil
import socket
import subprocess
import sys

import pytest

from reconciler.emulator.control.client import ControlClient
from tests.e2e.shell import Shell, clean_environment
from tests.support.repository import git, new_repository

ANA = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
CHIARA = "3d8c6b2e-ac2e-4f80-9c73-7b5c5b3e9023"


def test_0_planned_whatever_it_says(shell: Shell, tenant: ControlClient) -> None:
    """A plan with changes and a blocked guest is still a plan."""
    assert shell.run("plan").returncode == 0


_APPLY = ("apply", "--auto-approve", "--watch", "0", "--report", "report.json")

_WITH_A_BUG = """
import sys
from reconciler.apply import reconcile_guest
from reconciler.cli import progress, run

def broken(*arguments):
    raise ZeroDivisionError("a bug")

def broken_before_the_reset(state, event, moment):
    following = rules(state, event, moment)
    return broken() if following.phase == "reset" else following

rules = reconcile_guest.after
if sys.argv.pop(1) == "rule":
    reconcile_guest.after = broken_before_the_reset
else:
    for each in vars(progress).values():
        if hasattr(each, "guest_finished"):
            each.guest_finished = broken
sys.exit(run(sys.argv[1:]))
"""
"""Runs the command with a bug in a rule, or in what shows the progress."""


@pytest.mark.parametrize("place", ["rule", "observer"])
def test_1_a_bug_after_writes_were_sent(shell: Shell, tenant: ControlClient, place: str) -> None:
    """A bug is never a success: it is shown, and the report is left and says what became of the guests."""
    done = subprocess.run(
        [sys.executable, "-c", _WITH_A_BUG, place, *_APPLY],
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 1
    assert "ZeroDivisionError: a bug" in done.stderr
    report = json.loads((shell.folder / "report.json").read_text())
    assert report["exitCode"] == 1
    crashed = [one for one in report["outcomes"] if one["rule"] == "internal-error"]
    if place == "rule":
        failed = [one["message"] for one in crashed if one["outcome"] == "failed"]
        assert failed
        assert all("written" in message for message in failed)
    else:
        assert {one["id"] for one in report["outcomes"]} >= {write.id for write in tenant.history()}


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["plan", "--no-such-option"], {}),
        (["plan", "surplus"], {}),
        (["no-such-command"], {}),
        (["plan", "--format", "pdf"], {}),
        (["plan"], {"RECONCILER_GRAPH_URL": "https://graph.example"}),
        (["plan"], {"RECONCILER_GRAPH_URL": "http://127.0.0.1:1/v1.0"}),
        (["apply"], {}),
        (["apply", "--auto-approve", "--journal", "no/such/folder/journal.jsonl"], {}),
        (["apply", "--auto-approve", "--report", "no/such/folder/report.json"], {}),
        (["apply", "--auto-approve", "--report", "desired"], {}),
        (["apply", "--auto-approve", "--report", "one.json", "--journal", "desired/../one.json"], {}),
        (["apply", "--plan", "one.json", "--redeem-links", "./one.json"], {}),
        (["plan", "--out", "no/such/folder/plan.json"], {}),
    ],
)
def test_2_wrong_usage(shell: Shell, arguments: list[str], environment: dict[str, str]) -> None:
    """A wrong call is told in a sentence, without a traceback."""
    done = shell.run(*arguments, **environment)

    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in shell.folder.iterdir()} <= {"desired", ".reconciler"}, "no file is left"


def test_3_invalid(shell: Shell) -> None:
    """Every problem stands on a line of its own, with place and remedy, for every command that loads."""
    shell.edit("guests/fabrikam.yaml", "ana.ruiz@fabrikam.example", "ana+ruiz@fabrikam.example")
    shell.edit("tenant.yaml", "cloud: emulator", "cloud: emulater")

    validated = shell.run("validate")
    planned = shell.run("plan")
    applied = shell.run("apply", "--auto-approve", "--report", "report.json")

    assert {validated.returncode, planned.returncode, applied.returncode} == {3}
    assert len(validated.stdout.splitlines()) == 2
    assert "guests/fabrikam.yaml:7:12: " in validated.stdout
    assert all(line in planned.stderr for line in validated.stdout.splitlines())
    assert json.loads((shell.folder / "report.json").read_text())["exitCode"] == 3


def test_4_changes_when_asked(shell: Shell, tenant: ControlClient) -> None:
    """--detailed-exitcode tells changes by 4, and none by 0."""
    assert shell.run("plan", "--detailed-exitcode").returncode == 4
    assert shell.run("apply", "--auto-approve").returncode == 0
    assert shell.run("plan", "--detailed-exitcode").returncode == 0


def test_4_blocked_when_asked(shell: Shell, tenant: ControlClient) -> None:
    """--fail-on-blocked tells a blocked guest by 4, but not one that somebody put on hold."""
    assert shell.run("plan", "--fail-on-blocked").returncode == 0
    shell.edit("guests/fabrikam.yaml", "ana.ruiz@fabrikam.example", "ana@wingtip.example")
    assert shell.run("plan", "--fail-on-blocked").returncode == 4


def test_5_limit(shell: Shell, tenant: ControlClient) -> None:
    """More resets than the policy allows refuse the whole run; the plan says so beforehand."""
    shell.edit("tenant.yaml", "maxChanges: 20", "maxChanges: 3")

    plan = shell.plan("--out", "plan.json")
    applied = shell.run("apply", "--plan", "plan.json", "--report", "report.json")

    assert [refusal["rule"] for refusal in plan["refusals"]] == ["max-changes"]
    assert applied.returncode == 5
    assert "maxChanges" in applied.stderr
    report = json.loads((shell.folder / "report.json").read_text())
    assert report["exitCode"] == 5
    assert {one["outcome"] for one in report["outcomes"]} == {"not-attempted", "blocked"}
    assert tenant.history() == []


@pytest.mark.parametrize("reviewed", [True, False])
def test_5_markers_in_a_strangers_domain(shell: Shell, tenant: ControlClient, *, reviewed: bool) -> None:
    """Whoever owns the domain of a marker could redeem with it: apply refuses the tree and writes nothing."""
    shell.edit("tenant.yaml", "cloud: emulator", "markerDomain: markers.stranger.example\ncloud: emulator")
    refused = shell.plan("--out", "plan.json")
    options = ("--plan", "plan.json") if reviewed else ("--auto-approve",)

    applied = shell.run("apply", *options, "--report", "report.json")

    assert [refusal["rule"] for refusal in refused["refusals"]] == ["marker-domain"]
    assert applied.returncode == 5
    assert "markerDomain is markers.stranger.example" in applied.stderr
    report = json.loads((shell.folder / "report.json").read_text())
    assert [refusal["rule"] for refusal in report["refusals"]] == ["marker-domain"]
    assert report["exitCode"] == 5
    assert tenant.history() == []


def test_5_wrong_tenant(shell: Shell, tenant: ControlClient) -> None:
    """A tree for another tenant is refused by plan and by apply."""
    path = shell.folder / "desired" / "tenant.yaml"
    path.write_text(path.read_text().replace("7d0f1f3e", "00000000"))

    assert shell.run("plan").returncode == 5
    assert shell.run("apply", "--auto-approve").returncode == 5
    assert tenant.history() == []


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"formatVersion": "9.0"}'])
def test_5_unusable_plan(shell: Shell, tenant: ControlClient, content: bytes) -> None:
    """A plan file that is none is refused as a whole."""
    (shell.folder / "plan.json").write_bytes(content)

    assert shell.run("apply", "--plan", "plan.json", "--report", "report.json").returncode == 5
    report = json.loads((shell.folder / "report.json").read_text())
    assert (report["exitCode"], report["outcomes"]) == (5, [])
    assert len(report["refusals"]) == 1
    assert tenant.history() == []


def test_5_missing_plan(shell: Shell, tenant: ControlClient) -> None:
    """A plan file that is not there is the same fault in every command that reads plans."""
    commands = (("apply", "--plan", "none.json"), ("compare", "none.json", "--plan", "none.json"))
    runs = [shell.run(*command) for command in commands]
    assert [done.returncode for done in runs] == [5, 5]
    assert {done.stderr.split(":")[1] for done in runs} == {" plan-unreadable"}
    assert tenant.history() == []


def test_5_plan_of_an_older_format(shell: Shell, tenant: ControlClient) -> None:
    """A plan that wrote `mail` last is refused in one line, which says to plan again."""
    plan = shell.plan()
    (shell.folder / "plan.json").write_text(json.dumps({**plan, "formatVersion": "1.0"}))

    done = shell.run("apply", "--plan", "plan.json")

    assert done.returncode == 5
    line, remedy = done.stderr.splitlines()
    assert "its format version is 1.0" in line
    assert line.endswith("plan again")
    assert remedy.startswith("What to do: make the plan again")
    assert tenant.history() == []


def test_5_tampered_plan(shell: Shell, tenant: ControlClient) -> None:
    """A plan whose content was edited after the digest was made is refused as a whole."""
    text = (shell.run("plan", "--format", "json")).stdout
    (shell.folder / "plan.json").write_text(text.replace("ana.ruiz@", "eve.ruiz@"))

    assert shell.run("apply", "--plan", "plan.json").returncode == 5
    assert tenant.history() == []


def test_6_unreachable(shell: Shell) -> None:
    """A directory that does not answer is told within seconds."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        root = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = shell.run("plan", RECONCILER_GRAPH_URL=root)

    assert done.returncode == 6
    assert "Traceback" not in done.stderr


def test_6_denied(shell: Shell, tenant: ControlClient) -> None:
    """A token the directory does not take ends the run before anything is written."""
    done = shell.run("apply", "--auto-approve", "--report", "report.json", RECONCILER_GRAPH_TOKEN="nonsense")

    assert done.returncode == 6
    assert json.loads((shell.folder / "report.json").read_text())["exitCode"] == 6
    assert tenant.history() == []


def test_7_stale(shell: Shell, tenant: ControlClient) -> None:
    """A guest changed between review and apply is left alone, the others are done."""
    shell.plan("--out", "plan.json")
    tenant.edit_user(ANA, {"otherMails": ["somebody@litware.example"]})

    done = shell.run("apply", "--plan", "plan.json", "--report", "report.json")

    assert done.returncode == 7
    outcomes = {
        one["id"]: one["outcome"]
        for one in json.loads((shell.folder / "report.json").read_text())["outcomes"]
    }
    assert outcomes.pop(ANA) == "stale"
    assert sorted(outcomes.values()) == ["applied", "applied", "applied", "blocked"]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_7_approved_and_blocked_since(shell: Shell, tenant: ControlClient) -> None:
    """A guest who was approved and may not be changed any more counts; the report says from which tree."""
    repository = new_repository(shell.folder)
    git(repository, "add", "desired")
    git(repository, "commit", "--quiet", "--message", "Declare the guests")
    shell.plan("--out", "plan.json")
    tenant.edit_user(CHIARA, {"otherMails": ["ana.ruiz@fabrikam.example"]})
    tenant.set_switches(pimLicensed=False)
    warnings = shell.plan()["warnings"]

    done = shell.run("apply", "--plan", "plan.json", "--report", "report.json")

    assert done.returncode == 7
    report = json.loads((shell.folder / "report.json").read_text())
    (ana,) = [one for one in report["outcomes"] if one["id"] == ANA]
    assert (ana["outcome"], ana["rule"]) == ("blocked", "address-in-use")
    assert report["exitCode"] == 7
    assert report["complete"] is True
    assert report["warnings"] == warnings
    assert [warning["rule"] for warning in warnings] == ["not-checked"]
    assert report["commit"] == git(repository, "rev-parse", "HEAD")
    assert all(write.id != ANA for write in tenant.history())
