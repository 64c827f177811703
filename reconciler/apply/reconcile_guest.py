"""The shell around one guest's state machine: executes what `next_step` returns, and decides nothing."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from reconciler.apply.admission import Admission, Predecessors
from reconciler.apply.events import RunObserver, WaitReason
from reconciler.apply.moves import finish
from reconciler.apply.run_control import RunControl
from reconciler.apply.state import GuestState
from reconciler.apply.steps import (
    IN_FLIGHT,
    LEAVES_WHEN_DRAINING,
    Admitted,
    Answered,
    AwaitAdmission,
    AwaitPredecessor,
    Event,
    Finish,
    GraceOver,
    GuestRead,
    GuestResult,
    Interrupted,
    LinkKept,
    Moment,
    Phase,
    ReadFailed,
    ReadGuest,
    Released,
    Send,
    Sent,
    Sleep,
    Slept,
    Withheld,
)
from reconciler.apply.transitions import after, next_step, permits
from reconciler.apply.write_log import WriteLog
from reconciler.errors import AccessDenied, DirectoryError
from reconciler.guard.proofs import address_digest
from reconciler.journal import JournalEntry, JournalEvent
from reconciler.model import (
    ActionResult,
    DirectoryWriter,
    Done,
    FailureKind,
    GuestReader,
    NotSent,
    Outcome,
    ResetRedemption,
    WriteAnswer,
)

_CARRIED_OUT = frozenset({Outcome.APPLIED, Outcome.ALREADY_APPLIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The services of the guests' state machines; shared by all guests of a run."""

    reader: GuestReader
    writer: DirectoryWriter
    control: RunControl
    admission: Admission
    predecessors: Predecessors
    log: WriteLog
    observer: RunObserver


@dataclass(slots=True, kw_only=True)
class _Outgoing:
    """A write in flight."""

    send: Send
    client_request_id: str
    asked_at: float

    journalled: bool = False
    """Whether the journal has its line before sending."""

    went_out_at: float | None = None
    """Monotonic time, in seconds, at which it was sent; `None` while it waits for its turn."""


class GuestReconciliation:
    """The reconciliation of one guest in a run."""

    def __init__(self, state: GuestState, shell: Shell, *, admitted: bool) -> None:
        """Prepare one guest; `admitted` says that a slot is held already."""
        self.state = state
        self._shell = shell
        self._control = shell.control
        self._holds_slot = admitted
        self._is_canary = False

    async def run(self) -> GuestResult:
        """Run step after step until the machine has a result, and return it."""
        seen = None
        try:
            while not isinstance(step := next_step(self.state, self._moment()), Finish):
                self._take_over(after(self.state, await self._carry_out(step), self._moment()))
            if self.state.result is None:
                self._take_over(finish(self.state, step.result))
            seen = step.result.seen if step.result.outcome in _CARRIED_OUT else None
        finally:
            self._give_slot_back()
            self._control.forget(self.state.id)
            self._shell.predecessors.free(self.state.id, seen)
        return self.state.result or step.result

    def end_canary(self) -> None:
        """Release the canary, now that the run has counted its result."""
        if self._is_canary:
            self._is_canary = False
            self._shell.admission.end_canary()

    def _moment(self) -> Moment:
        held = None
        reset = self.state.reset
        if reset is not None and self.state.phase in {Phase.ASSESS, Phase.CONFIRM, Phase.VERIFY}:
            held = self._shell.log.link_held(self.state.id, reset.email)
        others = self._shell.admission.in_flight - self._holds_slot
        return self._control.moment(self.state.id, others_in_flight=others, link_held=held)

    def _take_over(self, state: GuestState) -> None:
        before, self.state = self.state, state
        self._control.on_state(before, state)
        for record in state.records[len(before.records) :]:
            self._shell.observer.action_ended(state.id, record)
            if record.result in {ActionResult.DONE, ActionResult.REPEATED}:
                self._shell.admission.release_canaries()
        if state.freed is not None:
            self._shell.predecessors.free(state.id, state.freed)
        if state.result is None:
            self.end_canary()
        if state.phase not in IN_FLIGHT and state.phase is not Phase.ADMISSION:
            self._give_slot_back()

    def _give_slot_back(self) -> None:
        if self._holds_slot:
            self._holds_slot = False
            self._shell.admission.leave()

    async def _carry_out(self, step: AwaitPredecessor | AwaitAdmission | ReadGuest | Send | Sleep) -> Event:
        match step:
            case AwaitPredecessor():
                return await self._await_predecessor(step)
            case AwaitAdmission():
                return await self._await_admission()
            case ReadGuest():
                return await self._read()
            case Send():
                return await self._send(step)
            case Sleep():
                return await self._sleep(step)
            case _ as unknown:
                assert_never(unknown)

    async def _await_predecessor(self, step: AwaitPredecessor) -> Event:
        self._shell.observer.waiting(self.state.id, WaitReason.PREDECESSOR, None)
        waiting = self._shell.predecessors.wait_for(step.guest)
        got = await self._control.first(waiting, gives_up=lambda: self._control.drains)
        return Interrupted() if got is None else Released(got.value)

    async def _await_admission(self) -> Event:
        if not self._holds_slot:
            entered = await self._control.first(
                self._shell.admission.enter(), gives_up=lambda: self._control.drains
            )
            if entered is None:
                return Interrupted()
            self._holds_slot = True
        self._shell.observer.guest_started(self.state.planned or self.state.recorded)
        return Admitted()

    async def _sleep(self, step: Sleep) -> Event:
        control = self._control
        if not control.shutting_down:
            until = control.clock.now() + timedelta(seconds=step.seconds)
            self._shell.observer.waiting(self.state.id, step.reason, until)
        before = control.shutting_down, control.stalled

        def gives_up() -> bool:
            woken = (control.shutting_down, control.stalled) != before
            return woken or control.grace_over or (step.until_draining and control.drains)

        await control.first(control.clock.sleep(step.seconds), gives_up=gives_up)
        return GraceOver(in_flight=None) if control.grace_over else Slept()

    async def _read(self) -> Event:
        control = self._control

        def gives_up() -> bool:
            leaves = self.state.phase in LEAVES_WHEN_DRAINING and self.state.sent is Sent.NO
            hurries = self.state.phase is Phase.READ_BACK and control.shutting_down
            return control.grace_over or hurries or (leaves and control.drains)

        try:
            got = await control.first(self._shell.reader.read_guest(self.state.id), gives_up=gives_up)
        except DirectoryError as error:
            denied = isinstance(error, AccessDenied)
            return ReadFailed(rule=error.rule, message=error.message, denied=denied)
        if got is not None:
            return GuestRead(got.value)
        return GraceOver(in_flight=None) if control.grace_over else Interrupted()

    async def _send(self, step: Send) -> Event:
        control = self._control
        out = _Outgoing(send=step, client_request_id=str(uuid.uuid4()), asked_at=control.clock.monotonic())
        commits = self.state.phase is Phase.CLEAR

        def gives_up() -> bool:
            waits = out.went_out_at is None
            return control.grace_over or (waits and (control.stalled or (control.drains and not commits)))

        got = await control.first(self._perform(out), gives_up=gives_up)
        if got is None or isinstance(got.value, NotSent):
            return self._not_answered(out, sent=got is None)
        return await self._answered(out, got.value)

    async def _perform(self, out: _Outgoing) -> WriteAnswer | NotSent:
        """Send one write, as a canary when no guest of the run has been written to yet."""
        commits = self.state.phase is Phase.CLEAR
        if not (self.state.wrote or commits):
            self._is_canary = await self._shell.admission.first_write()
        return await self._shell.writer.perform(
            self.state.id,
            out.send.write,
            client_request_id=out.client_request_id,
            permit=lambda: self._permit(out),
        )

    async def _permit(self, out: _Outgoing) -> bool:
        """Approve a write whose turn has come, with its line in the journal before it."""
        commits = self.state.phase is Phase.CLEAR
        if not permits(self.state, self._moment()):
            return False
        if not out.journalled:
            out.journalled = True
            written = self._journal(out, None)
            if isinstance(out.send.write, ResetRedemption):
                # A reset alone cannot be recognised in the directory after a power cut.
                written = await self._shell.log.flush() and written
            if not (written or commits) or not permits(self.state, self._moment()):
                return False
        if out.went_out_at is None:
            out.went_out_at = self._control.clock.monotonic()
            self._control.budget.first_write(self.state.id)
        return True

    def _not_answered(self, out: _Outgoing, *, sent: bool) -> Event:
        """Return the event of a write without an answer: withheld, or cut off by the end of the process."""
        if sent and out.went_out_at is not None:
            return GraceOver(in_flight=out.send)
        if out.journalled:
            # Without this line the request would count as in flight, because the line before is `sending`.
            self._journal(out, None, event=JournalEvent.FAILED)
        if self._control.grace_over:
            return GraceOver(in_flight=None)
        return Withheld(queued=self._control.clock.monotonic() - out.asked_at)

    async def _answered(self, out: _Outgoing, answer: WriteAnswer) -> Event:
        link = LinkKept.NOT_ASKED
        write = out.send.write
        if isinstance(write, ResetRedemption) and isinstance(answer, Done):
            # Before the journal's line: a run that takes that line as proof finds the link stored.
            link = await self._shell.log.keep_link(self.state.id, write.email, answer.redeem_url)
        self._journal(out, answer)
        self._control.on_answer(answer)
        if isinstance(answer, Done):
            self._shell.admission.release_canaries()
            answer = replace(answer, redeem_url=None)
        went_out = out.asked_at if out.went_out_at is None else out.went_out_at
        return Answered(sent=out.send, answer=answer, queued=went_out - out.asked_at, link=link)

    def _journal(
        self, out: _Outgoing, answer: WriteAnswer | None, *, event: JournalEvent | None = None
    ) -> bool:
        write = out.send.write
        return self._shell.log.record(
            JournalEntry(
                time=self._control.clock.now(),
                id=self.state.id,
                action=out.send.action.name,
                attempt=out.send.attempt,
                event=event or _event(answer),
                status=answer.status if answer else None,
                client_request_id=out.client_request_id,
                request_id=answer.request_id if answer else None,
                change=self.state.recorded.digest,
                marker=out.send.marker,
                at=answer.at if isinstance(answer, Done) else None,
                address=address_digest(self.state.id, write.email)
                if isinstance(write, ResetRedemption)
                else None,
            )
        )


def _event(answer: WriteAnswer | None) -> JournalEvent:
    if answer is None:
        return JournalEvent.SENDING
    if isinstance(answer, Done):
        return JournalEvent.DONE
    return JournalEvent.UNKNOWN if answer.kind is FailureKind.UNKNOWN else JournalEvent.FAILED
