"""One guest's way through a run: judge, prepare, reset, commit, read back.

Each step either goes on or ends the guest with an `Ending`. A course is broken off only where nothing
is lost by it; `may_be_left` says when that is.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from enum import Enum, auto
from typing import assert_never

from reconciler.apply.chain import wait_for_address
from reconciler.apply.policy import Blame, Response, Write, treatment
from reconciler.apply.reading_back import not_read_back, read_back
from reconciler.apply.resetting import Resetting
from reconciler.apply.run import Ending, Run
from reconciler.apply.sending import Sender, with_address
from reconciler.apply.traveller import ResetState, Traveller
from reconciler.errors import DirectoryError
from reconciler.guard.approval import Work
from reconciler.guard.staleness import Standing, Verdict, assess
from reconciler.model import (
    Action,
    ActionResult,
    AddOtherMail,
    ChangeKind,
    Done,
    Failed,
    FailureKind,
    Guest,
    GuestOutcome,
    Note,
    ObjectId,
    Outcome,
    RedemptionState,
    ResetRedemption,
    SetMail,
    SetOtherMails,
    action_name,
)


class _LookAgain(Enum):
    """The guest was looked at too long ago to be written to."""

    LOOK_AGAIN = auto()


_LOOK_AGAIN = _LookAgain.LOOK_AGAIN


class Course:
    """The course of one guest."""

    def __init__(self, work: Work, run: Run) -> None:
        self._run = run
        self._planned = work.planned
        self._recorded = work.recorded
        self._sender = Sender(run=run, guest=work.recorded.id)
        self._traveller = Traveller(run=run, recorded=work.recorded, sender=self._sender)
        self._first_standing: Standing
        self._all_written = False

    @property
    def id(self) -> ObjectId:
        """The guest's object id."""
        return self._recorded.id

    async def go(self) -> Ending:
        """Take the guest through the run."""
        ending = await wait_for_address(self._run, self._planned) if self._planned else None
        if ending is None:
            async with self._run.room():
                ending = await self._write()
        if ending is None:
            ending = await read_back(self._traveller)
        ending = self._traveller.untold(ending)
        if ending.outcome is not Outcome.NOT_ATTEMPTED:
            self._run.count(self.id, ending)
        return ending

    @property
    def in_flight(self) -> bool:
        """Whether a write has been sent whose answer is still awaited."""
        return self._sender.in_flight is not None

    def may_be_left(self) -> bool:
        """Tell whether breaking off here loses nothing: the next run finds all it needs to know."""
        if self._all_written:
            return self._run.hurried.is_set()
        return not self.in_flight and self._traveller.reset is ResetState.NOT_SENT

    def broken_off(self) -> Ending:
        """Say what became of a guest whose course was broken off."""
        if self._all_written:
            return self._traveller.untold(not_read_back())
        if self._traveller.reset is ResetState.NOT_SENT:
            return self._traveller.left()
        return self._traveller.cut_off()

    def outcome(self, ending: Ending) -> GuestOutcome:
        """Turn the ending into what the report says."""
        self._note_what_is_open()
        return GuestOutcome(
            id=self.id,
            display_name=self._recorded.display_name,
            outcome=ending.outcome,
            rule=ending.rule,
            message="; ".join((ending.message, *self._traveller.remarks)),
            actions=tuple(self._traveller.records),
        )

    def _note_what_is_open(self) -> None:
        """Write down every action that was sent and did not come to an end."""
        sender, noted = self._sender, {record.action for record in self._traveller.records}
        for action in self._recorded.actions:
            if sender.attempts(action) and action_name(action) not in noted:
                unknown = sender.may_have_happened(action)
                result = ActionResult.UNKNOWN if unknown else ActionResult.FAILED
                self._traveller.note(action, result, attempts=sender.attempts(action))

    async def _write(self) -> Ending | None:
        self._run.progress.guest_started(self._planned or self._recorded)
        while True:
            step = await self._judge_and_write()
            if step is not _LOOK_AGAIN:
                return step

    async def _judge_and_write(self) -> Ending | _LookAgain | None:
        try:
            guest = await self._traveller.read()
        except DirectoryError as error:
            return self._traveller.unreadable(error)
        standing = self._ending_anyway(assess(self._recorded, guest))
        if not self._sender.wrote:
            # Later looks find what this run itself has written.
            self._first_standing = standing
        ending = self._judge(standing, guest)
        if ending:
            return ending
        self._skip_what_is_done(standing.remaining)
        for action in self._spelled(standing.remaining):
            if self._run.closing.is_set() and self._traveller.reset is not ResetState.HAPPENED:
                return self._traveller.left()
            if isinstance(action, ResetRedemption):
                step: Ending | _LookAgain | None = await self._reset(action)
            else:
                step = await self._patch(action)
            if step:
                return step
        self._all_written = True
        return None

    def _ending_anyway(self, standing: Standing) -> Standing:
        """Leave `SetMail` to be done when another run has finished before our own `AddOtherMail`.

        That may have brought back what the other run had just removed.
        """
        finished = standing.verdict is Verdict.ALREADY_APPLIED and self._sender.wrote
        if finished and self._recorded.kind is ChangeKind.CHANGE_EMAIL:
            return replace(standing, verdict=Verdict.RUN, remaining=self._recorded.actions[-1:])
        return standing

    def _judge(self, standing: Standing, guest: Guest | None) -> Ending | None:
        match standing.verdict:
            case Verdict.STALE:
                return self._traveller.stale(standing)
            case Verdict.ALREADY_APPLIED:
                self._skip_what_is_done(())
                return Ending(outcome=Outcome.ALREADY_APPLIED, message=standing.message, seen=guest)
            case Verdict.RUN:
                # The approval is not the source of work: what the new plan does not ask for is not done.
                if not {type(action) for action in standing.remaining} <= self._asked_for.keys():
                    return Ending(
                        outcome=Outcome.STALE, rule="stale", message=_not_asked_for(standing.remaining)
                    )
                return None
            case _ as unknown:
                assert_never(unknown)

    def _spelled(self, remaining: tuple[Action, ...]) -> tuple[Action, ...]:
        """Take the actions that are left from the new plan: no address is ever taken from a file."""
        return tuple(self._asked_for[type(action)] for action in remaining)

    @property
    def _asked_for(self) -> Mapping[type[Action], Action]:
        """What the new plan asks for, by kind of action: no plan holds two of one kind for a guest."""
        return {type(action): action for action in self._planned.actions} if self._planned else {}

    def _skip_what_is_done(self, remaining: tuple[Action, ...]) -> None:
        noted = {record.action for record in self._traveller.records}
        for action in self._recorded.actions:
            if action in remaining or action_name(action) in noted:
                continue
            # One of our own whose answer was lost, and which another look has shown to be done.
            attempts = self._sender.attempts(action)
            result = ActionResult.DONE if attempts else ActionResult.SKIPPED
            self._traveller.note(action, result, attempts=attempts)
            if isinstance(action, ResetRedemption):
                self._traveller.skip_reset(action)

    async def _reset(self, action: ResetRedemption) -> Ending | None:
        first, recorded = self._first_standing, self._recorded
        begun = isinstance(first.remaining[0], ResetRedemption) and first.remaining != recorded.actions
        resetting = Resetting(
            self._traveller,
            action,
            planned=self._planned or recorded,
            repeats=first.repeats,
            resumed=begun and recorded.precondition.state is RedemptionState.ACCEPTED,
        )
        return await resetting.carry_out()

    async def _patch(self, action: Action) -> Ending | _LookAgain | None:
        traveller, sender = self._traveller, self._sender
        write = Write.COMMIT if traveller.reset is ResetState.HAPPENED else Write.PREPARE
        with ExitStack() as marks:
            while True:
                answer = await sender.send(
                    action,
                    write=write,
                    found=traveller.found,
                    still_fits=lambda: not traveller.found_long_ago,
                )
                if answer is None:
                    return self._withheld(action)
                if isinstance(answer, Done):
                    break
                if sender.attempts(action) == 1 and write is Write.COMMIT:
                    marks.enter_context(self._run.stuck())
                ending = await self._after(action, answer, write=write)
                if ending:
                    return ending
        traveller.note(
            action, ActionResult.DONE, attempts=sender.attempts(action), request_id=answer.request_id
        )
        if isinstance(action, AddOtherMail):
            traveller.prepared = with_address(traveller.found, action.email)
        if isinstance(action, SetOtherMails):
            traveller.prepared = action.other_mails
        return None

    def _withheld(self, action: Action) -> Ending | _LookAgain:
        """Go on after a turn that was not taken: to the end, or to another look at the guest."""
        if self._run.closing.is_set():
            return self._traveller.left()
        failed = self._sender.no_turn()
        if failed is None:
            return _LOOK_AGAIN
        return self._traveller.failed(
            action,
            failed,
            attempts=self._sender.attempts(action),
            result=ActionResult.UNKNOWN if self._sender.may_have_happened(action) else ActionResult.FAILED,
            blame=Blame.DIRECTORY,
        )

    async def _after(self, action: Action, failed: Failed, *, write: Write) -> Ending | None:
        rule = treatment(write, failed.kind, patched=False)
        if rule.stops_run:
            self._run.close(Note(rule=failed.rule, message=failed.message))
        elif write is Write.PREPARE and self._run.closing.is_set():
            return self._traveller.left()
        patient = rule.response is Response.SEND_AGAIN and await self._sender.be_patient(
            rule, failed, tries=self._sender.attempts(action)
        )
        if patient:
            return None
        if write is Write.COMMIT:
            self._traveller.remarks.append(
                "the reset was sent and the change is half done: nobody can sign in until they redeem; apply "
                "again to finish it"
            )
        unknown = failed.kind is FailureKind.UNKNOWN
        return self._traveller.failed(
            action,
            failed,
            attempts=self._sender.attempts(action),
            result=ActionResult.UNKNOWN if unknown else ActionResult.FAILED,
            blame=rule.blame,
        )


def _not_asked_for(remaining: tuple[Action, ...]) -> str:
    """Say that something approved is not planned any more, and how far an earlier run has come with it."""
    match remaining:
        case (SetMail(email=email), *_):
            return (
                f"an earlier run has reset the guest for {email}, and the new plan does not ask for that any "
                "more: only who got that link can sign in; declare that address again and apply, or take it "
                "back with alternateEmails: []"
            )
        case (ResetRedemption(email=email), *_):
            return (
                f"an earlier run may have written {email} to otherMails, and the new plan does not ask for "
                "that any more; declare alternateEmails to take it away"
            )
        case _:
            return "this was approved, but the new plan does not ask for it any more"
