"""Results of changes that end before they are complete: the outcome, and what its message says."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reconciler.apply.state import GuestState
from reconciler.apply.steps import (
    Admitted,
    GraceOver,
    GuestRead,
    Interrupted,
    Phase,
    Send,
    Sleep,
    Slept,
    Withheld,
)
from reconciler.apply.transitions import after, next_step
from reconciler.model import DesiredGuest, FailureKind, Guest, Outcome
from tests.support.directory import NEW, NOW, OLD, declared, guest
from tests.support.guest_states import (
    DRAINING,
    FORCED,
    LATER,
    LISTED,
    PENDING,
    answer_to,
    as_written,
    moment,
    reset_sent,
    state_of,
)
from tests.support.tenant_calls import done, failed


def test_a_guest_who_waits_when_the_run_drains_is_not_attempted() -> None:
    """Whoever waits for admission is left, with the reason of the run."""
    result = after(state_of(), Interrupted(), moment(draining=DRAINING)).result
    assert result is not None
    assert (result.outcome, result.rule) == (Outcome.NOT_ATTEMPTED, "interrupted")


@pytest.mark.parametrize(
    ("prepare", "outcome", "said"),
    [
        (lambda: after(state_of(), Admitted(), moment()), Outcome.NOT_ATTEMPTED, "not attempted"),
        (reset_sent, Outcome.FAILED, "half done: the reset was sent"),
    ],
)
def test_the_end_of_the_grace_leaves_what_is_known(
    prepare: Callable[[], GuestState], outcome: Outcome, said: str
) -> None:
    """When the process ends while something is awaited, the report says how far the guest has come."""
    result = after(prepare(), GraceOver(in_flight=None), moment(9.0, shutting_down=True)).result
    assert result is not None
    assert result.outcome is outcome
    assert said in result.message


@pytest.mark.parametrize("write", ["first", "reset"])
def test_a_write_cut_off_by_the_end_of_the_grace_may_have_happened(write: str) -> None:
    """What was in flight then is in doubt: a marker may stand, a reset may have been sent."""
    state = after(after(state_of(), Admitted(), moment()), GuestRead(guest()), moment())
    if write == "reset":
        state = answer_to(state, done(at=NOW), moment())
        state = after(state, GuestRead(as_written(state)), moment(1.0))
    step = next_step(state, moment(1.0))
    assert isinstance(step, Send)
    ended = after(state, GraceOver(in_flight=step), moment(9.0, shutting_down=True, draining=DRAINING))
    assert ended.result is not None
    expected = (
        (Outcome.FAILED, "may have been sent") if write == "reset" else (Outcome.NOT_ATTEMPTED, "`mail`")
    )
    assert (ended.result.outcome, expected[1] in ended.result.message) == (expected[0], True)
    assert ended.own


def test_the_end_of_the_grace_during_the_last_read_leaves_the_guest_unverified() -> None:
    """Everything is written: a process that ends at once has still finished the guest."""
    state = reset_sent()
    state = after(state, GuestRead(as_written(state, state=PENDING, state_changed_at=LATER)), moment(2.0))
    state = answer_to(state, done(), moment(2.0))
    ended = after(state, GraceOver(in_flight=None), moment(9.0, shutting_down=True, draining=DRAINING))
    assert ended.result is not None
    assert ended.result.outcome is Outcome.UNVERIFIED


DONE, LOST = done(at=NOW), failed(FailureKind.UNKNOWN)
THROTTLED = failed(FailureKind.NOT_EXECUTED, status=429)


@pytest.mark.parametrize(
    ("entry", "found", "writes", "said"),
    [
        (
            FORCED,
            guest(others=()),
            ["patch"],
            "`otherMails` is written and the reset is not sent, which the next run does",
        ),
        (FORCED, guest(), ["lost reset"], "half done: the reset may have been sent"),
        (LISTED, guest(), ["lost patch"], "`otherMails` may have been written"),
        (
            declared(email=OLD, alternates=[]),
            guest(others=(OLD, "b@old.example"), state=PENDING),
            ["reset"],
            "half done: the reset was sent, `otherMails` is not written",
        ),
    ],
    ids=["reset prepared", "reset lost", "list lost", "list not written"],
)
def test_who_is_cut_off_is_told_apart_by_how_far_the_change_has_come(
    entry: DesiredGuest, found: Guest, writes: list[str], said: str
) -> None:
    """Each kind of change says what was sent, what may have been, and what the next run does."""
    state = after(after(state_of(entry, found), Admitted(), moment()), GuestRead(found), moment())
    for write in writes:
        lost = failed(FailureKind.UNKNOWN)
        state = answer_to(state, lost if write.startswith("lost") else done(at=NOW), moment())
    stop = moment(9.0, shutting_down=True, draining=DRAINING)
    result = after(state, GraceOver(in_flight=None), stop).result
    assert result is not None
    assert said in result.message


def test_a_list_that_somebody_changed_first_is_not_called_written() -> None:
    """When another's edit shows instead of a PATCH whose answer was lost, it may be written, and no more."""
    state = after(after(state_of(LISTED), Admitted(), moment()), GuestRead(guest()), moment())
    state = answer_to(state, failed(FailureKind.UNKNOWN), moment())
    state = after(state, GuestRead(guest(others=(OLD, "x@foreign.example"))), moment(1.0))
    assert state.result is not None
    assert (state.result.outcome, state.result.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert "`otherMails` may be written: somebody else" in state.result.message


def test_a_withheld_last_write_is_cut_off() -> None:
    """A last write whose turn does not come any more ends half done."""
    state = reset_sent()
    state = after(state, GuestRead(as_written(state, state=PENDING, state_changed_at=LATER)), moment(2.0))
    result = after(state, Withheld(queued=9.0), moment(700.0, draining=DRAINING, stalled=True)).result
    assert result is not None
    assert (result.outcome, "half done" in result.message) == (Outcome.FAILED, True)


def test_nobody_waits_for_a_turn_in_a_stalled_run() -> None:
    """A first write that was withheld ends the guest when no write of anybody gets through."""
    state = after(after(state_of(), Admitted(), moment()), GuestRead(guest()), moment())
    result = after(state, Withheld(queued=9.0), moment(700.0, stalled=True)).result
    assert result is not None
    assert result.rule == "no-turn"


RESTORED = guest(passcode=NEW)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([THROTTLED], "nothing was written: "),
        ([LOST], "may be written"),
        ([LOST, DONE], "is written"),
        ([DONE], "is written"),
    ],
    ids=["throttled", "lost", "lost and repeated", "done"],
)
@pytest.mark.parametrize(
    ("entry", "found", "what"),
    [
        (declared(), guest(), "`mail`"),
        (declared(), RESTORED, "`mail`"),
        (FORCED, guest(others=()), "`otherMails`"),
        (LISTED, guest(), "`otherMails`"),
    ],
    ids=["change-email", "restore-mail", "reset", "other-mails"],
)
def test_the_report_says_no_more_of_a_first_write_than_is_known(
    entry: DesiredGuest, found: Guest, what: str, answers: list[object], said: str
) -> None:
    """A write that was refused for now is not written, a lost one may be, an acknowledged one is."""
    state = after(after(state_of(entry, found), Admitted(), moment()), GuestRead(found), moment())
    for answer in answers:
        if state.phase is Phase.RECHECK:
            state = after(replace(state, pause=None, owed=None), GuestRead(found), moment())
        state = answer_to(state, answer, moment())
    internal = replace(found, state=None)
    result = after(replace(state, pause=None), GuestRead(internal), moment(9.0)).result
    assert result is not None
    assert result.rule == "changed-meanwhile"
    expected = said if said.startswith("nothing") else f"{what} {said}"
    assert result.message.startswith(expected)


def test_a_guest_who_is_gone_ends_although_no_write_has_failed_but_for_the_marker() -> None:
    """Refused in one domain of markers, let go in a queue, and deleted meanwhile: not found, in time."""
    state = after(after(state_of(), Admitted(), moment()), GuestRead(guest()), moment())
    refused = failed(FailureKind.GUEST_REFUSED, rule="value-refused", status=400)
    state = answer_to(state, refused, moment())
    state = after(state, Withheld(queued=61.0), moment(61.0))
    state = after(state, GuestRead(None), moment(62.0))
    assert isinstance(next_step(state, moment(62.0)), Sleep)
    state = after(after(state, Slept(), moment(400.0)), GuestRead(None), moment(400.0))
    assert state.result is not None
    assert (state.result.outcome, state.result.rule) == (Outcome.FAILED, "not-found")
    assert "nothing was written" in state.result.message
