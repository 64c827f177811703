"""What all guests of one apply run share: its time, its files, and why it closes."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta

from reconciler.apply.budget import FailureBudget
from reconciler.apply.gate import Gate
from reconciler.apply.lag import Lag
from reconciler.apply.policy import HURRIED, Blame
from reconciler.apply.progress import Progress, WaitReason
from reconciler.apply.settings import Clock, Settings
from reconciler.apply.stall import Stall
from reconciler.journal import Journal, JournalEntry
from reconciler.model import (
    DirectoryReader,
    DirectoryWriter,
    Done,
    EmailAddress,
    Guest,
    Note,
    ObjectId,
    Outcome,
    WriteAnswer,
)
from reconciler.redeem_links import RedeemLinks

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one guest's course ended."""

    outcome: Outcome
    rule: str | None = None
    message: str

    blame: Blame | None = None
    """`None` when nothing failed."""

    seen: Guest | None = None
    """The guest as last read, when the outcome rests on that."""


class Run:
    """One apply run, as each guest's course sees it.

    The run *closes* when no other guest may start, for the first of the reasons given; it is *hurried*
    when a person or the system asked it to end at once.
    """

    def __init__(
        self,
        *,
        reader: DirectoryReader,
        writer: DirectoryWriter,
        journal: Journal | None,
        links: RedeemLinks | None,
        settings: Settings,
        clock: Clock,
        progress: Progress,
        hurried: asyncio.Event,
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.settings = settings
        self.clock = clock
        self.progress = progress
        self.hurried = hurried
        self.closed: Note | None = None
        """Why no other guest starts; `None` while the run is open."""
        self.closing = asyncio.Event()
        self.lag = Lag()
        self.gate = Gate(settings.half_done)
        longest = max(settings.throttled_for, settings.commit_for) + settings.see_within
        self.stall = Stall(clock, longest=longest)
        self._journal = journal
        self._links = links
        self._budget = FailureBudget()
        self._endings: dict[ObjectId, asyncio.Future[Ending]] = {}

    def close(self, reason: Note) -> None:
        """Let no other guest start; the first reason is the one that is told."""
        if self.closed is None:
            self.closed = reason
            self.closing.set()
            _log.warning("run closes rule=%s", reason.rule)

    @property
    def reason(self) -> Note:
        """Why guests are left: why the run closed, or that it is being ended from outside."""
        return self.closed or Note(rule="interrupted", message="the run was interrupted")

    def expect(self, guests: Mapping[ObjectId, asyncio.Future[Ending]]) -> None:
        """Name the guests of this run, so that one can wait for another."""
        self._endings.update(guests)

    async def ending_of(self, guest: ObjectId) -> Ending | None:
        """Wait until a guest has ended; `None` when they are no part of this run or were cut short."""
        ending = self._endings.get(guest)
        if ending is None:
            return None
        await asyncio.wait([ending])
        return None if ending.cancelled() or ending.exception() else ending.result()

    def learn(self, answer: WriteAnswer) -> None:
        """Hear how a write went, whoever's it was."""
        self.stall.learn(answer)
        if isinstance(answer, Done):
            self.gate.open()

    async def until_stalled(self) -> None:
        """Return, with the run closed, when no write of anybody has got through for too long."""
        await self.stall.wait()
        minutes = round(self.stall.longest / 60)
        self.close(
            Note(
                rule="stalled",
                message=f"no write has got through for {minutes} minutes: the run stopped; apply again when "
                "the directory takes writes",
            )
        )

    def begin(self, guest: ObjectId) -> None:
        """Take note of a guest's first write."""
        self._budget.begin(guest)

    def count(self, guest: ObjectId, ending: Ending) -> None:
        """Take note of how a guest ended, and close the run when too many failed."""
        reason = self._budget.spend(guest, ending.blame)
        if reason:
            self.close(reason)

    async def wait(
        self, guest: ObjectId, reason: WaitReason, seconds: float, *, until_closing: bool = False
    ) -> None:
        """Wait on this guest's own clock; being hurried ends a long wait at once, and closing if asked to."""
        clock = self.clock
        if self.hurried.is_set():
            await clock.sleep(min(seconds, HURRIED))
            return
        self.progress.waiting(guest, reason, clock.now() + timedelta(seconds=seconds))
        ends = (self.hurried.wait(), self.closing.wait()) if until_closing else (self.hurried.wait(),)
        await first_of(clock.sleep(seconds), *ends)

    def record(self, entry: JournalEntry) -> bool:
        """Write to the journal, if there is one; False, and the run closes, when it cannot be written."""
        if self._journal is None:
            return True
        try:
            self._journal.record(entry)
        except OSError as error:
            self.close(
                Note(
                    rule="journal-unwritable",
                    message=f"the journal cannot be written any more ({error.strerror}): the run stopped; "
                    "make room or name another file, then apply again",
                )
            )
            return False
        return True

    @property
    def keeps_links(self) -> bool:
        """Whether redeem links were asked for."""
        return self._links is not None

    def lacks_link(self, guest: ObjectId, email: EmailAddress) -> bool:
        """Tell whether redeem links were asked for and the file has none of this guest at this address."""
        return self._links is not None and not self._links.holds(guest, email)

    def keep_link(self, guest: ObjectId, email: EmailAddress, answer: Done | None) -> bool:
        """Write down the redeem link, if that was asked for; False when it is lost."""
        if self._links is None:
            return True
        if answer is None or answer.redeem_url is None:
            return False
        try:
            self._links.append(guest, email, answer.redeem_url)
        except OSError as error:
            self.close(
                Note(
                    rule="redeem-links-unwritable",
                    message=f"the redeem links cannot be written any more ({error.strerror}): the run "
                    "stopped; make room or name another file, then apply again",
                )
            )
            return False
        return True


async def first_of(*coroutines: Coroutine[object, object, object]) -> None:
    """Wait until one of them is done, and give the others up. Raises what that one raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()
