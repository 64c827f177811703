"""Sends the PATCHes of a change: those before the reset lose nothing, the last one must go through."""

from contextlib import ExitStack
from enum import Enum, auto

from reconciler.apply.policy import Blame, Response, Write, treatment
from reconciler.apply.reading_back import see_result
from reconciler.apply.run import Ending
from reconciler.apply.sending import with_address
from reconciler.apply.traveller import ResetState, Traveller
from reconciler.model import ActionResult, AddOtherMail, Done, Failed, Note, SetMail, SetOtherMails


class LookAgain(Enum):
    """The guest was looked at too long ago to be written to."""

    LOOK_AGAIN = auto()


class Patching:
    """One PATCH of one guest."""

    def __init__(self, traveller: Traveller, action: AddOtherMail | SetOtherMails | SetMail) -> None:
        self._traveller = traveller
        self._run = traveller.run
        self._action = action
        self._write = Write.COMMIT if traveller.reset is ResetState.HAPPENED else Write.PREPARE

    async def carry_out(self) -> Ending | LookAgain | None:
        """Send it until it is through, as the table says; `None` when the change goes on from there."""
        traveller, sender, action = self._traveller, self._traveller.sender, self._action
        with ExitStack() as marks:
            while True:
                answer = await sender.send(
                    action,
                    write=self._write,
                    found=traveller.found,
                    still_fits=lambda: not traveller.found_long_ago,
                )
                if answer is None:
                    return self._withheld()
                if isinstance(answer, Done):
                    self._through(answer.request_id)
                    return None
                if sender.attempts(action) == 1 and self._write is Write.COMMIT:
                    marks.enter_context(self._run.gate.stuck())
                rule = treatment(self._write, answer.kind, patched=False)
                if rule.stops_run:
                    self._run.close(Note(rule=answer.rule, message=answer.message))
                elif self._write is Write.PREPARE and self._run.closing.is_set():
                    return traveller.left()
                again = rule.response is Response.SEND_AGAIN and await sender.be_patient(
                    rule, answer, tries=sender.attempts(action)
                )
                if not again:
                    return await self._give_up(answer, rule.blame)

    def _through(self, request_id: str | None) -> None:
        traveller, action = self._traveller, self._action
        attempts = traveller.sender.attempts(action)
        traveller.note(action, ActionResult.DONE, attempts=attempts, request_id=request_id)
        if isinstance(action, AddOtherMail):
            traveller.prepared = with_address(traveller.found, action.email)
        if isinstance(action, SetOtherMails):
            traveller.prepared = action.other_mails

    def _withheld(self) -> Ending | LookAgain:
        """Go on after a turn that was not taken: to the end, or to another look at the guest."""
        if self._run.closing.is_set():
            return self._traveller.left()
        failed = self._traveller.sender.no_turn()
        if failed is None:
            return LookAgain.LOOK_AGAIN
        return self._traveller.given_up(self._action, failed, Blame.DIRECTORY)

    async def _give_up(self, failed: Failed, blame: Blame) -> Ending | None:
        """End the guest, unless a write whose answer was lost is seen to have happened."""
        doubtful = self._traveller.sender.may_have_happened(self._action)
        if self._write is Write.COMMIT and doubtful and await see_result(self._traveller):
            self._through(None)
            return None
        return self._traveller.given_up(self._action, failed, blame)
