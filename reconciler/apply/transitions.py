"""The rules of one guest's change: the next step, and the state after an event.

Everything that affects a guest's state is decided here and, for the reset alone, in `resets`. Both
functions are total and pure: they know no clock, event loop, file or network but what a `Moment` holds. The
special cases are these:

- a guest is judged from the start once more (`ASSESS`) only before this run has written anything;
- `CLEAR` is withheld twice for a read that has grown old in a queue, and then sent: with a tiny
  share of the quotas every turn comes late, and a guest must not be left with a marker for that;
- a guest that was reset stays in a run that drains, every other guest leaves it.
"""

from dataclasses import replace
from typing import assert_never

from reconciler.apply import assess, commits, outcomes, patches, resets
from reconciler.apply.events import WaitReason
from reconciler.apply.evidence import still_holds
from reconciler.apply.moves import (
    finish,
    give_up,
    may_wait,
    move,
    stop_run,
)
from reconciler.apply.retry_policy import SHUTDOWN_DELAY, Allowance, FaultDomain
from reconciler.apply.settings import Settings
from reconciler.apply.state import (
    GuestState,
    attempts_of,
    begin_failing,
    forgive,
    promised,
    with_try,
)
from reconciler.apply.steps import (
    AWAITED,
    AWAITED_WHILE_PAUSED,
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
    Moment,
    Phase,
    ReadFailed,
    ReadGuest,
    Released,
    Send,
    Sent,
    Sleep,
    Slept,
    Step,
    Withheld,
)
from reconciler.apply.updates import (
    update_for,
)
from reconciler.guard.approval import Work
from reconciler.guard.proofs import Proofs
from reconciler.guard.resumption import MADE_INTERNAL
from reconciler.model import (
    Failed,
    FailureKind,
    Guest,
    Note,
    ResetRedemption,
    UserUpdate,
)
from reconciler.rules import Rule

_NO_TURN = Failed(
    kind=FailureKind.NOT_EXECUTED,
    rule=Rule.NO_TURN,
    message="the directory kept this write waiting for too long: apply again when it is less busy, "
    "with a larger share of its quotas, or with fewer guests in flight",
    status=None,
    request_id=None,
)

_MOST_WITHHELD = 2

_INTERRUPTED = Note(rule=Rule.INTERRUPTED, message="the run was interrupted")


def begin(work: Work, *, settings: Settings, proofs: Proofs) -> GuestState:
    """Return the state of a guest at the beginning of a run; `proofs` are those of this very change."""
    waits = work.planned is not None and work.planned.waits_for is not None
    return GuestState(
        recorded=work.recorded,
        planned=work.planned,
        proofs=tuple(sorted(proofs.items())),
        settings=settings,
        phase=Phase.PREDECESSOR if waits else Phase.ADMISSION,
    )


def next_step(state: GuestState, moment: Moment) -> Step:
    """Return the next step."""
    if state.phase is Phase.DONE:
        return Finish(result=promised(state.result, "a guest who is done has a result"))
    early = _leaves(state, moment)
    if early is not None:
        return Finish(result=early)
    if state.pause is not None:
        return _sleep(state.pause, moment)
    match state.phase:
        case Phase.PREDECESSOR:
            waits_for = state.planned.waits_for if state.planned else None
            return AwaitPredecessor(waits_for) if waits_for else AwaitAdmission()
        case Phase.ADMISSION:
            return AwaitAdmission()
        case Phase.ASSESS if moment.now < moment.settled_at:
            rest = moment.settled_at - moment.now
            return _sleep(Sleep(reason=WaitReason.EARLIER_RUN, seconds=rest, until_draining=True), moment)
        case Phase.ASSESS | Phase.RECHECK | Phase.CONFIRM | Phase.VERIFY | Phase.CLEAR_READ | Phase.READ_BACK:
            return ReadGuest()
        case Phase.PATCH | Phase.RESET | Phase.CLEAR:
            return _send(state, moment)
        case _ as unknown:
            assert_never(unknown)


def permits(state: GuestState, moment: Moment) -> bool:
    """Return whether the write of this state may be sent, now that its turn has come."""
    age = moment.now - state.read_at
    if state.phase is Phase.CLEAR:
        return age < state.settings.clear_within or moment.shutting_down or state.withheld >= _MOST_WITHHELD
    return age < state.settings.reread_after and moment.draining is None


def after(state: GuestState, event: Event, moment: Moment) -> GuestState:
    """Return the state after an event. Raises `ValueError` for an event that the last step cannot produce."""
    _must_be_awaited(state, event)
    match event:
        case Slept():
            return replace(state, pause=None)
        case Released(seen=seen):
            return _released(state, seen, moment)
        case Admitted():
            return move(state, Phase.ASSESS, moment)
        case Interrupted():
            return finish(state, _leaves(state, moment) or outcomes.left(state, _reason(moment)))
        case GuestRead():
            return _on_read(state, event, moment)
        case ReadFailed():
            return _on_read_failed(state, event, moment)
        case Answered():
            return _on_answered(state, event, moment)
        case Withheld():
            return _on_withheld(forgive(state, Allowance.REPLICATION, event.queued), moment)
        case GraceOver():
            return _on_grace_over(state, event, moment)
        case _ as unknown:
            assert_never(unknown)


def _must_be_awaited(state: GuestState, event: Event) -> None:
    awaited = AWAITED[state.phase] if state.pause is None else AWAITED_WHILE_PAUSED
    if type(event) not in awaited:
        raise ValueError(f"{type(event).__name__} cannot come in {state.phase}")


def _leaves(state: GuestState, moment: Moment) -> GuestResult | None:
    """Return the result of a guest that stops because the run drains or shuts down; else `None`."""
    if moment.shutting_down and state.phase is Phase.READ_BACK:
        return outcomes.not_read_back(_reason(moment))
    if moment.draining is None or state.phase not in LEAVES_WHEN_DRAINING:
        return None
    if state.sent is Sent.NO:
        return outcomes.left(state, moment.draining)
    return outcomes.cut_off(state, moment.draining)


def _reason(moment: Moment) -> Note:
    return moment.draining or _INTERRUPTED


def _sleep(pause: Sleep, moment: Moment) -> Sleep:
    """Cut a wait short when the process is about to end."""
    if not moment.shutting_down:
        return pause
    return replace(pause, seconds=min(pause.seconds, SHUTDOWN_DELAY))


def _send(state: GuestState, moment: Moment) -> Send:
    action = state.due
    stands = state.own[-1].local_part if state.own else None
    attempt = attempts_of(state, action) + 1
    if isinstance(action, ResetRedemption):
        return Send(action=action, write=action, attempt=attempt, marker=stands)
    guest = promised(state.guest, "a guest is read before a PATCH")
    update = update_for(state, action, guest, moment)
    marker = update.marker.local_part if update.marker else stands
    return Send(action=action, write=update, attempt=attempt, marker=marker)


def _released(state: GuestState, seen: Guest | None, moment: Moment) -> GuestState:
    change = state.planned or state.recorded
    first = change.waits_for or ""
    if seen is None:
        return finish(state, outcomes.predecessor_failed(first))
    held = tuple(address for address in change.gains if still_holds(seen, address))
    if held:
        return finish(state, outcomes.keeps_address(first, held))
    return move(state, Phase.ADMISSION, moment)


def _on_read(state: GuestState, event: GuestRead, moment: Moment) -> GuestState:
    if state.phase is not Phase.ASSESS and _is_made_internal(state, event.guest):
        return finish(state, outcomes.changed_meanwhile(state, MADE_INTERNAL))
    match state.phase:
        case Phase.ASSESS:
            return assess.on_assess_read(state, event.guest, moment)
        case Phase.RECHECK:
            return patches.on_recheck_read(state, event.guest, moment)
        case Phase.CONFIRM:
            return resets.on_confirm_read(state, event, moment)
        case Phase.VERIFY:
            return resets.on_verify_read(state, event, moment)
        case Phase.CLEAR_READ:
            return commits.on_clear_read(state, event.guest, moment)
        case _:
            return commits.on_read_back(state, event.guest, moment)


def _is_made_internal(state: GuestState, guest: Guest | None) -> bool:
    """Return whether a read shows that somebody has converted the guest: no later read will show more."""
    was_guest = state.recorded.precondition.state is not None
    return was_guest and guest is not None and guest.state is None


def _on_read_failed(state: GuestState, event: ReadFailed, moment: Moment) -> GuestState:
    match state.phase:
        case Phase.CONFIRM:
            return resets.on_confirm_failed(state, event, moment)
        case Phase.VERIFY:
            return resets.on_verify_failed(state, event, moment)
        case Phase.CLEAR_READ:
            state = stop_run(state, event.rule, event.message) if event.denied else state
            return commits.keep_trying(state, moment) or finish(state, outcomes.unreadable(state, event))
        case Phase.READ_BACK:
            state = stop_run(state, event.rule, event.message) if event.denied else state
            return commits.read_back_again(state, moment)
        case _:
            state = stop_run(state, event.rule, event.message) if event.denied else state
            return finish(state, outcomes.unreadable(state, event))


def _on_answered(state: GuestState, event: Answered, moment: Moment) -> GuestState:
    state = forgive(state, Allowance.REPLICATION, event.queued)
    match state.phase:
        case Phase.PATCH:
            return patches.on_patch_answered(state, event, moment)
        case Phase.RESET:
            return resets.on_reset_answered(state, event, moment)
        case _:
            return commits.on_clear_answered(state, event, moment)


def _on_withheld(state: GuestState, moment: Moment) -> GuestState:
    """Return the state after a withheld write: the end, or another read of the guest."""
    early = _leaves(state, moment)
    if early is not None:
        return finish(state, early)
    if state.phase is Phase.CLEAR:
        if moment.stalled:
            return finish(state, outcomes.cut_off(state, _reason(moment)))
        return move(replace(state, withheld=state.withheld + 1), Phase.CLEAR_READ, moment)
    state = begin_failing(state, Allowance.DIRECTORY, moment.now)
    if not may_wait(state, Allowance.DIRECTORY, 0.0, moment):
        return give_up(state, _NO_TURN, FaultDomain.DIRECTORY)
    if state.phase is Phase.RESET:
        return move(state, Phase.CONFIRM, moment)
    return move(state, Phase.RECHECK if state.wrote else Phase.ASSESS, moment)


def _on_grace_over(state: GuestState, event: GraceOver, moment: Moment) -> GuestState:
    """End with the known facts when the process ends while an answer is pending."""
    sent, reason = event.in_flight, _reason(moment)
    if sent is not None:
        state = with_try(state, sent, in_doubt=True, request_id=None)
        if isinstance(sent.write, UserUpdate) and sent.write.marker:
            state = replace(state, own=(*state.own, sent.write.marker))
        if isinstance(sent.write, ResetRedemption):
            state = replace(state, sent=Sent.IN_DOUBT)
    if state.phase is Phase.READ_BACK:
        return finish(state, outcomes.not_read_back(reason))
    if state.sent is Sent.NO:
        return finish(state, outcomes.left(state, reason))
    return finish(state, outcomes.cut_off(state, reason))
