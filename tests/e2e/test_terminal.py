"""What a person at a terminal meets: a question, a bar, and an answer that counts."""

import contextlib
import os
import pty
import select
import signal
import subprocess
from pathlib import Path

import pytest

from reconciler.emulator.control.client import ControlClient
from tests.e2e.shell import Shell, clean_environment, command_line

_PATIENCE = 60.0


class _Terminal:
    """The command at the other end of a pseudo-terminal."""

    def __init__(self, shell: Shell, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            command_line(*arguments),
            cwd=shell.folder,
            env=clean_environment({**shell.environment, "TERM": "xterm", "NO_COLOR": ""}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.screen = ""

    def read_until(self, text: str) -> None:
        """Read what is shown until `text` stands there, or the command has ended."""
        while text not in self.screen:
            ready, _, _ = select.select([self._ours], [], [], _PATIENCE)
            assert ready, f"{text!r} did not come:\n{self.screen}"
            try:
                shown = os.read(self._ours, 65_536)
            except OSError:  # Linux's way of saying that the other end is closed
                return
            if not shown:
                return
            self.screen += shown.decode()

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._ours, text.encode() + b"\n")

    def interrupt(self) -> None:
        """Press Ctrl+C, and again while nothing happens: one may come just before the question listens."""
        for _ in range(int(_PATIENCE)):
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1)
                return

    def end(self) -> int:
        """Read to the end and give the exit code."""
        self.read_until("\0")
        os.close(self._ours)
        return self._process.wait(timeout=_PATIENCE)


@pytest.mark.parametrize(
    ("answer", "code", "outcome"),
    [("y", 0, "4 applied"), ("n", 5, "not-confirmed"), ("", 5, "not-confirmed")],
)
def test_apply_asks_on_a_terminal(
    shell: Shell, tenant: ControlClient, answer: str, code: int, outcome: str
) -> None:
    """Without an approval the plan is shown and a question asked; anything but yes writes nothing."""
    terminal = _Terminal(shell, "apply")
    terminal.read_until("[y/N]:")
    assert "ana.ruiz@fabrikam.example" in terminal.screen, "the plan is shown before the question"
    assert tenant.history() == []

    terminal.type(answer)

    assert terminal.end() == code
    assert outcome in terminal.screen
    assert bool(tenant.history()) == (answer == "y")


def test_ctrl_c_at_the_question_writes_nothing(shell: Shell, tenant: ControlClient) -> None:
    """Who interrupts instead of answering gets 130, and a report that says so."""
    terminal = _Terminal(shell, "apply", "--report", "report.json")
    terminal.read_until("[y/N]:")

    terminal.interrupt()

    assert terminal.end() == 130
    assert '"exitCode": 130' in (shell.folder / "report.json").read_text()
    assert tenant.history() == []


def test_colour_is_for_terminals_only(shell: Shell, tenant: ControlClient) -> None:
    """A terminal gets colour, a pipe gets none."""
    terminal = _Terminal(shell, "plan")

    assert terminal.end() == 0
    assert "\x1b[" in terminal.screen
    assert "\x1b[" not in shell.run("plan").stdout


def test_init_asks_for_the_tenant(tmp_path: Path) -> None:
    """Without --tenant it is asked for, until a GUID is given; the files are for that tenant."""
    terminal = _Terminal(Shell(folder=tmp_path), "init", "guests")
    terminal.read_until("Id of the Entra tenant:")
    assert not (tmp_path / "guests").exists()
    terminal.type("contoso.onmicrosoft.com")
    terminal.read_until("this is no GUID")
    terminal.type("7D0F1F3E-5f0b-4f57-9f0e-2f3c6f1f2a10")
    assert terminal.end() == 0, terminal.screen
    tenant = (tmp_path / "guests" / "desired" / "tenant.yaml").read_text()
    assert "tenantId: 7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10\n" in tenant
    assert terminal.screen.rstrip().endswith("reconciler import")


def test_init_interrupted_at_its_question(tmp_path: Path) -> None:
    """Ctrl+C at the question ends with 130, and nothing is written."""
    terminal = _Terminal(Shell(folder=tmp_path), "init", "guests")
    terminal.read_until("Id of the Entra tenant:")
    terminal.interrupt()
    assert terminal.end() == 130
    assert list(tmp_path.iterdir()) == []
