"""The list of properties in the documentation against the tests that hold them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "properties.md").read_text()
ROWS = dict(re.findall(r"^\| ([SL][0-9]+) \| .* \| (.*) \|$", PAGE, re.MULTILINE))


def test_every_property_is_listed_once() -> None:
    """Safety and liveness are numbered without a gap."""
    numbered = [*(f"S{number}" for number in range(1, 18)), *(f"L{number}" for number in range(1, 6))]
    assert re.findall(r"^\| ([SL][0-9]+) \|", PAGE, re.MULTILINE) == numbered


def test_every_property_is_held_by_tests_that_exist() -> None:
    """A test that is renamed or deleted takes its name out of the list."""
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    tests = set(re.findall(r"def (test_\w+)", sources))
    named = {row: re.findall(r"`(test_\w+)`", held) for row, held in ROWS.items()}
    assert all(named.values()), "a property is held by nobody"
    assert [name for names in named.values() for name in names if name not in tests] == []
