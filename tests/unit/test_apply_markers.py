"""Markers that a tenant refuses, and those that somebody else has put on a guest or taken away."""

import asyncio
from dataclasses import replace

import pytest

from reconciler.apply import Settings
from reconciler.apply.run_control import RunControl
from reconciler.apply.state import with_record
from reconciler.apply.transitions import begin
from reconciler.guard.approval import Work
from reconciler.journal import JournalEvent
from reconciler.model import ActionResult, EmailAddress, Outcome, ResetRedemption, SetMail
from reconciler.plan import make_plan
from tests.support.applying import (
    apply,
    at_call,
    new_tenant,
    outcome_of,
    outcomes,
    plan_for,
    result_of,
    work_for,
)
from tests.support.directory import NEW, NOW, OLD, declared, desired, guest, guest_id, live
from tests.support.imagined_time import ImaginedClock
from tests.support.journals import MemoryJournal
from tests.support.plans import marker_of
from tests.support.tenant_calls import LOST_BEFORE, Kind

ONE = guest_id(1)
CHANGED = desired(declared())
PREFERRED, INITIAL = "reconciler.invalid", "contoso.onmicrosoft.example"


def test_a_refused_marker_goes_out_in_the_initial_domain() -> None:
    """The change goes through all the same, later guests begin with that domain, and the report says so."""
    tenant = new_tenant(*(guest(number, f"g{number}@old.example") for number in (1, 2, 3)))
    tenant.refused_marker_domains = {PREFERRED}
    entries = desired(*(declared(number, f"g{number}@newco.example") for number in (1, 2, 3)))
    finished = apply(tenant, work_for(tenant, entries), settings=Settings(max_in_flight=1))
    found = outcomes(finished)
    assert {outcome.outcome for outcome in found.values()} == {Outcome.APPLIED}
    assert [tenant.writes(guest_id(number)).count(Kind.MAIL) for number in (1, 2, 3)] == [2, 1, 1]
    assert f"no marker in {PREFERRED}: the one in {INITIAL} was used" in found[ONE].message
    domains = {guest_.marker.domain for _, guest_ in tenant.truth[ONE].versions if guest_.marker}
    assert domains == {INITIAL}


def test_a_tenant_that_takes_no_marker_loses_nothing() -> None:
    """Refused in both domains, the guest fails at the first write, as they were, with the key to set."""
    tenant = new_tenant(guest())
    tenant.refused_marker_domains = {PREFERRED, INITIAL}
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "marker-refused")
    assert "markerDomain" in outcome.message
    assert tenant.writes() == (Kind.MAIL, Kind.MAIL)
    assert (tenant.live[ONE].mail, tenant.truth[ONE].bound) == (EmailAddress(OLD), EmailAddress(OLD))


@pytest.mark.parametrize("number", [2, 3])
def test_a_forged_marker_beside_ours_ends_the_change(number: int) -> None:
    """Before the reset or after it: nothing more is written, and the plan shows the guest."""
    tenant = new_tenant(guest())
    forged = marker_of("f" * 16)

    def forge() -> None:
        tenant.edit(ONE, markers=tuple(sorted({*tenant.live[ONE].markers, forged})))

    at_call(tenant, Kind.READ, number, forge)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert Kind.CLEAR not in tenant.writes()
    assert plan_for(tenant, CHANGED).changes
    tenant.clock.pass_by(60.0)
    assert outcome_of(apply(tenant, work_for(tenant, CHANGED))).outcome is Outcome.APPLIED
    assert not plan_for(tenant, CHANGED).changes


def test_a_marker_that_somebody_else_took_away_after_our_reset_is_gone() -> None:
    """Where `mail` is right and no marker stands any more, there is nothing left to write."""
    tenant = new_tenant(guest())
    at_call(tenant, Kind.READ, 3, lambda: tenant.edit(ONE, markers=()))
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert outcome.outcome is Outcome.APPLIED
    assert Kind.CLEAR not in tenant.writes()


def test_a_repeated_first_write_carries_another_marker() -> None:
    """No two writes of a marker are the same, so that a late one can be told from a later one."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.MAIL, *[LOST_BEFORE] * 2)
    journal = MemoryJournal()
    assert outcome_of(apply(tenant, work_for(tenant, CHANGED), journal=journal)).outcome is Outcome.APPLIED
    sent = [
        line["marker"]
        for line in journal.lines.kept
        if (line["action"], line["event"]) == (SetMail.name, JournalEvent.SENDING)
    ]
    assert len(set(sent)) == len(sent) == 3


def test_a_guest_deleted_after_a_refused_marker_is_not_waited_for_for_ever() -> None:
    """Between the two domains the guest is deleted: the run ends, and says that nothing was written."""
    tenant = new_tenant(guest())
    tenant.refused_marker_domains = {PREFERRED}
    at_call(tenant, Kind.MAIL, 2, lambda: tenant.delete(ONE))
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "not-found")
    assert "nothing was written" in outcome.message


def test_a_reset_of_a_guest_with_two_markers_and_the_declared_mail_is_called_repeated() -> None:
    """Two changes were begun and which one was reset is not known: the person may get a second message."""
    markers = (marker_of("1" * 16), marker_of("f" * 16))
    tenant = new_tenant(guest(mail=NEW, markers=markers))
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, ResetRedemption.name) == (ActionResult.REPEATED, 1)
    assert not tenant.live[ONE].markers


async def test_later_guests_begin_with_a_domain_only_once_the_directory_took_it() -> None:
    """A marker whose answer was lost may have been refused as well: nobody else begins with its domain."""
    domains = (PREFERRED, INITIAL)
    control = RunControl(
        clock=ImaginedClock(),
        settings=Settings(),
        settled_at=None,
        marker_domains=domains,
        shutdown=asyncio.Event(),
    )
    (change,) = make_plan(CHANGED, live(guest()), NOW).changes
    state = begin(Work(planned=change, recorded=change), settings=Settings(), proofs={})
    refused = replace(state, refused_domains=(PREFERRED,))
    lost = replace(refused, own=(replace(marker_of(), domain=INITIAL),))
    control.on_state(refused, lost)
    assert control.marker_domains == domains
    control.on_state(lost, with_record(lost, SetMail.name, ActionResult.DONE))
    assert control.marker_domains == (INITIAL, PREFERRED)
