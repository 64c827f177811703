"""A signal at any moment: the command ends by itself before CI kills it, and leaves a report."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from reconciler.emulator.control.client import ControlClient
from tests.e2e.shell import Shell, clean_environment, command_line

_PATIENCE = 60.0
_GRACE = 8.0
"""Seconds; CI kills ten seconds after the signal."""


_SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]

# A process inherits what is ignored, and these tests may run under nohup.
_WITH_TERMINAL = (
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL);os.execv(sys.argv[1], sys.argv[1:])"
)


@contextmanager
def _running(shell: Shell, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command that is killed when the test is over.

    Coverage handles SIGTERM too, before the command does, and would hide when the command begins to.
    """
    told = clean_environment({**shell.environment, **environment})
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WITH_TERMINAL, *command_line(*arguments)],
        cwd=shell.folder,
        env={name: value for name, value in told.items() if not name.startswith("COV")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _applying(
    shell: Shell, *arguments: str, **environment: str
) -> AbstractContextManager[subprocess.Popen[str]]:
    return _running(shell, "apply", "--report", "report.json", *arguments, **environment)


def _wait_until_handled(process: subprocess.Popen[str], number: int) -> None:
    """Wait for the first moment at which a process handles a signal."""
    end = time.monotonic() + _PATIENCE
    caught = 0
    while not caught & 1 << (number - 1):
        assert time.monotonic() < end
        found = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
        assert found
        caught = int(found[1], 16)


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
    # A signal that comes just before a system call begins to wait is seen by Python when the call returns.
    time.sleep(0.5)
    yield
    os.close(writer)


def _reported(shell: Shell) -> tuple[int, list[str]]:
    report = json.loads((shell.folder / "report.json").read_text())
    return report["exitCode"], [note["rule"] for note in report["refusals"]]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows which signals a process handles")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_while_the_command_is_imported(shell: Shell, tenant: ControlClient, number: int) -> None:
    """From the first moment on a signal leaves the report of this run, and none of an older one."""
    (shell.folder / "report.json").write_text('{"exitCode": 0}')
    with _applying(shell, "--auto-approve") as process:
        _wait_until_handled(process, number)
        process.send_signal(number)
        assert process.wait(timeout=_PATIENCE) == 130
    assert _reported(shell) == (130, ["interrupted"])
    assert tenant.requests() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows which signals a process handles")
@pytest.mark.parametrize("command", ["validate", "plan", "demo"])
def test_while_another_command_is_imported(shell: Shell, command: str) -> None:
    """A command that owes no report ends in a word, without a traceback and without beginning."""
    with _running(shell, command) as process:
        _wait_until_handled(process, signal.SIGTERM)
        process.terminate()
        assert process.communicate(timeout=_PATIENCE)[1].strip() == "Interrupted."
        assert process.returncode == 130


@pytest.mark.parametrize("number", _SIGNALS)
def test_while_a_directory_is_read(shell: Shell, number: int) -> None:
    """A plan that waits for the directory ends at once, without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(_PATIENCE)
        graph = {"RECONCILER_GRAPH_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with _running(shell, "plan", **graph) as process, silent.accept()[0]:
            process.send_signal(number)
            assert process.communicate(timeout=_GRACE)[1].strip() == "Interrupted."
            assert process.returncode == 130


@pytest.mark.parametrize("number", _SIGNALS)
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
