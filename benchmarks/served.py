"""A tenant for a benchmark: the embedded emulator in a process of its own."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory


@contextlib.contextmanager
def emulator(seed: Mapping[str, object]) -> Iterator[str]:
    """Serve the tenant that a seed describes, and give the emulator's address, until the block ends."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "seed.yaml").write_text(json.dumps(seed))
        command = [sys.executable, "-m", "reconciler", "emulator", "--seed", "seed.yaml", "--port", "0"]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout
                yield process.stdout.readline().strip()
            finally:
                process.terminate()
