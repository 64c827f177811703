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
from tests.samples.applying import Heard, apply, new_tenant, outcomes, work_for
from tests.samples.directory import NEW, OLD, REDEEMED, declared, desired, guest, guest_id
from tests.samples.tenant import Tenant
from tests.samples.tenant_calls import Fault, Kind, refused

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


def bob_came_first(tenant: Tenant) -> bool:
    """Tell whether all of Bob's writes came before the first of Ana's."""
    writes = [call.guest for call in tenant.calls if call.kind.writes]
    return writes == [BOB] * writes.count(BOB) + [ANA] * writes.count(ANA)


@TAKES
def test_whoever_gets_an_address_waits_until_it_is_free(entry: DesiredGuest, found: Guest) -> None:
    """Nothing is written to who takes over before the other one's last write."""
    tenant, heard = tenant_of(found, guest(2, BOBS)), Heard()
    outcome = applied(tenant, entry, LEAVES, heard=heard)
    assert {each.outcome for each in outcome.values()} == {Outcome.APPLIED}, outcome
    assert bob_came_first(tenant)
    assert WaitReason.CHAIN in heard.reasons(ANA)
    assert EmailAddress(BOBS) in tenant.live[ANA].other_mails


@TAKES
def test_nobody_gets_an_address_whose_owner_could_not_leave_it(entry: DesiredGuest, found: Guest) -> None:
    """When the reset of the old owner is refused, the address stays where it can sign in."""
    tenant = tenant_of(found, guest(2, BOBS))
    tenant.answers(Kind.RESET, Fault(answer=refused()), guest=BOB)
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
        assert bob_came_first(tenant)


@pytest.mark.parametrize(
    "found", [guest(1), guest(1, OLD, others=[OLD, "lost@old.example"], state=PENDING)], ids=["move", "rest"]
)
def test_an_alternate_taken_in_the_last_moment_resets_nobody(found: Guest) -> None:
    """Who owns the addresses a guest gains besides `mail` is asked again just before the POST, too."""
    tenant = tenant_of(found)
    email = OLD if found.state is PENDING else NEW
    work = work_for(tenant, desired(declared(1, email, alternates=[SPARE])))
    tenant.add(guest(9, "somebody@old.example", others=["somebody@old.example", SPARE]))
    outcome = outcomes(apply(tenant, work))[ANA]
    assert outcome.rule == "address-in-use"
    assert SPARE in outcome.message
    assert guest_id(9) in outcome.message
    assert tenant.truth[ANA].resets == 0


def test_a_reset_that_gains_no_address_asks_for_no_owner() -> None:
    """Whoever keeps the address they have may share it: the plan has warned about that."""
    tenant = tenant_of(guest(1))
    assert applied(tenant, declared(1, OLD, reset_after=LATER))[ANA].outcome is Outcome.APPLIED
    assert Kind.OWNERS not in {call.kind for call in tenant.calls}
