"""The append-only record of every write: one JSON line before it and one after it, and its later proofs.

It names guests by object id only, and holds no address, no redeem link and no response body. A journal that
is read may have been written by anybody: it is read within bounds, invalid lines are skipped, and only the
instants, markers and digests of the lines are used.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from reconciler.errors import UsageError
from reconciler.guard.proofs import AcknowledgedReset
from reconciler.json_lines import JsonLines
from reconciler.model import ObjectId, format_instant, parse_instant
from reconciler.rules import Rule

LARGEST_JOURNAL: Final = 64 * 1024 * 1024
"""Most bytes of one file; six lines a guest of 400 bytes each make this 28,000 changes."""

_MOST_JOURNALS: Final = 10_000
_SKEW: Final = timedelta(days=1)
"""An instant further ahead of this machine's clock than that cannot come from a run."""

_RESET: Final = "ResetRedemption"

_PLAUSIBLE: Final = re.compile(rb"^\{\"[^\n]{94,}", re.MULTILINE)
"""A line long enough to hold all required keys; millions of short lines are skipped without parsing."""


class JournalEvent(StrEnum):
    """The stages of a write."""

    SENDING = "sending"
    """About to be sent; without a later event for the same attempt its result is not known."""

    DONE = "done"

    FAILED = "failed"
    """Certainly not executed."""

    UNKNOWN = "unknown"
    """Sent; whether it was executed is not known."""


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
    """The `client-request-id` of the request: finds it in Microsoft's logs when the answer is lost."""

    request_id: str | None
    """Graph's `request-id`."""

    change: str | None = None
    """Digest of the change that the write belongs to, `sha256:` and 64 hexadecimal digits."""

    marker: str | None = None
    """Local part of the marker that stands on the guest; `None` without one."""

    at: datetime | None = None
    """The instant in the answer's `Date` header; `None` when there was no such answer."""

    address: str | None = None
    """`address_digest` of the address that a reset invites; `None` for other writes."""


class Journal:
    """An open journal."""

    def __init__(self, lines: JsonLines, *, run: str) -> None:
        self._lines = lines
        self._run = run

    def record(self, entry: JournalEntry) -> None:
        """Append one line, which survives a kill from then on. Raises `OSError`.

        `flush` forces lines to the disk that must survive a power cut.
        """
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
                "change": entry.change,
                "marker": entry.marker,
                "at": None if entry.at is None else format_instant(entry.at),
                "addressDigest": entry.address,
            }
        )

    async def flush(self) -> None:
        """Wait until all lines recorded so far are on the disk, in one call with other waiting callers.

        Does not block the event loop. Raises `OSError` in every waiting caller.
        """
        await self._lines.flush()


@contextmanager
def open_journal(path: Path, *, run: str) -> Iterator[Journal]:
    """Open a journal for appending, and create it when there is none.

    Raises `UsageError` when the file cannot be opened for appending, or is a symbolic link.
    """
    try:
        lines = JsonLines(path)
    except OSError as error:
        raise UsageError(
            f"the journal {path} cannot be written: {error.strerror}",
            rule=Rule.JOURNAL_UNUSABLE,
            hint="name a file, not a symbolic link, in a folder that exists and can be written",
        ) from error
    with closing(lines):
        yield Journal(lines, run=run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The facts that journals of earlier runs prove."""

    resets: tuple[AcknowledgedReset, ...] = ()
    """In the order in which they were read, each once."""

    last_write: datetime | None = None
    """When the newest write in any journal was sent or answered, by the clock of the machine that sent it."""


def evidence_files(path: Path) -> tuple[Path, ...]:
    """List the journals at a path: itself, or the files in a folder at any depth, sorted.

    Raises `UsageError` when there is nothing at that path, or more files than can be read.
    """
    try:
        if not path.is_dir():
            path.stat()
            return (path,)
        found: list[Path] = []
        for folder, _, names in os.walk(path, onerror=_give_up):
            found.extend(Path(folder, name) for name in names if name.endswith(".jsonl"))
            if len(found) > _MOST_JOURNALS:
                raise _unreadable(path, f"it holds more than {_MOST_JOURNALS} journals")
        return tuple(sorted(one for one in found if one.is_file()))
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error


def read_evidence(paths: Iterable[Path], *, now: datetime) -> Evidence:
    """Read journals and folders of journals. Lines dated more than a day after `now` are skipped.

    Raises `UsageError` when a path cannot be read or a journal is too large.
    """
    resets: dict[AcknowledgedReset, None] = {}
    last_write: datetime | None = None
    for line in _lines(file for path in paths for file in evidence_files(path)):
        if max(line.time, line.at or line.time) > now + _SKEW:
            continue
        last_write = max(last_write or line.time, line.time)
        if line.reset is not None:
            resets[line.reset] = None
    return Evidence(resets=tuple(resets), last_write=last_write)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    time: datetime
    at: datetime | None

    reset: AcknowledgedReset | None
    """`None` for a line that proves no reset."""


def _lines(files: Iterable[Path]) -> Iterator[_Line]:
    """Yield the lines that have the form of a journal's."""
    for file in files:
        for line in _PLAUSIBLE.finditer(_content(file)):
            try:
                found = _line(json.loads(line[0]))
            except (ValueError, OverflowError, RecursionError):
                continue
            if found is not None:
                yield found


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            # The size of the file is not used: a pipe and a growing file have no definite one.
            content = opened.read(LARGEST_JOURNAL + 1)
    except OSError as error:
        raise _unreadable(file, str(error.strerror)) from error
    if len(content) > LARGEST_JOURNAL:
        raise UsageError(
            f"the journal {file} has more than {LARGEST_JOURNAL // 1024**2} MiB",
            rule=Rule.EVIDENCE_UNREADABLE,
            hint="move it away and begin a new one: only what was written since the last success counts",
        )
    return content


def _line(document: Any) -> _Line | None:
    """Parse a document into a line, when all its values have the right type. Raises `ValueError`."""
    match document:
        case {
            "time": str(time),
            "run": str(),
            "id": str(),
            "action": str(action),
            "event": str(event),
        }:
            named = [document.get(key) for key in ("change", "marker", "addressDigest", "at")]
            if not all(isinstance(each, str | None) for each in named):
                return None
            change, marker, address, stated = named
            at = None if stated is None else parse_instant(stated)
            done = JournalEvent(event) is JournalEvent.DONE and action == _RESET
            reset = None
            if done and at is not None and (marker or change):
                reset = AcknowledgedReset(change=change, marker=marker, address=address, at=at)
            return _Line(time=parse_instant(time), at=at, reset=reset)
        case _:
            return None


def _give_up(error: OSError) -> None:
    raise error


def _unreadable(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"the evidence {path} cannot be read: {reason}",
        rule=Rule.EVIDENCE_UNREADABLE,
        hint="name a journal of an earlier apply, or a folder of journals, which may be empty",
    )
