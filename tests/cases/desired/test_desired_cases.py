"""Each folder beside this file is a case: `tree`, and in `errors.txt` every problem it has, one a line.

A new case is a new folder. An empty `errors.txt` says that the tree is valid.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.desired import format_problem, load, read_tree
from reconciler.errors import InvalidDesired

HERE = Path(__file__).parent
CASES = sorted(folder.name for folder in HERE.iterdir() if (folder / "tree").is_dir())
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    """A tree has exactly the problems that its `errors.txt` lists, in this order."""
    lines = []
    try:
        load(read_tree(HERE / case / "tree"), now=NOW)
    except InvalidDesired as error:
        lines = [format_problem(problem) for problem in error.problems]
    assert lines == (HERE / case / "errors.txt").read_text(encoding="utf-8").splitlines()
