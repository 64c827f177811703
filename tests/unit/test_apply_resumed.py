"""What the next run makes of guests an earlier run has left on the way, whatever the reads show first."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.apply import Settings, exit_code
from reconciler.model import (
    ActionResult,
    Desired,
    EmailAddress,
    FailureKind,
    GuestOutcome,
    Outcome,
    Plan,
    RedemptionState,
)
from reconciler.redeem_links import open_redeem_links
from tests.samples.applying import apply, new_tenant, outcome_of, plan_for, work_for
from tests.samples.directory import NEW, OLD, REDEEMED, declared, desired, guest, guest_id
from tests.samples.tenant import Tenant
from tests.samples.tenant_calls import Fault, Kind, failed

ONE = guest_id(1)
QUIET = desired(declared(send_message=False))
FORCED = desired(declared(email=OLD, send_message=False, reset_after=REDEEMED + timedelta(days=1)))


def killed_after(kind: Kind, entries: Desired, *, lag: float = 0.0) -> tuple[Tenant, Plan]:
    """Make a tenant in which a run was killed just after its write of this kind; give the plan it had.

    `lag` is the seconds until a write shows in reads, during that run and from then on.
    """
    tenant = new_tenant()
    tenant.read_lag = lag
    tenant.add(guest())
    tenant.clock.pass_by(300.0)
    plan = plan_for(tenant, entries)
    tenant.answers(kind, Fault(committed=True, kills=True))
    assert apply(tenant, work_for(tenant, entries, plan)) is None
    tenant.script = lambda call: None
    return tenant, plan


def result_of(outcome: GuestOutcome, action: str) -> ActionResult:
    """Give the result of an action."""
    return {record.action: record.result for record in outcome.actions}[action]


@pytest.mark.parametrize("lag", [5.0, 20.0])
def test_a_reset_that_no_read_shows_yet_is_not_sent_again(lag: float) -> None:
    """A replica that lags shows the guest prepared only; whoever watches for a while sees the reset."""
    entries = desired(declared())
    tenant, plan = killed_after(Kind.RESET, entries, lag=lag)
    # The new plan, too, was made from what the replicas show.
    (work,) = work_for(tenant, entries, plan)
    outcome = outcome_of(apply(tenant, (replace(work, planned=plan.changes[0]),)))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1
    assert result_of(outcome, "ResetRedemption") is ActionResult.SKIPPED


def test_a_read_older_than_the_new_plan_does_not_count() -> None:
    """Whatever the watching is set to: what the plan has seen has happened."""
    entries = desired(declared())
    tenant, plan = killed_after(Kind.RESET, entries, lag=40.0)
    work = work_for(tenant, entries, plan)
    outcome = outcome_of(apply(tenant, work, settings=Settings(watch_for=0.0)))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1


def test_reads_that_stay_behind_end_the_guest_without_a_write() -> None:
    """Where the replicas do not catch up within a minute, the guest is left as it is."""
    entries = desired(declared())
    tenant, plan = killed_after(Kind.RESET, entries)
    work = work_for(tenant, entries, plan)
    tenant.read_lag = 500.0
    before = len(tenant.writes())
    outcome = outcome_of(apply(tenant, work))
    assert tenant.truth[ONE].resets == 1
    # The oldest state knows nothing of the first write either, so that one is made again.
    assert tenant.writes()[before:] in {(), (Kind.OTHER_MAILS,)}
    assert (outcome.rule, exit_code([outcome], interrupted=False)) == ("reads-behind", 7)


def test_a_guest_left_before_the_reset_is_watched_and_then_reset_once() -> None:
    """Where nothing shows for as long as the run watches, the reset had not been sent."""
    entries = desired(declared())
    tenant, plan = killed_after(Kind.OTHER_MAILS, entries)
    begun = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work_for(tenant, entries, plan)))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1
    assert result_of(outcome, "ResetRedemption") is ActionResult.DONE
    assert tenant.clock.monotonic() - begun > Settings().watch_for


def test_a_link_lost_in_a_killed_run_is_a_failure_when_nobody_is_told(tmp_path: Path) -> None:
    """No message goes out and the link is in no file: the guest is reset, and the person cannot know."""
    tenant, plan = killed_after(Kind.RESET, QUIET)
    with open_redeem_links(tmp_path / "links") as links:
        outcome = outcome_of(apply(tenant, work_for(tenant, QUIET, plan), links=links))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "link-lost")
    assert "admin center" in outcome.message
    assert tenant.truth[ONE].resets == 1


@pytest.mark.parametrize(("kind", "entries"), [(Kind.RESET, FORCED), (Kind.MAIL, QUIET)])
def test_a_link_that_an_earlier_run_may_have_kept_elsewhere_is_a_remark(
    kind: Kind, entries: Desired, tmp_path: Path
) -> None:
    """Where nothing was left to do, the link may be in a file of that run: nobody can tell, so it is said."""
    tenant, plan = killed_after(kind, entries)
    with open_redeem_links(tmp_path / "links") as links:
        outcome = outcome_of(apply(tenant, work_for(tenant, entries, plan), links=links))
    assert outcome.outcome is Outcome.ALREADY_APPLIED
    assert "no redeem link of theirs is in this file" in outcome.message


def test_a_link_kept_by_the_killed_run_is_not_missed(tmp_path: Path) -> None:
    """A link that an earlier run has written to the same file is there, so all is done."""
    tenant = new_tenant()
    tenant.add(guest())
    plan = plan_for(tenant, QUIET)
    tenant.answers(Kind.MAIL, Fault(kills=True))
    with open_redeem_links(tmp_path / "links") as links:
        assert apply(tenant, work_for(tenant, QUIET, plan), links=links) is None
    tenant.script = lambda call: None
    with open_redeem_links(tmp_path / "links") as links:
        outcome = outcome_of(apply(tenant, work_for(tenant, QUIET, plan), links=links))
    assert outcome.outcome is Outcome.APPLIED
    assert len((tmp_path / "links").read_text().splitlines()) == 1


def test_a_link_of_a_guest_who_was_sent_a_message_is_only_a_remark(tmp_path: Path) -> None:
    """Who got Microsoft's message has a link; that it is not in the file is said."""
    entries = desired(declared())
    tenant, plan = killed_after(Kind.RESET, entries)
    with open_redeem_links(tmp_path / "links") as links:
        outcome = outcome_of(apply(tenant, work_for(tenant, entries, plan), links=links))
    assert outcome.outcome is Outcome.APPLIED
    assert "the redeem link is not in the file" in outcome.message


def test_a_link_is_not_missed_once_the_person_is_in(tmp_path: Path) -> None:
    """Who has redeemed needs no link."""
    tenant, plan = killed_after(Kind.MAIL, QUIET)
    assert tenant.redeem(ONE, EmailAddress(NEW))
    with open_redeem_links(tmp_path / "links") as links:
        outcome = outcome_of(apply(tenant, work_for(tenant, QUIET, plan), links=links))
    assert outcome.outcome is Outcome.ALREADY_APPLIED


def test_what_is_not_asked_for_any_more_says_how_far_it_has_come() -> None:
    """A change taken out of the files while half done leaves a guest nobody else knows to be locked out."""
    tenant, plan = killed_after(Kind.RESET, desired(declared()))
    reverted = desired(declared(email=OLD))
    outcome = outcome_of(apply(tenant, work_for(tenant, reverted, plan)))
    assert outcome.outcome is Outcome.STALE
    assert "has reset the guest for ana@newco.example" in outcome.message
    assert "alternateEmails: []" in outcome.message

    tenant, plan = killed_after(Kind.OTHER_MAILS, desired(declared()))
    outcome = outcome_of(apply(tenant, work_for(tenant, reverted, plan)))
    assert "has written ana@newco.example to otherMails" in outcome.message


def test_a_second_look_does_not_make_a_first_reset_a_repetition() -> None:
    """What this run has written itself is no sign of an earlier one."""
    tenant = new_tenant()
    tenant.add(guest(state=RedemptionState.PENDING))
    lost = Fault(answer=failed(FailureKind.UNKNOWN), committed=True)
    tenant.answers(Kind.OTHER_MAILS, *[lost] * 7)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "ResetRedemption") is ActionResult.DONE


def test_what_was_never_begun_is_not_said_to_be() -> None:
    """A forced reset that is not asked for any more, and that nobody has run, has left nothing behind."""
    tenant = new_tenant()
    tenant.add(guest())
    plan = plan_for(tenant, FORCED)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared(email=OLD)), plan)))
    assert outcome.outcome is Outcome.STALE
    assert "earlier run" not in outcome.message


def test_a_late_reset_of_a_change_corrected_since_is_not_taken_for_this_one() -> None:
    """A run killed just now, for an address that has been corrected: its reset invited somebody else."""
    tenant = new_tenant()
    tenant.add(guest())
    tenant.read_lag = tenant.observe_lag = 5.0
    tenant.clock.pass_by(300.0)
    typo = desired(declared(email="ana@typo.example"))
    tenant.answers(Kind.RESET, Fault(committed=True, kills=True))
    assert apply(tenant, work_for(tenant, typo, plan_for(tenant, typo))) is None
    tenant.script = lambda call: None
    corrected = desired(declared())
    plan = plan_for(tenant, corrected)
    assert plan.changes[0].precondition.state is RedemptionState.ACCEPTED
    outcome = outcome_of(apply(tenant, work_for(tenant, corrected, plan)))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].last_invited == EmailAddress(NEW)
    assert result_of(outcome, "ResetRedemption") is ActionResult.REPEATED
