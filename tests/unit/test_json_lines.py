"""Files of JSON lines: a full disk spoils the line it cut, and no other."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.json_lines import JsonLines

LONG = {"id": "x" * 100}


@contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: what still fits is written, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lines.jsonl"


@pytest.fixture
def lines(path: Path) -> Iterator[JsonLines]:
    opened = JsonLines(path)
    yield opened
    opened.close()


def whole(path: Path) -> list[object]:
    """Read as a reader does: every line that is a document."""
    found = []
    for line in path.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def test_a_line_that_was_cut_is_ended_before_the_next(path: Path, lines: JsonLines) -> None:
    """After a short write a reader finds every record but the one that was cut."""
    lines.append({"n": 1})
    with no_room_beyond(40), pytest.raises(OSError, match="large"):
        lines.append(LONG)
    lines.append({"n": 2})
    lines.append({"n": 3})
    assert whole(path) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert len(path.read_text().splitlines()) == 4


def test_several_failures_leave_no_empty_lines(path: Path, lines: JsonLines) -> None:
    """As long as there is no room, nothing is added; then the next record stands on a line of its own."""
    lines.append({"n": 1})
    with no_room_beyond(path.stat().st_size):
        for _ in range(3):
            with pytest.raises(OSError, match="large"):
                lines.append(LONG)
    lines.append({"n": 2})
    assert path.read_text() == '{"n": 1}\n{"n": 2}\n'


def test_a_record_that_only_lacks_its_end_is_whole(path: Path, lines: JsonLines) -> None:
    """A record whose line break alone found no room is ended, and not written twice."""
    with no_room_beyond(len(json.dumps({"n": 1}))), pytest.raises(OSError, match="large"):
        lines.append({"n": 1})
    lines.append({"n": 2})
    assert whole(path) == [{"n": 1}, {"n": 2}]
