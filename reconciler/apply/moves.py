"""The moves that all rules use: to another phase, to the end, to the next read, to the next try."""

from dataclasses import replace
from typing import assert_never

from reconciler.apply.events import WaitReason
from reconciler.apply.outcomes import given_up, informed
from reconciler.apply.retry_policy import (
    POLL,
    Allowance,
    FaultDomain,
    GiveUp,
    Resend,
    RetryRule,
    Verify,
    delay_before_retry,
)
from reconciler.apply.state import (
    GuestState,
    Poll,
    Shown,
    attempts_of,
    begin_failing,
    seconds_failing,
)
from reconciler.apply.steps import MOVES, GuestResult, Moment, Phase, Sent, Sleep
from reconciler.model import (
    AddOtherMail,
    ClearMarker,
    EmailAddress,
    Failed,
    Guest,
    Note,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)
from reconciler.rules import RuleId


def move(state: GuestState, phase: Phase, moment: Moment) -> GuestState:
    """Return the state in another phase, whose reads begin now. Raises `ValueError` if not in `MOVES`."""
    if phase not in MOVES[state.phase]:
        raise ValueError(f"no way leads from {state.phase} to {phase}")
    return replace(state, phase=phase, pause=None, owed=None, poll=Poll(started=moment.now))


def finish(state: GuestState, result: GuestResult) -> GuestState:
    """Return the state at its end."""
    return replace(state, phase=Phase.DONE, pause=None, owed=None, poll=None, result=informed(state, result))


def proceed(state: GuestState, moment: Moment) -> GuestState:
    """Return the state in the phase of the action that is due now; nothing due is to be read back."""
    if not state.todo:
        return wait_to_show(move(state, Phase.READ_BACK, moment), moment, WaitReason.READ_BACK)
    match state.due:
        case ClearMarker(email=email):
            return _towards_the_last_write(state, email, moment)
        case SetOtherMails() if state.sent is Sent.YES:
            return move(state, Phase.CLEAR_READ, moment)
        case ResetRedemption():
            if state.confirmed:
                return move(state, Phase.RESET, moment)
            return wait_to_show(move(state, Phase.CONFIRM, moment), moment, WaitReason.REPLICATION)
        case AddOtherMail() | SetMail() | SetOtherMails():
            return move(state, Phase.PATCH, moment)
        case _ as unknown:
            assert_never(unknown)


def _towards_the_last_write(state: GuestState, email: EmailAddress, moment: Moment) -> GuestState:
    """Move to the PATCH that removes the marker, by a read that shows the marker."""
    if not state.confirmed:
        return wait_to_show(move(state, Phase.CONFIRM, moment), moment, WaitReason.REPLICATION)
    guest = state.guest
    stands = guest is not None and guest.marker in state.own and guest.mail == email
    if state.phase in {Phase.ASSESS, Phase.CONFIRM} and stands:
        return move(state, Phase.CLEAR, moment)
    return move(state, Phase.CLEAR_READ, moment)


def wait_to_show(state: GuestState, moment: Moment, reason: WaitReason) -> GuestState:
    """Set the first read of a phase to wait for as long as writes take to show now."""
    if not moment.initial_delay:
        return state
    return replace(state, pause=Sleep(reason=reason, seconds=moment.initial_delay, until_draining=False))


def waited(state: GuestState, moment: Moment) -> float:
    """Return the seconds since the reads of this phase began."""
    return moment.now - state.poll.started if state.poll else 0.0


def read_again(
    state: GuestState, moment: Moment, reason: WaitReason, *, within: float, until_draining: bool = False
) -> GuestState:
    """Return the state before its next read: one falls exactly on the end of `within` seconds."""
    poll = state.poll or Poll(started=moment.now)
    delay, rest = POLL.delay(poll.number), within - waited(state, moment)
    if rest > 0:
        delay = min(delay, rest)
    return replace(
        state,
        poll=replace(poll, number=poll.number + 1),
        pause=Sleep(reason=reason, seconds=delay, until_draining=until_draining),
    )


def with_read(state: GuestState, guest: Guest, moment: Moment) -> GuestState:
    """Return the state with the guest as just read."""
    return replace(state, guest=guest, read_at=moment.now)


def with_lesson(state: GuestState, moment: Moment) -> GuestState:
    """Return the state with the lag until a write of this run showed."""
    reads = state.poll.number if state.poll else 1
    return replace(state, shown=Shown(seconds=waited(state, moment), reads=reads))


def may_wait(state: GuestState, allowance: Allowance, seconds: float, moment: Moment) -> bool:
    """Return whether an allowance covers another wait of so many seconds."""
    if moment.stalled:
        return False
    total = seconds_failing(state, allowance, moment.now) + seconds
    match allowance:
        case Allowance.RUN:
            return moment.shutting_down or moment.others_progress or total <= state.settings.commit_for
        case Allowance.DIRECTORY:
            return total <= state.settings.throttled_for
        case Allowance.REPLICATION:
            return total <= state.settings.replicate_for
        case _ as unknown:
            assert_never(unknown)


def stop_run(state: GuestState, rule: RuleId, message: str) -> GuestState:
    """Return the state with the reason why no other guest should start; the first reason stands."""
    return state if state.stops_run else replace(state, stops_run=Note(rule=rule, message=message))


def give_up(state: GuestState, failed: Failed, blames: FaultDomain) -> GuestState:
    """End with a write that is not retried."""
    return finish(state, given_up(state, failed, blames))


def after_failure(
    state: GuestState, failed: Failed, rule: RetryRule, moment: Moment
) -> tuple[GuestState, Sleep | None]:
    """Return the state after a failed write: the end, or the wait before the next try.

    If the directory asks for a longer wait than the last write may take in all, it is retried once at the end
    of its time.
    """
    state = replace(state, failure=failed)
    resend = rule.then if isinstance(rule, Verify) else rule
    if resend is None:
        return give_up(state, failed, FaultDomain.DIRECTORY), None
    if resend.stops_run:
        state = stop_run(state, failed.rule, failed.message)
    if isinstance(resend, GiveUp):
        return give_up(state, failed, resend.blames), None
    return _wait_for_retry(state, failed, resend, moment)


def _wait_for_retry(
    state: GuestState, failed: Failed, rule: Resend, moment: Moment
) -> tuple[GuestState, Sleep | None]:
    seconds = delay_before_retry(
        rule.backoff, tries=attempts_of(state, state.due), retry_after=failed.retry_after, guest=state.id
    )
    state = begin_failing(state, rule.allowance, moment.now)
    commits = rule.allowance is Allowance.RUN
    if not may_wait(state, rule.allowance, seconds, moment):
        rest = state.settings.commit_for - seconds_failing(state, rule.allowance, moment.now)
        if not commits or rest <= 0 or moment.stalled:
            return give_up(state, failed, rule.blames), None
        seconds = rest
    return state, Sleep(reason=rule.waits_as, seconds=seconds, until_draining=not commits)
