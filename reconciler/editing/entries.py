"""Adds entries to a file of guests, and removes them."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from reconciler.desired.reader import read
from reconciler.editing.layout import CannotEdit, Layout, Splice
from reconciler.editing.nodes import BLOCK, Node, compose
from reconciler.editing.spelling import flow
from reconciler.editing.verifying import Edited, verified

_INDENTATION: Final = 2
"""Columns of the list that begins in a file without any entry."""

_Span = tuple[int, int]
"""Offset of the first character, and of the one after the last."""

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
    end = guests.last_end
    place = end if end == layout.line_start(end) else layout.line_end(end)
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
    indentation = " " * (key.start - layout.line_start(key.start) + _INDENTATION)
    items = [_item(entry, indentation, newline) for entry in entries]
    return [(start, guests.end, ""), layout.at_line(place, "".join(items), newline)]


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


def remove_entries(data: bytes, indexes: Collection[int]) -> bytes:
    """Return a file of guests without some entries. Raises `CannotEdit`; see `removed`."""
    return verified(removed(data, indexes, before=read(data).value)) if indexes else data


def removed(data: bytes, indexes: Collection[int], *, before: Any) -> Edited:
    """Remove the entries at some indexes, one at least; a file without any other keeps `guests: []`.

    The comment lines directly above an entry go with it, and those directly below that stand further right.
    `before` is the content of the file; the result is not verified yet. Raises `CannotEdit`.
    """
    layout = Layout.of(data)
    key, guests = compose(data, layout).pairs["guests"]
    kept = [entry for index, entry in enumerate(before["guests"]) if index not in indexes]
    lines = [_lines_of(layout, guests, index) for index in sorted(indexes)]
    if all(lines):
        spans = [_without_gap(layout, *span) for span in _joined(layout, filter(None, lines))]
    elif guests.style == BLOCK:
        raise layout.cannot_edit("more than an entry stands on a line", guests.start)
    else:
        spans = _parts_of_lines(guests, indexes)
    splices = [(start, end, "") for start, end in spans]
    if guests.style == BLOCK and not kept:
        colon = layout.text.index(":", key.end) + 1
        splices.insert(0, (colon, colon, " []"))
    place = layout.position(guests.items[min(indexes)].start)
    expected = {**before, "guests": kept}
    return Edited(data=layout.spliced(splices), expected=expected, place=place)


def _lines_of(layout: Layout, guests: Node, index: int) -> _Span | None:
    """Return the lines of an entry with its comments; `None` where it shares a line with something else."""
    item = guests.items[index]
    start = dash_of(layout, item) if guests.style == BLOCK else item.start
    column = start - layout.line_start(start)
    start -= column
    end = item.last_end
    if layout.text[start : start + column].strip(" \t"):
        return None
    if guests.style != BLOCK:
        rest = layout.text[end : layout.line_end(end)].lstrip().removeprefix(",").strip()
        if rest and not rest.startswith("#"):
            return None
    if end != layout.line_start(end):
        end = layout.line_end(end)
    while end < len(layout.text) and _comment_column(layout, end) > column:
        end = layout.line_end(end)
    furthest = column if index else len(layout.text)
    while start and 0 <= _comment_column(layout, layout.line_start(start - 1)) <= furthest:
        start = layout.line_start(start - 1)
    return start, end


def _comment_column(layout: Layout, start: int) -> int:
    """Return the column, from 0, of a line that holds a comment alone; -1 for another line."""
    line = layout.text[start : layout.line_end(start)]
    bare = line.lstrip(" \t")
    return len(line) - len(bare) if bare.startswith("#") else -1


def _joined(layout: Layout, spans: Iterable[_Span]) -> list[_Span]:
    """Return spans of lines, those joined that only blank lines separate."""
    joined: list[_Span] = []
    for start, end in spans:
        if joined and not layout.text[joined[-1][1] : start].strip():
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


def _without_gap(layout: Layout, start: int, end: int) -> _Span:
    """Return the lines to remove: also the blank lines that would be left beside others, or at the end."""
    text = layout.text
    after = end
    while after < len(text) and not text[after : layout.line_end(after)].strip():
        after = layout.line_end(after)
    if end == len(text):
        # The last line keeps its line end, or keeps having none.
        bare = len(text[:start].rstrip())
        return (layout.line_end(bare) if text.endswith("\n") else bare), end
    above = text[layout.line_start(start - 1) : start].strip()
    return start, end if above and not above.endswith(":") else after


def _parts_of_lines(guests: Node, indexes: Collection[int]) -> list[_Span]:
    """Return what to remove of a list in brackets: entries, each with the comma that separates it."""
    items = guests.items
    last_kept = max((index for index in range(len(items)) if index not in indexes), default=-1)
    if last_kept < 0:
        return [(guests.start + 1, guests.end - 1)]
    return [
        (items[index].start, items[index + 1].start)
        if index < last_kept
        else (items[index - 1].end, items[index].end)
        for index in sorted(indexes)
    ]
