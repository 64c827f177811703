"""An import that is killed leaves every file absent or whole."""

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.e2e.shell import Shell, clean_environment, command_line
from tests.support.existing_tenant import existing_tenant
from tests.support.plans import TENANT

MOMENTS = int(os.environ.get("IMPORT_KILLS", "6"))
"""How often the command is killed: each takes a second or two."""


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with serve(None, seed=Seed(document=existing_tenant(guests=1200, domains=400).seed())) as emulator:
        yield emulator.root


def _shell(folder: Path, root: str) -> Shell:
    (folder / "desired").mkdir(parents=True)
    (folder / "desired" / "tenant.yaml").write_text(f"tenantId: {TENANT}\ncloud: emulator\n")
    return Shell(folder=folder, environment={"RECONCILER_GRAPH_URL": root})


def _files(shell: Shell) -> dict[str, bytes]:
    """Give the files of the tree that somebody would read; those of a killed run begin with a dot."""
    found = (shell.folder / "desired").rglob("*.yaml")
    return {path.name: path.read_bytes() for path in found if not path.name.startswith(".")}


def _kill(shell: Shell, *, pause: float, once_written: bool) -> None:
    """Kill an import some seconds after its start, or after it has begun to write."""
    with subprocess.Popen(
        command_line("import"),
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        guests = shell.folder / "desired" / "guests"
        while once_written and running.poll() is None and not guests.exists():
            time.sleep(0.0005)
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
    chance = random.Random(11)  # noqa: S311 - no secret
    seen = set()
    for moment in range(MOMENTS):
        shell = _shell(tmp_path / f"{moment}", root)
        writing = bool(moment % 3)
        _kill(shell, pause=chance.uniform(0, 0.25 if writing else seconds), once_written=writing)
        found = _files(shell)
        assert found == {name: expected[name] for name in found}
        seen.add(len(found))
        assert shell.run("import").returncode == 0
        assert _files(shell) == expected
    record_property("files", f"{MOMENTS} kills left {sorted(seen)} of {len(expected)} files")
