"""Guests who take over an address as an alternate, or from somebody who only drops one."""

from datetime import timedelta

import pytest

from reconciler.apply import WaitReason
from reconciler.model import (
    DesiredGuest,
    EmailAddress,
    Guest,
    GuestOutcome,
    ObjectId,
    Outcome,
    RedemptionState,
)
from tests.support.applying import Heard, apply, new_tenant, outcomes, work_for
from tests.support.directory import NEW, OLD, REDEEMED, declared, desired, guest, guest_id
from tests.support.tenant import Tenant
from tests.support.tenant_calls import Fault, Kind, refused

ANA, BOB = guest_id(1), guest_id(2)
BOBS = "bob@old.example"
SPARE = "spare@old.example"
PENDING = RedemptionState.PENDING
LATER = REDEEMED + timedelta(days=1)

TAKES = pytest.mark.parametrize(
    ("entry", "found"),
    [
        (declared(1, OLD, alternates=[BOBS]), guest(1)),
        (declared(1, OLD, alternates=[BOBS]), guest(1, others=[OLD, "lost@old.example"], state=PENDING)),
        (declared(1, OLD, alternates=[BOBS], reset_after=LATER), guest(1)),
        (declared(1, NEW, alternates=[BOBS]), guest(1)),
        (declared(1, BOBS), guest(1)),
    ],
    ids=["other-mails", "other-mails with a reset", "reset", "change-email", "change-email to it"],
)
"""Ana gets the address that Bob is leaving, in every kind of change."""

LEAVES = declared(2, "bob@new.example")


def tenant_of(*guests: Guest, keeps_proxies: bool = False) -> Tenant:
    tenant = new_tenant()
    for each in guests:
        tenant.add(each)
    tenant.keeps_stale_proxies = keeps_proxies
    return tenant


def applied(
    tenant: Tenant, *entries: DesiredGuest, heard: Heard | None = None
) -> dict[ObjectId, GuestOutcome]:
    return outcomes(apply(tenant, work_for(tenant, desired(*entries)), heard=heard))


def freed_first(tenant: Tenant) -> bool:
    """Return whether Bob's address was free, by a read, before the first write to Ana."""
    kinds = [(call.guest, call.kind) for call in tenant.calls]
    frees = max(
        number
        for number, (each, kind) in enumerate(kinds)
        if each == BOB and kind in {Kind.MAIL, Kind.OTHER_MAILS}
    )
    first_of_ana = min(number for number, (each, kind) in enumerate(kinds) if each == ANA and kind.writes)
    return (BOB, Kind.READ) in kinds[frees:first_of_ana]


@TAKES
def test_whoever_gets_an_address_waits_until_it_is_free(entry: DesiredGuest, found: Guest) -> None:
    """Nothing is written to who takes over before the other one was seen without the address."""
    tenant, heard = tenant_of(found, guest(2, BOBS)), Heard()
    outcome = applied(tenant, entry, LEAVES, heard=heard)
    assert {each.outcome for each in outcome.values()} == {Outcome.APPLIED}, outcome
    assert freed_first(tenant)
    assert WaitReason.PREDECESSOR in heard.reasons(ANA)
    assert EmailAddress(BOBS) in tenant.live[ANA].other_mails


@TAKES
def test_nobody_gets_an_address_whose_owner_could_not_leave_it(entry: DesiredGuest, found: Guest) -> None:
    """When the first write of the old owner is refused, the address stays where it can sign in."""
    tenant = tenant_of(found, guest(2, BOBS))
    tenant.answers(Kind.MAIL, Fault(answer=refused()), guest=BOB)
    outcome = applied(tenant, entry, LEAVES)
    assert outcome[BOB].outcome is Outcome.FAILED
    assert (outcome[ANA].outcome, outcome[ANA].rule) == (Outcome.NOT_ATTEMPTED, "address-in-use")
    assert not tenant.writes(ANA)


@TAKES
def test_nobody_gets_an_address_that_stays_in_proxy_addresses(entry: DesiredGuest, found: Guest) -> None:
    """Whoever redeems by opening an app is looked up there, so both could come in by it."""
    tenant = tenant_of(found, guest(2, BOBS), keeps_proxies=True)
    outcome = applied(tenant, entry, LEAVES)
    assert outcome[BOB].outcome is Outcome.APPLIED
    assert (outcome[ANA].outcome, outcome[ANA].rule) == (Outcome.NOT_ATTEMPTED, "address-in-use")
    assert BOBS in outcome[ANA].message
    assert not tenant.writes(ANA)


@pytest.mark.parametrize("state", list(RedemptionState))
@pytest.mark.parametrize(
    "entry", [declared(1, SPARE), declared(1, NEW, alternates=[SPARE]), declared(1, OLD, alternates=[SPARE])]
)
@pytest.mark.parametrize("fails", [False, True])
def test_an_alternate_that_is_dropped_is_waited_for(
    entry: DesiredGuest, state: RedemptionState, *, fails: bool
) -> None:
    """A change of kind other-mails frees an address like any other, with a reset or without."""
    tenant = tenant_of(guest(1), guest(2, BOBS, others=[BOBS, SPARE], state=state))
    if fails:
        first_write = Kind.RESET if state is PENDING else Kind.OTHER_MAILS
        tenant.answers(first_write, Fault(answer=refused()), guest=BOB)
    outcome = applied(tenant, entry, declared(2, BOBS, alternates=[]))
    if fails:
        assert (outcome[ANA].outcome, outcome[ANA].rule) == (Outcome.NOT_ATTEMPTED, "address-in-use")
        assert not tenant.writes(ANA)
    else:
        assert {each.outcome for each in outcome.values()} == {Outcome.APPLIED}, outcome
        assert freed_first(tenant)
