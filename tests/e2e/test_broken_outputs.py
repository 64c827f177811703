"""Outputs that break while a run goes on: no guest is stranded, and no report is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from reconciler.emulator.control import ControlClient
from tests.e2e.shell import COMMAND, Shell, clean_environment

_APPLY = ("apply", "--auto-approve", "--report", "report.json")


def _start(
    shell: Shell, *arguments: str, stdout: int | IO[bytes], stderr: int | IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [COMMAND, *arguments],
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
