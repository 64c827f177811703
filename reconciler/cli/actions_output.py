"""The output of a command for GitHub when it runs as a step of a workflow: annotations, summary, outputs.

Elsewhere these functions do nothing, so that commands need not check where they run.

Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

import json
import os
from pathlib import Path
from typing import Any

from reconciler.cli import console
from reconciler.errors import UsageError
from reconciler.github.context import pull_of
from reconciler.rules import Rule


def in_workflow() -> bool:
    """Return whether this process is a step of a GitHub workflow."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotate(commands: str) -> None:
    """Print rendered workflow commands to stderr: GitHub reads both, and stdout belongs to the result."""
    if in_workflow() and commands:
        console.block(commands.rstrip("\n"))


def summarise(markdown: str) -> None:
    """Add rendered Markdown to the summary that GitHub shows on the page of the run."""
    _append("GITHUB_STEP_SUMMARY", markdown.rstrip("\n") + "\n\n")


def give(name: str, value: str) -> None:
    """Set an output of this step; `value` is one line of our own."""
    _append("GITHUB_OUTPUT", f"{name}={value}\n")


def event() -> Any:
    """Read the event that started the run; empty where there is none. Raises `UsageError`."""
    name = os.environ.get("GITHUB_EVENT_PATH")
    if not name:
        return {}
    try:
        return json.loads(Path(name).read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            "the file that GITHUB_EVENT_PATH names cannot be read",
            rule=Rule.GITHUB_EVENT,
            hint="leave this variable to GitHub",
        ) from error


def from_fork() -> bool:
    """Return whether the run is about a pull request from a fork. Raises `UsageError`."""
    pull = pull_of(event()) if in_workflow() else None
    return pull is not None and pull.from_fork


def folder_of(tree: Path) -> str:
    """Return the path of a desired tree from the root of the repository, as annotations need it."""
    root = Path(os.environ.get("GITHUB_WORKSPACE", ".")).resolve()
    try:
        return tree.resolve().relative_to(root).as_posix()
    except ValueError:
        return tree.as_posix()


def _append(variable: str, text: str) -> None:
    name = os.environ.get(variable)
    if not in_workflow() or not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"the file that {variable} names cannot be written: {error.strerror}",
            rule=Rule.GITHUB_FILE,
            hint="leave this variable to GitHub",
        ) from error
