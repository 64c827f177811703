"""Sends the one request that locks a guest out, and finds out whether it happened.

The POST is never repeated blindly: a lost answer is looked for in the guest's own state, and where that
cannot tell, the POST is sent once more and never a third time.
"""

from enum import Enum, auto
from itertools import takewhile

from reconciler.apply.looks import Looks
from reconciler.apply.policy import Blame, Response, Write, treatment
from reconciler.apply.progress import WaitReason
from reconciler.apply.readiness import Readiness, Ready
from reconciler.apply.run import Ending
from reconciler.apply.sight import Redemption, proves_reset
from reconciler.apply.traveller import ResetState, Traveller
from reconciler.errors import DirectoryError
from reconciler.model import (
    ActionResult,
    AddOtherMail,
    Change,
    ChangeKind,
    Done,
    Failed,
    Guest,
    Note,
    Outcome,
    ResetRedemption,
    SetOtherMails,
)

_MOST_LOST_ANSWERS = 2
_MAY_HAVE_HAPPENED = "an answer was lost, so the reset may have happened: the next run finds out"


class _Evidence(Enum):
    MOVED = auto()
    NOT_MOVED = auto()
    BLIND = auto()
    """The guest could not be read at all."""


class Resetting:
    """The reset of one guest."""

    def __init__(
        self,
        traveller: Traveller,
        reset: ResetRedemption,
        *,
        planned: Change,
        repeats: bool,
        resumed: bool,
    ) -> None:
        """Prepare to send `reset`, which is part of `planned`.

        `repeats` tells that an earlier run may have sent this reset and nothing can show it, `resumed` that
        one may have and reads will show it.
        """
        self._traveller = traveller
        self._run = traveller.run
        self._reset = reset
        self._repeats = repeats
        self._readiness = Readiness(
            traveller, planned, reset.email, resumed=resumed, happened=self._shows_our_reset
        )
        self._lost_answers = 0

    async def carry_out(self) -> Ending | None:
        """Reset the guest, or find that it has been done; `None` when the change goes on from there."""
        traveller = self._traveller
        while traveller.reset is not ResetState.HAPPENED:
            ready = await self._readiness.reach()
            if isinstance(ready, Ending):
                return self._doubted(ready)
            if ready is Ready.HAPPENED:
                self._happened(None)
            elif ready in {Ready.SEND, Ready.SEND_AGAIN}:
                self._repeats |= ready is Ready.SEND_AGAIN
                ending = await self._send()
                if ending:
                    return ending
            else:
                return self._done_by_others(ready)
        return None

    async def _send(self) -> Ending | None:
        traveller = self._traveller
        answer = await traveller.sender.send(
            self._reset, write=Write.RESET, found=traveller.found, still_fits=self._still_fits
        )
        if answer is None:
            return self._withheld()
        if isinstance(answer, Done):
            self._happened(answer)
            return None
        return await self._after(answer)

    def _still_fits(self) -> bool:
        traveller = self._traveller
        if traveller.found_long_ago:
            return False
        if not self._lost_answers:
            traveller.since = Redemption.of(traveller.found)
        traveller.reset = ResetState.PERHAPS
        return True

    async def _after(self, failed: Failed) -> Ending | None:
        traveller = self._traveller
        rule = treatment(Write.RESET, failed.kind, patched=self._patched())
        if rule.stops_run:
            self._run.close(Note(rule=failed.rule, message=failed.message))
        if rule.response is Response.LOOK:
            return await self._find_out(failed)
        if not self._lost_answers:
            traveller.reset = ResetState.NOT_SENT
        if rule.response is Response.SEND_AGAIN:
            if self._run.closing.is_set():
                return self._closed()
            if await traveller.sender.be_patient(rule, failed, tries=self._attempts):
                return None
        return self._failed(failed, rule.blame)

    async def _find_out(self, failed: Failed) -> Ending | None:
        self._lost_answers += 1
        evidence = await self._look()
        if evidence is _Evidence.MOVED:
            self._happened(None)
            return None
        give_up = evidence is _Evidence.BLIND or self._lost_answers >= _MOST_LOST_ANSWERS
        if give_up or self._run.closing.is_set():
            return self._failed(failed, Blame.DIRECTORY)
        return None

    async def _look(self) -> _Evidence:
        """Read the guest until the state has moved, or a read at the end of the patience shows that not."""
        traveller, run = self._traveller, self._run
        looks = Looks(run, traveller.id, WaitReason.LOST_ANSWER, within=run.settings.see_within)
        while True:
            waited, last = looks.waited, looks.last
            try:
                guest = await traveller.read()
            except DirectoryError:
                if waited >= run.settings.throttled_for or (last and run.stall.reached):
                    return _Evidence.BLIND
            else:
                if guest and self._shows_our_reset(guest):
                    return _Evidence.MOVED
                if last:
                    return _Evidence.NOT_MOVED
            await looks.again()

    def _shows_our_reset(self, guest: Guest) -> bool:
        since = self._traveller.since
        return since is not None and self._lost_answers > 0 and proves_reset(since, guest)

    def _happened(self, answer: Done | None) -> None:
        traveller = self._traveller
        traveller.reset = ResetState.HAPPENED
        if not self._run.keep_link(traveller.id, self._reset.email, answer):
            traveller.without_link(self._reset)
        if not self._reset.send_message and not self._run.keeps_links:
            traveller.remarks.append(
                "nobody has been told: no message is sent, and no redeem link is kept without --redeem-links"
            )
        sent_twice = self._lost_answers >= _MOST_LOST_ANSWERS or (answer and self._lost_answers)
        traveller.note(
            self._reset,
            ActionResult.REPEATED if self._repeats or sent_twice else ActionResult.DONE,
            attempts=self._attempts,
            request_id=answer.request_id if answer else None,
        )

    def _done_by_others(self, ready: Ready) -> Ending | None:
        traveller = self._traveller
        traveller.note(self._reset, ActionResult.SKIPPED, attempts=self._attempts)
        # Our own `AddOtherMail` may have brought back what the other run had just removed, so a change of
        # address is ended once more.
        ends_anyway = traveller.sender.wrote and traveller.recorded.kind is ChangeKind.CHANGE_EMAIL
        traveller.skip_reset(self._reset)
        if ready is Ready.SKIP or ends_anyway:
            return None
        return Ending(
            outcome=Outcome.ALREADY_APPLIED,
            message="another run has carried the change out meanwhile",
            seen=traveller.found,
        )

    def _withheld(self) -> Ending | None:
        """Go on after a turn that was not taken: to the end, or to another look at the guest."""
        if self._run.closing.is_set():
            return self._closed()
        if not self._lost_answers:
            self._traveller.reset = ResetState.NOT_SENT
        failed = self._traveller.sender.no_turn()
        return self._failed(failed, Blame.DIRECTORY) if failed else None

    def _closed(self) -> Ending:
        if not self._lost_answers:
            self._traveller.reset = ResetState.NOT_SENT
            return self._traveller.left()
        return self._traveller.cut_off()

    def _doubted(self, ending: Ending) -> Ending:
        """End before another try; what an answer that was lost may have done is said all the same."""
        if self._lost_answers:
            self._traveller.remarks.append(_MAY_HAVE_HAPPENED)
        return ending

    def _failed(self, failed: Failed, blame: Blame) -> Ending:
        return self._doubted(self._traveller.given_up(self._reset, failed, blame))

    @property
    def _attempts(self) -> int:
        return self._traveller.sender.attempts(self._reset)

    def _patched(self) -> bool:
        """Tell whether this change writes `otherMails` before its reset, now or in an earlier run."""
        before = takewhile(
            lambda action: not isinstance(action, ResetRedemption), self._traveller.recorded.actions
        )
        return any(isinstance(action, AddOtherMail | SetOtherMails) for action in before)
