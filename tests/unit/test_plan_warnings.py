"""One promise for each warning, and for the checks that could not be made."""

from datetime import date
from typing import Any

import pytest

from reconciler.model import (
    AddressUse,
    CallerKind,
    DesiredGuest,
    Guest,
    Hold,
    Live,
    NotChecked,
    OwnerKind,
    Policy,
)
from reconciler.plan import make_plan
from tests.support.directory import NEW, NOW, OLD, REDEEMED, declared, desired, guest, guest_id, live, owner
from tests.support.plan_warnings import LATER, MOVE, PENDING, noted, warned

DUE = declared(email=OLD, reset_after=LATER)
SAME = declared(email=OLD)
REST = declared(email=OLD, alternates=["b@old.example"])


def test_a_plain_change_of_address_warns_about_the_old_one_only() -> None:
    """The replaced address stays in proxyAddresses as a rule, so whoever reads it may come back."""
    warnings = warned(MOVE, guest())
    assert set(warnings) == {"old-address-remains"}
    assert OLD in warnings["old-address-remains"]


def test_a_first_mail_cannot_be_taken_back() -> None:
    """A guest without mail is warned about: Graph never empties it again."""
    assert set(warned(MOVE, guest(mail=None))) == {"no-mail"}


def test_kept_addresses_are_named_because_they_can_sign_in() -> None:
    """What stays in otherMails without having been declared is shown by a change and by a reset."""
    others = [OLD, "x@kept.example", "y@kept.example"]
    assert "x@kept.example, y@kept.example" in warned(MOVE, guest(others=others))["kept-address"]
    assert "x@kept.example" in warned(DUE, guest(others=others))["kept-address"]
    declared_rest = declared(alternates=["x@kept.example"])
    assert "kept-address" not in warned(declared_rest, guest(others=others))


def test_an_address_left_by_a_change_that_was_taken_back_is_named() -> None:
    """A pending guest who is as declared again may have a live link at an address nobody declares."""
    left = guest(others=[OLD, "x@gone.example"], state=PENDING)
    assert "x@gone.example" in noted(SAME, left)["kept-address"]
    assert noted(SAME, guest(others=[OLD, "x@gone.example"])) == {}
    assert noted(declared(email=OLD, alternates=["x@gone.example"]), left) == {}


def test_an_address_that_goes_without_a_reset_may_be_who_redeemed() -> None:
    """Taking an address away signs nobody out, so who may have redeemed with it is named."""
    found = guest(others=[OLD, "x@gone.example", "b@old.example"])
    message = warned(REST, found)["may-have-redeemed"]
    assert "x@gone.example goes" in message
    assert "resetAfter" in message
    assert "may-have-redeemed" not in warned(REST, guest(others=[OLD])), "nothing goes"
    assert "may-have-redeemed" not in warned(MOVE, found), "whoever redeemed has to redeem anew"
    waiting = guest(others=[OLD, "x@gone.example"], state=PENDING)
    assert "may-have-redeemed" not in warned(REST, waiting), "nobody has redeemed"


def test_an_address_that_goes_is_no_news_where_who_redeemed_shows() -> None:
    """With a one-time passcode the directory tells who redeemed; `identity-differs` says the rest."""
    right = guest(others=[OLD, "x@gone.example"], passcode=OLD)
    assert set(warned(REST, right)) == set()
    wrong = guest(others=[OLD, "x@gone.example"], passcode="x@gone.example")
    assert set(warned(REST, wrong)) == {"identity-differs"}


def kept_from(entry: DesiredGuest, found: Guest) -> dict[str, str]:
    """Plan one guest who is protected, and give the warnings of the plan by rule."""
    plan = make_plan(desired(entry, policy=Policy(protected=(guest_id(1),))), live(found), NOW)
    assert [blocked.rule for blocked in plan.blocked] == ["protected"]
    place = f"{guest_id(1)} Guest 1 (guests/fabrikam.yaml:1): "
    assert all(note.message.startswith(place) for note in plan.warnings)
    return {note.rule: note.message for note in plan.warnings}


def test_who_else_redeemed_is_shown_of_blocked_guests_too() -> None:
    """A block leaves signed in whoever is, also where the reset that would end it is planned."""
    for entry in (MOVE, DUE):
        message = kept_from(entry, guest(passcode="x@gone.example"))["identity-differs"]
        assert "x@gone.example" in message
        assert "as long as this guest is blocked" in message
    assert "set resetAfter" in kept_from(REST, guest(passcode="x@gone.example"))["identity-differs"]
    assert kept_from(MOVE, guest(passcode=OLD)) == {}


def test_a_reset_that_is_not_needed_is_said_of_blocked_guests_too() -> None:
    """On a pending guest resetAfter does nothing, blocked or not."""
    entry = declared(email=OLD, reset_after=LATER, alternates=["b@old.example"])
    assert set(kept_from(entry, guest(state=PENDING))) == {"reset-not-needed"}


def test_a_link_that_a_block_keeps_alive_is_named() -> None:
    """A block of the undoing, or of a third address, leaves the link sent to the second one alive."""
    left = guest(others=[OLD, "x@gone.example"], state=PENDING)
    undone = kept_from(declared(email=OLD, alternates=[]), left)["kept-address"]
    assert "x@gone.example" in undone
    assert "once nothing blocks the guest" in undone
    third = kept_from(MOVE, left)["kept-address"]
    assert "x@gone.example stays" in third
    assert "declare alternateEmails" in third
    assert kept_from(MOVE, guest(state=PENDING)) == {}, "the address they were invited at is no news"


def test_a_silent_reset_says_that_nobody_is_told() -> None:
    """Without a message and without redeem links the person learns nothing."""
    silent = declared(send_message=False)
    assert "nobody-told" in warned(silent, guest())
    assert "nobody-told" not in warned(silent, guest(), redeem_links=True)
    assert "nobody-told" not in warned(MOVE, guest())
    rest = declared(email=OLD, alternates=["b@old.example"], send_message=False)
    assert "nobody-told" not in warned(rest, guest())


def test_a_custom_message_of_an_application_is_dropped() -> None:
    """Microsoft sends the text only for a person, and only where a message is sent at all."""
    entry = declared(message="hello")
    assert "message-dropped" in warned(entry, guest())
    assert "message-dropped" not in warned(entry, live(guest(), caller=CallerKind.PERSON))
    assert "message-dropped" not in warned(declared(message="hello", send_message=False), guest())


@pytest.mark.parametrize("entry", [MOVE, DUE, REST])
def test_a_disabled_account_is_pointed_out(entry: DesiredGuest) -> None:
    """A guest who is disabled cannot sign in whatever is changed."""
    assert "guest-disabled" in warned(entry, guest(account_enabled=False))


@pytest.mark.parametrize(
    ("email", "found"),
    [(NEW, live(guest())), (OLD, live(guest())), (NEW, live())],
    ids=["changed", "unchanged", "blocked"],
)
def test_an_expired_hold_is_pointed_out_wherever_the_guest_ends(email: str, found: Live) -> None:
    """A hold that no longer holds is said of changed, unchanged and blocked guests."""
    entry = declared(email=email, hold=Hold(reason="on leave", until=date(2026, 9, 30)))
    plan = make_plan(desired(entry), found, NOW)
    notes = [*plan.warnings, *(note for change in plan.changes for note in change.warnings)]
    (message,) = [note.message for note in notes if note.rule == "hold-expired"]
    assert "2026-09-30" in message
    assert plan.changes or message.startswith(guest_id(1))


@pytest.mark.parametrize("changed", [None, REDEEMED])
def test_a_reset_of_somebody_who_never_redeemed_is_not_needed(changed: Any) -> None:
    """On a pending guest resetAfter does nothing, and says so."""
    assert "reset-not-needed" in noted(DUE, guest(state=PENDING, changed=changed))


def test_a_pending_guest_reset_in_time_is_no_news() -> None:
    """Once the state has changed at or after resetAfter, the reset has happened and nothing is said."""
    assert noted(DUE, guest(state=PENDING, changed=LATER)) == {}


def test_a_reset_that_is_not_needed_is_said_on_the_change_where_there_is_one() -> None:
    """A pending guest whose otherMails differ shows both on one row."""
    entry = declared(email=OLD, reset_after=LATER, alternates=["b@old.example"])
    assert "reset-not-needed" in warned(entry, guest(state=PENDING))
    assert "reset-not-needed" not in warned(declared(reset_after=LATER), guest(state=PENDING))


def test_an_identity_of_somebody_else_is_shown_where_it_can_be_seen() -> None:
    """A passcode identity tells who redeemed; where it is not the declared address, a person decides."""
    assert "x@gone.example" in noted(SAME, guest(passcode="x@gone.example"))["identity-differs"]
    assert "identity-differs" in warned(REST, guest(passcode="x@gone.example"))
    assert "x@gone.example" in warned(DUE, guest(passcode="x@gone.example"))["identity-differs"]
    assert "x@gone.example" in warned(MOVE, guest(passcode="x@gone.example"))["identity-differs"]
    assert "identity-differs" not in warned(MOVE, guest(passcode=OLD))


@pytest.mark.parametrize(
    "found",
    [guest(), guest(passcode=OLD.upper()), guest(passcode="x@gone.example", state=PENDING)],
    ids=["not to be seen", "the declared one", "pending"],
)
def test_other_identities_say_nothing(found: Guest) -> None:
    """Accounts of other tenants cannot be seen, and a pending guest has not redeemed anew yet."""
    assert noted(SAME, found) == {}


def test_an_address_in_a_members_other_mails_only_warns() -> None:
    """A member's private address is often there for a password reset; Graph does not mind."""
    found = live(guest(), owners=[(NEW, owner(9, AddressUse.OTHER_MAILS))])
    assert guest_id(9) in warned(MOVE, found)["address-in-use"]


def test_a_reset_only_warns_about_another_owner_of_its_address() -> None:
    """The guest has the address already, so the reset may go through."""
    found = live(guest(), owners=[(OLD, owner(9, kind=OwnerKind.GUEST, name=None))])
    assert guest_id(9) in warned(DUE, found)["address-in-use"]


@pytest.mark.parametrize("essential", [True, False])
def test_a_check_that_could_not_be_made_is_said(*, essential: bool) -> None:
    """The plan never pretends to have looked; only a check that matters makes it incomplete."""
    missed = NotChecked(
        check="role assignments",
        permission="RoleManagement.Read.Directory",
        essential=essential,
        reason="access was denied",
    )
    plan = make_plan(desired(SAME), live(guest(), not_checked=(missed,)), NOW)
    (note,) = plan.warnings
    assert note.rule == "not-checked"
    assert "role assignments" in note.message
    assert "grant RoleManagement.Read.Directory" in note.message
    assert plan.complete is not essential


def test_a_check_without_a_permission_to_grant_names_none() -> None:
    """Some checks fail for want of a licence, and then there is nothing to grant."""
    missed = NotChecked(check="eligible roles", permission=None, essential=False, reason="no licence")
    plan = make_plan(desired(SAME), live(guest(), not_checked=(missed,)), NOW)
    assert plan.warnings[0].message == "eligible roles not checked: no licence"
