"""Takes one file out of a ZIP archive that a stranger may have made, without touching the disk."""

import io
import lzma
import struct
import zipfile
import zlib
from typing import Final

LARGEST: Final = 256 * 1024 * 1024
"""Bytes of the file once unpacked; a plan of 100,000 changes has about 150 million."""


# All that zipfile was seen to raise for damaged archives, and what its decompressors document.
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
    """The archive cannot give that file; the text says why, in words of our own."""


def member(archive: bytes, name: str, *, largest: int = LARGEST) -> bytes:
    """Unpack the file called `name`. Raises `BadArchiveError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            found = [one for one in files.infolist() if one.filename == name]
            if len(found) != 1:
                raise BadArchiveError(f"the archive holds {len(found)} files called {name}")
            with files.open(found[0]) as file:
                # The size an archive states is only a claim.
                content = file.read(largest + 1)
    except _BROKEN as error:
        raise BadArchiveError("the archive cannot be unpacked") from error
    if len(content) > largest:
        raise BadArchiveError(f"{name} has more than {largest} bytes")
    return content
