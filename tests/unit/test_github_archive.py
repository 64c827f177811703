"""Archives from pull requests: one file comes out, or a sentence."""

import io
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.github.archive import BadArchiveError, member


def zipped(*files: tuple[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files:
            opened.writestr(name, content)
    return archive.getvalue()


def test_the_file_asked_for_comes_out() -> None:
    """What lies beside it does not matter, nor what it is called."""
    assert member(zipped(("../../etc/passwd", b"x"), ("plan.json", b"{}")), "plan.json") == b"{}"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [[], ["other.json"], ["plan.json", "plan.json"], ["a/plan.json"]])
def test_any_number_but_one_is_refused(names: Sequence[str]) -> None:
    """Of two files of a name, two readers might take different ones."""
    with pytest.raises(BadArchiveError, match="files called plan"):
        member(zipped(*((name, b"{}") for name in names)), "plan.json")


def test_a_bomb_is_not_unpacked() -> None:
    """A small archive that grows without end is stopped at the limit."""
    with pytest.raises(BadArchiveError, match="more than 1000 bytes"):
        member(zipped(("plan.json", b"0" * 100_000)), "plan.json", largest=1000)


@given(place=st.integers(min_value=0), replacement=st.binary(min_size=1, max_size=40))
def test_a_damaged_archive_gives_the_file_or_a_sentence(place: int, replacement: bytes) -> None:
    """Whatever bytes are wrong, nothing but `BadArchiveError` comes out of it."""
    archive = bytearray(zipped(("plan.json", b'{"formatVersion": "1.0"}' * 20)))
    start = place % len(archive)
    archive[start : start + len(replacement)] = replacement
    try:
        member(bytes(archive), "plan.json")
    except BadArchiveError:
        return


@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_sentence(data: bytes) -> None:
    """What is no archive is refused, never a traceback."""
    with pytest.raises(BadArchiveError):
        member(data, "plan.json")
