"""Unpacks one file of a ZIP archive that a stranger may have made, in memory."""

import io
import lzma
import struct
import zipfile
import zlib
from typing import Final

LARGEST: Final = 64 * 1024 * 1024
"""Most bytes of the unpacked file: no larger document is read."""

_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The compressions that GitHub uses, and that zipfile unpacks no further than it is asked to."""

# All errors that zipfile was observed to raise for damaged archives, and those its decompressors document.
_BROKEN: Final = (
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class BadArchiveError(Exception):
    """The file cannot be unpacked; the text has the cause, in words of our own."""


def member(archive: bytes, name: str, *, largest: int = LARGEST) -> bytes:
    """Read the file called `name` from the archive, unpacked. Raises `BadArchiveError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            found = [one for one in files.infolist() if one.filename == name]
            if len(found) != 1:
                raise BadArchiveError(f"the archive holds {len(found)} files called {name}")
            if found[0].compress_type not in _METHODS:
                raise BadArchiveError(f"{name} is compressed in a way that GitHub does not use")
            with files.open(found[0]) as file:
                # The size an archive states is not trusted.
                content = file.read(largest + 1)
    except _BROKEN as error:
        raise BadArchiveError("the archive cannot be unpacked") from error
    if len(content) > largest:
        raise BadArchiveError(f"{name} has more than {largest} bytes")
    return content
