"""Adds entries to a file of guests."""

from collections.abc import Sequence
from typing import Any, Final

from reconciler.desired.reader import read
from reconciler.editing.layout import CannotEdit, Layout, Splice
from reconciler.editing.nodes import BLOCK, Node, comma_between, compose, dash_of
from reconciler.editing.spelling import flow
from reconciler.editing.verifying import Edited, verified

_INDENTATION: Final = 2
"""Columns of the list that begins in a file without any entry."""


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
    place = layout.position(guests.start)
    return verified(Edited(data=layout.spliced(splices), expected=expected, place=place))


def _parsed(entries: Sequence[str]) -> list[Any]:
    document = read("".join(_item(entry, "", "\n") for entry in entries).encode())
    listed = [entry for entry in document.value or () if isinstance(entry, dict)]
    if document.flaws or len(listed) != len(entries) or len(listed) != len(document.value):
        raise CannotEdit("an entry to be added is no mapping in block style", (1, 1))
    return listed


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
    place = layout.below_own(guests.last_end, len(indentation))
    newline = layout.newline(place - 1)
    gap = newline if _is_spaced(layout, guests) else ""
    items = [gap + _item(entry, indentation, newline) for entry in entries]
    return layout.at_line(place, "".join(items), newline)


def _begun(layout: Layout, root: Node, entries: Sequence[str]) -> list[Splice]:
    """Return the splices for `guests: []`: the brackets go, and a list begins on the next line."""
    key, guests = root.pairs["guests"]
    start = guests.start
    while layout.text[start - 1] == " " and start > key.end:
        start -= 1
    place = layout.line_end(guests.end)
    newline = layout.newline(place - 1)
    # A comment further right would pass for one of the new entries.
    column = key.start - layout.line_start(key.start) + _INDENTATION
    indentation = " " * max(column, _next_comment_column(layout, place))
    items = [_item(entry, indentation, newline) for entry in entries]
    return [(start, guests.end, ""), layout.at_line(place, "".join(items), newline)]


def _next_comment_column(layout: Layout, start: int) -> int:
    """Return the column, from 0, of the comment that follows from a line on; -1 where something else does."""
    while start < len(layout.text):
        found = layout.comment_column(start)
        if found != -1:
            return -1 if found is None else found
        start = layout.line_end(start)
    return -1


def _in_brackets(layout: Layout, guests: Node, added: list[Any]) -> list[Splice]:
    """Return the splices for a list in flow style: before the bracket that closes it."""
    close = guests.end - 1
    if not guests.items:
        return [(close, close, ", ".join(map(flow, added)))]
    last = guests.items[-1]
    comma = comma_between(layout, last.end, close)
    end = last.end if comma is None else comma + 1
    separate = [(end, end, ",")] if comma is None else []
    closing = "" if comma is None else ","
    if "\n" not in layout.text[end:close]:
        return [*separate, (end, end, " " + ", ".join(map(flow, added)) + closing)]
    line = layout.text[layout.line_start(last.start) : last.start]
    indentation = line[: len(line) - len(line.lstrip(" \t"))]
    place, newline = layout.below_own(end, len(indentation)), layout.newline(end)
    lines = f",{newline}{indentation}".join(map(flow, added))
    return [*separate, (place, place, f"{indentation}{lines}{closing}{newline}")]


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
