"""V8: when a guest is reset a second time, what that costs, and that it is said.

Scenes are those of the review: a run that was killed or has succeeded, and the next one at once, while
reads lag. What the next run knows is varied: the journal, and how long what earlier runs wrote is waited
for. A kill between a reset's effect and its answer leaves no proof in any journal.
"""

from datetime import timedelta

import pytest

from reconciler.model import (
    ActionResult,
    Desired,
    EmailAddress,
    GuestOutcome,
    Outcome,
    RedemptionState,
    ResetRedemption,
)
from tests.support.applying import apply, new_tenant, outcome_of, plan_for, result_of, work_for
from tests.support.directory import NEW, OLD, REDEEMED, addresses, declared, desired, guest, guest_id
from tests.support.journals import MemoryJournal
from tests.support.tenant import Tenant
from tests.support.tenant_calls import KILLED_AFTER, KILLED_BEFORE, Fault, Kind

ONE = guest_id(1)
WATCH = 30.0
CHANGED = desired(declared())
OTHER = "second@newco.example"
NARROWED = desired(declared(email=OLD, alternates=()))
FORCED = desired(declared(email=OLD, reset_after=REDEEMED + timedelta(days=1)))

WITH_AND_WITHOUT_JOURNAL = pytest.mark.parametrize("journal_kept", [True, False])
WITH_AND_WITHOUT_PLAN = pytest.mark.parametrize("plan_kept", [True, False])


def two_runs(
    entries: Desired,
    *faults: tuple[Kind, Fault],
    lag: float,
    settles_in: float,
    plan_kept: bool,
    journal_kept: bool,
) -> tuple[Tenant, GuestOutcome]:
    """Run apply, killed if a fault says so, and at once again; give the tenant and the second outcome."""
    tenant, journal = new_tenant(guest()), MemoryJournal()
    tenant.clock.pass_by(300.0)
    plan = plan_for(tenant, entries)
    for kind, fault in faults:
        tenant.answers(kind, fault)
    first = apply(tenant, work_for(tenant, entries, plan), journal=journal)
    assert (first is None) == bool(faults)
    # The replicas that answered the first run were fast; those that answer the next one are not.
    tenant.read_lag = tenant.observe_lag = lag
    tenant.script = lambda call: None
    work = work_for(tenant, entries, *([plan] if plan_kept else []))
    resets = journal.resets if journal_kept else ()
    return tenant, outcome_of(apply(tenant, work, resets=resets, settles_in=settles_in))


def ends_right(tenant: Tenant, email: str) -> bool:
    """Return whether the guest is pending for one address, and nothing is left to plan for anybody."""
    found, truth = tenant.live[ONE], tenant.truth[ONE]
    return (found.state, truth.invited, found.markers) == (RedemptionState.PENDING, EmailAddress(email), ())


@WITH_AND_WITHOUT_PLAN
@WITH_AND_WITHOUT_JOURNAL
@pytest.mark.parametrize("lag", [0.0, 8.0, 12.0])
def test_b1_a_reset_whose_answer_died_with_the_run_is_repeated_and_called_that(
    lag: float, *, plan_kept: bool, journal_kept: bool
) -> None:
    """b1, r6b: kill -9 right after the POST, and the next run at once: one more reset, called repeated."""
    tenant, outcome = two_runs(
        CHANGED,
        (Kind.RESET, KILLED_AFTER),
        lag=lag,
        settles_in=WATCH,
        plan_kept=plan_kept,
        journal_kept=journal_kept,
    )
    assert (outcome.outcome, ends_right(tenant, NEW)) == (Outcome.APPLIED, True)
    assert tenant.truth[ONE].resets == 2
    assert result_of(outcome, ResetRedemption.name)[0] is ActionResult.REPEATED


@WITH_AND_WITHOUT_PLAN
@WITH_AND_WITHOUT_JOURNAL
@pytest.mark.parametrize("lag", [0.0, 8.0, 12.0])
def test_r6_an_acknowledged_reset_is_sent_once_where_the_journal_is_at_hand(
    lag: float, *, plan_kept: bool, journal_kept: bool
) -> None:
    """r6, b5: killed after the answer: one reset with the journal, one more without it, and then said."""
    tenant, outcome = two_runs(
        CHANGED,
        (Kind.CLEAR, KILLED_BEFORE),
        lag=lag,
        settles_in=WATCH,
        plan_kept=plan_kept,
        journal_kept=journal_kept,
    )
    assert (outcome.outcome, ends_right(tenant, NEW)) == (Outcome.APPLIED, True)
    result = result_of(outcome, ResetRedemption.name)[0]
    expected = (1, ActionResult.SKIPPED) if journal_kept else (2, ActionResult.REPEATED)
    assert (tenant.truth[ONE].resets, result) == expected


@WITH_AND_WITHOUT_JOURNAL
@pytest.mark.parametrize("lag", [0.0, 8.0, 12.0])
def test_b2_a_forced_reset_under_one_plan_is_sent_once(lag: float, *, journal_kept: bool) -> None:
    """b2: the POST is the only write and leaves no marker; once reads have settled, its time shows it."""
    tenant, outcome = two_runs(
        FORCED,
        (Kind.RESET, KILLED_AFTER),
        lag=lag,
        settles_in=WATCH,
        plan_kept=True,
        journal_kept=journal_kept,
    )
    assert (outcome.outcome, ends_right(tenant, OLD)) == (Outcome.ALREADY_APPLIED, True)
    assert tenant.truth[ONE].resets == 1


@pytest.mark.parametrize(("entries", "email"), [(CHANGED, NEW), (FORCED, OLD)], ids=["change", "reset"])
def test_b4_a_run_right_after_a_successful_one_resets_nobody(entries: Desired, email: str) -> None:
    """b4: exit 0, and apply without a plan file at once, planned from reads that lag: nothing is sent."""
    tenant, outcome = two_runs(entries, lag=8.0, settles_in=WATCH, plan_kept=False, journal_kept=False)
    assert outcome.outcome is Outcome.ALREADY_APPLIED
    assert (tenant.truth[ONE].resets, ends_right(tenant, email)) == (1, True)


@WITH_AND_WITHOUT_JOURNAL
@pytest.mark.parametrize("kind", [Kind.RESET, Kind.CLEAR])
def test_without_settling_a_second_reset_still_ends_with_the_right_person(
    kind: Kind, *, journal_kept: bool
) -> None:
    """Where nobody waits for what an earlier run wrote, a message too many is the worst that happens."""
    fault = KILLED_AFTER if kind is Kind.RESET else KILLED_BEFORE
    tenant, _ = two_runs(
        CHANGED, (kind, fault), lag=8.0, settles_in=0.0, plan_kept=True, journal_kept=journal_kept
    )
    tenant.clock.pass_by(60.0)
    if plan_for(tenant, CHANGED).changes:
        apply(tenant, work_for(tenant, CHANGED))
    assert ends_right(tenant, NEW)
    assert tenant.truth[ONE].resets <= 2


@pytest.mark.parametrize("moves", [True, False])
@WITH_AND_WITHOUT_JOURNAL
def test_a_reset_for_a_lost_address_is_sent_once_where_the_journal_is_at_hand(
    *, journal_kept: bool, moves: bool
) -> None:
    """No marker stands on the guest, so the journal knows the reset by the approved change."""
    tenant, outcome = narrowed_twice(journal_kept=journal_kept, moves=moves)
    assert (outcome.outcome, ends_right(tenant, OLD)) == (Outcome.APPLIED, True)
    result = result_of(outcome, ResetRedemption.name)[0]
    repeated = ActionResult.REPEATED if moves else ActionResult.DONE
    expected = (1, ActionResult.SKIPPED) if journal_kept else (2, repeated)
    assert (tenant.truth[ONE].resets, result) == expected


def test_a_reset_from_before_the_plan_proves_nothing_about_it() -> None:
    """The same work planned again has the same digest: it was approved because of what happened since."""
    tenant, journal = pending_with_alias()
    first = plan_for(tenant, NARROWED)
    apply(tenant, work_for(tenant, NARROWED, first), journal=journal)
    tenant.edit(ONE, other_mails=addresses(OLD, OTHER))
    tenant.clock.pass_by(300.0)
    again = plan_for(tenant, NARROWED)
    assert first.changes[0].digest == again.changes[0].digest
    apply(tenant, work_for(tenant, NARROWED, again), resets=journal.resets)
    assert tenant.truth[ONE].resets == 2


def narrowed_twice(*, journal_kept: bool, moves: bool) -> tuple[Tenant, GuestOutcome]:
    """Take an address from a pending guest, killed before the list is written, and go on."""
    tenant, journal = pending_with_alias()
    tenant.moves_time_of_pending = moves
    plan = plan_for(tenant, NARROWED)
    tenant.answers(Kind.OTHER_MAILS, KILLED_BEFORE)
    assert apply(tenant, work_for(tenant, NARROWED, plan), journal=journal) is None
    tenant.script = lambda call: None
    resets = journal.resets if journal_kept else ()
    work = work_for(tenant, NARROWED, plan)
    return tenant, outcome_of(apply(tenant, work, resets=resets, settles_in=WATCH))


def pending_with_alias() -> tuple[Tenant, MemoryJournal]:
    """Give a tenant whose guest is pending and has an address that nobody declares."""
    tenant = new_tenant(guest(others=(OLD, OTHER), state=RedemptionState.PENDING))
    tenant.clock.pass_by(300.0)
    return tenant, MemoryJournal()


def test_an_old_read_of_an_earlier_reset_is_not_taken_for_the_one_just_sent() -> None:
    """A reset repeated within seconds is no stranger's, although reads show the one before for a while."""
    lag = 1.0
    _, outcome = two_runs(
        CHANGED,
        (Kind.RESET, KILLED_AFTER),
        lag=lag,
        settles_in=lag,
        plan_kept=True,
        journal_kept=False,
    )
    assert (outcome.outcome, outcome.rule) == (Outcome.APPLIED, None)
    assert result_of(outcome, ResetRedemption.name) == (ActionResult.REPEATED, 1)
