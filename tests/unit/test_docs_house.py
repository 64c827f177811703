"""The picture of the rooms in docs/architecture.md against the contracts and the code."""

import re

import pytest

from tests.house import PAGE, drawing, drawn, layers, outside, rooms


def test_the_page_is_as_drawn() -> None:
    """docs/architecture.md shows the rooms of today: draw them anew with `python -m tests.house`."""
    page = PAGE.read_text(encoding="utf-8")
    assert drawn(page) == page


def test_every_room_stands_in_one_layer() -> None:
    """The contract places every top-level package and module, and nothing that does not exist."""
    placed = [room for held in layers() for room in held]
    assert sorted([*placed, *outside()]) == sorted(rooms())


def test_every_room_says_what_it_is_for() -> None:
    """A room without a docstring would stand in the table with an empty sentence."""
    rows = re.findall(r"^\| \[`(\w+)`\]\(\S+\) \| (.+?) \|", drawing(), re.MULTILINE)
    assert sorted(room for room, _ in rows) == sorted(rooms())
    assert [room for room, purpose in rows if len(purpose.split()) < 3] == []


def test_a_page_without_marks_is_no_page_to_draw_on() -> None:
    """Whoever removes a mark learns of it, instead of losing the picture."""
    with pytest.raises(ValueError, match="no marks"):
        drawn("# How the code is cut\n")
