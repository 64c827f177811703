"""The page about an existing tenant is true: its commands are run, in order, and print what it shows."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.e2e.shell import COMMAND, REPOSITORY, clean_environment
from tests.support.existing_tenant import existing_tenant

pytestmark = [
    pytest.mark.skipif(
        shutil.which("git") is None or shutil.which("bash") is None, reason="git or bash is not installed"
    ),
    pytest.mark.timeout(600),
]

PAGE = REPOSITORY / "docs" / "adopt.md"
CUT = "…"
"""A line of the page that stands for any number of lines."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A command of the page, and the lines that stand below it there."""

    command: str
    lines: tuple[str, ...]


def commands(page: str) -> list[Shown]:
    """Collect the commands of a page."""
    blocks = re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    found: list[Shown] = []
    for part in re.split(r"^\$ ", "".join(blocks), flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        found.append(Shown(command=command, lines=tuple(lines)))
    return found


def shows(lines: tuple[str, ...], printed: str) -> bool:
    """Tell whether an output is what a page shows, where `CUT` stands for any lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == CUT else f"{re.escape(line)}\n" for line in lines)
    return re.fullmatch(pattern, printed) is not None


def test_the_page_shows_what_its_commands_print(tmp_path: Path) -> None:
    """A tenant of 3,000 guests is brought under the product by the page alone."""
    folder = tmp_path
    with serve(None, seed=Seed(document=existing_tenant().seed())) as emulator:
        environment = clean_environment(
            {
                "RECONCILER_GRAPH_URL": emulator.root,
                "PATH": f"{COMMAND.parent}:{os.environ['PATH']}",
                "GIT_CONFIG_GLOBAL": os.devnull,
                **{f"GIT_{role}_NAME": "Kim" for role in ("AUTHOR", "COMMITTER")},
                **{f"GIT_{role}_EMAIL": "kim@contoso.example" for role in ("AUTHOR", "COMMITTER")},
            }
        )
        for step in commands(PAGE.read_text(encoding="utf-8")):
            if step.command.startswith("cd "):
                folder /= step.command.removeprefix("cd ")
                continue
            done = subprocess.run(
                ["bash", "-c", f"exec {step.command} 2>&1"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=200,
            )
            assert done.returncode == 0, done.stdout
            assert shows(step.lines, done.stdout), f"$ {step.command}\n{done.stdout}"


def test_a_line_that_is_not_printed_is_found() -> None:
    """The comparison itself can fail."""
    printed = "one\ntwo\nthree\n"
    assert shows((CUT, "three"), printed)
    assert shows(("one", CUT), printed)
    assert not shows((CUT, "two"), printed)
    assert not shows(("one", "three"), printed)
    assert not shows((), printed)
