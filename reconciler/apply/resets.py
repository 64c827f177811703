"""The rules of the one request that locks a guest out: when it may be sent, and whether it was executed.

The POST is never repeated blindly: a lost answer is inferred from the guest's own state, and if that is
inconclusive, the POST is sent once more and never a third time.
"""

from dataclasses import replace
from datetime import datetime

from reconciler.apply import outcomes
from reconciler.apply.events import WaitReason
from reconciler.apply.evidence import proves_reset, redemption_of
from reconciler.apply.moves import (
    after_failure,
    finish,
    give_up,
    move,
    proceed,
    read_again,
    stop_run,
    waited,
    with_lesson,
    with_read,
)
from reconciler.apply.retry_policy import FaultDomain, Stage, Verify, retry_rule
from reconciler.apply.state import (
    GuestState,
    end_failing,
    promised,
    with_record,
    with_remark,
    with_try,
)
from reconciler.apply.steps import Answered, GuestRead, LinkKept, Moment, Phase, ReadFailed, Sent
from reconciler.apply.updates import is_foreign, is_shown, target_mail
from reconciler.guard.resumption import Verdict, resume_point
from reconciler.model import (
    ActionResult,
    ClearMarker,
    Done,
    Failed,
    FailureKind,
    Guest,
    RedemptionState,
    ResetRedemption,
)

MOST_LOST_ANSWERS = 2


def on_confirm_read(state: GuestState, event: GuestRead, moment: Moment) -> GuestState:
    """Judge a read that has to show the writes of this run, or an unchanged guest, before the reset."""
    guest = event.guest
    if guest is not None and state.lost_answers and _happened_unanswered(state, guest):
        return _found_to_have_happened(with_read(state, guest, moment), guest, moment)
    if state.before is None:
        return _judge_again(state, guest, moment)
    if guest is not None and is_shown(state, guest):
        return _confirmed(with_lesson(with_read(state, guest, moment), moment), guest, moment)
    if guest is not None and is_foreign(state, guest):
        gone = _has_lost_marker(state, guest)
        return finish(state, outcomes.marker_gone() if gone else outcomes.changed_meanwhile(state))
    if waited(state, moment) >= state.settings.replicate_for:
        return finish(state, outcomes.not_replicated(state))
    return read_again(
        state,
        moment,
        WaitReason.REPLICATION,
        within=state.settings.replicate_for,
        until_draining=state.sent is Sent.NO,
    )


def on_confirm_failed(state: GuestState, event: ReadFailed, moment: Moment) -> GuestState:
    """Return the state after a read before the reset that failed."""
    if event.denied:
        return finish(stop_run(state, event.rule, event.message), outcomes.unreadable(state, event))
    if waited(state, moment) >= state.settings.see_within:
        return finish(state, outcomes.unreadable(state, event))
    return read_again(state, moment, WaitReason.REPLICATION, within=state.settings.see_within)


def on_reset_answered(state: GuestState, event: Answered, moment: Moment) -> GuestState:
    """Return the state after the POST: executed, not executed, or in doubt."""
    answer, sent = event.answer, event.sent
    if state.lost_answers == 0 and state.guest is not None:
        state = replace(state, redemption=redemption_of(state.guest))
    unknown = isinstance(answer, Failed) and answer.kind is FailureKind.UNKNOWN
    doubt = unknown or (isinstance(answer, Failed) and state.lost_answers > 0)
    state = with_try(state, sent, in_doubt=doubt, request_id=answer.request_id)
    if isinstance(answer, Done):
        twice = state.lost_answers > 0
        return _happened(state, at=answer.at, link=event.link, twice=twice, moment=moment)
    rule = retry_rule(Stage.RESET, answer.kind, status=answer.status, patched=_has_patched(state))
    if isinstance(rule, Verify):
        state = replace(state, sent=Sent.IN_DOUBT, lost_answers=state.lost_answers + 1, failure=answer)
        return move(state, Phase.VERIFY, moment)
    state, delay = after_failure(state, answer, rule, moment)
    return state if delay is None else replace(state, pause=delay)


def on_verify_read(state: GuestState, event: GuestRead, moment: Moment) -> GuestState:
    """Judge a read after a lost answer; if none shows the reset in time, the POST is repeated."""
    guest = event.guest
    if guest is not None and _happened_unanswered(state, guest):
        return _found_to_have_happened(with_read(state, guest, moment), guest, moment)
    if guest is not None and is_foreign(state, guest):
        return finish(state, outcomes.changed_meanwhile(state))
    if waited(state, moment) < state.settings.see_within:
        return read_again(state, moment, WaitReason.LOST_ANSWER, within=state.settings.see_within)
    enough = state.lost_answers >= MOST_LOST_ANSWERS or moment.draining is not None
    if guest is None or enough:
        failure = promised(state.failure, "a lost answer is kept as a failure")
        return give_up(state, failure, FaultDomain.DIRECTORY)
    if state.before is None:
        return _judge_again(state, guest, moment)
    return move(with_read(state, guest, moment), Phase.RESET, moment)


def on_verify_failed(state: GuestState, event: ReadFailed, moment: Moment) -> GuestState:
    """Return the state after a failed read that was to show whether the reset was executed."""
    if event.denied:
        state = stop_run(state, event.rule, event.message)
    over = waited(state, moment) >= state.settings.throttled_for
    if over or (moment.stalled and waited(state, moment) >= state.settings.see_within):
        return finish(state, outcomes.unreadable(state, event))
    return read_again(state, moment, WaitReason.LOST_ANSWER, within=state.settings.see_within)


def skip_reset(state: GuestState, at: datetime | None, moment: Moment) -> GuestState:
    """Skip a reset of an earlier run that its journal proves; no read need show it any more."""
    state = replace(state, sent=Sent.YES, reset_at=at)
    reset, guest = state.reset, state.guest
    waits = guest is not None and guest.state is RedemptionState.PENDING
    if reset is None or not waits or moment.link_held is not False:
        return state
    return _without_link(state, reset)


def _judge_again(state: GuestState, guest: Guest | None, moment: Moment) -> GuestState:
    """Compare a guest that was not written to yet with the approved change once more."""
    point = resume_point(state.recorded, guest, proofs={})
    doubted = state.lost_answers > 0
    match point.verdict:
        case Verdict.RUN if guest is not None:
            return move(with_read(state, guest, moment), Phase.RESET, moment)
        case Verdict.ALREADY_APPLIED if not doubted:
            state = with_remark(state, point.remark)
            return finish(state, outcomes.already_applied(point, guest))
        case _:
            if waited(state, moment) < state.settings.see_within:
                return read_again(state, moment, WaitReason.REPLICATION, within=state.settings.see_within)
            if state.wrote:
                return finish(state, outcomes.changed_meanwhile(state, point.message))
            return finish(state, outcomes.stale(point.message))


def _confirmed(state: GuestState, guest: Guest, moment: Moment) -> GuestState:
    """Return the state once reads show the writes of this run."""
    state = replace(state, confirmed=True, freed=state.freed or (guest if state.marks else None))
    match state.todo:
        case (ClearMarker(email=email), *_):
            change = state.planned or state.recorded
            if change.fallback is not None and not guest.signs_in_with(email):
                return move(replace(state, todo=(change.fallback, *state.todo)), Phase.RESET, moment)
            return move(state, Phase.CLEAR, moment)
        case _:
            return move(state, Phase.RESET, moment)


def _has_lost_marker(state: GuestState, guest: Guest) -> bool:
    """Return whether `mail` is written, nobody was reset, and nothing on the object says so any more."""
    return state.sent is Sent.NO and state.marks and not guest.markers and guest.mail == target_mail(state)


def _happened_unanswered(state: GuestState, guest: Guest) -> bool:
    return state.redemption is not None and proves_reset(
        guest, before=state.redemption, patched_at=state.patched_at
    )


def _found_to_have_happened(state: GuestState, guest: Guest, moment: Moment) -> GuestState:
    link = LinkKept.NOT_ASKED if moment.link_held is None else LinkKept.LOST
    twice = state.lost_answers >= MOST_LOST_ANSWERS
    return _happened(state, at=guest.state_changed_at, link=link, twice=twice, moment=moment)


def _happened(
    state: GuestState, *, at: datetime | None, link: LinkKept, twice: bool, moment: Moment
) -> GuestState:
    """Return the state after an executed reset; `twice` says that an earlier one may have been too."""
    reset = promised(state.reset, "a change whose reset was sent has one")
    state = end_failing(replace(state, sent=Sent.YES, reset_at=at), moment.now)
    if link is LinkKept.LOST:
        state = _without_link(state, reset)
    if link is LinkKept.NOT_ASKED and not reset.invitation.send_message:
        state = with_remark(
            state,
            "the person is not informed: no message is sent, and no redeem link is kept without "
            "--redeem-links",
        )
    result = ActionResult.REPEATED if state.repeats or twice else ActionResult.DONE
    state = with_record(state, reset.name, result)
    return proceed(replace(state, todo=state.todo[1:]), moment)


def _without_link(state: GuestState, reset: ResetRedemption) -> GuestState:
    """Record that the guest was reset and the requested redeem link is lost."""
    if reset.invitation.send_message:
        return with_remark(state, "the redeem link is not in the file, and Microsoft's message has one")
    return replace(state, link_lost=True)


def _has_patched(state: GuestState) -> bool:
    """Return whether this change writes an address before its reset, now or in an earlier run."""
    return state.before is not None or state.recorded.actions[0].name != ResetRedemption.name
