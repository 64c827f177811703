"""Journals in memory, and what they prove to the next run."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.guard.proofs import AcknowledgedReset
from reconciler.journal import Journal, JournalEvent
from reconciler.json_lines import JsonLines
from reconciler.model import ResetRedemption


class MemoryLines(JsonLines):
    """Lines that no file keeps."""

    def __init__(self) -> None:
        self.kept: list[Mapping[str, Any]] = []

    def append(self, document: Mapping[str, Any]) -> None:
        """Keep a line; nothing here is ever on a disk."""
        self.kept.append(document)

    async def flush(self) -> None:
        """Return at once."""


class FullDisk(JsonLines):
    """A file on a disk that is full after some lines."""

    def __init__(self, path: Path, *, room: int) -> None:
        super().__init__(path)
        self.room = room

    def append(self, document: Mapping[str, Any]) -> None:
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
    def resets(self) -> tuple[AcknowledgedReset, ...]:
        """The acknowledged resets."""
        return tuple(
            AcknowledgedReset(
                change=line["change"],
                marker=line["marker"],
                address=line["addressDigest"],
                at=datetime.fromisoformat(line["at"]),
            )
            for line in self.lines.kept
            if line["action"] == ResetRedemption.name and line["event"] == JournalEvent.DONE
        )
