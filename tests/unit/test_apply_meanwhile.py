"""What somebody else does to a guest while a run is at work on them."""

from datetime import timedelta

import pytest

from reconciler.apply import Settings
from reconciler.model import (
    EmailAddress,
    Outcome,
)
from tests.support.applying import (
    apply,
    at_call,
    new_tenant,
    outcome_of,
    plan_for,
    work_for,
)
from tests.support.directory import NEW, OLD, REDEEMED, addresses, declared, desired, guest, guest_id
from tests.support.tenant_calls import (
    LOST_AFTER,
    LOST_BEFORE,
    THROTTLED,
    Fault,
    Kind,
)

ONE = guest_id(1)
LATER = REDEEMED + timedelta(days=1)


def test_an_edit_that_takes_the_marker_away_stops_the_reset() -> None:
    """Where our own first write does not stand any more, the guest is not reset."""
    tenant = new_tenant(guest())
    work = work_for(tenant, desired(declared()))
    at_call(tenant, Kind.READ, 2, lambda: tenant.edit(ONE, other_mails=addresses(OLD, NEW), markers=()))
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert tenant.truth[ONE].resets == 0
    assert plan_for(tenant, desired(declared())).changes == ()
    assert "no later plan shows" in outcome.message


def test_an_edit_that_puts_mail_back_is_left_to_the_next_run() -> None:
    """Where the next plan shows what is left, the report says so, and nothing of a lost marker."""
    tenant = new_tenant(guest())
    work = work_for(tenant, desired(declared()))
    at_call(tenant, Kind.READ, 2, lambda: tenant.edit(ONE, mail=EmailAddress(OLD)))
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert "which the next run does" in outcome.message
    assert plan_for(tenant, desired(declared())).changes


def test_an_address_added_beside_our_marker_is_kept_and_reported() -> None:
    """What somebody adds after our first write stays, and the report says that it can sign in."""
    tenant = new_tenant(guest())
    work = work_for(tenant, desired(declared()))
    at_call(tenant, Kind.READ, 2, lambda: tenant.edit(ONE, other_mails=addresses(NEW, "foreign@old.example")))
    outcome = outcome_of(apply(tenant, work))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.live[ONE].other_mails == addresses(NEW, "foreign@old.example")
    assert "foreign@old.example was added to otherMails meanwhile" in outcome.message


def test_an_edit_found_before_a_late_first_reset_is_stale() -> None:
    """A forced reset that has written nothing yet calls a guest who changed in the queue stale."""
    tenant = new_tenant(guest())
    work = work_for(tenant, desired(declared(email=OLD, reset_after=LATER)))
    tenant.queues[Kind.RESET] = 90.0
    at_call(tenant, Kind.READ, 2, lambda: tenant.edit(ONE, mail=EmailAddress("third@old.example")))
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.STALE, "stale")
    assert tenant.truth[ONE].resets == 0


@pytest.mark.parametrize("fault", [THROTTLED, LOST_BEFORE, LOST_AFTER])
def test_no_patch_is_repeated_over_what_somebody_else_wrote(fault: Fault) -> None:
    """Before each repetition the guest is read, and another one's write ends the change."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.MAIL, fault)
    work = work_for(tenant, desired(declared()))
    at_call(
        tenant,
        Kind.READ,
        2,
        lambda: tenant.edit(ONE, other_mails=addresses(OLD, "foreign@old.example"), markers=()),
    )
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert tenant.writes() == (Kind.MAIL,)
    assert EmailAddress("foreign@old.example") in tenant.live[ONE].other_mails


def test_another_run_that_finishes_meanwhile_is_not_written_over() -> None:
    """What another run has finished between our own lost write and its repetition stays as it is."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.MAIL, LOST_AFTER)
    work = work_for(tenant, desired(declared()))

    def finish() -> None:
        tenant.reset_in_portal(ONE)
        tenant.edit(ONE, markers=())

    at_call(tenant, Kind.READ, 2, finish)
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert tenant.writes() == (Kind.MAIL,)
    assert tenant.live[ONE].other_mails == addresses(NEW)


@pytest.mark.parametrize("deleted_at", [2, 3])
def test_a_guest_deleted_on_the_way_fails(deleted_at: int) -> None:
    """A guest who is gone for good ends after the wait for replication, with the cause."""
    tenant = new_tenant(guest())
    if deleted_at == 2:
        tenant.answers(Kind.MAIL, THROTTLED)
    at_call(tenant, Kind.READ, deleted_at, lambda: tenant.live.pop(ONE, None))
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.FAILED
    assert tenant.truth[ONE].resets == (0 if deleted_at == 2 else 1)


def test_a_list_that_somebody_changed_after_the_last_write_is_applied_with_a_remark() -> None:
    """All that this run wrote shows but the list, for as long as anybody waits: somebody's edit, remarked."""
    tenant = new_tenant(guest())
    others = addresses(NEW, "later@old.example")
    at_call(tenant, Kind.READ, 4, lambda: tenant.edit(ONE, other_mails=others))
    begun = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert "somebody else has changed otherMails since" in outcome.message
    assert tenant.clock.monotonic() - begun >= Settings().see_within
    assert tenant.live[ONE].other_mails == others
