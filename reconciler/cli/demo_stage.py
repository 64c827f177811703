"""The stage of the demo: a folder, an emulated tenant, and commands run as a user would type them."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.cli import console
from reconciler.emulator.control.client import ControlClient
from reconciler.render import escape

_PATIENCE: Final = 60.0
"""Seconds that a step may take to come to the moment at which its process is killed."""

_GIT_ENVIRONMENT: Final = {
    # The user's own settings, such as signed commits, are not the demo's.
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "Kim Park" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "kim@contoso.example" for who in ("AUTHOR", "COMMITTER")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The folder and the emulated tenant of the demo."""

    folder: Path
    """Holds `desired/`, and gets the files that commands write."""

    root: str
    """Of the emulator."""

    tenant: ControlClient
    """What the tenant itself knows, and Graph does not show."""

    def run(self, *arguments: str) -> int:
        """Run a command as its own process, print what it prints, and return its exit code."""
        _show_command("reconciler", *arguments)
        done = subprocess.run(
            _command_line(*arguments),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=False,
        )
        say(f"(exit code {done.returncode})")
        return done.returncode

    def run_until(self, moment: Callable[[], bool], *arguments: str) -> bool:
        """Run a command and kill it, as a lost machine would, at a moment. Return whether it came to that."""
        _show_command("reconciler", *arguments)
        with subprocess.Popen(
            _command_line(*arguments),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        ) as running:
            came = _wait(moment, running)
            running.kill()
        say("(killed)" if came else f"(ended with {running.returncode} before it could be killed)")
        return came

    def git(self, *arguments: str, shown: bool = True) -> None:
        """Run git in the folder. Raises `CalledProcessError` when it fails."""
        if shown:
            _show_command("git", *arguments)
        subprocess.run(
            ["git", *arguments],  # noqa: S607 - the user's git, as in the commands that the demo shows
            cwd=self.folder,
            env={**os.environ, **_GIT_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=None if shown else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=True,
        )

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, "RECONCILER_GRAPH_URL": self.root, "RECONCILER_GRAPH_TOKEN": "emulator"}


def heading(title: str) -> None:
    """Print the title of a part of the story."""
    say(f"\n{title}\n{'=' * len(title)}")


def say(text: str) -> None:
    """Print lines of the story; names in them are escaped."""
    for line in text.split("\n"):
        console.result(escape.terminal(line) or "\n")
    sys.stdout.flush()


def _show_command(*words: str) -> None:
    say(f"\n$ {shlex.join(words)}")


def _command_line(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "reconciler", *arguments]


def _wait(moment: Callable[[], bool], running: subprocess.Popen[bytes]) -> bool:
    """Wait for a moment; `False` when the process ends first, or takes too long."""
    end = time.monotonic() + _PATIENCE
    while running.poll() is None and time.monotonic() < end:
        if moment():
            return True
        time.sleep(0.01)
    return False
