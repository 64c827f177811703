"""Removes entries from a file of guests, with what is about them alone."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from reconciler.desired.reader import read
from reconciler.editing.layout import Layout
from reconciler.editing.nodes import BLOCK, Node, comma_between, compose, dash_of
from reconciler.editing.verifying import Edited, verified

_Span = tuple[int, int]
"""Offset of the first character, and of the one after the last."""


def remove_entries(data: bytes, indexes: Collection[int]) -> bytes:
    """Return a file of guests without some entries. Raises `CannotEdit`; see `removed`."""
    return verified(removed(data, indexes, before=read(data).value)) if indexes else data


def removed(data: bytes, indexes: Collection[int], *, before: Any) -> Edited:
    """Remove the entries at some indexes, one at least; a file without any other keeps `guests: []`.

    The comment lines directly above an entry go with it, and those below that stand further right, which
    `append_entries` leaves with it.
    `before` is the content of the file; the result is not verified yet. Raises `CannotEdit`.
    """
    layout = Layout.of(data)
    key, guests = compose(data, layout).pairs["guests"]
    kept = [entry for index, entry in enumerate(before["guests"]) if index not in indexes]
    lines = [_lines_of(layout, key, guests, index) for index in sorted(indexes)]
    if all(lines):
        spans = _without_gaps(layout, _joined(layout, filter(None, lines)), all_go=not kept)
        spans += _last_comma(layout, guests, indexes)
    elif guests.style == BLOCK:
        raise layout.cannot_edit("more than an entry stands on a line", guests.start)
    else:
        spans = _parts_of_lines(guests, indexes)
    if guests.style != BLOCK and not kept:
        spans = _emptied(layout, guests, spans)
    splices = [(start, end, "") for start, end in sorted(spans)]
    if guests.style == BLOCK and not kept:
        colon = layout.text.index(":", key.end) + 1
        splices.insert(0, (colon, colon, " []"))
    place = layout.position(guests.items[min(indexes)].start)
    expected = {**before, "guests": kept}
    return Edited(data=layout.spliced(splices), expected=expected, place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Lines of entries that go, with their comments."""

    start: int
    end: int

    floor: int
    """Where the line ends on which the value before them does."""

    is_first: bool
    is_last: bool
    """Of all entries."""


def _lines_of(layout: Layout, key: Node, guests: Node, index: int) -> _Lines | None:
    """Return the lines of an entry with its comments; `None` where it shares a line with something else."""
    item = guests.items[index]
    start = dash_of(layout, item) if guests.style == BLOCK else item.start
    column = start - layout.line_start(start)
    start -= column
    if layout.text[start : start + column].strip(" \t"):
        return None
    if guests.style != BLOCK:
        rest = layout.text[item.end : layout.line_end(item.end)].lstrip().removeprefix(",").strip()
        if rest and not rest.startswith("#"):
            return None
    before = key.end if guests.style == BLOCK else guests.start
    floor = layout.below(guests.items[index - 1].last_end) if index else layout.line_end(before)
    while start > floor:
        found = layout.comment_column(layout.line_start(start - 1))
        if found is None or found < 0 or (index and found > column):
            break
        start = layout.line_start(start - 1)
    return _Lines(
        start=start,
        end=layout.below_own(item.last_end, column),
        floor=floor,
        is_first=index == 0,
        is_last=index == len(guests.items) - 1,
    )


def _joined(layout: Layout, spans: Iterable[_Lines]) -> list[_Lines]:
    """Return spans of lines, those joined that only blank lines separate."""
    joined: list[_Lines] = []
    for span in spans:
        if joined and not layout.text[joined[-1].end : span.start].strip():
            joined[-1] = replace(joined[-1], end=span.end, is_last=span.is_last)
        else:
            joined.append(span)
    return joined


def _without_gaps(layout: Layout, spans: Iterable[_Lines], *, all_go: bool) -> list[_Span]:
    return [_without_gap(layout, span, all_go=all_go) for span in spans]


def _without_gap(layout: Layout, lines: _Lines, *, all_go: bool) -> _Span:
    """Return the lines to remove: also the blank lines that would be left beside others, or at the end.

    Those above the last entry came with it, as `append_entries` puts them there.
    """
    text, start, end = layout.text, lines.start, lines.end
    above, after = start, end
    while above > lines.floor and layout.comment_column(layout.line_start(above - 1)) == -1:
        above = layout.line_start(above - 1)
    while after < len(text) and layout.comment_column(after) == -1:
        after = layout.line_end(after)
    if end == len(text):
        # The last line keeps its line end, or keeps having none.
        bare = text[:above].removesuffix("\n").removesuffix("\r")
        return (above if text.endswith("\n") else len(bare)), end
    if above < start and (after > end or (lines.is_last and not lines.is_first)):
        return above, end
    return start, after if lines.is_first and above == start and not all_go else end


def _last_comma(layout: Layout, guests: Node, indexes: Collection[int]) -> list[_Span]:
    """Return the comma behind the last entry that stays in brackets, where none stood behind the last one."""
    items = guests.items
    last_kept = _last_kept(guests, indexes)
    if guests.style == BLOCK or last_kept in (-1, len(items) - 1):
        return []
    if comma_between(layout, items[-1].end, guests.end - 1) is not None:
        return []
    comma = comma_between(layout, items[last_kept].end, items[last_kept + 1].start)
    return [] if comma is None else [(comma, comma + 1)]


def _last_kept(guests: Node, indexes: Collection[int]) -> int:
    """Return the index of the last entry that stays, -1 for none."""
    return max((index for index in range(len(guests.items)) if index not in indexes), default=-1)


def _emptied(layout: Layout, guests: Node, spans: list[_Span]) -> list[_Span]:
    """Return what to remove between brackets of which every entry goes: all but comments that stay."""
    start, end = guests.start + 1, guests.end - 1
    left, kept = [], start
    for span in sorted(spans):
        left.append(layout.text[kept : span[0]])
        kept = span[1]
    left.append(layout.text[kept:end])
    return spans if "".join(left).strip() else [(start, end)]


def _parts_of_lines(guests: Node, indexes: Collection[int]) -> list[_Span]:
    """Return what to remove of a list in brackets: entries, each with the comma that separates it."""
    items = guests.items
    last_kept = _last_kept(guests, indexes)
    if last_kept < 0:
        return [(items[0].start, guests.end - 1)]
    return [
        (items[index].start, items[index + 1].start)
        if index < last_kept
        else (items[index - 1].end, items[index].end)
        for index in sorted(indexes)
    ]
