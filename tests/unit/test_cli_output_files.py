"""Files that are written as a whole: plain ones and links are replaced, streams are written through."""

import os
import resource
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.output_files import check_writable, clear, write_whole
from reconciler.errors import UsageError

UNUSABLE: list[Callable[[Path], None]] = [check_writable, clear, lambda path: write_whole(path, "new")]


def test_a_plain_file_is_replaced(tmp_path: Path) -> None:
    """Whoever has the old file open goes on reading the old one, and nothing is left beside it."""
    path = tmp_path / "plan.json"
    path.write_text("old")
    with path.open() as reader:
        check_writable(path)
        write_whole(path, "new\n")
        assert reader.read() == "old"
    assert path.read_bytes() == b"new\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_result_can_be_read_like_any_other_file(tmp_path: Path) -> None:
    """A file gets the mode that the umask leaves."""
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "plan.json", "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "plan.json").stat().st_mode) == 0o640


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path, *, there: bool) -> None:
    """A link, to a file that is there or not yet, may have been committed: nothing is written through it."""
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "plan.json", tmp_path / "link.json"
    link.symlink_to(Path("real") / "plan.json")
    if there:
        real.write_text("old")
    check_writable(link)
    write_whole(link, "new")
    assert not link.is_symlink()
    assert link.read_text() == "new"
    assert [one.read_text() for one in (tmp_path / "real").iterdir()] == (["old"] if there else [])


@pytest.mark.parametrize("there", [True, False])
def test_clearing_takes_the_link_away(tmp_path: Path, *, there: bool) -> None:
    """What a link leads to is nothing that an earlier run has left."""
    if there:
        (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    clear(tmp_path / "link.json")
    clear(tmp_path / "link.json")
    assert not (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").exists() is there


def test_a_device_is_written_through(tmp_path: Path) -> None:
    """What goes to /dev/null, or over a link to it, is gone, and the device is still one."""
    (tmp_path / "link").symlink_to("/dev/null")
    for path in (Path("/dev/null"), tmp_path / "link"):
        check_writable(path)
        clear(path)
        write_whole(path, "new")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert (tmp_path / "link").is_symlink()


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    """Whoever reads from a named pipe gets everything, also more than a pipe holds at once."""
    pipe, text = tmp_path / "pipe", "x" * 300_000
    os.mkfifo(pipe)
    check_writable(pipe)
    clear(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    held = os.open(pipe, os.O_WRONLY)  # a reader that came before the first writer would see the end
    with (tmp_path / "read").open("wb") as read, subprocess.Popen(["cat"], stdin=reader, stdout=read):
        os.close(reader)
        write_whole(pipe, text)
        os.close(held)
    assert (tmp_path / "read").read_text() == text
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    """No run waits for a reader that may never come."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="nobody reads from it"):
        write_whole(tmp_path / "pipe", "new")


@pytest.mark.parametrize("use", UNUSABLE)
def test_what_is_neither_file_nor_stream_is_refused(tmp_path: Path, use: Callable[[Path], None]) -> None:
    """A folder, a socket and a link to itself are named in the error, and stay what they are."""
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name in (".", "socket", "loop"):
            with pytest.raises(UsageError) as caught:
                use(tmp_path / name)
            assert caught.value.rule == "file-unusable"
        assert stat.S_ISSOCK((tmp_path / "socket").stat().st_mode)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A file in no folder is found out before anything else happens."""
    path = tmp_path / "nowhere" / "plan.json"
    with pytest.raises(UsageError):
        check_writable(path)
    with pytest.raises(UsageError):
        write_whole(path, "new")


def test_a_device_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream without the right to write is found out before anything else happens."""
    os.mkfifo(tmp_path / "pipe", 0o400)
    # The one who runs this may be root, who may write anything.
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(UsageError, match="Permission denied"):
        check_writable(tmp_path / "pipe")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """What finds no room changes nothing and leaves nothing behind."""
    path = tmp_path / "report.json"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(UsageError, match="large"):
            write_whole(path, "x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


PROGRAM = (
    "import sys; from pathlib import Path\n"
    "from reconciler.cli.output_files import check_writable, clear, write_whole\n"
    "path = Path(sys.argv[1])\n"
    "check_writable(path); clear(path)\n"
    "print('before'); write_whole(path, 'result\\n'); print('after')"
)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system names no open files")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
@pytest.mark.parametrize("into", ["file", "pipe"])
def test_stdout_is_written_through(tmp_path: Path, name: str, into: str) -> None:
    """A result sent to stdout stands among what the command says, in a file that stays the same one."""
    kept = tmp_path / "kept.txt"
    kept.write_text("")
    with kept.open("r+b") as file:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, name],
            stdout=file if into == "file" else subprocess.PIPE,
            check=True,
        )
    assert (kept.read_bytes() if into == "file" else done.stdout) == b"before\nresult\nafter\n"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system names no open files")
def test_an_open_file_without_a_name_is_written_through(tmp_path: Path) -> None:
    """A file that was deleted while it is open gets the result; none comes to stand in its place."""
    path = tmp_path / "plan.json"
    with path.open("w+") as file:
        path.unlink()
        name = Path(f"/proc/self/fd/{file.fileno()}")
        check_writable(name)
        write_whole(name, "new")
        assert file.read() == "new"
    assert list(tmp_path.iterdir()) == []
