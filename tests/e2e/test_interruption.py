"""A signal at any moment: the command ends by itself before CI kills it, and leaves a report."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.emulator.control import ControlClient
from tests.e2e.shell import COMMAND, Shell, clean_environment

_PATIENCE = 60.0
_GRACE = 8.0
"""Seconds; CI kills ten seconds after the signal."""


@contextmanager
def _applying(shell: Shell, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run an apply that is killed when the test is over."""
    process = subprocess.Popen(
        [COMMAND, "apply", "--report", "report.json", *arguments],
        cwd=shell.folder,
        env=clean_environment({**shell.environment, **environment}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _kept_waiting(pipe: Path) -> Iterator[None]:
    """Wait until a named pipe is being read, and keep the reader waiting for the length of the block."""
    end = time.monotonic() + _PATIENCE
    writer = None
    while writer is None:
        assert time.monotonic() < end
        try:
            writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.05)
    yield
    os.close(writer)


def _reported(shell: Shell) -> tuple[int, list[str]]:
    report = json.loads((shell.folder / "report.json").read_text())
    return report["exitCode"], [note["rule"] for note in report["refusals"]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_while_a_plan_is_read(shell: Shell, number: int) -> None:
    """Before the directory is asked anything, a signal leaves a report too."""
    plan = shell.folder / "plan.json"
    os.mkfifo(plan)
    with _applying(shell, "--plan", "plan.json") as process, _kept_waiting(plan):
        process.send_signal(number)
        assert process.wait(timeout=_GRACE) == 130
    assert _reported(shell) == (130, ["interrupted"])


def test_while_a_sign_in_hangs(shell: Shell) -> None:
    """A token that does not come keeps neither the report nor the end of the process waiting."""
    shell.edit("tenant.yaml", "cloud: emulator", "cloud: global")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        job = {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/token",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
            "AZURE_CLIENT_ID": "0c3e5a7b-1111-4222-8333-444455556666",
        }
        silent.settimeout(_PATIENCE)
        with _applying(shell, "--auto-approve", **job) as process, silent.accept()[0]:
            process.terminate()
            assert process.wait(timeout=_GRACE) == 130
    assert _reported(shell) == (130, ["interrupted"])


def test_again_while_the_report_is_left(shell: Shell, tenant: ControlClient) -> None:
    """Whoever signals once more changes nothing: the report is there, and all places for it are served."""
    plan, summary = shell.folder / "plan.json", shell.folder / "summary.md"
    os.mkfifo(plan)
    os.mkfifo(summary)
    on_github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    with _applying(shell, "--plan", "plan.json", **on_github) as process:
        with _kept_waiting(plan):
            process.terminate()
            while not (shell.folder / "report.json").exists():
                time.sleep(0.05)
        for number in (signal.SIGTERM, signal.SIGINT):
            time.sleep(0.2)
            process.send_signal(number)
        assert "interrupted" in summary.read_text()
        assert process.wait(timeout=_GRACE) == 130
    assert tenant.history() == []
