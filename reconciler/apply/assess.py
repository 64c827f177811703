"""The rules of the first read: the guest is compared with the approved change, and the rest is planned."""

from dataclasses import replace
from typing import assert_never

from reconciler.apply import outcomes, resets
from reconciler.apply.events import WaitReason
from reconciler.apply.moves import (
    finish,
    proceed,
    read_again,
    waited,
    with_read,
)
from reconciler.apply.state import (
    GuestState,
    with_record,
    with_remark,
)
from reconciler.apply.steps import (
    Moment,
)
from reconciler.guard.resumption import ResumePoint, Verdict, later, resume_point
from reconciler.model import (
    Action,
    ActionResult,
    Guest,
    RedemptionState,
)


def on_assess_read(state: GuestState, guest: Guest | None, moment: Moment) -> GuestState:
    """Compare the guest with the approved change; the first matching case decides."""
    point = resume_point(state.recorded, guest, proofs=dict(state.proofs))
    over = waited(state, moment) >= state.settings.see_within
    # The plan has read newer state, a journal proves more, or this replica does not know the guest (yet).
    behind = guest is not None and _is_behind(state, guest)
    if (guest is None or behind or point.verdict is Verdict.WAIT) and not over:
        return read_again(
            state,
            moment,
            WaitReason.REPLICATION,
            within=state.settings.see_within,
            until_draining=True,
        )
    if guest is None:
        return finish(state, outcomes.stale(point.message))
    if behind or (point.verdict is Verdict.WAIT and not point.remaining):
        return finish(state, outcomes.reads_behind())
    state = replace(with_read(state, guest, moment), listed=frozenset(guest.other_mails))
    match point.verdict:
        case Verdict.STALE:
            return finish(state, outcomes.stale(point.message))
        case Verdict.ALREADY_APPLIED:
            return _already_applied(state, point, guest, moment)
        case Verdict.RUN | Verdict.WAIT:
            return _set_out(state, point, guest, moment)
        case _ as unknown:
            assert_never(unknown)


def _is_behind(state: GuestState, guest: Guest) -> bool:
    """Return whether a read shows an older state than this run's own plan was made from."""
    planned = state.planned
    if planned is None or guest.state is None:
        # A guest converted to internal has neither state nor time any more: no later read shows more.
        return False
    return later(planned.precondition.state_changed_at, guest.state_changed_at)


def _already_applied(state: GuestState, point: ResumePoint, guest: Guest, moment: Moment) -> GuestState:
    reset = state.recorded.reset
    waits = guest.state is RedemptionState.PENDING
    if reset is not None and not reset.invitation.send_message and waits and moment.link_held is False:
        state = with_remark(
            state,
            "no message is sent, and no redeem link of theirs is in this file: if none was handed over, "
            "send the invitation again in the Entra admin center",
        )
    state = with_remark(state, point.remark)
    return finish(state, outcomes.already_applied(point, guest))


def _set_out(state: GuestState, point: ResumePoint, guest: Guest, moment: Moment) -> GuestState:
    """Start the remaining actions; only the plan of this run supplies values to write."""
    recorded, planned = state.recorded, state.planned
    todo = _asked_for(planned.actions if planned else (), point.remaining, recorded.actions)
    if not todo:
        return finish(state, outcomes.not_asked_for(recorded, point.remaining))
    for action in recorded.actions:
        if action not in point.remaining:
            state = with_record(state, action.name, ActionResult.SKIPPED)
    state = replace(state, todo=todo, repeats=point.repeats)
    if point.reset_at is None:
        return proceed(state, moment)
    if guest.marker is not None:
        state = replace(state, own=(guest.marker,), before=guest, freed=guest)
    return proceed(resets.skip_reset(with_remark(state, point.remark), point.reset_at, moment), moment)


def _asked_for(
    planned: tuple[Action, ...], remaining: tuple[Action, ...], recorded: tuple[Action, ...]
) -> tuple[Action, ...]:
    """Return the planned actions that match the rest of the approved ones; none when one is not planned."""
    if remaining == recorded:
        return planned
    names = [action.name for action in remaining]
    found = tuple(action for action in planned if action.name in names)
    return found if len(found) == len(names) else ()
