"""The lengths of files and functions: what has outgrown a screen or a subject is split, by what it does.

A file of tests has 400 lines at most. A function of `reconciler/` has 45, counted from `def` to its end, with
signature and docstring; a nested one counts for itself and for the function around it. No exceptions.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

MOST_LINES_OF_A_TEST_FILE: Final = 400
MOST_LINES_OF_A_FUNCTION: Final = 45


def long_file(file: str, source: str) -> Iterator[str]:
    """Yield the name and the length of a file that is too long."""
    lines = len(source.splitlines())
    if lines > MOST_LINES_OF_A_TEST_FILE:
        yield f"{file}: {lines} lines"


def long_functions(file: str, source: str) -> Iterator[str]:
    """Yield place, name and length of each function in `source` that is too long."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > MOST_LINES_OF_A_FUNCTION:
            yield f"{file}:{node.lineno}: {node.name} has {lines} lines"


def sources(folder: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of every Python file in a folder of the repository."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for path in files:
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_no_test_file_is_too_long() -> None:
    """Every file under tests/ keeps promises about one subject, and fits 400 lines."""
    found = [offence for file, source in sources("tests") for offence in long_file(file, source)]
    assert not found, "\n".join(found)


def test_no_function_is_too_long() -> None:
    """Every function of the package fits 45 lines."""
    found = [offence for file, source in sources("reconciler") for offence in long_functions(file, source)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("lines", "found"), [(400, []), (401, ["tests/some.py: 401 lines"])])
def test_a_file_is_measured_by_its_lines(lines: int, found: list[str]) -> None:
    """Blank lines and comments count as well."""
    assert list(long_file("tests/some.py", "\n# why\n" * (lines // 2) + "\n" * (lines % 2))) == found


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("lines", "long"), [(45, False), (46, True)])
def test_a_function_is_measured_from_its_first_line_to_its_last(kind: str, lines: int, *, long: bool) -> None:
    """A docstring counts, decorators do not; a method is found inside its class."""
    body = "        one()\n" * (lines - 2)
    source = f'class Some:\n    @decorated\n    {kind} method(self):\n        """Return it."""\n{body}'
    found = [f"some.py:3: method has {lines} lines"] if long else []
    assert list(long_functions("some.py", source)) == found


def test_a_nested_function_counts_twice() -> None:
    """A long inner function makes the outer one long."""
    source = "def outer():\n    def inner():\n" + "        one()\n" * 45
    assert [offence.partition(": ")[2] for offence in long_functions("some.py", source)] == [
        "outer has 47 lines",
        "inner has 46 lines",
    ]
