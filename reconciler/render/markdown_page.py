"""Lays out a Markdown page within a number of characters, whatever its content.

Cells arrive escaped. A table that does not fit shows the rows that do, and says where the rest is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

LIMIT: Final = 65_536
"""Longest body of a comment or an issue on GitHub, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows for a page, rendered only as far as they fit."""

    title: str
    """The line above the table, without values; the line to click on when `folded`."""

    columns: tuple[str, ...]

    rows: Iterable[tuple[str, ...]]
    """Escaped cells; best a generator, since rows that do not fit are never read."""

    count: int
    """Number of rows; a table without any is omitted."""

    share: float = 1.0
    """The fraction, from 0 to 1, of the characters left by earlier tables that its rows may use."""

    folded: bool = False
    """Whether the reader has to open it."""


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


def _rows_within(table: Table, room: int) -> tuple[str, int, int]:
    """Render rows until one does not fit: their text, its size in characters, their number."""
    lines: list[str] = []
    used = 0
    for row in table.rows:
        line = f"| {' | '.join(row)} |\n"
        size = _size(line)
        if used + size > room:
            break
        lines.append(line)
        used += size
    return "".join(lines), used, len(lines)


def _framed(table: Table, rows: str, left_out: str) -> str:
    """Add title and heads to rows. GitHub parses Markdown in `<details>` only after an empty line."""
    body = f"| {' | '.join(table.columns)} |\n|{' --- |' * len(table.columns)}\n{rows}{left_out}"
    if table.folded:
        return f"<details><summary>{table.title}</summary>\n\n{body}\n</details>\n\n"
    return f"**{table.title}**\n\n{body}\n"


def _left_out(count: int, elsewhere: str) -> str:
    return f"\n{count} more: see {elsewhere}.\n"


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"{text}\n\n" for text in texts)


def _size(text: str) -> int:
    """Count characters as JavaScript does, which is never fewer than Python counts."""
    return len(text.encode("utf-16-le")) // 2
