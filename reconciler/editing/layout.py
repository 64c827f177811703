"""The text of a file with its byte order mark and line ends, and the error of all edits."""

import codecs
from dataclasses import dataclass
from typing import Self

from reconciler.desired.document import Position

Splice = tuple[int, int, str]
"""Offset of the first character that goes, of the first one that stays, and the text between them."""


class CannotEdit(Exception):
    """A file is written in a way that cannot be edited by position; nothing was changed."""

    def __init__(self, message: str, position: Position, file: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        """Line and column, both from 1."""
        self.file = file
        """Path relative to the tree; empty where bytes alone were edited."""

    def of(self, file: str) -> "CannotEdit":
        """Return the same error with the name of the file."""
        return CannotEdit(self.message, self.position, file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A file as characters, which is how the parser counts."""

    text: str
    """Without the byte order mark."""

    mark: bytes
    """The byte order mark, if there is one."""

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Split a file in UTF-8, as a reader has accepted it."""
        mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        return cls(text=data[len(mark) :].decode(), mark=mark)

    def position(self, offset: int) -> Position:
        """Return line and column of a character, both from 1."""
        return self.text.count("\n", 0, offset) + 1, offset - self.line_start(offset) + 1

    def line_start(self, offset: int) -> int:
        """Return where the line of a character begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Return where the line of a character ends, its line end included."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def below(self, offset: int) -> int:
        """Return where the first line begins that holds nothing before a character."""
        return offset if offset == self.line_start(offset) else self.line_end(offset)

    def below_own(self, offset: int, column: int) -> int:
        """Return where the lines end of a value that ends at a character and begins in a column, from 0.

        Comment lines below it that stand further right are its own, such as keys that were commented out;
        blank lines between them are too.
        """
        own = start = self.below(offset)
        while start < len(self.text):
            found = self.comment_column(start)
            if found is None or 0 <= found <= column:
                break
            start = self.line_end(start)
            if found >= 0:
                own = start
        return own

    def comment_column(self, start: int) -> int | None:
        """Return the column, from 0, of a line with a comment alone; -1 for a blank line, else `None`."""
        line = self.text[start : self.line_end(start)]
        bare = line.lstrip(" \t\r\n")
        if not bare:
            return -1
        return len(line) - len(bare) if bare.startswith("#") else None

    def newline(self, offset: int) -> str:
        """Return the line end in use around a character: that of its line, or of the one before it."""
        end = self.text.find("\n", offset)
        if end < 0:
            end = self.text.rfind("\n", 0, offset)
        return "\r\n" if end > 0 and self.text[end - 1] == "\r" else "\n"

    def at_line(self, place: int, lines: str, newline: str) -> Splice:
        """Return the splice that puts whole lines at a line's start, or at the end of the file."""
        if place == len(self.text) and not self.text.endswith("\n"):
            lines = newline + lines.removesuffix(newline)
        return place, place, lines

    def spliced(self, splices: list[Splice]) -> bytes:
        """Return the file with parts of it replaced; these do not overlap, and stand in order."""
        parts, kept = [], 0
        for start, end, new in splices:
            parts += [self.text[kept:start], new]
            kept = end
        parts.append(self.text[kept:])
        return self.mark + "".join(parts).encode()

    def cannot_edit(self, message: str, offset: int) -> CannotEdit:
        """Build the error for a place."""
        return CannotEdit(message, self.position(offset))
