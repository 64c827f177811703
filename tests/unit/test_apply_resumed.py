"""What the next run makes of guests an earlier run has left on the way, whatever the reads show first."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.apply import WaitReason
from reconciler.guard.resumption import WHO_REDEEMED
from reconciler.model import (
    ActionResult,
    Desired,
    EmailAddress,
    Outcome,
    Plan,
    RedemptionState,
)
from reconciler.redeem_links import open_redeem_links
from tests.support.applying import Heard, apply, new_tenant, outcome_of, plan_for, result_of, work_for
from tests.support.directory import NEW, OLD, REDEEMED, declared, desired, guest, guest_id
from tests.support.journals import MemoryJournal
from tests.support.tenant import Tenant
from tests.support.tenant_calls import KILLED_AFTER, KILLED_BEFORE, LOST_AFTER, Fault, Kind

ONE = guest_id(1)
CHANGED = desired(declared())
QUIET = desired(declared(send_message=False))
FORCED = desired(declared(email=OLD, send_message=False, reset_after=REDEEMED + timedelta(days=1)))


def killed_at(
    kind: Kind, entries: Desired, fault: Fault = KILLED_AFTER, *, lag: float = 0.0
) -> tuple[Tenant, Plan, MemoryJournal]:
    """Make a tenant in which a run was killed at its write of this kind; give its plan and its journal.

    `lag` is the seconds until a write shows in reads, during that run and from then on.
    """
    tenant = new_tenant(guest())
    tenant.read_lag = tenant.observe_lag = lag
    tenant.clock.pass_by(300.0)
    plan, journal = plan_for(tenant, entries), MemoryJournal()
    tenant.answers(kind, fault)
    assert apply(tenant, work_for(tenant, entries, plan), journal=journal) is None
    tenant.script = lambda call: None
    tenant.calls.clear()
    return tenant, plan, journal


@pytest.mark.parametrize("fault", [KILLED_BEFORE, KILLED_AFTER])
@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.RESET])
@pytest.mark.parametrize("with_plan", [True, False])
def test_a_killed_run_without_proof_of_its_reset_is_done_again(
    kind: Kind,
    fault: Fault,
    with_plan: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """Whatever the journal cannot prove is sent once more, with a fresh marker, and is called repeated."""
    tenant, plan, journal = killed_at(kind, CHANGED, fault)
    begun = tenant.live[ONE].marker
    work = work_for(tenant, CHANGED, *([plan] if with_plan else []))
    outcome = outcome_of(apply(tenant, work, resets=journal.resets))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.writes() == (Kind.MAIL, Kind.RESET, Kind.CLEAR)
    expected = ActionResult.REPEATED if begun else ActionResult.DONE
    assert result_of(outcome, "ResetRedemption")[0] is expected
    assert tenant.truth[ONE].invited == EmailAddress(NEW)
    markers = {found.marker for _, found in tenant.truth[ONE].versions if found.marker}
    assert len(markers) == (2 if begun else 1)
    assert {marker.digits for marker in markers} == {plan.changes[0].marker_digits}


@pytest.mark.parametrize("with_plan", [True, False])
def test_a_reset_that_a_journal_proves_is_not_sent_again(
    with_plan: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """Where the journal names the marker that stands, only the marker is taken away."""
    tenant, plan, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    work = work_for(tenant, CHANGED, *([plan] if with_plan else []))
    outcome = outcome_of(apply(tenant, work, resets=journal.resets))
    assert outcome.outcome is Outcome.APPLIED
    assert [record.result for record in outcome.actions] == [
        ActionResult.SKIPPED,
        ActionResult.SKIPPED,
        ActionResult.DONE,
    ]
    assert tenant.writes() == (Kind.CLEAR,)
    assert tenant.truth[ONE].resets == 1


def test_without_the_journal_a_kill_costs_one_more_message() -> None:
    """The reset that nobody can prove is sent once more, and the report says so."""
    tenant, plan, _ = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, plan)))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 2
    assert result_of(outcome, "ResetRedemption")[0] is ActionResult.REPEATED


def test_a_proof_of_another_marker_proves_nothing() -> None:
    """A journal that acknowledges a reset under another marker says nothing about this one."""
    tenant, plan, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    marker = tenant.live[ONE].marker
    assert marker is not None
    other = replace(marker, nonce="00000000")
    tenant.edit(ONE, markers=(other,))
    apply(tenant, work_for(tenant, CHANGED, plan), resets=journal.resets)
    assert tenant.truth[ONE].resets == 2


def test_a_proved_reset_after_which_somebody_redeemed_is_finished_with_a_remark() -> None:
    """Who is in since then is not known, and the report says that; nobody is put out again."""
    tenant, plan, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    tenant.clock.pass_by(60.0)
    assert tenant.redeem(ONE, EmailAddress(NEW))
    begun = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, plan), resets=journal.resets))
    assert outcome.outcome is Outcome.APPLIED
    assert WHO_REDEEMED in outcome.message
    assert tenant.clock.monotonic() - begun < 10.0
    assert (tenant.writes(), tenant.truth[ONE].bound) == ((Kind.CLEAR,), EmailAddress(NEW))


def test_a_reset_by_somebody_else_after_the_proved_one_is_repeated() -> None:
    """Pending since well after the acknowledged reset means that another one came later."""
    tenant, plan, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    tenant.clock.pass_by(60.0)
    tenant.reset_in_portal(ONE)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, plan), resets=journal.resets))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 2
    assert result_of(outcome, "ResetRedemption")[0] is ActionResult.REPEATED


@pytest.mark.parametrize("lag", [5.0, 20.0])
def test_reads_older_than_a_proved_reset_are_waited_for(lag: float) -> None:
    """A replica that shows an earlier time than the acknowledged reset lags, and is read again."""
    tenant, plan, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    (work,) = work_for(tenant, CHANGED, plan)
    found = tenant.live[ONE]
    versions = tenant.truth[ONE].versions
    versions[-1] = (tenant.clock.now(), versions[-1][1])
    tenant.read_lag = lag
    heard = Heard()
    outcome = outcome_of(apply(tenant, [work], resets=journal.resets, heard=heard))
    assert outcome.outcome is Outcome.APPLIED
    assert (tenant.truth[ONE].resets, tenant.writes()) == (1, (Kind.CLEAR,))
    assert WaitReason.REPLICATION in heard.reasons(ONE)
    assert found.marker is not None


def test_no_read_counts_until_earlier_runs_writes_show() -> None:
    """Until what an earlier run may have written shows everywhere, nothing is read or written."""
    tenant, plan, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE, lag=12.0)
    heard, begun = Heard(), tenant.clock.now()
    work = work_for(tenant, CHANGED, plan)
    outcome = outcome_of(apply(tenant, work, resets=journal.resets, settles_in=30.0, heard=heard))
    assert outcome.outcome is Outcome.APPLIED
    assert WaitReason.EARLIER_RUN in heard.reasons(ONE)
    assert min(call.at for call in tenant.calls) >= begun + timedelta(seconds=30)
    assert tenant.truth[ONE].resets == 1


def test_a_forced_reset_that_was_carried_out_is_not_sent_again_once_reads_show_it() -> None:
    """The only write of a reset leaves no marker: after the settling its own time shows it."""
    tenant, plan, _ = killed_at(Kind.RESET, FORCED, lag=8.0)
    outcome = outcome_of(apply(tenant, work_for(tenant, FORCED, plan), settles_in=30.0))
    assert outcome.outcome is Outcome.ALREADY_APPLIED
    assert tenant.truth[ONE].resets == 1


def test_a_read_older_than_the_new_plan_does_not_count() -> None:
    """What the plan of this run has seen has happened, whatever a replica shows now."""
    tenant, _, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    work = work_for(tenant, CHANGED)
    versions = tenant.truth[ONE].versions
    versions[-1] = (tenant.clock.now(), versions[-1][1])
    tenant.read_lag = 20.0
    outcome = outcome_of(apply(tenant, work, resets=journal.resets))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1


def test_reads_that_stay_behind_end_the_guest_without_a_write() -> None:
    """Where the replicas do not catch up within a minute, the guest is left as they are."""
    tenant, plan, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    work = work_for(tenant, CHANGED, plan)
    versions = tenant.truth[ONE].versions
    del versions[2:]
    tenant.read_lag = 0.0
    outcome = outcome_of(apply(tenant, work, resets=journal.resets))
    assert outcome.rule == "reads-behind"
    assert (tenant.writes(), tenant.truth[ONE].resets) == ((), 1)


def test_a_link_lost_in_a_killed_run_is_replaced_where_nothing_proves_the_reset(tmp_path: Path) -> None:
    """No message goes out and the link is in no file: the second reset brings one that works."""
    tenant, plan, journal = killed_at(Kind.RESET, QUIET)
    with open_redeem_links(tmp_path / "links") as links:
        work = work_for(tenant, QUIET, plan)
        outcome = outcome_of(apply(tenant, work, links=links, resets=journal.resets))
    assert outcome.outcome is Outcome.APPLIED
    link = tenant.truth[ONE].link
    assert link is not None
    assert link.reveal() in (tmp_path / "links").read_text()


def test_a_link_lost_with_a_proved_reset_is_a_failure_without_a_message(tmp_path: Path) -> None:
    """The guest is reset, no message goes out, and the link is not in this file: that is not applied."""
    tenant, plan, journal = killed_at(Kind.CLEAR, QUIET, KILLED_BEFORE)
    with open_redeem_links(tmp_path / "links") as links:
        work = work_for(tenant, QUIET, plan)
        outcome = outcome_of(apply(tenant, work, links=links, resets=journal.resets))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "link-lost")
    assert "admin center" in outcome.message
    assert not tenant.live[ONE].markers


def test_a_link_of_a_guest_who_was_sent_a_message_is_only_a_remark(tmp_path: Path) -> None:
    """Who got Microsoft's message has a link; that it is not in the file is said."""
    tenant, plan, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    with open_redeem_links(tmp_path / "links") as links:
        work = work_for(tenant, CHANGED, plan)
        outcome = outcome_of(apply(tenant, work, links=links, resets=journal.resets))
    assert outcome.outcome is Outcome.APPLIED
    assert "the redeem link is not in the file" in outcome.message


def test_a_link_kept_by_the_killed_run_is_not_missed(tmp_path: Path) -> None:
    """A link that an earlier run has written to the same file is there, so all is done."""
    tenant, journal = new_tenant(guest()), MemoryJournal()
    plan = plan_for(tenant, QUIET)
    tenant.answers(Kind.CLEAR, KILLED_BEFORE)
    with open_redeem_links(tmp_path / "links") as links:
        assert apply(tenant, work_for(tenant, QUIET, plan), links=links, journal=journal) is None
    tenant.script = lambda call: None
    with open_redeem_links(tmp_path / "links") as links:
        work = work_for(tenant, QUIET, plan)
        outcome = outcome_of(apply(tenant, work, links=links, resets=journal.resets))
    assert outcome.outcome is Outcome.APPLIED
    assert len((tmp_path / "links").read_text().splitlines()) == 1


@pytest.mark.parametrize(("kind", "entries"), [(Kind.RESET, FORCED), (Kind.CLEAR, QUIET)])
def test_a_link_that_an_earlier_run_may_have_kept_elsewhere_is_a_remark(
    kind: Kind, entries: Desired, tmp_path: Path
) -> None:
    """Where nothing was left to do, the link may be in a file of that run: nobody can tell, so it is said."""
    tenant, plan, _ = killed_at(kind, entries)
    with open_redeem_links(tmp_path / "links") as links:
        outcome = outcome_of(apply(tenant, work_for(tenant, entries, plan), links=links))
    assert outcome.outcome is Outcome.ALREADY_APPLIED
    assert "no redeem link of theirs is in this file" in outcome.message


def test_a_link_is_not_missed_once_the_person_is_in(tmp_path: Path) -> None:
    """Who has redeemed needs no link."""
    tenant, plan, _ = killed_at(Kind.CLEAR, QUIET)
    assert tenant.redeem(ONE, EmailAddress(NEW))
    with open_redeem_links(tmp_path / "links") as links:
        outcome = outcome_of(apply(tenant, work_for(tenant, QUIET, plan), links=links))
    assert outcome.outcome is Outcome.ALREADY_APPLIED
    assert "no redeem link" not in outcome.message


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.RESET])
def test_a_change_taken_back_while_half_done_is_a_whole_change(kind: Kind) -> None:
    """The way back is planned as the change it is: another marker, and the former person invited anew."""
    tenant, _, journal = killed_at(kind, CHANGED)
    back = desired(declared(email=OLD))
    (change,) = plan_for(tenant, back).changes
    assert (change.resumes, [action.name for action in change.actions]) == (
        None,
        ["SetMail", "ResetRedemption", "ClearMarker"],
    )
    outcome = outcome_of(apply(tenant, work_for(tenant, back), resets=journal.resets))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].invited == EmailAddress(OLD)
    assert not tenant.live[ONE].markers


@pytest.mark.parametrize("kept", [True, False])
def test_a_mail_put_back_by_hand_under_a_marker_is_reset_though_a_journal_proves_one(*, kept: bool) -> None:
    """The proved reset was of another address: under the same marker the former person is invited anew."""
    tenant, _, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    tenant.edit(ONE, mail=EmailAddress(OLD))
    back = desired(declared(email=OLD))
    tenant.clock.pass_by(300.0)
    (change,) = plan_for(tenant, back).changes
    assert change.resumes is not None
    resets = journal.resets if kept else ()
    outcome = outcome_of(apply(tenant, work_for(tenant, back), resets=resets))
    assert outcome.outcome is Outcome.APPLIED
    assert (tenant.truth[ONE].invited, tenant.truth[ONE].resets) == (EmailAddress(OLD), 2)
    assert plan_for(tenant, back).changes == ()


def test_the_approved_change_of_a_guest_whose_entry_was_taken_back_is_stale() -> None:
    """A plan approved before the entry was taken back writes nothing any more."""
    tenant, plan, _ = killed_at(Kind.RESET, CHANGED)
    (work,) = work_for(tenant, desired(), plan)
    assert work.planned is None
    outcome = outcome_of(apply(tenant, [work]))
    assert outcome.outcome is Outcome.STALE
    assert not tenant.writes()


def test_a_prepared_reset_that_is_not_asked_for_any_more_says_what_was_written() -> None:
    """An address that an earlier run added before its reset stays behind, and the report names it."""
    entries = desired(declared(email=OLD, reset_after=REDEEMED + timedelta(days=1)))
    tenant = new_tenant(guest(others=()))
    plan = plan_for(tenant, entries)
    tenant.answers(Kind.OTHER_MAILS, KILLED_AFTER)
    assert apply(tenant, work_for(tenant, entries, plan)) is None
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared(email=OLD)), plan)))
    assert outcome.outcome is Outcome.STALE
    assert f"has written {OLD} to otherMails" in outcome.message


def test_what_was_never_begun_is_not_said_to_be() -> None:
    """A forced reset that is not asked for any more, and that nobody has run, has left nothing behind."""
    tenant = new_tenant(guest())
    plan = plan_for(tenant, FORCED)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared(email=OLD)), plan)))
    assert outcome.outcome is Outcome.STALE
    assert "earlier run" not in outcome.message


def test_what_this_run_has_written_itself_is_no_sign_of_an_earlier_one() -> None:
    """Lost answers to our own first write do not make a first reset a repetition."""
    tenant = new_tenant(guest(state=RedemptionState.PENDING))
    tenant.answers(Kind.MAIL, *[LOST_AFTER] * 7)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "ResetRedemption")[0] is ActionResult.DONE


def test_a_late_reset_of_a_change_corrected_since_is_not_taken_for_this_one() -> None:
    """A run killed just now, for an address that has been corrected: its reset invited somebody else."""
    tenant = new_tenant(guest())
    tenant.read_lag = tenant.observe_lag = 5.0
    tenant.clock.pass_by(300.0)
    typo = desired(declared(email="ana@typo.example"))
    journal = MemoryJournal()
    tenant.answers(Kind.RESET, KILLED_AFTER)
    assert apply(tenant, work_for(tenant, typo, plan_for(tenant, typo)), journal=journal) is None
    tenant.script = lambda call: None
    apply(tenant, work_for(tenant, CHANGED, plan_for(tenant, CHANGED)), resets=journal.resets)
    tenant.clock.pass_by(60.0)
    apply(tenant, work_for(tenant, CHANGED), resets=journal.resets)
    assert tenant.truth[ONE].last_invited == EmailAddress(NEW)
    assert not plan_for(tenant, CHANGED).changes


def test_a_rest_finished_by_a_killed_run_is_already_applied_under_its_plan() -> None:
    """The last write of a plan that resumes moves no time: the journal tells that the reset was ours."""
    tenant, _, journal = killed_at(Kind.CLEAR, CHANGED, KILLED_BEFORE)
    tenant.clock.pass_by(60.0)
    rest = plan_for(tenant, CHANGED)
    assert [change.resumes is not None for change in rest.changes] == [True]
    tenant.answers(Kind.CLEAR, KILLED_AFTER)
    resets = journal.resets
    assert apply(tenant, work_for(tenant, CHANGED, rest), journal=journal, resets=resets) is None
    assert not tenant.live[ONE].markers
    tenant.script = lambda call: None
    tenant.calls.clear()
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, rest), resets=journal.resets))
    assert (outcome.outcome, tenant.writes()) == (Outcome.ALREADY_APPLIED, ())
