"""What a run still does between a signal and its end, and how it reports what it left."""

import pytest

from reconciler.model import ActionResult, FailureKind, Outcome
from tests.support.applying import apply, new_tenant, outcome_of, work_for
from tests.support.crowds import LOST, THROTTLED_FOR_LONG, counts, crowd, rules, unfinished
from tests.support.directory import OLD, declared, desired, guest, guest_id
from tests.support.tenant_calls import REFUSED, Fault, Kind, failed

ONE = guest_id(1)


def test_a_last_write_that_was_refused_to_the_end_names_the_request() -> None:
    """Who asks Microsoft why needs the id, also when the run was interrupted between two tries."""
    tenant = new_tenant()
    tenant.add(guest())
    tenant.answers(Kind.CLEAR, *[REFUSED] * 500)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared())), stop_after=20.0))
    assert outcome.outcome is Outcome.FAILED
    last = outcome.actions[-1]
    assert (last.action, last.result, last.request_id) == ("ClearMarker", ActionResult.FAILED, "r")
    assert last.attempts > 1


def test_an_ending_without_a_reset_speaks_of_none() -> None:
    """A list that may have been written when the run is interrupted is unverified, with no word of one."""
    tenant = new_tenant()
    tenant.add(guest())
    entries = desired(declared(email=OLD, alternates=["b@old.example"]))
    lost = Fault(answer=failed(FailureKind.UNKNOWN), committed=True)
    tenant.answers(Kind.OTHER_MAILS, *[lost] * 50)
    tenant.read_lag = 300.0
    outcome = outcome_of(apply(tenant, work_for(tenant, entries), stop_after=20.0))
    assert outcome.outcome is Outcome.UNVERIFIED
    assert "`otherMails` may have been written" in outcome.message
    assert "reset" not in outcome.message


def test_an_interrupted_run_finishes_whom_it_has_reset() -> None:
    """After the signal nobody is reset, everybody reset loses the marker, within the grace."""
    tenant, entries = crowd(60)
    tenant.invitation_lag = 1.5
    tenant.latency = 0.4
    work = work_for(tenant, entries)
    started = tenant.clock.monotonic()
    finished = apply(tenant, work, stop_after=4.0)
    assert tenant.clock.monotonic() - started < 4.0 + 9.0
    assert finished is not None
    assert finished.interrupted
    assert rules(finished) == ("interrupted",)
    assert Kind.RESET in tenant.writes()
    assert not unfinished(tenant)
    assert set(counts(finished)) <= {Outcome.APPLIED, Outcome.UNVERIFIED, Outcome.NOT_ATTEMPTED}
    assert Outcome.NOT_ATTEMPTED in counts(finished)


def test_an_interruption_ends_the_read_back() -> None:
    """A guest who is written but not yet seen is unverified after a signal."""
    tenant, entries = crowd(1)
    tenant.read_lag = 40.0
    work = work_for(tenant, entries)
    finished = apply(tenant, work, stop_after=70.0)
    assert (outcome_of(finished).outcome, outcome_of(finished).rule) == (Outcome.UNVERIFIED, "interrupted")


def test_an_interruption_during_the_last_read_leaves_the_guest_unverified() -> None:
    """Everything is written when the signal comes: the guest is neither half done nor not attempted."""
    tenant, entries = crowd(1)
    slow = Fault(committed=True, takes=30.0)
    tenant.answers(Kind.READ, None, None, None, slow)
    outcome = outcome_of(apply(tenant, work_for(tenant, entries), stop_after=5.0))
    assert (outcome.outcome, outcome.rule) == (Outcome.UNVERIFIED, "interrupted")
    assert "half done" not in outcome.message
    assert not tenant.live[ONE].markers


def test_an_interruption_hurries_a_long_pause_of_the_last_write() -> None:
    """A last write that waits for its next try is tried at once when the signal comes."""
    tenant, entries = crowd(1)
    tenant.answers(Kind.CLEAR, THROTTLED_FOR_LONG)
    work = work_for(tenant, entries)
    started = tenant.clock.monotonic()
    finished = apply(tenant, work, stop_after=20.0)
    assert outcome_of(finished).outcome is Outcome.UNVERIFIED
    assert not unfinished(tenant)
    assert tenant.clock.monotonic() - started < 25.0


@pytest.mark.parametrize(("kind", "sent"), [(Kind.CLEAR, "was sent"), (Kind.RESET, "may have been sent")])
def test_what_cannot_be_finished_after_a_signal_is_reported(kind: Kind, sent: str) -> None:
    """A guest who is half done when the grace is over is reported as that."""
    tenant, entries = crowd(1)
    tenant.answers(kind, Fault(committed=True, takes=50.0))
    outcome = outcome_of(apply(tenant, work_for(tenant, entries), stop_after=3.0))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "interrupted")
    assert "half done" in outcome.message
    assert sent in outcome.message
    assert outcome.actions[-1].result is ActionResult.UNKNOWN


def test_a_lost_reset_is_still_verified_after_a_signal() -> None:
    """When the state shows the reset within the grace, the marker is taken away."""
    tenant, entries = crowd(1)
    tenant.read_lag = 3.0
    tenant.answers(Kind.RESET, Fault(answer=failed(FailureKind.UNKNOWN), committed=True))
    apply(tenant, work_for(tenant, entries), stop_after=5.5)
    assert tenant.truth[ONE].resets == 1
    assert not unfinished(tenant)


def test_a_lost_reset_is_not_sent_again_after_a_signal() -> None:
    """A reset without evidence ends with the run."""
    tenant, entries = crowd(1)
    tenant.answers(Kind.RESET, *[LOST] * 3)
    outcome = outcome_of(apply(tenant, work_for(tenant, entries), stop_after=5.0))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "interrupted")
    assert tenant.writes().count(Kind.RESET) == 1


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.RESET])
def test_a_write_that_waits_for_its_turn_is_not_sent_after_a_signal(kind: Kind) -> None:
    """Whoever queues for the quota when the signal comes is left, and nobody is reset any more."""
    tenant, entries = crowd(5)
    tenant.queues[kind] = 30.0
    work = work_for(tenant, entries)
    started = tenant.clock.monotonic()
    finished = apply(tenant, work, stop_after=10.0)
    assert tenant.clock.monotonic() - started < 11.0
    assert counts(finished) == {Outcome.NOT_ATTEMPTED: 5}
    assert kind not in tenant.writes()


def test_the_last_write_of_a_reset_guest_keeps_its_place_in_the_queue() -> None:
    """A last write that waits for its turn when the signal comes still goes out."""
    tenant, entries = crowd(1)
    tenant.queues[Kind.CLEAR] = 5.0
    outcome = outcome_of(apply(tenant, work_for(tenant, entries), stop_after=3.0))
    assert outcome.outcome is Outcome.UNVERIFIED
    assert not unfinished(tenant)
