"""Lays out lines of terminal text: indented, wrapped to a width, coloured or not."""

from typing import Final

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style

from reconciler.render.escape import terminal

HEADING: Final = Style(bold=True)
GOOD: Final = Style(color="green")
CAUTION: Final = Style(color="yellow")
BAD: Final = Style(color="red", bold=True)
QUIET: Final = Style(dim=True)

LABEL_WIDTH: Final = 6


class TerminalPage:
    """Collects lines; every value written to it is escaped for the terminal."""

    def __init__(self, *, width: int, colour: bool) -> None:
        self._width = width
        self._colour = colour
        self._lines: list[str] = []

    def write(self, text: str, *, indent: int = 0, style: Style | None = None) -> None:
        """Write one paragraph, wrapped at spaces; continuation lines are indented two further."""
        for line in _wrapped(terminal(text), first=indent, rest=indent + 2, width=self._width):
            self._lines.append(self._painted(line, style))

    def field(self, label: str, value: str) -> None:
        """Write a value behind a label, aligned in a column."""
        self.write(f"{label:<{LABEL_WIDTH}}{value}", indent=4)

    def blank(self) -> None:
        """Write an empty line."""
        self._lines.append("")

    def text(self) -> str:
        """Return all lines, each ended by a line break."""
        return "".join(f"{line}\n" for line in self._lines)

    def _painted(self, line: str, style: Style | None) -> str:
        if style is None or not self._colour:
            return line
        return style.render(line, color_system=ColorSystem.STANDARD)


def _wrapped(text: str, *, first: int, rest: int, width: int) -> list[str]:
    """Split text at spaces; a word longer than the width stays whole, so that it can be copied."""
    indented = " " * first + text
    if cell_len(indented) <= width:
        return [indented]
    lines: list[str] = []
    line, used = " " * first, first
    empty = True
    for word in text.split(" "):
        cells = cell_len(word)
        if not empty and used + 1 + cells > width:
            lines.append(line)
            line, used, empty = " " * rest, rest, True
        if not empty:
            line, used = line + " ", used + 1
        line, used, empty = line + word, used + cells, False
    return [*lines, line]
