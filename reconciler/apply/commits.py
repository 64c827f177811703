"""The rules of the last write and of reading back: the marker is removed, and applied means read back."""

from dataclasses import replace

from reconciler.apply import outcomes
from reconciler.apply.events import WaitReason
from reconciler.apply.evidence import reset_since, shows_result, time_of_reset
from reconciler.apply.moves import (
    after_failure,
    finish,
    may_wait,
    move,
    proceed,
    read_again,
    waited,
    with_lesson,
    with_read,
)
from reconciler.apply.retry_policy import Allowance, Stage, retry_rule
from reconciler.apply.state import (
    GuestState,
    attempts_of,
    begin_failing,
    end_failing,
    with_answer,
    with_record,
    with_remark,
    with_try_settled,
)
from reconciler.apply.steps import (
    Answered,
    Moment,
    Phase,
    Sent,
)
from reconciler.apply.updates import (
    is_foreign,
    is_shown,
    target_mail,
)
from reconciler.guard.resumption import WHO_REDEEMED
from reconciler.model import (
    ActionResult,
    ClearMarker,
    Done,
    Failed,
    Guest,
    RedemptionState,
    UserUpdate,
)


def on_clear_read(state: GuestState, guest: Guest | None, moment: Moment) -> GuestState:
    """Judge the read that the last write is built from."""
    if guest is None:
        return keep_trying(state, moment) or finish(state, outcomes.not_replicated(state))
    if reset_since(guest, state.reset_at, shown_at=state.reset_shown_at):
        return finish(with_read(state, guest, moment), outcomes.reset_meanwhile(state))
    sent_now = state.reset is not None and attempts_of(state, state.reset) > 0
    before = state.redemption if sent_now else None
    shown_at = state.reset_shown_at or time_of_reset(guest, state.reset_at, before=before)
    state = replace(state, reset_shown_at=shown_at)
    if _is_written(state, guest):
        state = with_try_settled(with_read(state, guest, moment), state.due)
        done = ActionResult.DONE if attempts_of(state, state.due) else ActionResult.SKIPPED
        state = replace(with_record(state, state.due.name, done), listed=frozenset(guest.other_mails))
        return proceed(replace(state, todo=()), moment)
    if is_shown(state, guest):
        return move(with_read(state, guest, moment), Phase.CLEAR, moment)
    if is_foreign(state, guest) or (state.before is None and not state.marks):
        return finish(state, outcomes.changed_meanwhile(state))
    return keep_trying(state, moment) or finish(state, outcomes.not_replicated(state))


def _is_written(state: GuestState, guest: Guest) -> bool:
    """Return whether a read shows the last write, from any writer."""
    if guest.markers:
        return False
    if state.marks:
        return guest.mail == target_mail(state)
    goal = getattr(state.due, "other_mails", ())
    return frozenset(guest.other_mails) == frozenset(goal)


def keep_trying(state: GuestState, moment: Moment) -> GuestState | None:
    """Return the state before another try of the last write; `None` when its allowance is used up."""
    state = begin_failing(state, Allowance.RUN, moment.now)
    if not may_wait(state, Allowance.RUN, 0.0, moment):
        return None
    return read_again(state, moment, WaitReason.REPLICATION, within=state.settings.commit_for)


def on_clear_answered(state: GuestState, event: Answered, moment: Moment) -> GuestState:
    """Return the state after the last write's answer."""
    answer, update = event.answer, event.sent.write
    state = with_answer(state, event)
    if isinstance(answer, Done) and isinstance(update, UserUpdate):
        state = with_record(state, state.due.name, ActionResult.DONE)
        state = end_failing(replace(state, listed=frozenset(update.other_mails), todo=()), moment.now)
        return proceed(_with_kept_addresses(state, update), moment)
    if not isinstance(answer, Failed):
        raise TypeError(f"{update} cannot be the last write")
    rule = retry_rule(Stage.COMMIT, answer.kind, status=answer.status)
    state, delay = after_failure(state, answer, rule, moment)
    if delay is None:
        return state
    return replace(move(state, Phase.CLEAR_READ, moment), pause=delay)


def _with_kept_addresses(state: GuestState, update: UserUpdate) -> GuestState:
    """Add a remark on values of `otherMails` that nobody planned: they allow a sign-in."""
    planned = (state.planned or state.recorded).actions[-1]
    if not isinstance(planned, ClearMarker):
        return state
    kept = [address.text for address in update.other_mails if address not in planned.other_mails]
    if not kept:
        return state
    return with_remark(
        state, f"{', '.join(kept)} was added to otherMails meanwhile, is kept there and can sign in"
    )


def on_read_back(state: GuestState, guest: Guest | None, moment: Moment) -> GuestState:
    """Judge a read once everything is written: applied means that a read shows it."""
    if guest is not None and reset_since(guest, state.reset_at, shown_at=state.reset_shown_at):
        return finish(state, outcomes.reset_meanwhile(state))
    change = state.planned or state.recorded
    if guest is not None and shows_result(change, guest, listed=state.listed, since=state.redemption):
        state = with_lesson(with_read(state, guest, moment), moment)
        if state.sent is Sent.YES and guest.state is RedemptionState.ACCEPTED:
            state = with_remark(state, WHO_REDEEMED)
        return finish(state, outcomes.applied(guest))
    over = waited(state, moment) >= state.settings.see_within
    if guest is not None and over and _is_edited_since(state, guest):
        state = with_remark(state, "somebody else has changed otherMails since; plan again to see how")
        return finish(state, outcomes.applied(guest))
    return read_back_again(state, moment)


def _is_edited_since(state: GuestState, guest: Guest) -> bool:
    """Return whether everything shows but the list, which was written again after this run."""
    edited = frozenset(guest.other_mails)
    change = state.planned or state.recorded
    return state.marks and shows_result(change, guest, listed=edited, since=state.redemption)


def read_back_again(state: GuestState, moment: Moment) -> GuestState:
    """Return the state before the next read back; at the end of the wait the outcome is unverified."""
    if waited(state, moment) >= state.settings.see_within:
        return finish(state, outcomes.not_seen(state))
    return read_again(state, moment, WaitReason.READ_BACK, within=state.settings.see_within)
