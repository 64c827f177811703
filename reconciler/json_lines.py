"""Append-only files with one JSON document a line: lines written before a kill stay readable."""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path

from reconciler.group_commit import GroupCommit

_OWNER_ONLY = 0o600


class JsonLines:
    """An open file of JSON lines; each line has left the process when `append` returns."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending; a new file is for its owner only. Raises `OSError`.

        A symbolic link is an error: it may have been committed by a stranger. A run that was killed may have
        left half a line: the next document starts on a line of its own.
        """
        self._file = FileIO(path, "a+", opener=_open)
        self._torn = False
        self._read_to = 0
        self._commits = GroupCommit(self._force)
        try:
            self._end_last_line()
        except OSError:
            self._file.close()
            raise

    def fileno(self) -> int:
        """Return the file descriptor, to ask the system about the very file that is open."""
        return self._file.fileno()

    def append(self, document: Mapping[str, object]) -> None:
        """Write one line, which survives a kill from then on. Raises `OSError`.

        A partial line of an earlier failure is ended first. `flush` forces lines to the disk.
        """
        if self._torn:
            self._end_last_line()
        self._torn = True
        self._write(json.dumps(document).encode() + b"\n")
        self._torn = False

    async def flush(self) -> None:
        """Wait until all lines appended so far are on the disk, in one call with other waiting callers.

        Does not block the event loop. Raises `OSError`.
        """
        await self._commits.commit()

    def new_documents(self) -> Iterator[object]:
        """Yield the documents that this or another process has appended since the last call, oldest first.

        The first call begins at the start of the file. A line that is no document is skipped; a line without
        an end yet is left to the next call. Raises `OSError`.
        """
        self._file.seek(self._read_to)
        whole, end, _ = self._file.readall().rpartition(b"\n")
        self._read_to += len(whole + end)
        for line in whole.split(b"\n"):
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                continue

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _end_last_line(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        if size:
            self._file.seek(size - 1)
            if self._file.read(1) != b"\n":
                self._write(b"\n")

    def _force(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            # A device such as /dev/null stores nothing, and fails with this error.
            if error.errno != errno.EINVAL:
                raise

    def _write(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]


def _open(name: str, mode: int) -> int:
    """Open a file, never through a symbolic link. Raises `OSError`."""
    # Windows has no such flag.
    if Path(name).is_symlink():
        raise OSError(errno.ELOOP, "it is a symbolic link")
    return os.open(name, mode | getattr(os, "O_NOFOLLOW", 0), _OWNER_ONLY)
