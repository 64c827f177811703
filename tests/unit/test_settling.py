"""When reads count, and the hint of the last write that is kept between runs."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import TenantId
from reconciler.settling import read_hint, settled_at, write_hint
from tests.e2e.shell import clean_environment

TENANT = TenantId("7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10")
ROOT = "https://graph.microsoft.com"
NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def kept(folder: Path) -> Path:
    """Give the one file that there is."""
    (file,) = [one for one in folder.rglob("*") if one.is_file()]
    return file


def test_reads_count_once_the_last_write_of_anybody_is_old_enough() -> None:
    """The latest of all that is known of earlier writes decides, whichever source says it."""
    writes = [NOON - 50 * SECOND, None, NOON - 10 * SECOND]
    assert settled_at(started=NOON, last_writes=writes, known=True, watch=30) == NOON + 20 * SECOND


def test_nothing_known_counts_from_the_start() -> None:
    """On a machine that knows of no earlier run, one may have ended a moment ago."""
    assert settled_at(started=NOON, last_writes=[None], known=False, watch=30) == NOON + 30 * SECOND


def test_an_earlier_run_that_wrote_nothing_is_waited_for_by_nobody() -> None:
    """Known evidence that holds no write, such as an empty folder, costs no time."""
    assert settled_at(started=NOON, last_writes=[None, None], known=True, watch=30) == NOON


def test_a_write_of_the_future_counts_from_the_start() -> None:
    """A clock that was wrong holds up no run for longer than a write just now would."""
    writes = [NOON + timedelta(days=400)]
    assert settled_at(started=NOON, last_writes=writes, known=True, watch=30) == NOON + 30 * SECOND


@given(
    writes=st.lists(st.none() | st.datetimes(timezones=st.just(UTC), max_value=datetime(9000, 1, 1))),  # noqa: DTZ001 - the zone is the line's
    known=st.booleans(),
    watch=st.floats(min_value=0, max_value=600),
)
def test_no_run_waits_longer_than_it_was_asked_to(
    writes: list[datetime | None], *, known: bool, watch: float
) -> None:
    """Whatever is known, reads count at the latest `watch` seconds after the start."""
    found = settled_at(started=NOON, last_writes=writes, known=known, watch=watch)
    assert found <= NOON + timedelta(seconds=watch)


def test_a_hint_is_kept_for_the_next_run() -> None:
    """What one process has written down, another one reads, to the microsecond."""
    assert read_hint(TENANT, ROOT) is None
    write_hint(TENANT, ROOT, NOON + timedelta(microseconds=7))
    assert read_hint(TENANT, ROOT) == NOON + timedelta(microseconds=7)


def test_each_tenant_has_its_own() -> None:
    """Neither another tenant nor an emulator of the same one takes part."""
    write_hint(TENANT, ROOT, NOON)
    assert read_hint(TENANT, "http://127.0.0.1:8400") is None
    assert read_hint(TenantId("00000000-5f0b-4f57-9f0e-2f3c6f1f2a10"), ROOT) is None


def test_an_older_instant_replaces_no_newer_one() -> None:
    """Of two runs at the same time, the one that ends last does not hide the other's later write."""
    write_hint(TENANT, ROOT, NOON)
    write_hint(TENANT, ROOT, NOON - SECOND)
    assert read_hint(TENANT, ROOT) == NOON
    write_hint(TENANT, ROOT, NOON + SECOND)
    assert read_hint(TENANT, ROOT) == NOON + SECOND


def test_a_clock_that_was_wrong_is_forgotten() -> None:
    """An instant that cannot be does not stay for ever."""
    write_hint(TENANT, ROOT, NOON + timedelta(days=400))
    write_hint(TENANT, ROOT, NOON)
    assert read_hint(TENANT, ROOT) == NOON


def test_a_hint_is_its_owners_alone(state_directory: Path) -> None:
    """Others need not know when a tenant was written to, and nothing else is left beside it."""
    before = os.umask(0)
    try:
        write_hint(TENANT, ROOT, NOON)
    finally:
        os.umask(before)
    file = kept(state_directory)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"7", b"{}", b"\xff", b"[" * 100_000),
        *(b'{"lastWrite": 7}', b'{"lastWrite": "soon"}'),
        *(b'{"lastWrite": "2026-11-30T12:00:00"}', b'{"lastWrite": "0001-01-01T00:00:00+23:00"}'),
    ],
)
def test_a_damaged_hint_is_none(state_directory: Path, content: bytes) -> None:
    """Whatever stands in the file, the run goes on as if it were not there, and mends it."""
    write_hint(TENANT, ROOT, NOON)
    kept(state_directory).write_bytes(content)
    assert read_hint(TENANT, ROOT) is None
    write_hint(TENANT, ROOT, NOON)
    assert read_hint(TENANT, ROOT) == NOON


def test_a_state_directory_that_cannot_be_written_is_nobodys_trouble(state_directory: Path) -> None:
    """A hint that cannot be kept is not, and a folder in its place leaves nothing behind."""
    write_hint(TENANT, ROOT, NOON)
    file = kept(state_directory)
    file.unlink()
    file.mkdir()
    write_hint(TENANT, ROOT, NOON)
    assert read_hint(TENANT, ROOT) is None
    assert list(file.parent.iterdir()) == [file]
    file.rmdir()
    file.parent.rmdir()
    file.parent.touch()
    write_hint(TENANT, ROOT, NOON)
    assert read_hint(TENANT, ROOT) is None


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The nameless user of a container gets no error, and no file in the working directory."""
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    monkeypatch.chdir(tmp_path)
    write_hint(TENANT, ROOT, NOON)
    assert read_hint(TENANT, ROOT) is None
    assert list(tmp_path.iterdir()) == []


def test_processes_of_a_test_share_its_state_directory(state_directory: Path) -> None:
    """No test leaves anything in the home of whoever runs it."""
    assert clean_environment()["XDG_STATE_HOME"] == str(state_directory)
