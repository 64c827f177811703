"""When a reset is sent, repeated or left, and whose reset a read shows."""

from datetime import datetime, timedelta

import pytest

from reconciler.apply.state import GuestState
from reconciler.apply.steps import Admitted, GuestRead, Phase, ReadFailed, Send, Slept, Withheld
from reconciler.apply.transitions import after, next_step
from reconciler.model import FailureKind, Outcome
from reconciler.rules import OtherRule
from tests.support.directory import NEW, NOW, guest
from tests.support.guest_states import (
    FORCED,
    LATER,
    PENDING,
    answer_to,
    as_written,
    moment,
    reset_sent,
    state_of,
)
from tests.support.tenant_calls import done, failed


@pytest.mark.parametrize("seconds", [6.0, 60.0])
def test_a_reset_after_ours_is_known_by_its_time(seconds: float) -> None:
    """Pending since more than 5 s after our own answer: somebody else's, and the marker stays."""
    state = reset_sent()
    found = as_written(state, state=PENDING, state_changed_at=NOW + timedelta(seconds=seconds))
    result = after(state, GuestRead(found), moment(70.0)).result
    assert result is not None
    assert (result.outcome, result.rule) == (Outcome.FAILED, "reset-meanwhile")
    assert "the marker stays" in result.message


def test_a_reset_within_the_tolerance_is_known_once_ours_was_seen() -> None:
    """Once a read has shown the time of our reset, the slightest later one is somebody else's."""
    state = reset_sent()
    state = after(state, GuestRead(as_written(state, state=PENDING, state_changed_at=LATER)), moment(2.0))
    state = answer_to(state, done(), moment(2.0))
    found = guest(mail=NEW, state=PENDING, changed=LATER + timedelta(seconds=1))
    result = after(state, GuestRead(found), moment(3.0)).result
    assert result is not None
    assert (result.outcome, result.rule) == (Outcome.FAILED, "reset-meanwhile")
    assert "send the invitation again in the Entra admin center" in result.message


@pytest.mark.parametrize("changed", [None, NOW - timedelta(days=9)])
def test_a_time_that_is_not_our_resets_is_not_taken_for_it(changed: datetime | None) -> None:
    """A pending guest whose time does not move keeps the tolerance."""
    state = reset_sent()
    found = as_written(state, state=PENDING, state_changed_at=changed)
    state = after(state, GuestRead(found), moment(2.0))
    assert (state.phase, state.reset_shown_at) == (Phase.CLEAR, None)


def forced_and_lost() -> GuestState:
    """Return a forced reset whose first answer was lost, while the guest is read for it."""
    state = after(after(state_of(FORCED), Admitted(), moment()), GuestRead(guest()), moment())
    return answer_to(state, failed(FailureKind.UNKNOWN), moment())


def test_a_lost_forced_reset_is_repeated_for_an_unchanged_guest() -> None:
    """After a minute in which nothing shows, the POST goes out once more."""
    state = after(forced_and_lost(), GuestRead(guest()), moment(61.0))
    step = next_step(state, moment(61.0))
    assert isinstance(step, Send)
    assert step.attempt == 2


def test_a_lost_forced_reset_is_not_repeated_for_a_changed_guest() -> None:
    """Another address that somebody gave the guest meanwhile is not reset."""
    state = after(forced_and_lost(), GuestRead(guest(mail="third@old.example")), moment(61.0))
    assert state.result is not None
    assert (state.result.outcome, state.result.rule) == (Outcome.FAILED, "changed-meanwhile")


def test_a_forced_reset_that_somebody_else_made_while_ours_waited_is_not_sent() -> None:
    """Read again after a long queue, a guest with a later time is already applied."""
    state = after(after(state_of(FORCED), Admitted(), moment()), GuestRead(guest()), moment())
    state = after(state, Withheld(queued=61.0), moment(61.0))
    state = after(state, GuestRead(guest(state=PENDING, changed=LATER)), moment(62.0))
    assert state.result is not None
    assert state.result.outcome is Outcome.ALREADY_APPLIED


def test_a_forced_reset_waits_for_reads_that_differ_before_it_is_given_up() -> None:
    """A read that differs may be an older replica's: it ends the guest only after a minute."""
    state = after(after(state_of(FORCED), Admitted(), moment()), GuestRead(guest()), moment())
    state = after(state, Withheld(queued=61.0), moment(61.0))
    changed = GuestRead(guest(mail="third@old.example"))
    assert after(state, changed, moment(62.0)).result is None
    result = after(state, changed, moment(122.0)).result
    assert result is not None
    assert (result.outcome, result.rule) == (Outcome.STALE, "stale")


@pytest.mark.parametrize("denied", [True, False])
def test_reads_that_fail_before_the_reset(denied: bool) -> None:  # noqa: FBT001 - pytest names it
    """A denied read ends the guest and the run; any other is tried for a minute."""
    state = after(after(state_of(), Admitted(), moment()), GuestRead(guest()), moment())
    state = answer_to(state, done(at=NOW), moment())
    event = ReadFailed(rule=OtherRule("access-denied"), message="grant User.Read.All", denied=denied)
    ended = after(state, event, moment(1.0))
    assert (ended.result is not None, ended.stops_run is not None) == (denied, denied)
    assert after(state, event, moment(61.0)).result is not None


@pytest.mark.parametrize("denied", [True, False])
def test_reads_that_fail_after_a_lost_answer(denied: bool) -> None:  # noqa: FBT001 - pytest names it
    """Whether the reset happened is read for on, for ten minutes, even if reading is denied."""
    event = ReadFailed(rule=OtherRule("access-denied"), message="grant User.Read.All", denied=denied)
    state = after(forced_and_lost(), event, moment(61.0))
    assert (state.result, state.stops_run is not None) == (None, denied)
    state = after(state, Slept(), moment(61.0))
    assert after(state, event, moment(61.0, stalled=True)).result is not None
    assert after(state, event, moment(601.0)).result is not None


def test_a_guest_reset_by_somebody_else_after_a_forced_reset_is_not_to_be_reset_by_the_tree() -> None:
    """A guest whose address stays needs another invitation, which `resetAfter` does not send."""
    state = after(after(state_of(FORCED), Admitted(), moment()), GuestRead(guest()), moment())
    state = answer_to(state, done(at=NOW), moment())
    found = guest(state=PENDING, changed=NOW + timedelta(seconds=60))
    result = after(state, GuestRead(found), moment(61.0)).result
    assert result is not None
    assert (result.outcome, result.rule) == (Outcome.FAILED, "reset-meanwhile")
    assert "send the invitation again in the Entra admin center" in result.message
    assert "resetAfter" not in result.message
