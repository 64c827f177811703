"""The sample tree in a folder of its own, and the sample tenant behind a real socket."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import load_seed
from reconciler.sample import SAMPLE_TREE
from tests.e2e.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Give a folder with a copy of the sample tree and nothing else."""
    shutil.copytree(SAMPLE_TREE, tmp_path / "desired")
    return Shell(folder=tmp_path)


@pytest.fixture
def tenant(shell: Shell) -> Iterator[ControlClient]:
    """Serve the sample tenant, and point the shell at it."""
    with serve(None, seed=load_seed(SAMPLE_TREE / "emulator.yaml")) as emulator:
        shell.environment["RECONCILER_GRAPH_URL"] = emulator.root
        with ControlClient(emulator.root) as control:
            yield control
