"""Whose change a row is, and what becomes of entries that are gone."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from reconciler.model import (
    AddressUse,
    ChangeKind,
    Desired,
    DesiredGuest,
    Guest,
    Hold,
    Origin,
    OwnerKind,
    Plan,
    RedemptionState,
    SetOtherMails,
    Source,
    TenantId,
    Whereabouts,
)
from reconciler.plan import Baseline, make_plan
from tests.support.directory import (
    NEW,
    NOW,
    OLD,
    REDEEMED,
    addresses,
    declared,
    desired,
    guest,
    guest_id,
    live,
    owner,
)

TREE = desired(declared())


def origin_against(before: DesiredGuest, after: DesiredGuest) -> Origin:
    return Baseline.of(desired(before), desired=TREE).origin(after)


def planned(now: Desired, before: Desired, *guests: Any, since: str | None = None, **fields: Any) -> Plan:
    return make_plan(now, live(*guests, **fields), NOW, base=Baseline.of(before, desired=now), since=since)


@pytest.mark.parametrize(
    "after",
    [
        declared(email="anna@newco.example"),
        declared(alternates=[]),
        declared(reset_after=REDEEMED),
        declared(send_message=False),
        declared(cc="sponsor@contoso.example"),
        declared(message="hello"),
        declared(hold=Hold(reason="leave", until=date(2026, 12, 31))),
    ],
)
def test_an_entry_that_declares_something_else_is_of_this_change(after: DesiredGuest) -> None:
    """Whatever can change what is planned counts, a default of the tenant included."""
    assert origin_against(declared(), after) is Origin.THIS_CHANGE
    assert origin_against(after, declared()) is Origin.THIS_CHANGE


@pytest.mark.parametrize(
    "after",
    [
        declared(),
        declared(source=Source(file="guests/other.yaml", line=99)),
        replace(declared(), name="somebody else"),
        declared(email=NEW.upper()),
    ],
    ids=["same", "moved", "renamed", "case"],
)
def test_an_entry_that_declares_the_same_is_elsewhere(after: DesiredGuest) -> None:
    """Moving entries, naming guests and the case of letters change nothing that is planned."""
    assert origin_against(declared(), after) is Origin.ELSEWHERE


def test_an_entry_that_is_new_is_of_this_change() -> None:
    """A guest who is declared for the first time is under review."""
    assert Baseline.of(desired(), desired=TREE).origin(declared()) is Origin.THIS_CHANGE
    assert Baseline.empty().changed(TREE) == {guest_id(1)}


def test_a_base_for_another_tenant_declared_nothing_about_this_one() -> None:
    """When tenantId changes, every guest is new, and nobody of the other tenant is missed here."""
    other = replace(desired(declared(), declared(2)), tenant_id=TenantId("0" * 36))
    base = Baseline.of(other, desired=TREE)
    assert base.origin(declared()) is Origin.THIS_CHANGE
    assert base.disappeared([]) == ()


def test_rows_say_whose_change_they_are_without_touching_a_digest() -> None:
    """Changes and blocked guests carry an origin; the work they stand for is the same work."""
    before = desired(declared(1), declared(2, email="bo@new.example"), declared(3))
    now = desired(declared(1), declared(2, email="bob@new.example"), declared(3), declared(4))
    guests = (guest(1), guest(2, "bo@old.example"))
    plan = planned(now, before, *guests)
    assert [row.origin for row in plan.changes] == [Origin.ELSEWHERE, Origin.THIS_CHANGE]
    assert [row.origin for row in plan.blocked] == [Origin.ELSEWHERE, Origin.THIS_CHANGE]
    bare = make_plan(now, live(*guests), NOW)
    assert {row.origin for row in bare.changes} == {row.origin for row in bare.blocked} == {None}
    assert [row.digest for row in bare.changes] == [row.digest for row in plan.changes]


def test_a_base_that_is_not_valid_makes_everything_drift_and_says_so() -> None:
    """Where nothing can be told, merging approves nothing."""
    plan = make_plan(TREE, live(guest()), NOW, base=Baseline.unknown())
    assert [row.origin for row in plan.changes] == [Origin.ELSEWHERE]
    assert [note.rule for note in plan.warnings] == ["base-invalid"]
    assert plan.no_longer_declared == ()


def test_who_is_declared_no_longer_is_named_with_the_state_they_are_left_in() -> None:
    """Removing an entry changes nobody, so whoever reviews it learns who is left with what."""
    before = desired(declared(1), *(declared(n, email=f"p{n}@old.example") for n in (2, 3, 4)))
    plan = planned(
        desired(declared(1, email=OLD)),
        before,
        guest(1),
        guest(2, "other@old.example", state=RedemptionState.PENDING),
        deleted=frozenset({guest_id(3)}),
    )
    assert plan.changes == ()
    assert [
        (one.id, one.found, one.mail and one.mail.text, one.state) for one in plan.no_longer_declared
    ] == [
        (guest_id(2), Whereabouts.LIVE, "other@old.example", RedemptionState.PENDING),
        (guest_id(3), Whereabouts.DELETED, None, None),
        (guest_id(4), Whereabouts.NOT_FOUND, None, None),
    ]
    left, deleted, missing = plan.warnings
    assert {note.rule for note in plan.warnings} == {"no-longer-declared"}
    assert "mail other@old.example (PendingAcceptance)" in left.message
    assert (guest_id(3) in deleted.message, guest_id(4) in missing.message) == (True, True)


def test_a_guest_left_without_mail_or_state_is_described() -> None:
    """A user who was never redeemed and has no address is told as that."""
    plan = planned(desired(), TREE, guest(mail=None, state=None))
    assert "mail empty:" in plan.warnings[0].message


BACK = declared(email=OLD)
LEFT = guest(others=[OLD, NEW])
"""Somebody redeemed between the reset for the new address and the last write, which never came."""


def taken_back(now: DesiredGuest, found: Guest, *, before: DesiredGuest | None = None) -> dict[str, str]:
    """Plan an entry whose address was another at the base, and give the warnings of the plan by rule."""
    plan = planned(desired(now), desired(before or declared()), found)
    return {note.rule: note.message for note in plan.warnings}


@pytest.mark.parametrize("since", [None, "main"])
def test_a_change_taken_back_after_somebody_redeemed_is_not_silent(since: str | None) -> None:
    """The directory agrees with the tree, and yet the person at the new address may be who signs in."""
    plan = planned(desired(BACK), TREE, LEFT, since=since)
    assert (plan.changes, plan.blocked) == ((), ())
    (note,) = plan.warnings
    assert note.rule == "may-have-redeemed"
    assert all(part in note.message for part in (guest_id(1), NEW, "alternateEmails", "resetAfter"))


def test_the_remedy_for_a_change_taken_back_is_a_reset_without_the_address() -> None:
    """Doing what the warning says takes the address away and has the guest redeem anew."""
    entry = declared(email=OLD, alternates=[], reset_after=REDEEMED + timedelta(days=1))
    (change,) = planned(desired(entry), TREE, LEFT).changes
    assert change.kind is ChangeKind.RESET
    assert SetOtherMails(other_mails=addresses(OLD)) in change.actions


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (BACK, guest()),
        (BACK, guest(others=[OLD, "x@foreign.example"])),
        (declared(email=OLD, alternates=[NEW]), LEFT),
        (BACK, guest(others=[OLD, NEW], passcode=OLD)),
    ],
    ids=["never added", "another one", "declared as an alternate", "seen as the declared one"],
)
def test_a_change_taken_back_is_no_news_where_nobody_can_have_redeemed(
    now: DesiredGuest, found: Guest
) -> None:
    """An address that is gone, declared, or seen not to be who redeemed needs nobody's care."""
    assert taken_back(now, found) == {}


def test_who_is_seen_or_awaited_after_a_change_was_taken_back_is_told_as_that() -> None:
    """An identity says more than a guess, and a pending guest's link is another matter."""
    assert set(taken_back(BACK, guest(others=[OLD, NEW], passcode=NEW))) == {"identity-differs"}
    pending = guest(others=[OLD, NEW], state=RedemptionState.PENDING)
    assert set(taken_back(BACK, pending)) == {"kept-address"}


def test_foreign_addresses_are_no_news_without_a_base_that_named_them() -> None:
    """Many guests have other addresses: only one that was declared here is worth a word."""
    assert make_plan(desired(BACK), live(LEFT), NOW).warnings == ()
    assert taken_back(BACK, LEFT, before=BACK) == {}
    assert planned(desired(BACK), desired(), LEFT).warnings == ()
    unknown = make_plan(desired(BACK), live(LEFT), NOW, base=Baseline.unknown())
    assert {note.rule for note in unknown.warnings} == {"base-invalid"}


def test_a_partial_plan_shows_and_counts_only_what_changed() -> None:
    """Guests whose entries are as they were are not looked at, and nothing is claimed about them."""
    before = desired(
        *(declared(n, email=f"p{n}@old.example") for n in (1, 2, 3, 4)), declared(5, email="p9@old.example")
    )
    now = desired(
        declared(1),
        declared(2, email="p2@old.example", alternates=[]),
        *(declared(n, email=f"p{n}@old.example") for n in (3, 4)),
        declared(5),
    )
    hold = Hold(reason="leave", until=NOW.date() - timedelta(days=1))
    now = replace(now, guests=(*now.guests[:3], replace(now.guests[3], hold=hold), now.guests[4]))
    found = (guest(1), guest(2, "p2@old.example"), guest(4, "p4@old.example"))
    plan = planned(now, before, *found, since="main")
    assert plan.since == "main"
    assert [row.id for row in plan.changes] == [guest_id(1)]
    assert [(row.id, row.rule) for row in plan.blocked] == [(guest_id(5), "not-found")]
    assert (plan.summary.declared, plan.summary.unchanged) == (4, 2)
    assert [note.rule for note in plan.warnings] == ["hold-expired"]


def test_a_partial_plan_counts_limits_against_the_whole_tree() -> None:
    """The percentage is one of all declared guests, not of the few that changed."""
    rest = [declared(n, email=f"p{n}@old.example") for n in range(2, 120)]
    plan = planned(desired(declared(1), *rest), desired(*rest), guest(1), since="main")
    assert plan.summary.declared == 1
    assert plan.refusals == ()


def test_a_partial_plan_still_waits_for_guests_it_does_not_show() -> None:
    """An address that a guest outside of the change is leaving becomes free, as in the whole plan."""
    before = desired(declared(2, email="bo@new.example"))
    now = desired(declared(1, email="bo@old.example"), declared(2, email="bo@new.example"))
    found = (guest(1), guest(2, "bo@old.example"))
    plan = planned(now, before, *found, since="main")
    assert [(row.id, row.waits_for) for row in plan.changes] == [(guest_id(1), guest_id(2))]
    whole = planned(now, before, *found)
    assert plan.changes[0] in whole.changes
    blocked = planned(now, before, *found, since="main", role_holders={guest_id(2): "direct"})
    assert [(row.id, row.rule) for row in blocked.blocked] == [(guest_id(1), "address-in-use")]


def test_a_partial_plan_blocks_an_address_that_another_declared_guest_keeps() -> None:
    """Who holds an address matters whether or not that guest's entry changed."""
    before = desired(declared(2, email="bo@old.example"))
    now = desired(declared(1, email="bo2@old.example"), declared(2, email="bo@old.example"))
    holder = owner(2, AddressUse.PROXY_ADDRESSES, kind=OwnerKind.GUEST)
    plan = planned(
        now, before, guest(1), guest(2, "bo@old.example"), since="main", owners=[("bo2@old.example", holder)]
    )
    assert [(row.id, row.rule) for row in plan.blocked] == [(guest_id(1), "address-in-use")]
