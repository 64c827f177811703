"""`reconciler emulator` as a person starts it: it says where it is, serves, and stops when told."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.e2e.shell import COMMAND, Shell, clean_environment

_TOKEN = {"authorization": "Bearer emulator"}


@contextmanager
def _serving(shell: Shell, *options: str) -> Iterator[str]:
    """Run the command on a free port; give its root; stop it, and check that it ended well."""
    process = subprocess.Popen(
        [COMMAND, "emulator", "--port", "0", *options],
        cwd=shell.folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        root = process.stdout.readline().strip()
        try:
            yield root
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0


def _users(root: str) -> int:
    answer = httpx.get(f"{root}/v1.0/users?$top=999", headers=_TOKEN, trust_env=False)
    return len(answer.json()["value"])


def test_the_sample_tenant_is_served(shell: Shell) -> None:
    """Without options the seed of the desired tree is served, and the command line can use it."""
    with _serving(shell) as root:
        assert _users(root) > 8
        assert shell.run("plan", RECONCILER_GRAPH_URL=root).returncode == 0


def test_the_state_outlives_the_process(shell: Shell) -> None:
    """With --state, what was applied is still there when the emulator is started again."""
    with _serving(shell, "--state", "tenant.sqlite") as root:
        applied = shell.run("apply", "--auto-approve", RECONCILER_GRAPH_URL=root)
        assert applied.returncode == 0, applied.stderr
    with _serving(shell, "--state", "tenant.sqlite") as root:
        planned = shell.run("plan", "--detailed-exitcode", RECONCILER_GRAPH_URL=root)
        assert planned.returncode == 0


def test_another_seed_can_be_named(shell: Shell) -> None:
    """--seed takes any file; a broken one is told with place and rule."""
    (shell.folder / "empty.yaml").write_text("guests: []\n")
    with _serving(shell, "--seed", "empty.yaml") as root:
        assert _users(root) == 0
    (shell.folder / "broken.yaml").write_text("guests: {}\n")
    assert shell.run("emulator", "--seed", "broken.yaml").returncode == 3


def test_faults_can_be_named(shell: Shell) -> None:
    """--faults makes the served tenant misbehave as the file says."""
    (shell.folder / "faults.yaml").write_text("rules:\n  - {on: GET /users, do: fail, status: 503}\n")
    with _serving(shell, "--faults", "faults.yaml") as root:
        answer = httpx.get(f"{root}/v1.0/users", headers=_TOKEN, trust_env=False)
    assert answer.status_code == 503


@pytest.mark.parametrize("option", [["--port", "70000"], ["--state", "desired"], ["--faults", "missing"]])
def test_unusable_options_are_refused(shell: Shell, option: list[str]) -> None:
    """A port that is none, or a file that is not there, is wrong usage."""
    assert shell.run("emulator", *option).returncode == 2
