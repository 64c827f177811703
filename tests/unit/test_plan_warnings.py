"""One promise for each warning, and for the checks that could not be made."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from reconciler.model import (
    AddressUse,
    CallerKind,
    DesiredGuest,
    Guest,
    Hold,
    InvitesFrom,
    Live,
    NotChecked,
    OwnerKind,
    Policy,
    RedemptionState,
)
from reconciler.plan import make_plan
from tests.support.directory import NEW, NOW, OLD, REDEEMED, declared, desired, guest, guest_id, live, owner
from tests.support.plans import marker_of

LATER = REDEEMED + timedelta(days=30)
PENDING = RedemptionState.PENDING
MOVE = declared()
DUE = declared(email=OLD, reset_after=LATER)
SAME = declared(email=OLD)
REST = declared(email=OLD, alternates=["b@old.example"])
MARKED = (marker_of(at=REDEEMED),)
BY_HAND = "never delete a marker by hand"


def warned(entry: DesiredGuest, found: Guest | Live, *, redeem_links: bool = False) -> dict[str, str]:
    """Plan one guest who is changed, and give the warnings of the change by rule."""
    seen = live(found) if isinstance(found, Guest) else found
    (change,) = make_plan(desired(entry), seen, NOW, redeem_links=redeem_links).changes
    return {note.rule: note.message for note in change.warnings}


def noted(entry: DesiredGuest, found: Guest | Live) -> dict[str, str]:
    """Plan one guest who is not changed, and give the warnings of the plan by rule."""
    seen = live(found) if isinstance(found, Guest) else found
    plan = make_plan(desired(entry), seen, NOW)
    assert plan.changes == ()
    return {note.rule: note.message for note in plan.warnings}


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


def test_a_change_cut_short_is_done_again_and_says_so() -> None:
    """An earlier version wrote mail last: its unfinished changes are planned whole as well."""
    message = warned(MOVE, guest(others=[OLD, NEW], state=PENDING))["half-done"]
    assert "an earlier version" in message
    assert "a second message" in message


@pytest.mark.parametrize(
    "found", [guest(others=[OLD, NEW]), guest(state=PENDING), guest(others=[NEW], state=None)]
)
def test_other_states_do_not_look_half_done(found: Guest) -> None:
    """Neither an accepted guest nor one without the new address has been reset for it."""
    assert "half-done" not in warned(MOVE, found)


HALF_DONE = guest(others=[OLD, NEW], state=PENDING)


@pytest.mark.parametrize(
    ("rule", "entry", "policy", "fields"),
    [
        ("protected", MOVE, Policy(protected=(guest_id(1),)), {}),
        ("on-hold", declared(hold=Hold(reason="on leave", until=date(2027, 1, 1))), Policy(), {}),
        ("domain-denied", MOVE, Policy(denied_domains=("newco.example",)), {}),
        ("domain-not-allowed", MOVE, Policy(allowed_domains=("else.example",)), {}),
        ("verified-domain", MOVE, Policy(), {"verified_domains": frozenset({"newco.example"})}),
        ("holds-role", MOVE, Policy(), {"role_holders": {guest_id(1): "direct"}}),
        ("invitations-disabled", MOVE, Policy(), {"invites_from": InvitesFrom.NONE}),
        ("address-in-use", MOVE, Policy(), {"owners": [(NEW, owner(9))]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_block_that_keeps_a_half_done_guest_locked_out_is_said(
    rule: str, entry: DesiredGuest, policy: Policy, fields: dict[str, Any]
) -> None:
    """Who was reset and then blocked cannot sign in at all, and the row of the block does not show it."""
    plan = make_plan(desired(entry, policy=policy), live(HALF_DONE, **fields), NOW)
    assert [blocked.rule for blocked in plan.blocked] == [rule]
    (message,) = [note.message for note in plan.warnings if note.rule == "half-done"]
    assert message.startswith(f"{guest_id(1)}: ")
    assert f"nobody can sign in with {OLD} any more" in message
    assert "before its last write" in message
    assert "remove what blocks" in message
    undone = declared(email=OLD, alternates=[], hold=entry.hold)
    undo_works = not make_plan(desired(undone, policy=policy), live(HALF_DONE, **fields), NOW).blocked
    assert (f"declare {OLD} again, with alternateEmails" in message) == undo_works


def kept_from(entry: DesiredGuest, found: Guest) -> dict[str, str]:
    """Plan one guest who is protected, and give the warnings of the plan by rule."""
    plan = make_plan(desired(entry, policy=Policy(protected=(guest_id(1),))), live(found), NOW)
    assert [blocked.rule for blocked in plan.blocked] == ["protected"]
    assert all(note.message.startswith(f"{guest_id(1)}: ") for note in plan.warnings)
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


def test_a_half_done_guest_who_had_no_mail_cannot_be_undone() -> None:
    """No advice is given that Graph would refuse: mail cannot be emptied again."""
    found = live(guest(mail=None, others=[NEW], state=PENDING), invites_from=InvitesFrom.NONE)
    message = noted(MOVE, found)["half-done"]
    assert "mail is still empty" in message
    assert "undo" not in message


@pytest.mark.parametrize(
    "found", [guest(others=[OLD, NEW]), guest(state=PENDING), guest(mail=NEW, state=PENDING)]
)
def test_other_blocked_guests_do_not_look_half_done(found: Guest) -> None:
    """Blocked before the reset, or with the address written, nobody has been locked out by a change."""
    entry = declared(alternates=["b@newco.example"])
    plan = make_plan(desired(entry, policy=Policy(protected=(guest_id(1),))), live(found), NOW)
    assert [blocked.rule for blocked in plan.blocked] == ["protected"]
    assert "half-done" not in {note.rule for note in plan.warnings}


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
    """Once the state has changed at or after resetAfter, the wish is met and nothing is said."""
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


def test_the_rest_of_a_change_says_that_a_second_message_may_go_out() -> None:
    """Only the journal of the run that began it tells whether the reset was sent."""
    message = warned(MOVE, guest(mail=NEW, markers=MARKED))["half-done"]
    assert f"change {MARKED[0].digits}, marked 2026-01-15T09:30:00Z" in message
    assert "a second message may go out unless the journal" in message
    assert BY_HAND in message
    assert "future" not in message


def test_a_rest_that_resets_nobody_says_why_and_when_it_does() -> None:
    """Whoever signs in with the new address keeps it; the reset in reserve is named."""
    warnings = warned(MOVE, guest(mail=NEW, passcode=NEW, markers=MARKED))
    assert set(warnings) == {"half-done"}
    assert f"seen to sign in with {NEW}" in warnings["half-done"]
    assert "then a reset follows" in warnings["half-done"]


def test_a_new_change_names_the_unfinished_one_that_it_replaces() -> None:
    """A change taken back halfway shows that it was begun."""
    message = warned(declared(email=OLD), guest(mail=NEW, markers=MARKED))["half-done"]
    assert MARKED[0].digits in message
    assert "replaces it" in message


def test_several_markers_are_all_named() -> None:
    """What somebody wrote by hand is shown beside what was there, and decides nothing."""
    other = marker_of("f" * 16, nonce="ffffffff")
    message = warned(MOVE, guest(mail=NEW, markers=(*MARKED, other)))["half-done"]
    assert "several markers" in message
    assert all(marker.digits in message for marker in (*MARKED, other))


@pytest.mark.parametrize("seconds", [int(NOW.timestamp()) + 1, 999_999_999_999])
def test_a_marker_from_the_future_is_shown_as_such(seconds: int) -> None:
    """An instant in a marker is for people; one that cannot be true says so and changes nothing."""
    odd = replace(MARKED[0], seconds=seconds)
    plain = make_plan(desired(MOVE), live(guest(mail=NEW, markers=MARKED)), NOW)
    plan = make_plan(desired(MOVE), live(guest(mail=NEW, markers=(odd,))), NOW)
    (message,) = [note.message for note in plan.changes[0].warnings if note.rule == "half-done"]
    assert "lies in the future" in message
    assert plan.digest == plain.digest


def test_a_marker_is_never_shown_as_an_address() -> None:
    """Nobody can sign in with a marker, so nothing of the plan spells one."""
    plan = make_plan(
        desired(MOVE, HELD), live(guest(mail=NEW, markers=MARKED), guest(2, markers=MARKED)), NOW
    )
    assert len(plan.changes) == len(plan.blocked) == 1
    said = (*plan.warnings, *plan.changes[0].warnings)
    assert all("@reconciler.invalid" not in note.message for note in said)
    assert "@reconciler.invalid" not in plan.changes[0].reason


HELD = declared(2, email="bo@new.example", hold=Hold(reason="on leave", until=date(2027, 1, 1)))


@pytest.mark.parametrize(
    ("found", "who"),
    [
        (guest(mail=NEW, passcode=OLD, markers=MARKED), f"mail is {NEW}, but only {OLD} can sign in"),
        (guest(mail=NEW, markers=MARKED), f"mail is {NEW}, but only who has redeemed can sign in"),
        (guest(mail=NEW, state=PENDING, markers=MARKED), f"mail is {NEW}, and only who redeems can sign in"),
        (guest(mail=None, state=None, markers=MARKED), "mail is empty, but only who has redeemed"),
    ],
    ids=["seen", "not seen", "pending", "no mail"],
)
@pytest.mark.parametrize(
    ("rule", "policy", "fields"),
    [
        ("protected", Policy(protected=(guest_id(1),)), {}),
        ("holds-role", Policy(), {"role_holders": {guest_id(1): "direct"}}),
    ],
)
def test_a_block_on_an_unfinished_change_says_who_can_sign_in(
    found: Guest, who: str, rule: str, policy: Policy, fields: dict[str, Any]
) -> None:
    """The row of the block does not show that `mail` is written and the person who reads it is locked out."""
    plan = make_plan(desired(declared(), policy=policy), live(found, **fields), NOW)
    assert [blocked.rule for blocked in plan.blocked] == [rule]
    (message,) = [note.message for note in plan.warnings if note.rule == "half-done"]
    assert message.startswith(f"{guest_id(1)}: ")
    assert who in message
    assert BY_HAND in message


def test_an_unfinished_change_that_pends_is_no_news_to_reset_after() -> None:
    """The rest of a change resets whatever is declared, so nothing is called needless."""
    entry = declared(reset_after=LATER)
    assert "reset-not-needed" not in warned(entry, guest(mail=NEW, state=PENDING, markers=MARKED))


def test_markers_that_no_entry_would_finish_are_named() -> None:
    """Removing an entry halfway leaves a guest whom only a person can help."""
    other = guest(3, "cy@old.example", markers=MARKED)
    found = live(guest(), other, markers_left=(guest_id(7),))
    plan = make_plan(desired(declared(email=OLD)), found, NOW)
    (note,) = plan.warnings
    assert note.rule == "marker-left"
    assert f"{guest_id(3)}, {guest_id(7)}" in note.message
    assert BY_HAND in note.message


def test_restoring_mail_says_what_was_seen_and_what_may_follow() -> None:
    """A reviewer learns why nobody is reset, and that somebody may be."""
    warnings = warned(MOVE, guest(passcode=NEW, others=[OLD, NEW]))
    assert set(warnings) == {"looks-restored", "old-address-remains"}
    assert f"seen to sign in with {NEW}" in warnings["looks-restored"]
    assert "then a reset follows" in warnings["looks-restored"]
    assert set(warned(MOVE, guest(mail=None, passcode=NEW))) == {"looks-restored", "no-mail"}
    assert "a backup was restored" in warnings["looks-restored"]
    begun = warned(declared(email=OLD), guest(mail=NEW, passcode=OLD, markers=MARKED))
    assert set(begun) == {"half-done", "looks-restored", "old-address-remains"}
    assert "a change was begun" in begun["looks-restored"]


def test_the_rest_names_what_an_earlier_write_left_behind() -> None:
    """Nothing says which address was replaced, so every other one in proxyAddresses is named."""
    found = guest(mail=NEW, secondaries=[OLD], others=[NEW, "x@kept.example"], markers=MARKED)
    message = warned(MOVE, found)["old-address-remains"]
    assert message.startswith(f"{OLD} stays in proxyAddresses")
    declared_too = guest(
        mail=NEW, secondaries=["x@kept.example"], others=[NEW, "x@kept.example"], markers=MARKED
    )
    assert "old-address-remains" not in warned(MOVE, declared_too)
