"""What a run takes for evidence of the runs before it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.earlier_runs import read_earlier_runs
from tests.support.directory import NOW


def _device(_: Path) -> Path:
    return Path("/dev/null")


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _nothing(folder: Path) -> Path:
    return folder / "journal.jsonl"


@pytest.mark.parametrize("made", [_device, _pipe, _nothing])
def test_a_journal_that_cannot_be_read_back_is_no_evidence(
    tmp_path: Path, made: Callable[[Path], Path]
) -> None:
    """A device, a pipe without a writer and a file that is not there yet are neither read nor waited for."""
    assert not read_earlier_runs([], journal=made(tmp_path), now=NOW).known


def test_the_journal_of_this_run_is_evidence_once_it_is_a_file(tmp_path: Path) -> None:
    """An empty journal says that no earlier run has written."""
    (tmp_path / "journal.jsonl").touch()
    assert read_earlier_runs([], journal=tmp_path / "journal.jsonl", now=NOW).known
