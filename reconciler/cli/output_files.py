"""Writes the files of a command, except append-only ones.

A plain file is replaced as a whole. So is a symbolic link, and the file it leads to stays: the link may have
been committed by a stranger. Devices, pipes and the target of stdout are written through, never replaced.
"""

import errno
import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconciler.errors import UsageError
from reconciler.rules import Rule

_THROUGH: Final = (
    os.O_WRONLY
    | os.O_TRUNC
    # A pipe without a reader would block the run for ever.
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
)

_TEMPORARY: Final = ".reconciler-"
"""Prefix of the temporary file that replaces another one."""


def check_writable(path: Path) -> None:
    """Check, before any other step, that `write_whole` will be able to write a file.

    Raises `UsageError` otherwise.
    """
    try:
        file = _plain_file(path)
        if file is not None:
            with tempfile.NamedTemporaryFile(dir=file.parent, prefix=_TEMPORARY):
                pass
        elif not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "Permission denied")
    except OSError as error:
        raise _unusable(path, error) from error


def clear(path: Path) -> None:
    """Remove the file of an earlier run: a killed run must leave none, rather than the result of another.

    Devices stay. Raises `UsageError` when the file cannot be removed.
    """
    try:
        file = _plain_file(path)
        if file is not None:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(path, error) from error


def write_whole(path: Path, text: str) -> None:
    """Write a text as `write_bytes` does, in UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that is either the old one or the new one, never half of it; a stream is written through.

    Raises `UsageError` when it cannot be written.
    """
    try:
        file = _plain_file(path)
        if file is None:
            _write_through(path, data)
        else:
            _replace(file, data)
    except OSError as error:
        raise _unusable(path, error) from error


def new_folder(path: Path) -> None:
    """Make a new folder: files in an existing one would count too. Raises `UsageError`."""
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be made: {error.strerror}", rule=Rule.FILE_UNUSABLE, hint="name a new folder"
        ) from error


def empty_folder(path: Path) -> None:
    """Make a folder, or take one without any entry. Raises `UsageError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        is_empty = next(path.iterdir(), None) is None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be used: {error.strerror}",
            rule=Rule.FILE_UNUSABLE,
            hint="name a new or an empty folder",
        ) from error
    if not is_empty:
        raise UsageError(
            f"{path} is not empty", rule=Rule.FILE_UNUSABLE, hint="name a new or an empty folder"
        )


def _plain_file(path: Path) -> Path | None:
    """Return a path whose file, or link to a file, can be replaced; `None` for a stream. Raises `OSError`."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return path
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory")
    if not any(kind(found.st_mode) for kind in (stat.S_ISREG, stat.S_ISCHR, stat.S_ISFIFO)):
        raise OSError(errno.EINVAL, "neither a file nor a stream")
    # /dev/stdout and /dev/fd/3 may lead to a plain file that another process has open: its other output, or a
    # file already unlinked, would be lost if another file replaced it.
    replaceable = stat.S_ISREG(found.st_mode) and _own_stream(found) is None and _has_a_name(found, path)
    return path if replaceable else None


def _has_a_name(found: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(found, Path(os.path.realpath(path)).stat())
    except OSError:
        return False


def _own_stream(found: os.stat_result) -> int | None:
    """Return the descriptor of this process's stdout or stderr if a path leads to it."""
    # On a system without inode numbers, all devices would be the same one.
    streams = (1, 2) if found.st_ino else ()
    return next((number for number in streams if os.path.samestat(found, os.fstat(number))), None)


def _write_through(path: Path, data: bytes) -> None:
    # Earlier output must come first.
    sys.stdout.flush()
    sys.stderr.flush()
    own = _own_stream(path.stat())
    try:
        opened = os.open(path, _THROUGH) if own is None else os.dup(own)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "nobody reads from it") from error
        raise
    with os.fdopen(opened, "wb", buffering=0) as stream:
        if own is None:
            os.set_blocking(opened, True)
        while data:
            data = data[stream.write(data) :]


def _replace(file: Path, data: bytes) -> None:
    number, name = tempfile.mkstemp(dir=file.parent, prefix=_TEMPORARY)
    temporary = Path(name)
    try:
        with os.fdopen(number, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(number)
        # Only its owner can read a temporary file; a result is readable like any other file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(file)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def _unusable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{path} cannot be written: {error.strerror}",
        rule=Rule.FILE_UNUSABLE,
        hint="name a file in a folder that exists and can be written",
    )
