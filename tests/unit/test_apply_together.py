"""Two applies at the same time: whatever their steps, both end in the desired state."""

from datetime import timedelta

import pytest

from reconciler.model import DesiredGuest, EmailAddress, Outcome, RedemptionState
from tests.support.applying import apply, apply_together, new_tenant, plan_for, work_for
from tests.support.directory import NEW, OLD, REDEEMED, addresses, declared, desired, guest, guest_id
from tests.support.tenant import Tenant
from tests.support.tenant_calls import Fault, Kind

ONE = guest_id(1)
GOOD = {Outcome.APPLIED, Outcome.ALREADY_APPLIED}


def settled(tenant: Tenant, entry: DesiredGuest) -> bool:
    """Tell whether there is nothing left to plan, and the right person is invited or bound."""
    truth = tenant.truth[entry.id]
    return not plan_for(tenant, desired(entry)).changes and entry.email in {truth.bound, truth.invited}


@pytest.mark.parametrize("apart", [step * 0.15 for step in range(40)])
def test_two_runs_over_the_same_guest_end_in_the_desired_state(apart: float) -> None:
    """However two runs of the same plan interleave, no link or account of a wrong person is left unsaid."""
    tenant = new_tenant()
    tenant.add(guest())
    tenant.invitation_lag = 2.0
    entry = declared()
    plan = plan_for(tenant, desired(entry))
    finished = apply_together(
        tenant, work_for(tenant, desired(entry), plan), work_for(tenant, desired(entry), plan), apart=apart
    )
    assert tenant.truth[ONE].invited == EmailAddress(NEW)
    assert tenant.live[ONE].other_mails == addresses(NEW)
    assert settled(tenant, entry) or tenant.live[ONE].markers
    reported = [outcome for run in finished for outcome in run.outcomes]
    if settled(tenant, entry):
        assert GOOD & {outcome.outcome for outcome in reported}


@pytest.mark.parametrize("takes", [0.0, 1.0, 5.0, 90.0])
@pytest.mark.parametrize("apart", [0.3, 0.7, 1.1])
@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.READ])
def test_a_run_that_falls_behind_finds_what_the_other_did(kind: Kind, apart: float, takes: float) -> None:
    """A run whose answers come late sees that the other was faster, and brings nothing back."""
    tenant = new_tenant()
    tenant.add(guest())
    entry = declared()
    work = work_for(tenant, desired(entry))
    tenant.answers(kind, *[Fault(committed=True, takes=takes)] * 2)
    apply_together(tenant, work, work, apart=apart)
    assert tenant.truth[ONE].invited == EmailAddress(NEW)
    assert tenant.live[ONE].other_mails == addresses(NEW)
    assert settled(tenant, entry) or tenant.live[ONE].markers


@pytest.mark.parametrize("apart", [step * 0.15 for step in range(20)])
def test_one_more_run_finishes_what_two_have_left(apart: float) -> None:
    """Two runs at once may leave a marker, and the next one ends with an empty plan."""
    tenant = new_tenant()
    tenant.add(guest())
    entry = declared()
    work = work_for(tenant, desired(entry))
    apply_together(tenant, work, work, apart=apart)
    tenant.clock.pass_by(60.0)
    apply(tenant, work_for(tenant, desired(entry)))
    assert settled(tenant, entry)


@pytest.mark.parametrize("apart", [step * 0.1 for step in range(16)])
def test_two_forced_resets_end_in_one_state(apart: float) -> None:
    """Two runs that both want a reset leave the guest pending with a good link."""
    tenant = new_tenant()
    tenant.add(guest(mail=NEW, others=(OLD,)))
    entry = declared(alternates=("second@newco.example",), reset_after=REDEEMED + timedelta(days=1))
    work = work_for(tenant, desired(entry))
    apply_together(tenant, work, work, apart=apart)
    assert settled(tenant, entry)
    assert tenant.live[ONE].state is RedemptionState.PENDING


@pytest.mark.parametrize("apart", [step * 0.1 for step in range(16)])
def test_two_runs_that_take_an_address_from_a_pending_guest_agree(apart: float) -> None:
    """Two runs over a pending guest's list leave the declared list and the right invitation."""
    tenant = new_tenant()
    tenant.add(guest(mail=NEW, others=(OLD,), state=RedemptionState.PENDING))
    entry = declared(alternates=())
    work = work_for(tenant, desired(entry))
    apply_together(tenant, work, work, apart=apart)
    assert settled(tenant, entry)
    assert tenant.truth[ONE].invited == EmailAddress(NEW)
