"""The two files of a run: the journal of its writes, and the redeem links if requested."""

import logging

from reconciler.apply.run_control import RunControl
from reconciler.apply.steps import LinkKept
from reconciler.journal import Journal, JournalEntry
from reconciler.model import EmailAddress, Note, ObjectId, RedeemUrl
from reconciler.redeem_links import RedeemLinks
from reconciler.rules import Rule
from reconciler.settling import LastWrite

_log = logging.getLogger(__name__)


class WriteLog:
    """Records requests and answers; a file that cannot be written stops admissions."""

    def __init__(
        self,
        control: RunControl,
        *,
        journal: Journal | None,
        links: RedeemLinks | None,
        last_write: LastWrite | None,
    ) -> None:
        self._control = control
        self._last_write = last_write
        self._journal = journal
        self._links = links

    def record(self, entry: JournalEntry) -> bool:
        """Append a line to the journal, if there is one; return false when it cannot be written."""
        if self._last_write is not None:
            self._last_write.touch(entry.time)
        try:
            if self._journal is not None:
                self._journal.record(entry)
        except OSError as error:
            return self._journal_failed(error)
        return True

    async def flush(self) -> bool:
        """Wait until all lines are on the disk; return false when that fails."""
        try:
            if self._journal is not None:
                await self._journal.flush()
        except OSError as error:
            return self._journal_failed(error)
        return True

    def link_held(self, guest: ObjectId, email: EmailAddress) -> bool | None:
        """Return whether the file holds a link of this guest at this address; `None` when none are kept."""
        return None if self._links is None else self._links.holds(guest, email)

    async def keep_link(self, guest: ObjectId, email: EmailAddress, link: RedeemUrl | None) -> LinkKept:
        """Write a redeem link to its file, if that was requested, and wait until it is on the disk."""
        if self._links is None:
            return LinkKept.NOT_ASKED
        if link is None:
            return LinkKept.LOST
        try:
            self._links.append(guest, email, link)
            await self._links.flush()
        except OSError as error:
            self._control.stop_admission(
                Note(
                    rule=Rule.REDEEM_LINKS_UNWRITABLE,
                    message=f"the redeem links cannot be written any more ({error.strerror}): the run "
                    "stopped; make room or name another file, then apply again",
                )
            )
            return LinkKept.LOST
        return LinkKept.KEPT

    def _journal_failed(self, error: OSError) -> bool:
        self._control.stop_admission(
            Note(
                rule=Rule.JOURNAL_UNWRITABLE,
                message=f"the journal cannot be written any more ({error.strerror}): the run stopped; "
                "make room or name another file, then apply again",
            )
        )
        return False
