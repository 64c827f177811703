"""The journal: what it holds, when it is written, and what a kill leaves of it."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.journal import JournalEntry, JournalEvent, open_journal
from tests.samples.directory import guest_id

ENTRY = JournalEntry(
    time=datetime(2026, 11, 23, 10, 0, 1, tzinfo=UTC),
    id=guest_id(1),
    action="SetMail",
    attempt=2,
    event=JournalEvent.DONE,
    status=204,
    client_request_id="c",
    request_id="g",
)


def test_an_entry_is_one_line_of_json(tmp_path: Path) -> None:
    """Each entry is a JSON document on a line of its own, with the run it belongs to."""
    path = tmp_path / "journal.jsonl"
    with open_journal(path, run="run-1") as journal:
        journal.record(ENTRY)
        journal.record(ENTRY)
    first, second = path.read_text().splitlines()
    assert first == second
    assert json.loads(first) == {
        "time": "2026-11-23T10:00:01Z",
        "run": "run-1",
        "id": guest_id(1),
        "action": "SetMail",
        "attempt": 2,
        "event": "done",
        "status": 204,
        "clientRequestId": "c",
        "requestId": "g",
    }


def test_a_later_run_appends(tmp_path: Path) -> None:
    """What an earlier run wrote stays."""
    path = tmp_path / "journal.jsonl"
    for run in ("one", "two"):
        with open_journal(path, run=run) as journal:
            journal.record(ENTRY)
    assert [json.loads(line)["run"] for line in path.read_text().splitlines()] == ["one", "two"]


def test_half_a_line_of_a_killed_run_spoils_no_other(tmp_path: Path) -> None:
    """A line cut by a kill is ended before anything is appended."""
    path = tmp_path / "journal.jsonl"
    path.write_text('{"time": "2026-')
    with open_journal(path, run="two") as journal:
        journal.record(ENTRY)
    cut, whole = path.read_text().splitlines()
    assert cut == '{"time": "2026-'
    assert json.loads(whole)["run"] == "two"


def test_an_entry_survives_a_kill(tmp_path: Path) -> None:
    """What was recorded is in the file even when the process is killed in the same moment."""
    path = tmp_path / "journal.jsonl"
    program = (
        "import os, signal, sys; from pathlib import Path; from tests.unit.test_journal import ENTRY;"
        "from reconciler.journal import open_journal\n"
        "with open_journal(Path(sys.argv[1]), run='r') as journal:\n"
        "    journal.record(ENTRY)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False, cwd=root)
    assert killed.returncode == -9
    assert json.loads(path.read_text())["action"] == "SetMail"


def test_a_new_journal_is_its_owners_alone(tmp_path: Path) -> None:
    """The journal tells which guests were changed: others need not read it."""
    path = tmp_path / "journal.jsonl"
    with open_journal(path, run="r"):
        assert path.stat().st_mode & 0o077 == 0


def test_a_journal_that_cannot_be_opened_is_wrong_usage(tmp_path: Path) -> None:
    """A path that cannot be written is refused before anything is done."""
    with pytest.raises(UsageError, match="cannot be written"), open_journal(tmp_path, run="r"):
        pass
