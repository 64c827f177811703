"""The retry table and the arithmetic of waiting."""

from datetime import UTC
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply.lag import Lag
from reconciler.apply.policy import (
    LOOKING,
    TREATMENTS,
    Blame,
    Patience,
    Pauses,
    Response,
    Write,
    pause,
    treatment,
)
from reconciler.apply.settings import SystemClock
from reconciler.model import FailureKind


def test_the_table_answers_every_failure_of_every_write() -> None:
    """There is a row for each write and each kind of failure."""
    assert set(TREATMENTS) == set(product(Write, FailureKind))


def test_only_the_reset_is_ever_looked_for() -> None:
    """What cannot be sent twice is looked for; everything else is sent again or given up."""
    looked_for = {row for row, rule in TREATMENTS.items() if rule.response is Response.LOOK}
    assert looked_for == {(Write.RESET, FailureKind.UNKNOWN)}


def test_the_last_write_is_never_given_up_by_the_table() -> None:
    """Whatever the answer to the write after the reset, it is sent again."""
    rules = [TREATMENTS[Write.COMMIT, kind] for kind in FailureKind]
    assert {rule.response for rule in rules} == {Response.SEND_AGAIN}
    assert {rule.patience for rule in rules} == {Patience.RUN}


def test_a_refusal_of_everybody_stops_the_run_at_any_write() -> None:
    """`RUN_REFUSED` closes the run, and nothing else does."""
    assert {row for row, rule in TREATMENTS.items() if rule.stops_run} == {
        (write, FailureKind.RUN_REFUSED) for write in Write
    }


@pytest.mark.parametrize(("patched", "expected"), [(True, Response.SEND_AGAIN), (False, Response.GIVE_UP)])
def test_replication_needs_a_patch_of_ours(patched: bool, expected: Response) -> None:  # noqa: FBT001 - pytest names it
    """Without a PATCH before it, a mismatch of the reset is final."""
    assert treatment(Write.RESET, FailureKind.REPLICATION, patched=patched).response is expected


def test_a_refusal_is_not_blamed_on_the_directory() -> None:
    """Guests who are refused do not use up what is tolerated of the directory."""
    blames = {TREATMENTS[write, FailureKind.GUEST_REFUSED].blame for write in Write}
    assert Blame.DIRECTORY not in blames


def test_pauses_grow_up_to_their_longest() -> None:
    """Each pause is as long as the one before or longer, and none is longer than the longest."""
    pauses = Pauses(first=1.0, growth=2.0, longest=60.0)
    taken = [pauses.after(tries) for tries in range(1, 2000)]
    assert taken[:4] == [1.0, 2.0, 4.0, 8.0]
    assert taken == sorted(taken)
    assert taken[-1] == 60.0


def test_guests_turned_away_together_come_back_apart() -> None:
    """What the directory asked for is never cut short, and not two guests wait alike."""
    rule = treatment(Write.PREPARE, FailureKind.NOT_EXECUTED, patched=False)
    waits = {pause(rule, tries=1, retry_after=10.0, guest=f"guest {number}") for number in range(50)}
    assert len(waits) == 50
    assert all(10.0 <= wait < 11.0 for wait in waits)


async def test_the_system_clock_goes_on() -> None:
    """The computer's clock gives UTC, never runs backwards, and sleeps."""
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now().tzinfo is UTC


def test_without_lag_nobody_waits_for_a_first_look() -> None:
    """As long as writes show at once, the first look is at once."""
    lag = Lag()
    for _ in range(5):
        lag.learn(0.0, looks=1)
    assert lag.first_pause == 0.0


@given(st.floats(min_value=1.0, max_value=9.0))
def test_what_writes_take_to_show_is_learned(seconds: float) -> None:
    """After a few guests the first look comes about when the write shows."""
    lag = Lag()
    for _ in range(30):
        lag.learn(max(seconds, lag.first_pause), looks=1 if lag.first_pause >= seconds else 2)
    assert 0.8 * seconds <= lag.first_pause <= 1.2 * seconds


def test_one_guest_who_is_late_does_not_hold_up_the_others() -> None:
    """The first pause is never longer than the longest between two looks."""
    lag = Lag()
    lag.learn(60.0, looks=20)
    assert lag.first_pause == LOOKING.longest
