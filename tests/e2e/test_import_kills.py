"""An import that is killed leaves every file absent or whole."""

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.e2e.shell import Shell, clean_environment, command_line
from tests.support.existing_tenant import existing_tenant
from tests.support.plans import TENANT

MOMENTS = int(os.environ.get("IMPORT_KILLS", "6"))
"""How often the command is killed: each takes a second or two."""

Stage = Literal["any", "writing", "replacing"]


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with serve(None, seed=Seed(document=existing_tenant(guests=1200, domains=400).seed())) as emulator:
        yield emulator.root


def _shell(folder: Path, root: str) -> Shell:
    (folder / "desired").mkdir(parents=True)
    (folder / "desired" / "tenant.yaml").write_text(f"tenantId: {TENANT}\ncloud: emulator\n")
    return Shell(folder=folder, environment={"RECONCILER_GRAPH_URL": root})


def _files(shell: Shell) -> dict[str, bytes]:
    """Give the files of guests that somebody would read; those of a killed run begin with a dot."""
    found = (shell.folder / "desired" / "guests").glob("*.yaml")
    return {path.name: path.read_bytes() for path in found if not path.name.startswith(".")}


def _has_begun(shell: Shell, stage: Stage) -> bool:
    """Tell whether an import has come to a stage: to its temporary files, or to replacing the first file."""
    try:
        with os.scandir(shell.folder / "desired" / "guests") as found:
            return stage != "replacing" or any(not entry.name.startswith(".") for entry in found)
    except FileNotFoundError:
        return False


def _kill(shell: Shell, *, stage: Stage, pause: float) -> None:
    """Kill an import some seconds after it has come to a stage."""
    with subprocess.Popen(
        command_line("import"),
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        while stage != "any" and running.poll() is None and not _has_begun(shell, stage):
            pass
        time.sleep(pause)
        running.kill()


@pytest.mark.timeout(60 + 15 * MOMENTS)
def test_a_killed_import_leaves_each_file_absent_or_whole(
    root: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Whenever it is killed, what stands there is right, and the next import completes it."""
    whole = _shell(tmp_path / "whole", root)
    started = time.monotonic()
    assert whole.run("import").returncode == 0
    seconds = time.monotonic() - started
    expected = _files(whole)
    stages: list[tuple[Stage, float]] = [("any", seconds), ("writing", 0.2), ("replacing", 0.02)]
    chance = random.Random(11)  # noqa: S311 - no secret
    seen = set()
    for moment in range(MOMENTS):
        shell = _shell(tmp_path / f"{moment}", root)
        stage, longest = stages[moment % len(stages)]
        _kill(shell, stage=stage, pause=chance.uniform(0, longest))
        found = _files(shell)
        assert found == {name: expected[name] for name in found}
        seen.add(len(found))
        assert shell.run("import").returncode == 0
        assert _files(shell) == expected
    record_property("files", f"{MOMENTS} kills left {sorted(seen)} of {len(expected)} files")
