"""The file of redeem links: whose it is, and what is refused."""

import json
import os
from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.model import EmailAddress, RedeemUrl
from reconciler.redeem_links import open_redeem_links
from tests.support.directory import guest_id

LINK = RedeemUrl("https://redeem.example/?ticket=secret")


def append(path: Path) -> None:
    """Write one link."""
    with open_redeem_links(path) as links:
        links.append(guest_id(1), EmailAddress("Ana@newco.example"), LINK)


def test_a_link_is_one_line_with_id_and_address(tmp_path: Path) -> None:
    """Each line says who the link is for."""
    append(tmp_path / "links.jsonl")
    assert json.loads((tmp_path / "links.jsonl").read_text()) == {
        "id": guest_id(1),
        "email": "Ana@newco.example",
        "redeemUrl": "https://redeem.example/?ticket=secret",
    }


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    """The file is created with mode 0600 whatever the umask."""
    path = tmp_path / "links.jsonl"
    before = os.umask(0)
    try:
        append(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_links_are_appended(tmp_path: Path) -> None:
    """A file of an earlier run keeps its links."""
    append(tmp_path / "links.jsonl")
    append(tmp_path / "links.jsonl")
    assert len((tmp_path / "links.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_can_reach_is_refused(mode: int, tmp_path: Path) -> None:
    """An existing file that is not its owner's alone is wrong usage, and stays as it is."""
    path = tmp_path / "links.jsonl"
    path.touch()
    path.chmod(mode)
    with pytest.raises(UsageError, match="read by others"):
        append(path)
    assert path.read_bytes() == b""


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """A link planted by somebody else does not lead the secrets away."""
    (tmp_path / "links.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="cannot be written"):
        append(tmp_path / "links.jsonl")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("path", [Path("/dev/null"), Path("/dev/stdout")])
def test_a_device_is_refused(path: Path) -> None:
    """Links go into a plain file, never to a terminal or into nothing."""
    with pytest.raises(UsageError):
        append(path)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """What cannot be appended to is refused, and left as it was."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(UsageError):
        append(tmp_path / "pipe")


@pytest.mark.parametrize("rest", [b"", b'{"id": "cut', b"[" * 100_000, b"7", b'{"id": 7, "email": 8}'])
def test_a_file_knows_whose_links_it_holds(rest: bytes, tmp_path: Path) -> None:
    """Links of earlier runs count, in any case of letters; lines that are none are passed over."""
    path = tmp_path / "links.jsonl"
    append(path)
    with path.open("ab") as file:
        file.write(rest)
    with open_redeem_links(path) as links:
        assert links.holds(guest_id(1), EmailAddress("ana@NEWCO.example"))
        assert not links.holds(guest_id(2), EmailAddress("ana@newco.example"))
        links.append(guest_id(2), EmailAddress("ana@newco.example"), LINK)
        assert links.holds(guest_id(2), EmailAddress("ana@newco.example"))


def test_links_of_a_run_at_the_same_time_count(tmp_path: Path) -> None:
    """A link that another run puts into the file later is found when it is asked for."""
    path = tmp_path / "links.jsonl"
    with open_redeem_links(path) as links:
        assert not links.holds(guest_id(1), EmailAddress("ana@newco.example"))
        append(path)
        with path.open("ab") as torn:
            torn.write(b'{"id": "half a line')
        assert links.holds(guest_id(1), EmailAddress("ana@newco.example"))
        with path.open("ab") as torn:
            torn.write(
                f' of a guest", "email": "x"}}\n{{"id": "{guest_id(2)}", "email": "b@x.example"}}\n'.encode()
            )
        assert links.holds(guest_id(2), EmailAddress("b@x.example"))


def test_only_what_is_new_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for a thousand guests in turn does not read the file a thousand times."""
    path = tmp_path / "links.jsonl"
    for _ in range(20):
        append(path)
    parsed: list[bytes] = []
    original = json.loads

    def noted(text: bytes) -> object:
        parsed.append(text)
        return original(text)

    monkeypatch.setattr(json, "loads", noted)
    with open_redeem_links(path) as links:
        for _ in range(50):
            assert not links.holds(guest_id(7), EmailAddress("nobody@newco.example"))
    assert len([line for line in parsed if line]) == 20


def test_a_file_that_cannot_be_read_again_holds_what_is_known(tmp_path: Path) -> None:
    """A disk that fails between two guests loses no link that was seen, and ends no run."""
    path = tmp_path / "links.jsonl"
    append(path)
    with open_redeem_links(path) as links:
        assert links.holds(guest_id(1), EmailAddress("ana@newco.example"))
        kept = os.dup(links._lines.fileno())
        with (tmp_path / "write-only").open("wb") as unreadable:
            os.dup2(unreadable.fileno(), links._lines.fileno())
            assert not links.holds(guest_id(2), EmailAddress("b@x.example"))
            assert links.holds(guest_id(1), EmailAddress("ana@newco.example"))
        os.dup2(kept, links._lines.fileno())
        os.close(kept)
