"""The append-only record of every write: one JSON line before it and one after it.

It names guests by object id only, and holds no address, no redeem link and no response body.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from reconciler.errors import UsageError
from reconciler.json_lines import JsonLines
from reconciler.model import ObjectId, format_instant


class JournalEvent(StrEnum):
    """What happened to a write."""

    SENDING = "sending"
    """It is about to be sent; without a later event for the same attempt its fate is not known."""

    DONE = "done"

    FAILED = "failed"
    """Certainly not carried out."""

    UNKNOWN = "unknown"
    """Sent; whether it was carried out is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One line of the journal, apart from the run it belongs to."""

    time: datetime
    id: ObjectId

    action: str
    """Name of the action, as in the plan document."""

    attempt: int
    """Counted from 1 for each action of a guest."""

    event: JournalEvent

    status: int | None
    """HTTP status; `None` before there is an answer, and when there was none."""

    client_request_id: str
    """The id this side gave the request: finds it in Microsoft's logs when the answer is lost."""

    request_id: str | None
    """Graph's `request-id`."""


class Journal:
    """An open journal."""

    def __init__(self, lines: JsonLines, *, run: str) -> None:
        self._lines = lines
        self._run = run

    def record(self, entry: JournalEntry) -> None:
        """Append one line; before a write it is also forced to the disk. Raises `OSError`."""
        self._lines.append(
            {
                "time": format_instant(entry.time),
                "run": self._run,
                "id": entry.id,
                "action": entry.action,
                "attempt": entry.attempt,
                "event": entry.event,
                "status": entry.status,
                "clientRequestId": entry.client_request_id,
                "requestId": entry.request_id,
            },
            durable=entry.event is JournalEvent.SENDING,
        )


@contextmanager
def open_journal(path: Path, *, run: str) -> Iterator[Journal]:
    """Open a journal for appending, and create it when there is none.

    Raises `UsageError` when the file cannot be opened for appending.
    """
    try:
        lines = JsonLines(path)
    except OSError as error:
        raise UsageError(
            f"the journal {path} cannot be written: {error.strerror}",
            rule="journal-unusable",
            hint="name a file in a folder that exists and can be written",
        ) from error
    with closing(lines):
        yield Journal(lines, run=run)
