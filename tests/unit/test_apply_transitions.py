"""The rules of one guest's machine as pure functions: states and events in, states and steps out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

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
    GraceOver,
    GuestRead,
    Interrupted,
    Moment,
    Phase,
    ReadFailed,
    ReadGuest,
    Released,
    Send,
    Sleep,
    Slept,
    Withheld,
)
from reconciler.apply.transitions import after, begin, next_step, permits
from reconciler.guard.approval import Work
from reconciler.model import (
    DesiredGuest,
    FailureKind,
    Guest,
    Note,
    Outcome,
    RedemptionState,
    ResetRedemption,
    UserUpdate,
)
from reconciler.plan import make_plan
from reconciler.rules import OtherRule, Rule
from tests.support.directory import NEW, NOW, OLD, REDEEMED, declared, desired, guest, guest_id, live
from tests.support.tenant_calls import done, failed

PENDING = RedemptionState.PENDING
DRAINING = Note(rule=Rule.INTERRUPTED, message="the run was interrupted")
LATER = NOW + timedelta(seconds=3)


def moment(now: float = 0.0, **fields: object) -> Moment:
    made = Moment(
        now=now,
        instant=NOW + timedelta(seconds=now),
        settled_at=0.0,
        nonce=f"{int(now * 10):08x}",
        marker_domains=("reconciler.invalid", "contoso.onmicrosoft.example"),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def state_of(entry: DesiredGuest | None = None, found: Guest | None = None) -> GuestState:
    """Return the state of a guest at the beginning."""
    (change,) = make_plan(desired(entry or declared()), live(found or guest()), NOW).changes
    return begin(Work(planned=change, recorded=change), settings=Settings(), proofs={})


def answer_to(state: GuestState, answer: object, at: Moment) -> GuestState:
    """Return the state after the write that is due was sent and answered."""
    step = next_step(state, at)
    assert isinstance(step, Send)
    return after(state, Answered(sent=step, answer=answer, queued=0.0), at)  # type: ignore[arg-type]


def as_written(state: GuestState, found: Guest | None = None, /, **fields: object) -> Guest:
    """Return the guest as the newest first write of a state has left them."""
    return replace(found or guest(mail=NEW), markers=state.own[-1:], **fields)  # type: ignore[arg-type]


def reset_sent() -> GuestState:
    """Return a state whose reset was acknowledged at `NOW`, before the read for the last write."""
    state = after(state_of(), Admitted(), moment())
    state = after(state, GuestRead(guest()), moment())
    state = answer_to(state, done(at=NOW), moment())
    state = after(state, GuestRead(as_written(state)), moment(1.0))
    return answer_to(state, done(at=NOW), moment(1.0))


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


def test_a_guest_who_waits_when_the_run_drains_is_not_attempted() -> None:
    """Whoever waits for admission is left, with the reason of the run."""
    result = after(state_of(), Interrupted(), moment(draining=DRAINING)).result
    assert result is not None
    assert (result.outcome, result.rule) == (Outcome.NOT_ATTEMPTED, "interrupted")


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


FORCED = declared(email=OLD, reset_after=REDEEMED + timedelta(days=1))
LISTED = declared(email=OLD, alternates=["b@old.example"])
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
