"""What a plan says of changes that were begun and not finished, of their markers, and of restored guests."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from reconciler.model import DesiredGuest, Guest, Hold, InvitesFrom, Policy
from reconciler.plan import make_plan
from tests.support.directory import NEW, NOW, OLD, REDEEMED, declared, desired, guest, guest_id, live, owner
from tests.support.plan_warnings import LATER, MOVE, PENDING, noted, warned
from tests.support.plans import marker_of

MARKED = (marker_of(at=REDEEMED),)
BY_HAND = "never delete a marker by hand"


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
    assert message.startswith(f"{guest_id(1)} Guest 1 (guests/fabrikam.yaml:1): ")
    assert f"nobody can sign in with {OLD} any more" in message
    assert "before its last write" in message
    assert "remove what blocks" in message
    undone = declared(email=OLD, alternates=[], hold=entry.hold)
    undo_works = not make_plan(desired(undone, policy=policy), live(HALF_DONE, **fields), NOW).blocked
    assert (f"declare {OLD} again, with alternateEmails" in message) == undo_works


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
    assert message.startswith(f"{guest_id(1)} Guest 1 (guests/fabrikam.yaml:1): ")
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
