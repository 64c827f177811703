"""One promise for each rule that blocks, and how several rules stand together."""

from datetime import date, timedelta
from typing import Any

import pytest

from reconciler.model import (
    AddressUse,
    Blocked,
    DesiredGuest,
    Guest,
    Hold,
    InvitesFrom,
    Live,
    OwnerKind,
    Plan,
    Policy,
    RedemptionState,
)
from reconciler.plan import make_plan
from tests.support.directory import (
    NEW,
    NOW,
    OLD,
    REDEEMED,
    declared,
    desired,
    guest,
    guest_id,
    live,
    owner,
)

LATER = REDEEMED + timedelta(days=30)
MANY = [f"x{number}@kept.example" for number in range(250)]
DUE = declared(email=OLD, reset_after=LATER)
MOVE = declared()
REST = declared(email=OLD, alternates=["b@old.example"])
ALL_KINDS = pytest.mark.parametrize("entry", [MOVE, DUE, REST], ids=["change-email", "reset", "other-mails"])


def only_blocked(plan: Plan) -> Blocked:
    assert plan.changes == ()
    (blocked,) = plan.blocked
    return blocked


def blocked(entry: DesiredGuest, found: Live, policy: Policy | None = None) -> tuple[str, str]:
    shown = only_blocked(make_plan(desired(entry, policy=policy), found, NOW))
    return shown.rule, shown.message


def runs(entry: DesiredGuest, found: Live, policy: Policy | None = None) -> bool:
    plan = make_plan(desired(entry, policy=policy), found, NOW)
    return plan.blocked == () and len(plan.changes) == 1


def test_an_id_that_is_nobody_is_not_found() -> None:
    """A declared id that does not exist is shown with the declared name and its place."""
    shown = only_blocked(make_plan(desired(MOVE), live(), NOW))
    assert (shown.rule, shown.display_name, shown.source) == ("not-found", "declared 1", MOVE.source)


def test_a_deleted_guest_is_told_from_one_who_never_was() -> None:
    """A guest in the recycle bin can be restored, and the message says so."""
    rule, message = blocked(MOVE, live(deleted=frozenset({guest_id(1)})))
    assert rule == "deleted"
    assert "restore" in message


@pytest.mark.parametrize("entry", [MOVE, REST], ids=["change-email", "other-mails"])
def test_a_user_of_the_tenant_itself_is_never_changed(entry: DesiredGuest) -> None:
    """Whoever was not invited is no guest, and without a redemption state never due for a reset."""
    assert blocked(entry, live(guest(creation_type=None, state=None)))[0] == "not-b2b"


@ALL_KINDS
def test_a_synchronised_user_is_never_changed(entry: DesiredGuest) -> None:
    """What comes from an on-premises directory is changed there."""
    assert blocked(entry, live(guest(on_premises_synced=True)))[0] == "on-premises-synced"


@pytest.mark.parametrize("fields", [{"creation_type": None}, {"state": None}])
def test_one_of_the_two_signs_makes_a_guest(fields: dict[str, Any]) -> None:
    """B2B is whoever was invited or has a redemption state, whatever userType says."""
    assert runs(MOVE, live(guest(user_type="Member", **fields)))


def test_an_accepted_guest_without_a_time_is_not_reset_again_and_again() -> None:
    """Nothing could tell whether the forced reset has happened, so it is not begun."""
    assert blocked(DUE, live(guest(changed=None)))[0] == "no-state-time"


def test_a_missing_time_does_not_matter_for_a_new_address() -> None:
    """A change of address is told by mail, so it needs no time."""
    assert runs(declared(reset_after=LATER), live(guest(changed=None)))


@ALL_KINDS
def test_a_role_holder_is_blocked_with_the_way_the_role_is_held(entry: DesiredGuest) -> None:
    """Microsoft refuses resets and otherMails of role holders, so nothing is begun."""
    rule, message = blocked(entry, live(guest(), role_holders={guest_id(1): "through the group Admins"}))
    assert rule == "holds-role"
    assert "through the group Admins" in message


@ALL_KINDS
def test_a_protected_guest_is_never_changed(entry: DesiredGuest) -> None:
    """policy.protected holds for every kind of change."""
    assert blocked(entry, live(guest()), Policy(protected=(guest_id(1),)))[0] == "protected"


@ALL_KINDS
@pytest.mark.parametrize(("days", "holds"), [(0, True), (1, True), (-1, False)])
def test_a_hold_blocks_through_its_last_day(entry: DesiredGuest, days: int, *, holds: bool) -> None:
    """A hold ends by itself, at the end of its day in UTC."""
    hold = Hold(reason="on leave", until=NOW.date() + timedelta(days=days))
    held = declared(
        email=str(entry.email),
        alternates=None if entry.alternate_emails is None else ["b@old.example"],
        reset_after=entry.reset_after,
        hold=hold,
    )
    if holds:
        rule, message = blocked(held, live(guest()))
        assert (rule, "on leave" in message) == ("on-hold", True)
    else:
        assert runs(held, live(guest()))


@pytest.mark.parametrize("use", [AddressUse.MAIL, AddressUse.USER_PRINCIPAL_NAME, AddressUse.PROXY_ADDRESSES])
@pytest.mark.parametrize("kind", list(OwnerKind))
def test_an_address_of_another_object_blocks(use: AddressUse, kind: OwnerKind) -> None:
    """mail, UPN and proxyAddresses are looked at in users, groups and contacts, and the owner is named."""
    rule, message = blocked(MOVE, live(guest(), owners=[(NEW, owner(9, use, kind=kind))]))
    assert rule == "address-in-use"
    assert all(part in message for part in (NEW, guest_id(9), "Somebody Else", kind.value))


def test_other_mails_of_another_guest_block() -> None:
    """An address in otherMails can sign in, so two guests never share one."""
    found = live(guest(), owners=[(NEW, owner(9, AddressUse.OTHER_MAILS, kind=OwnerKind.GUEST))])
    assert blocked(MOVE, found)[0] == "address-in-use"


def test_the_guest_itself_is_no_other_owner() -> None:
    """A guest may keep an address that it holds already."""
    assert runs(MOVE, live(guest(others=[OLD, NEW]), owners=[(NEW, owner(1, AddressUse.OTHER_MAILS))]))


def test_a_declared_guest_who_keeps_the_address_is_named_without_having_been_asked_for() -> None:
    """What the declared guests' own rows show counts also when the owners could not be read."""
    entries = (MOVE, declared(2, email="bo@old.example"))
    plan = make_plan(desired(*entries), live(guest(), guest(2, "bo@old.example", others=[NEW])), NOW)
    assert only_blocked(plan).rule == "address-in-use"
    assert guest_id(2) in only_blocked(plan).message


@pytest.mark.parametrize("mail", [OLD, None])
def test_a_new_alternate_is_looked_at_like_a_new_address(mail: str | None) -> None:
    """Syntax, domains and owners hold for alternateEmails as well, whatever the kind."""
    entry = declared(email=mail or NEW, alternates=["b@old.example"])
    found = live(guest(mail=mail), owners=[("b@old.example", owner(9))])
    assert blocked(entry, found)[0] == "address-in-use"


@pytest.mark.parametrize("entry", [MOVE, declared(email=NEW, reset_after=LATER)])
@pytest.mark.parametrize("rule", ["verified-domain", "domain-denied"])
def test_a_closed_domain_blocks_new_addresses_and_resets(entry: DesiredGuest, rule: str) -> None:
    """A reset to a domain that is closed would lock a working guest out."""
    found = guest(mail=NEW) if entry.reset_after else guest()
    if rule == "verified-domain":
        assert blocked(entry, live(found, verified_domains=frozenset({"newco.example"})))[0] == rule
    else:
        assert blocked(entry, live(found), Policy(denied_domains=("newco.example",)))[0] == rule


def test_domains_are_compared_whole() -> None:
    """A listed domain says nothing about its subdomains."""
    entry = declared(email="ana@mail.newco.example")
    assert runs(entry, live(guest(), verified_domains=frozenset({"newco.example"})))
    assert runs(entry, live(guest()), Policy(denied_domains=("newco.example",)))
    assert (
        blocked(entry, live(guest()), Policy(allowed_domains=("newco.example",)))[0] == "domain-not-allowed"
    )


def test_domains_that_could_not_be_read_block_nobody() -> None:
    """A check that was not made is said elsewhere; it does not pretend to have failed."""
    assert runs(MOVE, live(guest(), verified_domains=None, invites_from=None))


def test_only_new_addresses_have_to_be_in_an_allowed_domain() -> None:
    """Guests who are there already may be reset although their domain is not listed."""
    policy = Policy(allowed_domains=("newco.example",))
    assert runs(MOVE, live(guest()), policy)
    assert runs(DUE, live(guest()), policy)
    assert blocked(declared(email="ana@other.example"), live(guest()), policy)[0] == "domain-not-allowed"
    assert blocked(REST, live(guest()), policy)[0] == "domain-not-allowed"


def test_a_new_address_that_stands_in_other_mails_is_new_all_the_same() -> None:
    """What a guest will sign in with is judged, also when somebody has put it on the object."""
    found = live(guest(others=[OLD, NEW]))
    assert blocked(MOVE, found, Policy(allowed_domains=("else.example",)))[0] == "domain-not-allowed"


def test_nothing_that_invites_is_planned_while_invitations_are_closed() -> None:
    """A reset is an invitation; writing otherMails alone is not."""
    closed: dict[str, Any] = {"invites_from": InvitesFrom.NONE}
    assert blocked(MOVE, live(guest(), **closed))[0] == "invitations-disabled"
    assert blocked(DUE, live(guest(), **closed))[0] == "invitations-disabled"
    assert runs(REST, live(guest(), **closed))
    loses = guest(others=[OLD, "x@gone.example"], state=RedemptionState.PENDING)
    assert blocked(REST, live(loses, **closed))[0] == "invitations-disabled"


def test_the_first_rule_in_the_order_is_shown_and_the_others_are_named() -> None:
    """One look at a blocked guest is enough to know all that has to be solved."""
    policy = Policy(protected=(guest_id(1),), denied_domains=("newco.example",))
    found = live(guest(), invites_from=InvitesFrom.NONE, role_holders={guest_id(1): "direct"})
    entry = declared(hold=Hold(reason="on leave", until=date(2027, 1, 1)))
    rule, message = blocked(entry, found, policy)
    assert rule == "holds-role"
    assert message.endswith("(also: domain-denied, protected, on-hold, invitations-disabled)")


def test_a_rule_broken_twice_is_shown_once() -> None:
    """Two addresses in the same denied domain are one obstacle in the list of rules."""
    entry = declared(alternates=["b@newco.example"])
    rule, message = blocked(entry, live(guest()), Policy(denied_domains=("newco.example",)))
    assert rule == "domain-denied"
    assert "also" not in message


def test_rules_do_not_touch_guests_who_are_as_declared() -> None:
    """Whoever needs nothing is unchanged, whatever would block a change."""
    entry = declared(email=OLD, hold=Hold(reason="on leave", until=date(2027, 1, 1)))
    found = live(
        guest(on_premises_synced=True),
        verified_domains=frozenset({"old.example"}),
        invites_from=InvitesFrom.NONE,
        role_holders={guest_id(1): "direct"},
        owners=[(OLD, owner(9))],
    )
    policy = Policy(protected=(guest_id(1),), denied_domains=("old.example",))
    plan = make_plan(desired(entry, policy=policy), found, NOW)
    assert (plan.summary.unchanged, plan.blocked, plan.changes) == (1, (), ())


def test_a_secondary_proxy_address_needs_somebody_else_to_remove_it() -> None:
    """What only Exchange can free says so instead of promising that another change frees it."""
    held = owner(9, AddressUse.PROXY_ADDRESSES, kind=OwnerKind.GUEST)
    _, message = blocked(MOVE, live(guest(), owners=[(NEW, held)]))
    assert "Exchange" in message


def test_the_summary_counts_every_declared_guest_once() -> None:
    """Declared is the sum of changes, blocked and unchanged; unmanaged guests are counted apart."""
    entries = (MOVE, declared(2, email="bo@old.example"), declared(3, email="cy@old.example"))
    plan = make_plan(desired(*entries), live(guest(), guest(2, "bo@old.example"), unmanaged=12), NOW)
    summary = plan.summary
    assert (summary.declared, summary.changes, summary.blocked, summary.unchanged) == (3, 1, 1, 1)
    assert summary.unmanaged == 12


def test_the_name_shown_is_the_live_one() -> None:
    """A blocked guest who exists shows the name the directory has, not the note of the entry."""
    shown = only_blocked(make_plan(desired(MOVE), live(guest(on_premises_synced=True)), NOW))
    assert shown.display_name == "Guest 1"


def test_owners_are_asked_for_in_whatever_spelling() -> None:
    """Addresses that differ in case only are the same for every rule."""
    found = live(guest(), owners=[(NEW.upper(), owner(9))])
    assert blocked(MOVE, found)[0] == "address-in-use"


def test_guest_without_a_principal_name_is_planned_like_any_other() -> None:
    """The directory may leave the principal name out: no rule needs it."""
    plan = make_plan(desired(MOVE), live(guest(1, OLD, user_principal_name=None)), NOW)
    assert [change.id for change in plan.changes] == [guest_id(1)]
    assert plan.blocked == ()


@pytest.mark.parametrize(
    ("kept", "fits"), [(248, True), (249, False)], ids=["with the marker", "the marker is one too many"]
)
@pytest.mark.parametrize("passcode", [None, NEW], ids=["change-email", "restore-mail"])
def test_a_list_without_room_for_the_marker_blocks(passcode: str | None, kept: int, *, fits: bool) -> None:
    """Graph takes 250 values, so the first write would be refused; nothing is begun."""
    found = live(guest(others=MANY[:kept], passcode=passcode))
    if fits:
        assert runs(MOVE, found)
    else:
        rule, message = blocked(MOVE, found)
        assert rule == "other-mails-full"
        assert "250 addresses and the marker" in message
        assert "declare alternateEmails" in message


@pytest.mark.parametrize(
    ("entry", "found", "fits"),
    [
        (declared(email=OLD, alternates=MANY[:249]), guest(), True),
        (declared(email=OLD, alternates=MANY), guest(), False),
        (DUE, guest(others=MANY[:249]), True),
        (DUE, guest(others=MANY), False),
        (
            declared(email=OLD, alternates=[]),
            guest(others=MANY, state=RedemptionState.PENDING),
            False,
        ),
    ],
    ids=["declared", "declared too long", "one added", "no room to add", "no room on the way"],
)
def test_no_list_of_more_values_than_graph_takes_is_written(
    entry: DesiredGuest, found: Guest, *, fits: bool
) -> None:
    """Every list on the way counts, without a marker where none is written."""
    if fits:
        assert runs(entry, live(found))
    else:
        rule, message = blocked(entry, live(found))
        assert rule == "other-mails-full"
        assert "251 addresses, and" in message


def test_a_list_that_is_too_long_comes_last_among_the_rules() -> None:
    """What stands in the way for longer is shown first."""
    found = live(guest(others=MANY), invites_from=InvitesFrom.NONE)
    rule, message = blocked(MOVE, found)
    assert rule == "invitations-disabled"
    assert message.endswith("(also: other-mails-full)")


def test_restoring_mail_is_judged_by_what_it_may_do() -> None:
    """Who signs in with the address already is not new to a policy; another owner or a ban still counts."""
    restored = guest(passcode=NEW)
    assert runs(MOVE, live(restored), Policy(allowed_domains=("else.example",)))
    assert runs(MOVE, live(restored, invites_from=InvitesFrom.NONE))
    assert blocked(MOVE, live(restored), Policy(denied_domains=("newco.example",)))[0] == "domain-denied"
    assert blocked(MOVE, live(restored, owners=[(NEW, owner(9))]))[0] == "address-in-use"
    added = declared(alternates=["b@newco.example"])
    policy = Policy(allowed_domains=("else.example",))
    assert blocked(added, live(restored), policy)[0] == "domain-not-allowed"
