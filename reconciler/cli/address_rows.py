"""Reads the list of `set-email --from`: a CSV file of guests and their new addresses."""

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.desired.problems import problem
from reconciler.desired.reader import MAX_BYTES
from reconciler.errors import RejectedChange, UsageError
from reconciler.model import Problem
from reconciler.rules import Rule
from reconciler.rules.editing import EDITING
from reconciler.schemas import quoted

_HEADERS: Final = (("id", "email"), ("from", "to"))
STDIN: Final = Path("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRow:
    """One row of the list."""

    line: int
    """The line on which the row begins, from 1."""

    who: str
    email: str


def read_rows(path: Path) -> bytes:
    """Read the file, or stdin for `-`. Raises `UsageError`."""
    try:
        if path == STDIN:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}",
            rule=Rule.ROWS_UNREADABLE,
            hint="name a CSV file with the header id,email or from,to, or - for stdin",
        ) from error


def name_of(path: Path) -> str:
    """Return the name that the list has in messages."""
    return "stdin" if path == STDIN else str(path)


def parse_rows(data: bytes, name: str) -> tuple[list[AddressRow], list[Problem]]:
    """Parse the list: its rows, and the problems of those that have another form than the header.

    Raises `RejectedChange` when it is too large, or no text.
    """
    if len(data) > MAX_BYTES:
        raise _rejected(name, 1, f"the list has more than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _rejected(name, line, "the list is not UTF-8: save it as CSV UTF-8") from error
    found = list(_rows(text, name))
    rows = [row for row in found if isinstance(row, AddressRow)]
    return rows, [row for row in found if isinstance(row, Problem)]


def row_problem(name: str, line: int, rule: Rule, message: str, *, hint: str | None = None) -> Problem:
    """Make a problem of one row."""
    described = EDITING.get(rule)
    return problem(name, (line, 1), rule, message, hint=hint or (described.remedy if described else None))


def _rows(text: str, name: str) -> Iterator[AddressRow | Problem]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield row_problem(name, line, Rule.ROWS_FORM, f"this is not CSV from here on: {error}")
            return
        begun, line = line, reader.line_num + 1
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if header is None:
            header = [cell.lower() for cell in cells]
            if tuple(header) not in _HEADERS:
                message = (
                    f"{quoted(delimiter.join(cells))} is not the header, which is id,email or from,to alone"
                )
                yield row_problem(name, begun, Rule.ROWS_FORM, message)
                return
        elif len(cells) != len(header) or not all(cells):
            message = f"a row has two cells, {header[0]} and {header[1]}, and none is empty"
            yield row_problem(name, begun, Rule.ROWS_FORM, message)
        else:
            yield AddressRow(line=begun, who=cells[0], email=cells[1])
    if header is None:
        yield row_problem(name, 1, Rule.ROWS_FORM, "the list has no header id,email or from,to")


def _rejected(name: str, line: int, message: str) -> RejectedChange:
    return RejectedChange((row_problem(name, line, Rule.ROWS_FORM, message),))
