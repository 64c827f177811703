"""A guest who is seen to sign in with the declared address already: `mail` alone is put back."""

import pytest

from reconciler.apply import Settings, WaitReason
from reconciler.model import ActionResult, ChangeKind, EmailAddress, Guest, Outcome, ResetRedemption
from tests.support.applying import Heard, apply, at_call, new_tenant, outcome_of, plan_for, work_for
from tests.support.directory import NEW, OLD, addresses, declared, desired, guest, guest_id
from tests.support.journals import MemoryJournal
from tests.support.tenant import Tenant
from tests.support.tenant_calls import KILLED_AFTER, KILLED_BEFORE, LOST_AFTER, THROTTLED, Kind

ONE = guest_id(1)
OLD_ADDRESS, NEW_ADDRESS = EmailAddress(OLD), EmailAddress(NEW)
DECLARED = desired(declared())
NO_RESET = (Kind.MAIL, Kind.CLEAR)
WITH_RESET = (Kind.MAIL, Kind.RESET, Kind.CLEAR)


def restored() -> tuple[Tenant, Guest]:
    """Make a tenant into which a backup brought the old `mail` of a guest who signs in with the new one."""
    found = guest(passcode=NEW)
    tenant = new_tenant(found)
    tenant.truth[ONE].bound = NEW_ADDRESS
    (change,) = plan_for(tenant, DECLARED).changes
    assert change.kind is ChangeKind.RESTORE_MAIL
    return tenant, found


def test_mail_is_put_back_without_a_reset() -> None:
    """Who signs in with the address already is not put out."""
    tenant, _ = restored()
    outcome = outcome_of(apply(tenant, work_for(tenant, DECLARED)))
    assert (outcome.outcome, tenant.writes()) == (Outcome.APPLIED, NO_RESET)
    assert tenant.truth[ONE].bound == NEW_ADDRESS
    found = tenant.live[ONE]
    assert (found.mail, found.other_mails, found.markers) == (NEW_ADDRESS, addresses(NEW), ())
    assert not plan_for(tenant, DECLARED).changes


@pytest.mark.parametrize("number", [1, 2])
def test_who_is_not_seen_to_sign_in_any_more_is_reset(number: int) -> None:
    """A portal reset between our read and our PATCH, or just after it, is followed by a reset of ours."""
    tenant, _ = restored()
    kind = Kind.MAIL if number == 1 else Kind.READ
    at_call(tenant, kind, number, lambda: tenant.reset_in_portal(ONE))
    outcome = outcome_of(apply(tenant, work_for(tenant, DECLARED)))
    assert (outcome.outcome, tenant.writes()) == (Outcome.APPLIED, WITH_RESET)
    truth = tenant.truth[ONE]
    assert (truth.invited, truth.reset_by_others) == (NEW_ADDRESS, False)


def test_a_lost_first_write_does_not_skip_the_question_who_signs_in() -> None:
    """Where the read before a repetition finds our PATCH, it still decides whether a reset is needed."""
    tenant, _ = restored()
    tenant.answers(Kind.MAIL, LOST_AFTER)
    at_call(tenant, Kind.MAIL, 1, lambda: tenant.reset_in_portal(ONE))
    outcome = outcome_of(apply(tenant, work_for(tenant, DECLARED)))
    assert (outcome.outcome, tenant.writes()) == (Outcome.APPLIED, WITH_RESET)
    assert tenant.truth[ONE].invited == NEW_ADDRESS


@pytest.mark.parametrize("reset_by_hand", [False, True])
def test_a_killed_run_is_finished_by_the_next(
    reset_by_hand: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """The marker of an unfinished change goes, with a reset only when it is needed by then."""
    tenant, _ = restored()
    tenant.answers(Kind.MAIL, KILLED_AFTER)
    plan = plan_for(tenant, DECLARED)
    assert apply(tenant, work_for(tenant, DECLARED, plan)) is None
    tenant.script = lambda call: None
    tenant.calls.clear()
    tenant.clock.pass_by(60.0)
    if reset_by_hand:
        tenant.reset_in_portal(ONE)
    outcome = outcome_of(apply(tenant, work_for(tenant, DECLARED, plan)))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.writes() == (WITH_RESET if reset_by_hand else NO_RESET)
    assert not tenant.live[ONE].markers


def test_a_first_write_that_never_shows_fails_the_guest() -> None:
    """Without a read that shows our own write nothing else is written."""
    tenant, _ = restored()
    work = work_for(tenant, DECLARED)
    tenant.read_lag = 1000.0
    heard = Heard()
    outcome = outcome_of(apply(tenant, work, heard=heard, settings=Settings(replicate_for=100.0)))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "not-replicated")
    assert "`mail` is written with a marker, which the next run takes away" in outcome.message
    assert tenant.writes() == (Kind.MAIL,)
    assert WaitReason.REPLICATION in heard.reasons(ONE)


def test_an_interrupted_run_says_that_mail_is_written() -> None:
    """A guest who is left between the two writes is named with what the next run does."""
    tenant, _ = restored()
    work = work_for(tenant, DECLARED)
    tenant.read_lag = 30.0
    outcome = outcome_of(apply(tenant, work, stop_after=5.0))
    assert (outcome.outcome, outcome.rule) == (Outcome.NOT_ATTEMPTED, "interrupted")
    assert "`mail` is written with a marker, which the next run takes away" in outcome.message


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.CLEAR])
def test_an_edit_meanwhile_is_not_written_over(kind: Kind) -> None:
    """Another `mail` that somebody gives the guest while a write waits stays."""
    tenant, _ = restored()
    tenant.answers(kind, THROTTLED)
    third = EmailAddress("third@old.example")
    at_call(tenant, kind, 1, lambda: tenant.edit(ONE, mail=third))
    outcome = outcome_of(apply(tenant, work_for(tenant, DECLARED)))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert tenant.live[ONE].mail == third


@pytest.mark.parametrize("with_journal", [True, False])
def test_a_fallback_reset_of_a_killed_run_is_sent_once_where_a_journal_proves_it(
    with_journal: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """Reset, acknowledged and killed before the last write: one message with the journal, else `repeated`."""
    tenant, _ = restored()
    plan, journal = plan_for(tenant, DECLARED), MemoryJournal()
    at_call(tenant, Kind.MAIL, 1, lambda: tenant.reset_in_portal(ONE))
    tenant.answers(Kind.CLEAR, KILLED_BEFORE)
    assert apply(tenant, work_for(tenant, DECLARED, plan), journal=journal) is None
    assert tenant.truth[ONE].resets == 1
    tenant.script = lambda call: None
    tenant.clock.pass_by(60.0)
    resets = journal.resets if with_journal else ()
    outcome = outcome_of(apply(tenant, work_for(tenant, DECLARED, plan), resets=resets))
    assert outcome.outcome is Outcome.APPLIED
    assert not tenant.live[ONE].markers
    results = {record.result for record in outcome.actions if record.action == ResetRedemption.name}
    assert tenant.truth[ONE].resets == (1 if with_journal else 2)
    assert results <= ({ActionResult.SKIPPED} if with_journal else {ActionResult.REPEATED})
    assert bool(results) is not with_journal
