"""The journal: what it holds, when it is written, and what a kill leaves of it."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import journal
from reconciler.errors import UsageError
from reconciler.guard.proofs import AcknowledgedReset
from reconciler.journal import (
    LARGEST_JOURNAL,
    Evidence,
    JournalEntry,
    JournalEvent,
    open_journal,
    read_evidence,
)
from tests.support.directory import guest_id

ENTRY = JournalEntry(
    time=datetime(2026, 11, 23, 10, 0, 1, tzinfo=UTC),
    id=guest_id(1),
    action="SetMail",
    attempt=2,
    event=JournalEvent.DONE,
    status=204,
    client_request_id="c",
    request_id="g",
    change="sha256:" + "0" * 64,
    marker="pending-1790000000-0a1b2c3d-0000000000000000",
    at=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
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
        "change": "sha256:" + "0" * 64,
        "marker": "pending-1790000000-0a1b2c3d-0000000000000000",
        "at": "2026-11-23T10:00:00Z",
        "addressDigest": None,
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


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_never_followed(tmp_path: Path, *, there: bool) -> None:
    """A committed link does not make a run append to another file, nor make one; the error names it."""
    target, link = tmp_path / "elsewhere", tmp_path / "journal.jsonl"
    if there:
        target.write_text("mine")
    link.symlink_to(target)
    refused = pytest.raises(UsageError, match=r"journal\.jsonl cannot be written: it is a symbolic link")
    with refused as caught, open_journal(link, run="run-1"):
        pass
    assert caught.value.rule == "journal-unusable"
    assert (target.read_text() if there else target.exists()) == ("mine" if there else False)


async def test_a_flush_forces_to_the_disk_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a POST everybody waits for the disk together, and no line is left behind."""
    forced: list[int] = []
    path = tmp_path / "journal.jsonl"
    monkeypatch.setattr(os, "fsync", lambda _: forced.append(len(path.read_text().splitlines())))
    with open_journal(path, run="r") as journal:
        journal.record(replace(ENTRY, event=JournalEvent.SENDING))
        journal.record(ENTRY)
        assert forced == []
        await asyncio.gather(*(journal.flush() for _ in range(50)))
        assert forced == [2]
        journal.record(replace(ENTRY, event=JournalEvent.SENDING))
        assert forced == [2]
        await journal.flush()
        assert forced == [2, 3]


async def test_a_disk_that_fails_is_told_to_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes a line for safe that did not reach the disk."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with open_journal(tmp_path / "journal.jsonl", run="r") as journal:
        ended = await asyncio.gather(*(journal.flush() for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in ended] == ["[Errno 28] No space left on device"] * 3


async def test_a_device_that_keeps_nothing_is_no_failure() -> None:
    """A journal on /dev/null is a choice, not a broken disk."""
    with open_journal(Path("/dev/null"), run="r") as journal:
        journal.record(replace(ENTRY, event=JournalEvent.SENDING))
        await journal.flush()


NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MARKER = "pending-1790000000-0a1b2c3d-0000000000000000"
LINE: dict[str, Any] = {
    "time": "2026-11-23T10:00:01Z",
    "run": "r",
    "id": guest_id(1),
    "action": "ResetRedemption",
    "attempt": 1,
    "event": "done",
    "status": 201,
    "clientRequestId": "c",
    "requestId": "g",
    "change": "sha256:0",
    "marker": MARKER,
    "at": "2026-11-23T10:00:00Z",
    "addressDigest": "0123456789abcdef",
}
RESET = AcknowledgedReset(
    change="sha256:0",
    marker=MARKER,
    address="0123456789abcdef",
    at=datetime(2026, 11, 23, 10, tzinfo=UTC),
)
PROVEN = Evidence(
    resets=(RESET,),
    last_write=datetime(2026, 11, 23, 10, 0, 1, tzinfo=UTC),
)
NOTHING = Evidence()


def evidence_of(path: Path, *lines: dict[str, Any] | bytes) -> Evidence:
    """Read a journal of these lines."""
    path.write_bytes(
        b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in lines)
    )
    return read_evidence([path], now=NOW)


def test_an_acknowledged_reset_is_evidence(tmp_path: Path) -> None:
    """What a run has recorded of its reset, a later run knows by the marker."""
    path = tmp_path / "journal.jsonl"
    with open_journal(path, run="r") as journal:
        journal.record(
            replace(
                ENTRY, action="ResetRedemption", marker=MARKER, change=RESET.change, address=RESET.address
            )
        )
    assert read_evidence([path], now=NOW) == PROVEN


@pytest.mark.parametrize(
    "other",
    [
        {"event": "sending"},
        {"event": "failed"},
        {"event": "unknown"},
        {"action": "SetMail"},
        {"marker": None, "change": None},
        {"at": None},
    ],
)
def test_only_an_answer_to_a_reset_proves_one(tmp_path: Path, other: dict[str, Any]) -> None:
    """Any other line tells only when there was a write."""
    assert evidence_of(tmp_path / "j", {**LINE, **other}) == replace(PROVEN, resets=())


def test_a_reset_without_a_marker_is_proved_under_its_change(tmp_path: Path) -> None:
    """A change that puts no marker on the guest is known by its digest."""
    found = evidence_of(tmp_path / "j", {**LINE, "marker": None})
    assert found == replace(PROVEN, resets=(replace(RESET, marker=None),))


def test_a_journal_of_the_older_form_tells_when_the_last_write_was(tmp_path: Path) -> None:
    """Lines without change, marker and instant of the answer still date a write."""
    newer = {"change", "marker", "at", "addressDigest"}
    old = {name: value for name, value in LINE.items() if name not in newer}
    assert evidence_of(tmp_path / "j", old) == replace(PROVEN, resets=())


def test_a_journal_that_does_not_tell_the_address_proves_a_reset(tmp_path: Path) -> None:
    """Lines from before the address was told count as they did."""
    old = {name: value for name, value in LINE.items() if name != "addressDigest"}
    assert evidence_of(tmp_path / "j", old) == replace(PROVEN, resets=(replace(RESET, address=None),))


def test_all_files_count(tmp_path: Path) -> None:
    """Every reset of all files is known, and of all writes the newest instant."""
    later = {**LINE, "time": "2026-11-23T10:10:01+00:00", "at": "2026-11-23T10:10:00.5Z"}
    other = {**LINE, "action": "SetMail", "time": "2026-11-23T11:00:00Z"}
    (tmp_path / "deep" / "er").mkdir(parents=True)
    evidence_of(tmp_path / "b.jsonl", later, LINE)
    evidence_of(tmp_path / "deep" / "er" / "a.jsonl", other)
    evidence_of(tmp_path / "deep" / "notes.txt", {**LINE, "time": "2026-11-23T11:30:00Z"})
    os.mkfifo(tmp_path / "deep" / "pipe.jsonl")
    assert read_evidence([tmp_path], now=NOW) == Evidence(
        resets=(replace(RESET, at=datetime(2026, 11, 23, 10, 10, 0, 500_000, tzinfo=UTC)), RESET),
        last_write=datetime(2026, 11, 23, 11, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "bad",
    [
        b"\n",
        b"{\n",
        b"7\n",
        b"[" * 100_000 + b"\n",
        b"\xff\n",
        {**LINE, "time": "2026-11-23T10:00:01"},
        {**LINE, "time": "0001-01-01T00:00:00+23:00"},
        {**LINE, "time": 7},
        {**LINE, "time": "2026-11-24T12:00:01Z"},
        {**LINE, "at": "2026-11-24T12:00:01Z"},
        {**LINE, "at": 7},
        {**LINE, "at": "soon"},
        {**LINE, "marker": ["x"]},
        {**LINE, "run": None},
        {**LINE, "id": 7},
        {**LINE, "action": None},
        {**LINE, "event": "dreamt"},
    ],
    ids=repr,
)
def test_a_line_that_is_none_is_passed_over(tmp_path: Path, bad: dict[str, Any] | bytes) -> None:
    """Torn, foreign and made-up lines prove nothing, and hide no line beside them."""
    assert evidence_of(tmp_path / "j", bad) == NOTHING
    assert evidence_of(tmp_path / "j", LINE, bad, {**LINE}) == PROVEN


@given(st.binary())
def test_any_bytes_give_an_evidence(data: bytes) -> None:
    """A journal is input like any other: nothing in it ends the run, and a good line beside it counts."""
    with_line = data + b"\n" + json.dumps(LINE).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        path.write_bytes(with_line)
        assert read_evidence([path], now=NOW).resets == PROVEN.resets


@given(
    st.fixed_dictionaries(
        {
            name: st.just(value) | st.text() | st.none() | st.datetimes().map(str)
            for name, value in LINE.items()
        }
    )
)
def test_any_line_gives_an_evidence(line: dict[str, Any]) -> None:
    """Whatever stands in the fields, no instant of the future is believed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        path.write_text(json.dumps(line))
        found = read_evidence([path], now=NOW)
    known = [*(reset.at for reset in found.resets), *([found.last_write] if found.last_write else [])]
    assert all(instant <= NOW + timedelta(days=1) for instant in known)


def test_what_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    """Evidence that was named and is not there is never taken for none."""
    with pytest.raises(UsageError) as caught:
        read_evidence([tmp_path / "nowhere"], now=NOW)
    assert caught.value.rule == "evidence-unreadable"
    assert caught.value.hint


def test_an_empty_folder_is_no_evidence(tmp_path: Path) -> None:
    """A first run has nothing to go by, and may say so."""
    assert read_evidence([tmp_path], now=NOW) == NOTHING
    assert read_evidence([], now=NOW) == NOTHING


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    """A journal beyond 64 MiB, whatever size it states, is named and not read on."""
    with (tmp_path / "big.jsonl").open("wb") as file:
        file.truncate(LARGEST_JOURNAL + 1)
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(UsageError, match="more than 64 MiB") as caught:
            read_evidence([path], now=NOW)
        assert caught.value.rule == "evidence-unreadable"


def test_more_journals_than_can_be_read_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with files without number ends with a sentence."""
    monkeypatch.setattr(journal, "_MOST_JOURNALS", 2)
    for number in range(3):
        (tmp_path / f"{number}.jsonl").touch()
    with pytest.raises(UsageError, match="more than 2 journals"):
        read_evidence([tmp_path], now=NOW)


@pytest.mark.parametrize("broken", ["file", "folder"])
def test_a_disk_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """An error of the disk is no empty journal."""

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(5, "Input/output error")

    (tmp_path / "a.jsonl").touch()
    if broken == "file":
        monkeypatch.setattr(Path, "open", fail)
    else:
        monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(UsageError, match="Input/output error"):
        read_evidence([tmp_path], now=NOW)


@pytest.mark.parametrize("content", [json.dumps(LINE).encode() + b"\n", b"[", b"9", b"\n", b'{"a"\n'])
def test_eight_mebibytes_cost_no_more_than_their_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """Nobody can make a journal of lines that are cheap to write and dear to read."""
    parsed = 0
    original = json.loads

    def counted(text: bytes) -> Any:
        nonlocal parsed
        parsed += 1
        return original(text)

    monkeypatch.setattr(json, "loads", counted)
    size = 8 * 1024**2
    evidence_of(tmp_path / "j", content * (size // len(content)))
    assert parsed <= size // 96
