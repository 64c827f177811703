"""Outputs that break while a run goes on: no guest is stranded, and no report is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from reconciler.documents import dump, plan_to_json
from reconciler.emulator.control.client import ControlClient
from reconciler.plan import make_plan
from tests.e2e.shell import COMMAND, Shell, clean_environment, command_line
from tests.support.directory import NOW, declared, desired, guest, live

_APPLY = ("apply", "--auto-approve", "--report", "report.json")


def _start(
    shell: Shell, *arguments: str, stdout: int | IO[bytes], stderr: int | IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command_line(*arguments),
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    )


def _exit_code_reported(shell: Shell) -> int:
    return int(json.loads((shell.folder / "report.json").read_text())["exitCode"])


@pytest.mark.parametrize("broken", ["stdout", "stderr", "both"])
def test_a_reader_that_went_away_stops_nothing(shell: Shell, tenant: ControlClient, broken: str) -> None:
    """Without anybody at the other end of a pipe, all guests are finished and the report is written."""
    ours, theirs = os.pipe()
    os.close(ours)
    process = _start(
        shell,
        *_APPLY,
        stdout=theirs if broken in {"stdout", "both"} else subprocess.DEVNULL,
        stderr=theirs if broken in {"stderr", "both"} else subprocess.DEVNULL,
    )
    os.close(theirs)

    assert process.wait(timeout=100) == 0
    assert _exit_code_reported(shell) == 0
    assert shell.plan()["changes"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a device that is always full")
def test_a_full_disk_under_stdout_loses_no_report(shell: Shell, tenant: ControlClient) -> None:
    """What stdout cannot take stands in the report file, and the exit code is that of the run."""
    with Path("/dev/full").open("wb") as full:
        process = _start(shell, *_APPLY, stdout=full, stderr=subprocess.DEVNULL)
        assert process.wait(timeout=100) == 0
        planned = _start(shell, "plan", stdout=full, stderr=subprocess.DEVNULL)
        assert planned.wait(timeout=100) == 2, "a plan that nobody can read is none"
    assert _exit_code_reported(shell) == 0


def test_no_standard_input_is_no_terminal(shell: Shell, tenant: ControlClient) -> None:
    """A job that has no standard input at all is told that nobody can be asked, and leaves a report."""
    line = f"exec {COMMAND} apply --report report.json <&-"
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.returncode == 2
    assert "no-consent" in done.stderr
    assert _exit_code_reported(shell) == 2
    assert tenant.history() == []


def _in_shell(shell: Shell, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f"exec {COMMAND} {line}"],
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("--version >&-", 0),
        ("plan >&-", 0),
        ("plan --format json --detailed-exitcode >&-", 4),
        ("plan --format markdown 2>&-", 0),
        ("plan --format html >&- 2>&-", 0),
        ("validate --format text >&- 2>&-", 0),
        ("validate --format json >&-", 0),
        ("validate --format sarif >&-", 0),
        ("validate --format github >&- 2>&-", 0),
        ("--desired nowhere validate >&- 2>&-", 3),
        ("render saved.json >&-", 0),
        ("render nowhere.json 2>&-", 5),
        ("compare saved.json --plan saved.json >&-", 0),
        ("github comment >&- 2>&-", 2),
        ("apply --watch 0 --auto-approve --report report.json >&-", 0),
        ("apply --watch 0 --auto-approve --report report.json 2>&-", 0),
        ("apply >&- 2>&-", 2),
        ("no-such-command 2>&-", 2),
    ],
)
def test_closed_streams_change_no_exit_code(
    shell: Shell, tenant: ControlClient, command: str, code: int
) -> None:
    """Without standard output, error or both, a command does its work and ends as it would otherwise."""
    saved = make_plan(desired(declared(1, email="ana@new.example")), live(guest(1, "ana@old.example")), NOW)
    (shell.folder / "saved.json").write_text(dump(plan_to_json(saved)))
    done = _in_shell(shell, command)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_all_streams_closed_lose_no_report(shell: Shell, tenant: ControlClient) -> None:
    """The files that a run opens take the place of no standard stream: each holds what belongs there."""
    done = _in_shell(
        shell, "apply --watch 0 --auto-approve --report report.json --journal journal.jsonl <&- >&- 2>&-"
    )
    assert done.returncode == 0
    assert _exit_code_reported(shell) == 0
    for line in (shell.folder / "journal.jsonl").read_text().splitlines():
        assert json.loads(line)["run"]
    assert shell.plan()["changes"] == []


def test_a_report_that_cannot_be_written_is_no_success(shell: Shell, tenant: ControlClient) -> None:
    """When the folder of the report goes during the run, everybody is finished, and the exit code is 7."""
    (shell.folder / "out").mkdir()
    tenant.set_faults({"rules": [{"on": "POST /invitations", "do": "pause", "where": "after", "at": 1}]})
    process = _start(
        shell,
        *("apply", "--auto-approve", "--report", "out/report.json"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    tenant.paused(wait=60)
    (shell.folder / "out").rmdir()
    tenant.resume()
    _, said = process.communicate(timeout=100)
    assert process.returncode == 7
    assert "out/report.json cannot be written" in said.decode()
    assert shell.plan()["changes"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a device that is always full")
def test_a_full_disk_under_the_report_is_no_success(shell: Shell, tenant: ControlClient) -> None:
    """A report that finds no room is missed: the exit code says so, and so does stdout."""
    done = shell.run("apply", "--auto-approve", "--report", "/dev/full")
    assert done.returncode == 7
    assert "/dev/full cannot be written: No space left on device" in done.stderr
    assert "exit code 7." in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this device everywhere")
def test_results_go_where_a_device_leads(shell: Shell, tenant: ControlClient) -> None:
    """Nothing is made of /dev/null, a link is replaced, and stdout gets the whole report."""
    link = shell.folder / "link.json"
    link.symlink_to("real.json")
    plan = shell.plan("--out", "link.json")
    assert not link.is_symlink()
    assert json.loads(link.read_text())["digest"] == plan["digest"]
    assert shell.plan("--out", "/dev/null")["digest"] == plan["digest"]
    assert Path("/dev/null").is_char_device()

    done = shell.run("apply", "--plan", "link.json", "--report", "/dev/stdout")

    assert done.returncode == 0
    report, end = json.JSONDecoder().raw_decode(done.stdout)
    assert report["exitCode"] == 0
    assert "exit code 0." in done.stdout[end:]
