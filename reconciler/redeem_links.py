"""The one file that may hold redeem links, written only on request.

A redeem link is a bearer secret: any holder of it can bind an account of their own to the guest. So only its
owner can read the file, and no other part of the product handles the link.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from reconciler.errors import UsageError
from reconciler.json_lines import JsonLines
from reconciler.model import EmailAddress, ObjectId, RedeemUrl
from reconciler.rules import Rule

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class RedeemLinks:
    """An open file of redeem links."""

    def __init__(self, lines: JsonLines) -> None:
        """Open links over a file that may hold links of earlier runs."""
        self._lines = lines
        self._kept: set[tuple[ObjectId, EmailAddress]] = set()

    def append(self, guest: ObjectId, email: EmailAddress, link: RedeemUrl) -> None:
        """Append one line, which survives a kill from then on. Raises `OSError`."""
        self._lines.append({"id": guest, "email": email.text, "redeemUrl": link.reveal()})
        self._kept.add((guest, email))

    async def flush(self) -> None:
        """Wait until all links are on the disk; does not block the event loop. Raises `OSError`."""
        await self._lines.flush()

    def holds(self, guest: ObjectId, email: EmailAddress) -> bool:
        """Return whether the file holds a link of this guest at this address, from any run.

        Another run may be appending: only new lines are read. A line that cannot be read is ignored.
        """
        if (guest, email) not in self._kept:
            with suppress(OSError):
                self._kept.update(_kept_in(self._lines))
        return (guest, email) in self._kept


@contextmanager
def open_redeem_links(path: Path) -> Iterator[RedeemLinks]:
    """Open a file of redeem links for appending; a new one gets mode 0600.

    Raises `UsageError` when the file cannot be opened, is a symbolic link or no plain file, or readable by
    other users. Windows has no such mode: there the folder's access list decides.
    """
    try:
        lines = JsonLines(path)
    except OSError as error:
        raise UsageError(
            f"the redeem links cannot be written to {path}: {error.strerror}",
            rule=Rule.REDEEM_LINKS_UNUSABLE,
            hint="name a plain file, not a symbolic link, in a folder that exists and can be written",
        ) from error
    with closing(lines):
        mode = os.fstat(lines.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise UsageError(
                f"{path} is not a plain file",
                rule=Rule.REDEEM_LINKS_UNUSABLE,
                hint="redeem links are secrets: name a plain file only you can read",
            )
        if os.name == "posix" and mode & _OTHERS:
            raise UsageError(
                f"{path} can be read by others (mode {stat.S_IMODE(mode):04o})",
                rule=Rule.REDEEM_LINKS_READABLE,
                hint=f"run `chmod 600 {path}`, or name a new file: a redeem link lets its holder in",
            )
        yield RedeemLinks(lines)


def _kept_in(lines: JsonLines) -> Iterator[tuple[ObjectId, EmailAddress]]:
    """Read guest and address of the links in a file that were not read before."""
    for entry in lines.new_documents():
        match entry:
            case {"id": str(guest), "email": str(email)}:
                yield ObjectId(guest), EmailAddress(email)
            case _:
                continue
