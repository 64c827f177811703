"""Adds entries to a file of guests."""

import re
from collections.abc import Sequence
from typing import Any, Final

from reconciler.desired.reader import read
from reconciler.editing.layout import CannotEdit, Layout, Splice
from reconciler.editing.nodes import BLOCK, Node, compose
from reconciler.editing.spelling import flow

_INDENTATION: Final = 2
"""Columns of the list that begins in a file without any entry."""

_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#[^\n]*")


def append_entries(data: bytes, entries: Sequence[str]) -> bytes:
    """Return a file of guests with further entries at the end of its list.

    Each entry is a block as `entry_block` spells it: a mapping of some lines, without dash and indentation.
    Raises `CannotEdit` when the file is not valid, or not written in a way to which entries can be added.
    """
    if not entries:
        return data
    before = read(data).value
    layout = Layout.of(data)
    root = compose(data, layout)
    if not isinstance(before, dict) or "guests" not in root.pairs:
        raise layout.cannot_edit("the file has no list of guests", root.start)
    guests = root.pairs["guests"][1]
    if not isinstance(before["guests"], list):
        raise layout.cannot_edit("guests is no list", guests.start)
    added = _parsed(entries)
    if guests.style == BLOCK:
        splices = [_after_last_item(layout, guests, entries)]
    elif root.style == BLOCK and not guests.items and "\n" not in layout.text[guests.start : guests.end]:
        splices = _begun(layout, root, entries)
    else:
        splices = _in_brackets(layout, guests, added)
    expected = {**before, "guests": [*before["guests"], *added]}
    return verified(layout.spliced(splices), expected, layout, guests.start)


def verified(data: bytes, expected: Any, layout: Layout, place: int) -> bytes:
    """Return an edited file that holds what is expected. Raises `CannotEdit` at `place` of the old one."""
    document = read(data)
    if document.flaws or document.value != expected:
        raise layout.cannot_edit("this is not written in a way that can be edited: change it by hand", place)
    return data


def _parsed(entries: Sequence[str]) -> list[Any]:
    document = read("".join(_item(entry, "", "\n") for entry in entries).encode())
    if document.flaws or len(document.value) != len(entries):
        raise CannotEdit("an entry to be added is no mapping in block style", (1, 1))
    return list(document.value)


def _item(entry: str, indentation: str, newline: str) -> str:
    first, *others = entry.split("\n")
    lines = [f"{indentation}- {first}", *(f"{indentation}  {line}" if line else "" for line in others)]
    return newline.join([*lines, ""])


def _after_last_item(layout: Layout, guests: Node, entries: Sequence[str]) -> Splice:
    """Return the splice for a list in block style: after the line on which its last value ends."""
    dash = dash_of(layout, guests.items[-1])
    indentation = layout.text[layout.line_start(dash) : dash]
    if indentation.strip(" "):
        raise layout.cannot_edit("more than the entry stands on this line", dash)
    end = guests.last_end
    place = end if end == layout.line_start(end) else layout.line_end(end)
    newline = layout.newline(place - 1)
    gap = newline if _is_spaced(layout, guests) else ""
    return _at_line(layout, place, [gap + _item(entry, indentation, newline) for entry in entries], newline)


def _begun(layout: Layout, root: Node, entries: Sequence[str]) -> list[Splice]:
    """Return the splices for `guests: []`: the brackets go, and a list begins on the next line."""
    key, guests = root.pairs["guests"]
    start = guests.start
    while layout.text[start - 1] == " " and start > key.end:
        start -= 1
    place = layout.line_end(guests.end)
    newline = layout.newline(place - 1)
    indentation = " " * (key.start - layout.line_start(key.start) + _INDENTATION)
    items = [_item(entry, indentation, newline) for entry in entries]
    return [(start, guests.end, ""), _at_line(layout, place, items, newline)]


def _at_line(layout: Layout, place: int, items: list[str], newline: str) -> Splice:
    """Return the splice that puts lines at `place`, which is a line's start or the end of the file."""
    lines = "".join(items)
    if place == len(layout.text) and not layout.text.endswith("\n"):
        lines = newline + lines.removesuffix(newline)
    return place, place, lines


def _in_brackets(layout: Layout, guests: Node, added: list[Any]) -> list[Splice]:
    """Return the splices for a list in flow style: before the bracket that closes it."""
    close = guests.end - 1
    if not guests.items:
        return [(close, close, ", ".join(map(flow, added)))]
    last = guests.items[-1]
    # A comment may hold a comma, which separates nothing.
    rest = _COMMENT.sub(lambda found: " " * len(found[0]), layout.text[last.end : close])
    comma = rest.find(",")
    end = last.end + comma + 1
    separate = [] if comma >= 0 else [(last.end, last.end, ",")]
    closing = "," if comma >= 0 else ""
    if "\n" not in layout.text[end:close]:
        return [*separate, (end, end, " " + ", ".join(map(flow, added)) + closing)]
    line = layout.text[layout.line_start(last.start) : last.start]
    indentation = line[: len(line) - len(line.lstrip(" \t"))]
    place, newline = layout.line_end(end), layout.newline(end)
    lines = f",{newline}{indentation}".join(map(flow, added))
    return [*separate, (place, place, f"{indentation}{lines}{closing}{newline}")]


def dash_of(layout: Layout, item: Node) -> int:
    """Return where the dash of an item in block style stands: blanks and comments alone may follow it."""
    start = layout.line_start(item.start)
    line = layout.text[start : item.start]
    while not line.rstrip(" \t\r\n").endswith("-"):
        if start == 0 or line.strip(" \t\r\n"):
            raise layout.cannot_edit("the dash of this entry was not found", item.start)
        end, start = start, layout.line_start(start - 1)
        line = _COMMENT.sub("", layout.text[start:end])
    return start + line.rindex("-")


def _is_spaced(layout: Layout, guests: Node) -> bool:
    """Return whether a blank line stands before the last entry, or before the comment above it."""
    if len(guests.items) < 2:
        return False
    start = layout.line_start(dash_of(layout, guests.items[-1]))
    while start:
        before = layout.line_start(start - 1)
        line = layout.text[before:start].strip()
        if not line.startswith("#"):
            return not line
        start = before
    return False
