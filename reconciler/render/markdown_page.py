"""Lays out Markdown on one page that GitHub takes, or on as many as the content needs.

Cells arrive escaped, as lines. `page` is for results: a table shows the rows that fit, and says where the
rest is. `pages` is for what somebody has to review: nothing is omitted, and no line of a cell is cut.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

LIMIT: Final = 65_536
"""Longest body of a comment or an issue on GitHub, in characters."""

LONGEST_LINE: Final = 40_000
"""Most characters of one line of a cell, so that any page can hold any line."""

Cell = Sequence[str]
"""Escaped lines, shown below each other; none is longer than `LONGEST_LINE`."""

_LABEL: Final = 2_000
"""Most characters of the line that says, on a further page, whose row is continued."""

_SMALLEST_ROW: Final = 64
"""With less room than this, no further row is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows for a page, rendered only as far as they fit."""

    title: str
    """The line above the table, without values; the line to click on when `folded`."""

    columns: tuple[str, ...]

    rows: Iterable[tuple[Cell, ...]]
    """Best a generator, since rows that do not fit on a single page are never read."""

    count: int
    """Number of rows; a table without any is omitted."""

    share: float = 1.0
    """For `page`: the fraction, from 0 to 1, of the room left by earlier tables that its rows may use."""

    folded: bool = False
    """Whether the reader has to open it."""

    is_aside: bool = False
    """For `pages`: not part of the review. All such tables together fill one page at most."""


def page(
    *, head: Sequence[str], tables: Sequence[Table], tail: Sequence[str], elsewhere: str, limit: int = LIMIT
) -> str:
    """Build a page of paragraphs, tables and closing paragraphs, of at most `limit` characters.

    `elsewhere` names the place of the omitted rows. Paragraphs and the frames of tables are always included:
    they hold no values, and have a few hundred characters each.
    """
    shown = [table for table in tables if table.count]
    opening, closing = _paragraphs(head), _paragraphs(tail)
    room = limit - _size(opening) - _size(closing)
    room -= sum(_size(_framed(table, "", _left_out(table.count, elsewhere))) for table in shown)
    parts = [opening]
    for table in shown:
        rows, used, placed = _rows_within(table, int(room * table.share))
        room -= used
        left = table.count - placed
        parts.append(_framed(table, rows, _left_out(left, elsewhere) if left else ""))
    return "".join([*parts, closing])


def pages(
    *,
    marker: str | None,
    head: Sequence[str],
    parts: Sequence[str | Table],
    tail: Sequence[str],
    elsewhere: str,
    limit: int | None = LIMIT,
    most: int | None = None,
) -> tuple[str, ...]:
    """Build as many pages as the parts need, each of at most `limit` characters; one without a limit.

    Each page begins with its marker, `head`, and its number where there are several, and ends with `tail`.
    Parts are paragraphs and tables, in order. With `most`, further pages are not built: each page says that
    they stand `elsewhere`.
    """

    def opening(number: int) -> str:
        return _paragraphs([*([] if marker is None else [hidden(page_marker(marker, number))]), *head])

    closing, room = _paragraphs(tail), None
    if limit is not None:
        room = limit - _size(opening(limit) + closing + _numbered(limit, limit, elsewhere))
    bodies = _bodies(parts, room, elsewhere)
    if most is None:
        built, rest = list(bodies), ""
    else:
        built = list(islice(bodies, most))
        rest = elsewhere if next(bodies, None) is not None else ""
    several = len(built) > 1 or rest
    return tuple(
        f"{opening(number)}{_numbered(number, len(built), rest) if several else ''}{body}{closing}"
        for number, body in enumerate(built, start=1)
    )


def page_marker(marker: str, number: int) -> str:
    """Return the marker of a page; the first page has the marker itself."""
    return marker if number == 1 else f"{marker} page {number}"


def hidden(marker: str) -> str:
    """Return a first line with a marker: no value can forge it, because none stands in that line."""
    return f"<!-- {marker} -->"


class _Sheet:
    """The page that is being filled. `left` is `None` where there is no limit."""

    def __init__(self, room: int | None) -> None:
        self.room = room
        self.aside_left = room
        self._parts: list[str] = []
        self._used = 0

    @property
    def is_blank(self) -> bool:
        return not self._parts

    def fits(self, text: str) -> bool:
        return self.room is None or self._used + _size(text) <= self.room

    def add(self, text: str) -> None:
        self._parts.append(text)
        self._used += _size(text)

    def take(self) -> str:
        """Return the text of the page, and begin another one."""
        text = "".join(self._parts)
        self._parts, self._used = [], 0
        return text

    def takes_aside(self, text: str) -> bool:
        """Return whether a row fits the one page that all asides may fill, which it then takes."""
        if self.aside_left is None:
            return True
        self.aside_left -= _size(text)
        return self.aside_left >= 0


def _bodies(parts: Sequence[str | Table], room: int | None, elsewhere: str) -> Iterator[str]:
    sheet = _Sheet(room)
    for part in parts:
        if isinstance(part, str):
            text = _paragraphs([part])
            if not sheet.fits(text) and not sheet.is_blank:
                yield sheet.take()
            sheet.add(text)
        elif part.count:
            yield from _tabled(part, sheet, elsewhere)
    yield sheet.take()


def _tabled(table: Table, sheet: _Sheet, elsewhere: str) -> Iterator[str]:
    """Add the rows of a table, and yield each page that this fills."""
    opening, closing = _frame(table, table.title)
    again, _ = _frame(table, f"{table.title} (continued)")
    closing_aside = f"{_left_out(table.count, elsewhere)}{closing}" if table.is_aside else closing
    room = None if sheet.room is None else sheet.room - _size(again) - _size(closing_aside)
    is_open, placed = False, 0
    for row in table.rows:
        lines = _row(row)
        if table.is_aside and not sheet.takes_aside(lines):
            break
        for line in _split(row, lines, room):
            if not sheet.fits((line if is_open else opening + line) + closing_aside):
                if is_open:
                    sheet.add(closing)
                if not sheet.is_blank:
                    yield sheet.take()
                is_open = False
            sheet.add(line if is_open else opening + line)
            is_open, opening = True, again
        placed += 1
    left = table.count - placed
    if not is_open and not sheet.fits(opening + closing_aside) and not sheet.is_blank:
        yield sheet.take()
    sheet.add(("" if is_open else opening) + (_left_out(left, elsewhere) if left else "") + closing)


def _split(row: tuple[Cell, ...], whole: str, room: int | None) -> Iterator[str]:
    """Yield a row as it is if a page can hold it, else in several rows, each of which begins as it does."""
    if room is None or _size(whole) <= room:
        yield whole
        return
    label = (row[0][-1],) if _size(row[0][-1]) <= _LABEL else ("(continued)",)
    waiting = [list(cell) for cell in row]
    while any(waiting):
        left = room - _size(_row(tuple(() for _ in row))) - _size(label[0])
        piece: list[Cell] = []
        for cell in waiting:
            taken = []
            while cell and _size(cell[0]) + len(_BREAK) <= left:
                left -= _size(cell[0]) + len(_BREAK)
                taken.append(cell.pop(0))
            piece.append(tuple(taken))
        yield _row((piece[0] or label, *piece[1:]))


_BREAK: Final = "<br>"


def _row(cells: Sequence[Cell]) -> str:
    return f"| {' | '.join(_BREAK.join(cell) for cell in cells)} |\n"


def _rows_within(table: Table, room: int) -> tuple[str, int, int]:
    """Render the rows that fit: their text, its size in characters, their number."""
    lines: list[str] = []
    used = 0
    for row in table.rows:
        if room - used < _SMALLEST_ROW:
            break
        line = _row(row)
        size = _size(line)
        if used + size <= room:
            lines.append(line)
            used += size
    return "".join(lines), used, len(lines)


def _framed(table: Table, rows: str, left_out: str) -> str:
    opening, closing = _frame(table, table.title)
    return f"{opening}{rows}{left_out}{closing}"


def _frame(table: Table, title: str) -> tuple[str, str]:
    """Return what stands before and after rows. GitHub parses Markdown in `<details>` after an empty line."""
    heads = f"| {' | '.join(table.columns)} |\n|{' --- |' * len(table.columns)}\n"
    if table.folded:
        return f"<details><summary>{title}</summary>\n\n{heads}", "\n</details>\n\n"
    return f"**{title}**\n\n{heads}", "\n"


def _numbered(number: int, count: int, elsewhere: str) -> str:
    rest = f" There are more: see {elsewhere}." if elsewhere else ""
    return _paragraphs([f"**Page {number} of {count}.**{rest}"])


def _left_out(count: int, elsewhere: str) -> str:
    return f"\n{count} more: see {elsewhere}.\n"


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"{text}\n\n" for text in texts)


def _size(text: str) -> int:
    """Count characters as JavaScript does, which is never fewer than Python counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
