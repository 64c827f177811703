"""The installed command as a subprocess, against an emulator over a real socket."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
COMMAND = Path(sysconfig.get_path("scripts")) / "reconciler"

_FOREIGN = ("RECONCILER_", "AZURE_", "GITHUB_", "ACTIONS_")


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give this process's environment without anything that would change what the command does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, **(extra or {})}


def command_line(*arguments: str) -> list[str]:
    """Give a command line; an apply waits for no earlier run, unless --watch says how long."""
    at_once = ["--watch", "0"] if "apply" in arguments and "--watch" not in arguments else []
    return [str(COMMAND), *arguments, *at_once]


@dataclass(kw_only=True)
class Shell:
    """Runs the command as a person would, in a folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `reconciler` to its end, without a terminal."""
        return subprocess.run(
            command_line(*arguments),
            cwd=self.folder,
            env=clean_environment({**self.environment, **environment}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def plan(self, *arguments: str) -> dict[str, Any]:
        """Plan, and give the plan document."""
        done = self.run("plan", "--format", "json", *arguments)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def edit(self, file: str, old: str, new: str) -> None:
        """Change one text in a file of the desired tree."""
        path = self.folder / "desired" / file
        content = path.read_text()
        assert content.count(old) == 1, f"{old!r} does not stand once in {file}"
        path.write_text(content.replace(old, new))
