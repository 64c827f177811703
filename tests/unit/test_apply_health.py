"""What the writes of a whole run say about the directory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply.health import CircuitBreaker, FailureBudget, ReplicationLag
from reconciler.apply.retry_policy import POLL, FaultDomain
from reconciler.apply.state import Shown
from reconciler.model import FailureKind, ObjectId
from tests.support.directory import guest_id
from tests.support.tenant_calls import done, failed, refused


def budget_after(*blames: FaultDomain | None, permission_held: bool | None = None) -> str | None:
    """Return the rule for which a run stops whose guests end like this, all of them written to."""
    budget = FailureBudget()
    for number in range(len(blames)):
        budget.first_write(guest_id(number))
    notes = [
        budget.record(guest_id(number), each, permission_held=permission_held)
        for number, each in enumerate(blames)
    ]
    return next((note.rule for note in notes if note), None)


DENIED, GUEST, DIRECTORY = FaultDomain.DENIED, FaultDomain.GUEST, FaultDomain.DIRECTORY


@pytest.mark.parametrize(
    ("permission_held", "expected"), [(None, "all-refused"), (False, "all-refused"), (True, None)]
)
def test_the_first_three_denied_stop_a_run_whose_permission_is_in_doubt(
    permission_held: bool | None,  # noqa: FBT001 - pytest names it
    expected: str | None,
) -> None:
    """Only a token that shows the permission makes a 403 the guest's own affair."""
    assert budget_after(DENIED, DENIED, DENIED, permission_held=permission_held) == expected


@pytest.mark.parametrize("blames", [(DENIED, GUEST, DENIED), (None, DENIED, DENIED, DENIED)])
def test_one_of_the_first_three_who_was_not_denied_keeps_the_run_going(
    blames: tuple[FaultDomain | None, ...],
) -> None:
    """A guest who went through, or was refused for another reason, shows that writes are allowed."""
    assert budget_after(*blames) is None


def test_who_was_never_written_to_is_none_of_the_first_three() -> None:
    """Guests to whom nothing was sent say nothing about the permission."""
    budget = FailureBudget()
    for number in (1, 2, 3):
        budget.first_write(guest_id(number))
    notes = [budget.record(guest_id(each), DENIED, permission_held=None) for each in (9, 1, 2)]
    assert notes == [None] * 3


@pytest.mark.parametrize(
    ("fine", "expected"), [(15, "failure-budget"), (16, None)], ids=["within twenty", "twenty-one"]
)
def test_five_failures_of_the_directory_among_twenty_stop_the_run(fine: int, expected: str | None) -> None:
    """The budget counts the last twenty guests and nobody before them."""
    assert budget_after(DIRECTORY, *[None] * fine, *[DIRECTORY] * 4) == expected


def test_refused_guests_are_none_of_the_directorys_failures() -> None:
    """However many guests are refused for themselves, the run goes on."""
    assert budget_after(GUEST, *[GUEST] * 30) is None


def test_the_circuit_opens_when_every_write_fails_for_too_long() -> None:
    """From the first failure on the time runs, and an answer of any other kind starts it anew."""
    breaker = CircuitBreaker(longest=100.0)
    assert breaker.opens_in(50.0) == 100.0
    breaker.observe(failed(FailureKind.UNKNOWN), 60.0)
    breaker.observe(failed(FailureKind.NOT_EXECUTED), 90.0)
    assert breaker.opens_in(100.0) == 60.0
    breaker.observe(refused(), 100.0)
    assert breaker.opens_in(150.0) == 100.0
    breaker.observe(failed(FailureKind.UNKNOWN), 150.0)
    breaker.observe(done(), 160.0)
    assert breaker.opens_in(200.0) == 100.0
    breaker.observe(failed(FailureKind.UNKNOWN), 200.0)
    assert breaker.opens_in(300.0) == 0.0


def test_without_lag_nobody_waits_for_a_first_read() -> None:
    """As long as writes show at once, the first read is at once."""
    lag = ReplicationLag()
    for _ in range(5):
        lag.observe(Shown(seconds=0.0, reads=1))
    assert lag.initial_delay == 0.0


@given(st.floats(min_value=1.0, max_value=9.0))
def test_what_writes_take_to_show_is_learned(seconds: float) -> None:
    """After a few guests the first read comes about when the write shows."""
    lag = ReplicationLag()
    for _ in range(30):
        reads = 1 if lag.initial_delay >= seconds else 2
        lag.observe(Shown(seconds=max(seconds, lag.initial_delay), reads=reads))
    assert 0.8 * seconds <= lag.initial_delay <= 1.2 * seconds


def test_one_guest_who_is_late_does_not_hold_up_the_others() -> None:
    """The first delay is never longer than the longest between two reads."""
    lag = ReplicationLag()
    lag.observe(Shown(seconds=60.0, reads=20))
    assert lag.initial_delay == POLL.longest


def test_the_note_of_a_spent_budget_counts() -> None:
    """The reason for the stop names how many of how many guests failed."""
    budget = FailureBudget()
    notes = [budget.record(ObjectId(str(each)), DIRECTORY, permission_held=True) for each in range(5)]
    assert [note and note.rule for note in notes] == [None] * 4 + ["failure-budget"]
    assert notes[-1] is not None
    assert "5 of the last 5 guests" in notes[-1].message
