"""One guest's way through a run: judge, prepare, reset, commit, read back.

Each step either goes on or ends the guest with an `Ending`. A course is broken off only where nothing
is lost by it; `may_be_left` says when that is.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from reconciler.apply.chain import wait_for_address
from reconciler.apply.patching import LookAgain, Patching
from reconciler.apply.reading_back import applied, not_read_back, read_back
from reconciler.apply.resetting import Resetting
from reconciler.apply.run import Ending, Run
from reconciler.apply.sending import Sender
from reconciler.apply.traveller import ResetState, Traveller
from reconciler.errors import DirectoryError
from reconciler.guard.approval import Work
from reconciler.guard.staleness import Standing, Verdict, assess
from reconciler.model import (
    Action,
    ActionResult,
    AddOtherMail,
    Change,
    ChangeKind,
    Guest,
    GuestOutcome,
    ObjectId,
    Outcome,
    RedemptionState,
    ResetRedemption,
    SetMail,
    action_name,
)


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
            async with self._run.gate.room():
                ending = await self._write()
        if ending is None:
            ending = await read_back(self._traveller)
        ending = self._traveller.told(ending)
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
            return self._traveller.told(not_read_back(self._run.reason))
        if self._traveller.reset is ResetState.NOT_SENT:
            return self._traveller.left()
        return self._traveller.cut_off()

    def outcome(self, ending: Ending) -> GuestOutcome:
        """Turn the ending into what the report says."""
        self._note_what_is_open(ending)
        return GuestOutcome(
            id=self.id,
            display_name=self._recorded.display_name,
            outcome=ending.outcome,
            rule=ending.rule,
            message="; ".join((ending.message, *self._traveller.remarks)),
            actions=tuple(self._traveller.records),
        )

    def _note_what_is_open(self, ending: Ending) -> None:
        """Write down every action that was sent and came to no end, or that somebody else has carried out."""
        sender, noted = self._sender, {record.action for record in self._traveller.records}
        for action in self._recorded.actions:
            if action_name(action) in noted:
                continue
            if sender.attempts(action):
                self._traveller.note_unfinished(action, sender.last_request_id(action))
            elif ending.outcome is Outcome.ALREADY_APPLIED:
                self._traveller.note(action, ActionResult.SKIPPED)

    async def _write(self) -> Ending | None:
        self._run.progress.guest_started(self._planned or self._recorded)
        while True:
            step = await self._judge_and_write()
            if step is not LookAgain.LOOK_AGAIN:
                return step

    async def _judge_and_write(self) -> Ending | LookAgain | None:
        try:
            guest = await self._traveller.read()
        except DirectoryError as error:
            return self._traveller.unreadable(error)
        standing = self._ending_anyway(assess(self._recorded, guest))
        if not self._sender.wrote:
            # Later looks find what this run itself has written.
            self._first_standing = standing
        planned = self._judge(standing, guest)
        if isinstance(planned, Ending):
            return planned
        self._skip_what_is_done(standing.remaining)
        asked_for = _by_kind(planned)
        for remaining in standing.remaining:
            # No address is ever taken from a file.
            action = asked_for[type(remaining)]
            if self._run.closing.is_set() and self._traveller.reset is not ResetState.HAPPENED:
                return self._traveller.left()
            if isinstance(action, ResetRedemption):
                step: Ending | LookAgain | None = await self._reset(action, planned)
            else:
                step = await Patching(self._traveller, action).carry_out()
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

    def _judge(self, standing: Standing, guest: Guest | None) -> Ending | Change:
        """End the guest, or give the change of the new plan, which is the source of all work."""
        match standing.verdict:
            case Verdict.STALE:
                return self._traveller.stale(standing)
            case Verdict.ALREADY_APPLIED:
                self._skip_what_is_done(())
                if self._sender.wrote and guest:
                    return applied(guest)
                return Ending(outcome=Outcome.ALREADY_APPLIED, message=standing.message, seen=guest)
            case Verdict.RUN:
                planned, asked = self._planned, {type(action) for action in standing.remaining}
                if planned is None or not asked <= _by_kind(planned).keys():
                    message = _not_asked_for(self._recorded, standing.remaining)
                    return Ending(outcome=Outcome.STALE, rule="stale", message=message)
                return planned
            case _ as unknown:
                assert_never(unknown)

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

    async def _reset(self, action: ResetRedemption, planned: Change) -> Ending | None:
        first, recorded = self._first_standing, self._recorded
        begun = isinstance(first.remaining[0], ResetRedemption) and first.remaining != recorded.actions
        resetting = Resetting(
            self._traveller,
            action,
            planned=planned,
            repeats=first.repeats,
            resumed=begun and recorded.precondition.state is RedemptionState.ACCEPTED,
        )
        return await resetting.carry_out()


def _by_kind(change: Change) -> Mapping[type[Action], Action]:
    """Give the actions of a change by their kind: no change holds two of one."""
    return {type(action): action for action in change.actions}


def _not_asked_for(recorded: Change, remaining: tuple[Action, ...]) -> str:
    """Say that something approved is not planned any more, and how far an earlier run has come with it."""
    done = recorded.actions[: len(recorded.actions) - len(remaining)]
    match remaining:
        case (SetMail(email=email),) if done:
            return (
                f"an earlier run has reset the guest for {email}, and the new plan does not ask for that any "
                "more: only who got that link can sign in; declare that address again and apply, or take it "
                "back with alternateEmails: []"
            )
        case (ResetRedemption(email=email), *_) if any(isinstance(one, AddOtherMail) for one in done):
            return (
                f"an earlier run has written {email} to otherMails, and the new plan does not ask for that "
                "any more; declare alternateEmails to take it away"
            )
        case _:
            return "this was approved, but the new plan does not ask for it any more"
