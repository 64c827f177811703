"""The retry table and the arithmetic of waiting."""

from itertools import product

import pytest

from reconciler.apply.retry_policy import (
    RETRY_RULES,
    Allowance,
    Backoff,
    FaultDomain,
    GiveUp,
    Resend,
    RetryRule,
    Stage,
    Verify,
    delay_before_retry,
    retry_rule,
)
from reconciler.model import FailureKind


def rule_of(stage: Stage, kind: FailureKind, *, patched: bool = True, status: int | None = None) -> RetryRule:
    return retry_rule(stage, kind, patched=patched, status=status)


def test_the_table_answers_every_failure_of_every_stage() -> None:
    """There is a row for each stage and each kind of failure."""
    assert set(RETRY_RULES) == set(product(Stage, FailureKind))


def test_what_may_have_been_carried_out_is_verified_before_the_last_write() -> None:
    """Before the reset is acknowledged, nothing whose answer was lost is sent again without a read."""
    verified = {row for row, rule in RETRY_RULES.items() if isinstance(rule, Verify)}
    assert verified == {(Stage.PREPARE, FailureKind.UNKNOWN), (Stage.RESET, FailureKind.UNKNOWN)}


def test_the_last_write_is_never_given_up_by_the_table() -> None:
    """Whatever the answer to the write after the reset, it is sent again for as long as the run lasts."""
    for kind in FailureKind:
        rule = RETRY_RULES[Stage.COMMIT, kind]
        assert isinstance(rule, Resend)
        assert rule.allowance is Allowance.RUN


def test_a_refusal_of_everybody_stops_the_run_at_any_stage() -> None:
    """`RUN_REFUSED` closes the run, and nothing else does."""
    stopping = {row for row, rule in RETRY_RULES.items() if not isinstance(rule, Verify) and rule.stops_run}
    assert stopping == {(stage, FailureKind.RUN_REFUSED) for stage in Stage}


def test_replication_needs_a_patch_of_ours() -> None:
    """Without a PATCH before it, an address that the reset does not know is final."""
    assert isinstance(rule_of(Stage.RESET, FailureKind.REPLICATION), Resend)
    assert isinstance(rule_of(Stage.RESET, FailureKind.REPLICATION, patched=False), GiveUp)


def test_a_passing_404_is_waited_for_at_every_stage() -> None:
    """A part of the directory that does not know the guest yet ends nobody's change."""
    assert {type(rule_of(stage, FailureKind.NOT_FOUND)) for stage in Stage} == {Resend}


@pytest.mark.parametrize("stage", [Stage.PREPARE, Stage.RESET])
def test_a_403_is_set_apart_from_other_refusals(stage: Stage) -> None:
    """A denied write may concern the application, a refused value concerns the guest alone."""
    rules = [rule_of(stage, FailureKind.GUEST_REFUSED, status=status) for status in (400, 403)]
    assert rules == [GiveUp(blames=FaultDomain.GUEST), GiveUp(blames=FaultDomain.DENIED)]


def test_a_refusal_is_not_blamed_on_the_directory() -> None:
    """Guests who are refused do not use up what is tolerated of the directory."""
    rules = [RETRY_RULES[stage, FailureKind.GUEST_REFUSED] for stage in Stage]
    assert {rule.blames for rule in rules if not isinstance(rule, Verify)} == {FaultDomain.GUEST}


def test_delays_grow_up_to_their_longest() -> None:
    """Each delay is as long as the one before or longer, and none is longer than the longest."""
    backoff = Backoff(first=1.0, growth=2.0, longest=60.0)
    delays = [backoff.delay(tries) for tries in range(1, 2000)]
    assert delays[:4] == [1.0, 2.0, 4.0, 8.0]
    assert delays == sorted(delays)
    assert delays[-1] == 60.0


def test_guests_turned_away_together_come_back_apart() -> None:
    """What the directory asked for is never cut short, and not two guests wait alike."""
    rule = rule_of(Stage.PREPARE, FailureKind.NOT_EXECUTED)
    assert isinstance(rule, Resend)
    waits = {
        delay_before_retry(rule.backoff, tries=1, retry_after=10.0, guest=f"guest {number}")
        for number in range(50)
    }
    assert len(waits) == 50
    assert all(10.0 <= wait < 11.0 for wait in waits)
