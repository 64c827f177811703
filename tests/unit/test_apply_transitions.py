"""The rules of one guest's machine as pure functions: states and events in, states and steps out."""

from dataclasses import replace

import pytest

from reconciler.apply.events import WaitReason
from reconciler.apply.moves import move
from reconciler.apply.retry_policy import Allowance
from reconciler.apply.settings import Settings
from reconciler.apply.state import GuestState, seconds_failing
from reconciler.apply.steps import (
    AWAITED,
    MOVES,
    Admitted,
    Answered,
    AwaitAdmission,
    AwaitPredecessor,
    Event,
    Finish,
    GuestRead,
    Phase,
    ReadFailed,
    ReadGuest,
    Released,
    Send,
    Sleep,
    Slept,
)
from reconciler.apply.transitions import after, begin, next_step, permits
from reconciler.guard.approval import Work
from reconciler.model import FailureKind, Note, Outcome, ResetRedemption, UserUpdate
from reconciler.plan import make_plan
from reconciler.rules import OtherRule
from tests.support.directory import NEW, NOW, OLD, declared, desired, guest, guest_id, live
from tests.support.guest_states import (
    DRAINING,
    LATER,
    PENDING,
    answer_to,
    as_written,
    moment,
    reset_sent,
    state_of,
)
from tests.support.tenant_calls import done, failed


def test_an_ordinary_change_goes_from_phase_to_phase() -> None:
    """Read, PATCH, read, POST, read, PATCH, read: every step is the only one that follows."""
    state = state_of()
    assert isinstance(next_step(state, moment()), AwaitAdmission)
    state = after(state, Admitted(), moment())
    assert isinstance(next_step(state, moment()), ReadGuest)
    state = reset_sent()
    assert (state.phase, state.reset_at) == (Phase.CLEAR_READ, NOW)
    state = after(state, GuestRead(as_written(state, state=PENDING, state_changed_at=LATER)), moment(2.0))
    step = next_step(state, moment(2.0))
    assert isinstance(step, Send)
    assert isinstance(step.write, UserUpdate)
    assert step.write.marker is None
    state = answer_to(state, done(), moment(2.0))
    state = after(state, GuestRead(guest(mail=NEW, state=PENDING, changed=LATER)), moment(3.0))
    last = next_step(state, moment(3.0))
    assert isinstance(last, Finish)
    assert last.result.outcome is Outcome.APPLIED


def test_a_state_only_goes_where_the_table_leads() -> None:
    """A move that the table does not have is refused, so that the diagram cannot lie."""
    with pytest.raises(ValueError, match="no way leads from admission to clear"):
        move(state_of(), Phase.CLEAR, moment())
    assert Phase.CLEAR not in MOVES[Phase.ADMISSION]


@pytest.mark.parametrize("phase", list(Phase))
def test_an_event_that_the_last_step_cannot_bring_is_refused(phase: Phase) -> None:
    """Neither a read nor an answer is taken for something that was not asked for."""
    state = replace(state_of(), phase=phase)
    sent = Send(action=state.recorded.actions[0], write=_reset(state), attempt=1, marker=None)
    events: tuple[Event, ...] = (
        Admitted(),
        Released(None),
        GuestRead(guest()),
        ReadFailed(rule=OtherRule("r"), message="m", denied=False),
        Answered(sent=sent, answer=done(), queued=0.0),
    )
    strange = [event for event in events if type(event) not in AWAITED[phase]]
    assert strange
    for event in strange:
        with pytest.raises(ValueError, match=f"cannot come in {phase}"):
            after(state, event, moment())


@pytest.mark.parametrize(
    ("phase", "promise"),
    [(Phase.DONE, "a guest who is done has a result"), (Phase.PATCH, "a guest is read before a PATCH")],
)
def test_a_state_that_lacks_what_its_phase_promises_is_refused(phase: Phase, promise: str) -> None:
    """A bug in the rules is an error that names the broken promise, and never a write."""
    state = state_of()
    state = replace(state, phase=phase, todo=state.recorded.actions)
    with pytest.raises(ValueError, match=promise):
        next_step(state, moment())


def test_nothing_but_the_end_of_a_pause_comes_during_one() -> None:
    """Whoever waits before a read is not read meanwhile."""
    paused = after(reset_sent(), GuestRead(guest()), moment(2.0))
    with pytest.raises(ValueError, match="GuestRead cannot come"):
        after(paused, GuestRead(guest()), moment(3.0))
    assert after(paused, Slept(), moment(3.0)).pause is None


def test_an_answer_to_a_reset_is_none_to_the_last_write() -> None:
    """The last write is a PATCH, and nothing else counts as its answer."""
    state = reset_sent()
    state = after(state, GuestRead(as_written(state, state=PENDING, state_changed_at=LATER)), moment(2.0))
    sent = Send(action=state.due, write=_reset(state), attempt=1, marker=None)
    with pytest.raises(TypeError, match="cannot be the last write"):
        after(state, Answered(sent=sent, answer=done(), queued=0.0), moment(2.0))


def _reset(state: GuestState) -> ResetRedemption:
    assert state.reset is not None
    return state.reset


def test_no_read_counts_before_earlier_writes_show() -> None:
    """Until the moment from which reads are settled, the guest waits, and is read then."""
    state = after(state_of(), Admitted(), moment())
    step = next_step(state, moment(settled_at=12.0))
    assert isinstance(step, Sleep)
    assert (step.reason, step.seconds) == (WaitReason.EARLIER_RUN, 12.0)
    assert isinstance(next_step(state, moment(12.0, settled_at=12.0)), ReadGuest)


def test_the_older_state_before_our_first_write_is_waited_out_before_the_last() -> None:
    """A replica that still shows the guest as before the change is read again; nothing is sent."""
    state = reset_sent()
    state = after(state, GuestRead(guest()), moment(2.0))
    step = next_step(state, moment(2.0))
    assert (state.phase, isinstance(step, Sleep)) == (Phase.CLEAR_READ, True)


def test_a_guest_unknown_to_a_replica_is_waited_out_before_the_last_write() -> None:
    """A passing 404 does not end a guest who is locked out."""
    state = after(reset_sent(), GuestRead(None), moment(2.0))
    assert state.result is None
    given_up = after(after(state, Slept(), moment(3.0)), GuestRead(None), moment(700.0))
    assert given_up.result is not None
    assert (given_up.result.outcome, given_up.result.rule) == (Outcome.FAILED, "not-replicated")


def test_a_predecessor_that_is_not_seen_keeps_the_guest_from_starting() -> None:
    """Who waits for an address is admitted only once it was seen free."""
    entries = desired(declared(1, NEW), declared(2, OLD))
    plan = make_plan(entries, live(guest(), guest(2, "bo@old.example")), NOW)
    change = next(each for each in plan.changes if each.id == guest_id(2))
    change = replace(change, waits_for=guest_id(1))
    state = begin(Work(planned=change, recorded=change), settings=Settings(), proofs={})
    assert next_step(state, moment()) == AwaitPredecessor(guest_id(1))
    assert after(state, Released(guest(mail=NEW)), moment()).phase is Phase.ADMISSION
    held = after(state, Released(guest(mail=NEW, secondaries=(OLD,))), moment()).result
    unseen = after(state, Released(None), moment()).result
    assert held is not None
    assert unseen is not None
    assert {held.outcome, unseen.outcome} == {Outcome.NOT_ATTEMPTED}


@pytest.mark.parametrize(
    ("seconds", "draining", "allowed"), [(10.0, None, True), (61.0, None, False), (10.0, DRAINING, False)]
)
def test_a_permit_needs_a_fresh_read_and_a_run_that_goes_on(
    seconds: float, draining: Note | None, *, allowed: bool
) -> None:
    """A first write whose read has grown old, or whose run drains, does not go out."""
    state = after(after(state_of(), Admitted(), moment()), GuestRead(guest()), moment())
    assert permits(state, moment(seconds, draining=draining)) is allowed


def test_the_last_write_needs_no_permit() -> None:
    """A guest who is locked out is finished whatever happens to the run."""
    state = reset_sent()
    state = after(state, GuestRead(as_written(state, state=PENDING, state_changed_at=LATER)), moment(2.0))
    assert permits(state, moment(500.0, draining=DRAINING, shutting_down=True))


def test_an_allowance_that_never_ran_is_not_used_up() -> None:
    """Before the first failure nothing has been taken from any allowance."""
    assert {seconds_failing(state_of(), each, 100.0) for each in Allowance} == {0.0}


def test_a_wait_is_cut_short_when_the_process_is_to_end() -> None:
    """A pause of two minutes becomes one second once the run shuts down."""
    state = reset_sent()
    state = after(state, GuestRead(as_written(state, state=PENDING, state_changed_at=LATER)), moment(2.0))
    throttled = failed(FailureKind.NOT_EXECUTED, status=429, retry_after=120.0)
    state = answer_to(state, throttled, moment(2.0))
    long, short = next_step(state, moment(2.0)), next_step(state, moment(2.0, shutting_down=True))
    assert isinstance(long, Sleep)
    assert isinstance(short, Sleep)
    assert (long.seconds >= 120.0, short.seconds) == (True, 1.0)
    assert isinstance(next_step(after(state, Slept(), moment(3.0)), moment(3.0)), ReadGuest)
