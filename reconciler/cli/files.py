"""Files a command reads or writes, besides the desired tree."""

import errno
import os
import tempfile
from pathlib import Path

from reconciler.errors import UsageError


def check_writable(path: Path) -> None:
    """Find out, before anything else happens, that `write_whole` will be able to write a file.

    Raises `UsageError` when it will not.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise _unusable(path, error) from error
    if path.is_dir():
        raise _unusable(path, IsADirectoryError(errno.EISDIR, "Is a directory"))


def clear(path: Path) -> None:
    """Take away what an earlier run has left: a killed run leaves nothing, rather than the report of another.

    Links and devices stay. Raises `UsageError` when the file cannot be removed.
    """
    try:
        if path.is_file() and not path.is_symlink():
            path.unlink()
    except OSError as error:
        raise _unusable(path, error) from error


def write_whole(path: Path, text: str) -> None:
    """Write a file that is either the old one or the new one, never half of it.

    Raises `UsageError` when it cannot be written.
    """
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # A temporary file is its owner's alone; a result is readable like any other file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{path} cannot be written: {error.strerror}",
        rule="file-unusable",
        hint="name a file in a folder that exists and can be written",
    )
