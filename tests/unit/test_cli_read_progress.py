"""The progress of a long read, and the pause of garbage collection meanwhile."""

import gc
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.cli.collection import without_collection
from reconciler.cli.read_progress import read_progress


class Seconds:
    """A clock that is one second later each time somebody looks."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 12, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the instant."""
        self.instant += timedelta(seconds=1)
        return self.instant

    def monotonic(self) -> float:
        """Return seconds."""
        return self.instant.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self.instant += timedelta(seconds=seconds)


def test_a_log_gets_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """A read that ends soon prints nothing; stdout stays for the result."""
    with read_progress(Seconds()) as progress:
        for count in range(1, 26):
            progress(count * 999)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "Reading the directory: 9990 users so far",
        "Reading the directory: 19980 users so far",
    ]


def test_a_terminal_gets_one_line_that_goes_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count changes in place, and nothing of it stays on the screen."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with read_progress(Seconds()) as progress:
        progress(1998)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Reading the directory: 1998 users so far" in printed.err


def test_garbage_is_collected_again_afterwards() -> None:
    """Also after an error, and what was built is exempt from it."""
    assert gc.isenabled()
    enabled = []

    def fail() -> None:
        with without_collection():
            enabled.append(gc.isenabled())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert enabled == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
