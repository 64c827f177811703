"""The wheel as it is built: what is in it, and that it works without the checkout beside it."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, and unpack it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def expected() -> Iterator[str]:
    """Yield every file of the package, as the wheel names it."""
    for path in (ROOT / "reconciler").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT).as_posix()


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """Schemas, sample and templates are in it; tests, benchmarks and documents are not."""
    found = {path.relative_to(wheel).as_posix() for path in wheel.rglob("*") if path.is_file()}
    assert {name for name in found if ".dist-info/" not in name} == set(expected())


def test_the_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    """The command finds its schemas inside the package, and the sample it brings is valid."""
    environment = {"PYTHONPATH": str(wheel), "PYTHONDONTWRITEBYTECODE": "1"}
    sample = str(wheel / "reconciler" / "sample" / "tree")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "reconciler", "--desired", sample, "validate"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "The desired state is valid: 8 declared guests.\n")
    where = [sys.executable, "-P", "-c", "import reconciler; print(reconciler.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(wheel)
