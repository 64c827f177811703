"""A process that is killed while it changes the files of a tree leaves each of them old or new."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FILES = 40
SIZE = 20_000

CHILD = """
import sys
from pathlib import Path
from reconciler.cli.tree_changes import write_changes
from reconciler.desired.changes import FileChange

root, size = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for turn in range(1_000_000):
    old, new = (bytes([97 + (turn + step) % 2]) * size for step in (0, 1))
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*.yaml"))
    write_changes(root, [FileChange(file=name, before=old, after=new) for name in names])
"""


@pytest.mark.parametrize("turn", range(10))
def test_every_file_is_whole_after_a_kill(turn: int, tmp_path: Path) -> None:
    """At any moment, in the middle of writing or of replacing: no file is torn, cut or gone."""
    root = tmp_path / "desired"
    (root / "guests").mkdir(parents=True)
    for number in range(FILES):
        (root / "guests" / f"{number}.yaml").write_bytes(b"a" * SIZE)
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(root), str(SIZE)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    time.sleep(0.01 + turn * 0.031)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    whole = {b"a" * SIZE, b"b" * SIZE}
    files = sorted(root.rglob("*.yaml"))
    assert len(files) == FILES
    assert {path.read_bytes() for path in files} <= whole
