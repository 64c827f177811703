"""The repository's own tree shows what an adopter has, and nothing depends on it."""

from pathlib import Path

import pytest

from reconciler.sample import SAMPLE_TREE

DECLARED = Path(__file__).parents[2] / "desired"


def test_the_tree_of_this_repository_is_the_sample() -> None:
    """`desired/` is the living example; a copy of the repository may declare others, or nobody."""
    if not DECLARED.is_dir():
        pytest.skip("there is no desired/ beside the package")
    assert contents(DECLARED) == contents(SAMPLE_TREE)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder with their bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
