"""The rules of a PATCH that comes before any reset: nobody is locked out yet."""

from dataclasses import replace

from reconciler.apply import outcomes
from reconciler.apply.events import WaitReason
from reconciler.apply.moves import (
    after_failure,
    finish,
    may_wait,
    move,
    proceed,
    read_again,
    with_read,
)
from reconciler.apply.retry_policy import Allowance, Stage, Verify, retry_rule
from reconciler.apply.state import (
    GuestState,
    begin_failing,
    end_failing,
    in_doubt,
    with_answer,
    with_record,
    with_remark,
    with_try_settled,
)
from reconciler.apply.steps import (
    Answered,
    Moment,
    Phase,
)
from reconciler.apply.updates import (
    is_shown,
    marker_domain,
)
from reconciler.model import (
    ActionResult,
    Done,
    Failed,
    FailureKind,
    Guest,
    UserUpdate,
)
from reconciler.rules import Rule


def on_patch_answered(state: GuestState, event: Answered, moment: Moment) -> GuestState:
    """Return the state after a PATCH that comes before any reset."""
    answer, update = event.answer, event.sent.write
    unknown = isinstance(answer, Failed) and answer.kind is FailureKind.UNKNOWN
    state = with_answer(state, event)
    state = replace(state, before=state.before or state.guest)
    if isinstance(update, UserUpdate) and (unknown or isinstance(answer, Done)):
        marked = (*state.own, update.marker) if update.marker else state.own
        state = replace(state, own=marked, listed=frozenset(update.other_mails), confirmed=False)
    if isinstance(answer, Done):
        state = replace(state, patched_at=state.patched_at or answer.at)
        return _patch_done(state, moment)
    if isinstance(update, UserUpdate) and update.marker and answer.rule == Rule.VALUE_REFUSED:
        # A 400 that names no known cause: the tenant may not accept the marker.
        refused = (*state.refused_domains, update.marker.domain)
        state = replace(state, refused_domains=refused, failure=answer)
        if marker_domain(state, moment) is None:
            return finish(state, outcomes.marker_refused(state.refused_domains))
        return state
    rule = retry_rule(Stage.PREPARE, answer.kind, status=answer.status)
    state, delay = after_failure(state, answer, rule, moment)
    if delay is None:
        return state
    state = move(state, Phase.RECHECK, moment)
    return replace(state, owed=delay) if isinstance(rule, Verify) else replace(state, pause=delay)


def _patch_done(state: GuestState, moment: Moment) -> GuestState:
    state = end_failing(with_record(state, state.due.name, ActionResult.DONE), moment.now)
    if len(state.refused_domains) > 0 and state.own:
        state = with_remark(
            state,
            f"the tenant takes no marker in {' or '.join(state.refused_domains)}: the one in "
            f"{state.own[-1].domain} was used",
        )
    return proceed(replace(state, todo=state.todo[1:]), moment)


def on_recheck_read(state: GuestState, guest: Guest | None, moment: Moment) -> GuestState:
    """Judge the read that comes before a PATCH is repeated."""
    doubted = in_doubt(state, state.due)
    if guest is not None and doubted and is_shown(state, guest):
        return _patch_done(with_try_settled(with_read(state, guest, moment), state.due), moment)
    if guest is not None and not _as_last_read(state, guest):
        return finish(state, outcomes.changed_meanwhile(state))
    if guest is None:
        return _not_found(state, moment)
    if state.owed is not None:
        return replace(state, owed=None, pause=state.owed)
    return move(with_read(state, guest, moment), Phase.PATCH, moment)


def _as_last_read(state: GuestState, guest: Guest) -> bool:
    known = state.guest
    return known is not None and (
        guest.mail,
        frozenset(guest.other_mails),
        guest.markers,
        guest.state,
        guest.state_changed_at,
    ) == (known.mail, frozenset(known.other_mails), known.markers, known.state, known.state_changed_at)


def _not_found(state: GuestState, moment: Moment) -> GuestState:
    """Read again: one replica may not know a guest that another has just returned."""
    state = begin_failing(state, Allowance.REPLICATION, moment.now)
    if may_wait(state, Allowance.REPLICATION, 0.0, moment):
        return read_again(
            state,
            moment,
            WaitReason.REPLICATION,
            within=state.settings.replicate_for,
            until_draining=True,
        )
    return finish(state, outcomes.not_found(state))
