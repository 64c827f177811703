"""Files that lie there before a command starts are never taken for what it has made."""

import json
import shutil
from pathlib import Path

import pytest

from reconciler.emulator.control.client import ControlClient
from tests.e2e.shell import Shell

OLD = json.dumps({"formatVersion": "1.1", "changes": []})


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--base", "no-such-revision"], 2),
        (["--base", "a", "--since", "b"], 2),
        ([], 3),
        ([], 6),
    ],
)
@pytest.mark.parametrize("as_link", [False, True])
def test_a_plan_that_fails_leaves_no_older_one(
    shell: Shell, tenant: ControlClient, arguments: list[str], code: int, *, as_link: bool
) -> None:
    """However planning fails, the file that a committed or an earlier plan was in is gone."""
    place = shell.folder / "plan.json"
    (shell.folder / "older.json").write_text(OLD)
    if as_link:
        place.symlink_to("older.json")
    else:
        place.write_text(OLD)
    if code == 3:
        (shell.folder / "desired" / "broken.yaml").write_text("guests: 7\n")
    url = {"RECONCILER_GRAPH_URL": "http://127.0.0.1:1"} if code == 6 else {}
    done = shell.run("plan", *arguments, "--out", "plan.json", **url)
    assert done.returncode == code, done.stderr
    assert not place.exists()
    assert not place.is_symlink()
    assert (shell.folder / "older.json").read_text() == OLD


def test_only_a_written_plan_is_an_output_of_the_step(shell: Shell, tenant: ControlClient) -> None:
    """Later steps run by the output `planned`, which a plan that failed does not set."""
    outputs = shell.folder / "outputs"
    step = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(outputs)}
    assert shell.run("plan", **step).returncode == 0
    assert not outputs.exists()
    assert shell.run("plan", "--out", "plan.json", "--detailed-exitcode", **step).returncode == 4
    assert outputs.read_text() == "planned=true\n"
    outputs.unlink()
    shutil.rmtree(shell.folder / "desired")
    assert shell.run("plan", "--out", "plan.json", **step).returncode == 3
    assert not outputs.exists()


@pytest.mark.parametrize("option", ["--journal", "--redeem-links"])
def test_apply_appends_through_no_link(shell: Shell, tenant: ControlClient, option: str) -> None:
    """A committed link is refused by name before anything is sent, and its target stays as it is."""
    target = shell.folder / "target"
    target.write_text("mine")
    target.chmod(0o600)
    (shell.folder / "link.jsonl").symlink_to(target)
    done = shell.run("apply", "--auto-approve", option, "link.jsonl")
    assert done.returncode == 2
    assert "link.jsonl" in done.stderr
    assert "symbolic link" in done.stderr
    assert target.read_text() == "mine"
    assert tenant.requests() == []


def test_a_report_replaces_a_link(shell: Shell, tenant: ControlClient) -> None:
    """The report of this run stands in the file's own place, and the target of a committed link stays."""
    (shell.folder / "target").write_text("mine")
    Path(shell.folder / "report.json").symlink_to("target")
    done = shell.run("apply", "--auto-approve", "--report", "report.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((shell.folder / "report.json").read_text())["exitCode"] == 0
    assert (shell.folder / "target").read_text() == "mine"
