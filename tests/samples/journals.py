"""Journals in memory, and what they prove to the next run."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from reconciler.guard.resumption import Proofs
from reconciler.journal import Journal, JournalEvent
from reconciler.json_lines import JsonLines
from reconciler.model import ResetRedemption


class MemoryLines(JsonLines):
    """Lines that no file keeps."""

    def __init__(self) -> None:
        self.kept: list[Mapping[str, object]] = []

    def append(self, document: Mapping[str, object]) -> None:
        """Keep a line; nothing here is ever on a disk."""
        self.kept.append(document)

    async def flush(self) -> None:
        """Return at once."""


class FullDisk(JsonLines):
    """A file on a disk that is full after some lines."""

    def __init__(self, path: Path, *, room: int) -> None:
        super().__init__(path)
        self.room = room

    def append(self, document: Mapping[str, object]) -> None:
        """Write a line, if there is room for it."""
        self.room -= 1
        if self.room < 0:
            raise OSError(28, "No space left on device")
        super().append(document)


class MemoryJournal(Journal):
    """A journal that can be asked what it proves."""

    def __init__(self) -> None:
        self.lines = MemoryLines()
        super().__init__(self.lines, run="r")

    @property
    def proofs(self) -> Proofs:
        """The acknowledged resets, by the markers that stood meanwhile or by the change."""
        return proofs_in(self.lines.kept)


def proofs_in(lines: Iterable[Mapping[str, object]]) -> dict[str, datetime]:
    """Return what the lines of a journal prove."""
    return {
        str(line["marker"] or line["change"]): datetime.fromisoformat(str(line["at"]))
        for line in lines
        if line["action"] == ResetRedemption.name and line["event"] == JournalEvent.DONE
    }
