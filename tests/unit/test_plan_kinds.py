"""What each guest needs, and in which order it is done."""

from datetime import timedelta

import pytest

from reconciler.model import (
    Change,
    ChangeKind,
    ClearMarker,
    DesiredGuest,
    FieldChange,
    Guest,
    RedemptionState,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)
from reconciler.plan import make_plan
from tests.support.directory import NEW, NOW, OLD, REDEEMED, addresses, declared, desired, guest, live
from tests.support.plans import marker_of

PENDING = RedemptionState.PENDING
DIGITS = "0123456789abcdef"
MARKED = (marker_of(DIGITS),)
WHOLE = ["SetMail", "ResetRedemption", "ClearMarker"]
LATER = REDEEMED + timedelta(days=30)


def only_change(entry: DesiredGuest, found: Guest) -> Change:
    plan = make_plan(desired(entry), live(found), NOW)
    assert plan.blocked == ()
    (change,) = plan.changes
    return change


def names(change: Change) -> list[str]:
    return [action.name for action in change.actions]


def test_a_new_address_is_written_then_invited_and_finished_last() -> None:
    """`mail` is written first, so that the old address is off the object when the guest is reset."""
    change = only_change(declared(cc="sponsor@contoso.example", message="hello"), guest())
    assert change.kind is ChangeKind.CHANGE_EMAIL
    write, invite, clear = change.actions
    assert write == SetMail(email=addresses(NEW)[0], other_mails=addresses(NEW))
    assert isinstance(invite, ResetRedemption)
    assert (invite.email, invite.invitation.cc, invite.invitation.message) == (
        *addresses(NEW),
        *addresses("sponsor@contoso.example"),
        "hello",
    )
    assert clear == ClearMarker(email=addresses(NEW)[0], other_mails=addresses(NEW))
    assert (change.resumes, change.fallback) == (None, None)
    assert change.fields == (
        FieldChange(field="mail", before=OLD, after=NEW),
        FieldChange(field="otherMails", before=(OLD,), after=(NEW,)),
    )


def test_a_guest_without_mail_gets_one() -> None:
    """An empty mail differs from any declared address, and shows as null before."""
    change = only_change(declared(), guest(mail=None))
    assert change.kind is ChangeKind.CHANGE_EMAIL
    assert change.fields[0] == FieldChange(field="mail", before=None, after=NEW)
    assert change.precondition.mail is None


def test_foreign_other_mails_stay_when_nothing_is_declared_about_them() -> None:
    """Without alternateEmails only the replaced address leaves otherMails."""
    change = only_change(declared(), guest(others=[OLD, "x@kept.example"]))
    assert change.actions[0] == SetMail(email=addresses(NEW)[0], other_mails=addresses(NEW, "x@kept.example"))


def test_declared_alternates_are_the_exact_rest() -> None:
    """With alternateEmails otherMails becomes the address and that list, whatever stood there."""
    change = only_change(declared(alternates=["b@newco.example"]), guest(others=[OLD, "x@gone.example"]))
    assert change.actions[0] == SetMail(
        email=addresses(NEW)[0], other_mails=addresses(NEW, "b@newco.example")
    )


def test_an_address_that_stands_there_is_sent_in_its_live_spelling() -> None:
    """Nobody knows whether a reset compares with regard to case, so it sees what the object holds."""
    change = only_change(
        declared(alternates=["b@newco.example"]), guest(others=[OLD, "Ana@NewCo.example", "B@NewCo.example"])
    )
    sent = [action.email.text for action in change.actions if not isinstance(action, SetOtherMails)]
    assert sent == ["Ana@NewCo.example"] * 3
    assert isinstance(change.actions[-1], ClearMarker)
    assert [each.text for each in change.actions[-1].other_mails] == ["Ana@NewCo.example", "B@NewCo.example"]


def test_the_spelling_in_other_mails_goes_before_the_one_in_mail() -> None:
    """A reset looks the address up in otherMails, so that spelling is sent."""
    change = only_change(
        declared(email=OLD, reset_after=LATER), guest(mail="ANA@old.example", others=["Ana@Old.example"])
    )
    assert [str(each.email) for each in change.actions if isinstance(each, ResetRedemption)] == [
        "Ana@Old.example"
    ]
    assert change.fields == ()


@pytest.mark.parametrize("mail", [OLD, OLD.upper()])
def test_case_alone_is_no_difference(mail: str) -> None:
    """Addresses that differ in case only are equal, so nobody is reset for a letter."""
    plan = make_plan(desired(declared(email=OLD, alternates=[])), live(guest(mail=mail)), NOW)
    assert (plan.changes, plan.blocked, plan.summary.unchanged) == ((), (), 1)


def test_an_address_missing_in_other_mails_is_no_difference_by_itself() -> None:
    """A guest whose mail is as declared is left alone when nothing is declared about otherMails."""
    plan = make_plan(desired(declared(email=OLD)), live(guest(others=[])), NOW)
    assert plan.summary.unchanged == 1


def test_a_due_reset_invites_the_same_address() -> None:
    """A resetAfter later than the redemption resets, and writes nothing that is there already."""
    change = only_change(declared(email=OLD, reset_after=LATER), guest())
    assert (change.kind, names(change), change.fields) == (ChangeKind.RESET, ["ResetRedemption"], ())


def test_a_due_reset_adds_the_address_where_it_is_missing() -> None:
    """A reset accepts only an address that otherMails holds."""
    change = only_change(declared(email=OLD, reset_after=LATER), guest(others=[]))
    assert names(change) == ["AddOtherMail", "ResetRedemption"]
    assert change.fields == (FieldChange(field="otherMails", before=(), after=(OLD,)),)


def test_a_due_reset_writes_the_declared_rest_first() -> None:
    """Cut short after the first action, the reset is still due."""
    change = only_change(
        declared(email=OLD, reset_after=LATER, alternates=[]), guest(others=["x@gone.example"])
    )
    assert change.kind is ChangeKind.RESET
    assert names(change) == ["SetOtherMails", "ResetRedemption"]
    assert change.fields == (FieldChange(field="otherMails", before=("x@gone.example",), after=(OLD,)),)


@pytest.mark.parametrize("offset", [timedelta(0), timedelta(seconds=1)])
def test_a_reset_is_met_by_a_redemption_at_or_after_its_time(offset: timedelta) -> None:
    """A reset that happened is not asked for again, also not at the very moment."""
    entry = declared(email=OLD, reset_after=REDEEMED)
    plan = make_plan(desired(entry), live(guest(changed=REDEEMED + offset)), NOW)
    assert plan.summary.unchanged == 1


def test_a_change_of_address_covers_a_due_reset() -> None:
    """Whoever gets a new address is reset by that, once."""
    change = only_change(declared(reset_after=LATER), guest())
    assert names(change) == WHOLE


@pytest.mark.parametrize(
    ("state", "others", "actions"),
    [
        (RedemptionState.ACCEPTED, [OLD, "x@gone.example"], ["SetOtherMails"]),
        (None, [OLD, "x@gone.example"], ["SetOtherMails"]),
        (PENDING, [], ["SetOtherMails"]),
        (PENDING, [OLD, "x@gone.example"], ["ResetRedemption", "SetOtherMails"]),
        (PENDING, ["x@gone.example"], ["AddOtherMail", "ResetRedemption", "SetOtherMails"]),
    ],
)
def test_other_mails_alone_reset_only_a_pending_guest_who_loses_an_address(
    state: RedemptionState | None, others: list[str], actions: list[str]
) -> None:
    """The lost address may hold a link that still works, and only a reset kills it."""
    change = only_change(declared(email=OLD, alternates=[]), guest(others=others, state=state))
    assert (change.kind, names(change)) == (ChangeKind.OTHER_MAILS, actions)
    assert change.fields == (FieldChange(field="otherMails", before=tuple(others), after=(OLD,)),)


def test_a_change_records_what_it_was_planned_from() -> None:
    """The precondition holds the live state, so that apply can tell whether somebody was faster."""
    found = guest(others=["b@old.example", OLD])
    change = only_change(declared(), found)
    assert change.precondition.mail == found.mail
    assert change.precondition.other_mails == addresses(OLD, "b@old.example")
    assert change.precondition.state is RedemptionState.ACCEPTED
    assert change.precondition.state_changed_at == REDEEMED
    assert change.precondition.marker is None


def test_who_is_seen_to_sign_in_with_the_address_is_not_reset_for_it() -> None:
    """A restored backup or an edited mail is put right without locking anybody out."""
    change = only_change(declared(), guest(passcode=NEW.upper(), others=[NEW, OLD]))
    assert (change.kind, names(change)) == (ChangeKind.RESTORE_MAIL, ["SetMail", "ClearMarker"])
    assert change.fallback is not None
    assert change.fallback.email == addresses(NEW)[0]
    assert not change.resets
    assert change.fields == (
        FieldChange(field="mail", before=OLD, after=NEW),
        FieldChange(field="otherMails", before=(NEW, OLD), after=(NEW,)),
    )


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (declared(), guest(passcode=OLD)),
        (declared(), guest(passcode=NEW, state=PENDING)),
        (declared(), guest(passcode=NEW, state=None)),
        (declared(reset_after=LATER), guest(passcode=NEW)),
        (declared(reset_after=LATER), guest(passcode=NEW, changed=None)),
        (declared(), guest(passcode=NEW, markers=(*MARKED, marker_of("f" * 16)))),
    ],
    ids=["another address", "pending", "no state", "reset asked", "reset perhaps asked", "two markers"],
)
def test_without_that_sight_a_change_of_address_is_whole(entry: DesiredGuest, found: Guest) -> None:
    """Only an accepted guest's own identity spares the reset, and never one that is declared."""
    change = only_change(entry, found)
    assert (change.kind, names(change), change.fallback) == (ChangeKind.CHANGE_EMAIL, WHOLE, None)


def test_a_met_reset_does_not_stand_in_the_way_of_restoring_mail() -> None:
    """A resetAfter before the redemption asks for nothing."""
    change = only_change(declared(reset_after=REDEEMED), guest(passcode=NEW))
    assert change.kind is ChangeKind.RESTORE_MAIL


@pytest.mark.parametrize("state", [None, *RedemptionState])
def test_a_marker_is_a_difference_of_its_own(state: RedemptionState | None) -> None:
    """A guest whose mail is as declared may still have nobody but the old person signing in."""
    found = guest(mail=NEW, others=[NEW, "x@kept.example"], state=state, markers=MARKED)
    change = only_change(declared(), found)
    assert (change.kind, names(change), change.resumes) == (ChangeKind.CHANGE_EMAIL, WHOLE, DIGITS)
    assert change.fields == ()
    assert change.actions[0] == SetMail(email=addresses(NEW)[0], other_mails=found.other_mails)
    assert change.precondition.marker == MARKED[0]
    assert change.marker_digits == DIGITS
    assert "not finished" in change.reason


def test_the_rest_of_a_change_writes_the_declared_list() -> None:
    """What is declared about otherMails is written with the rest, whatever stands there by then."""
    found = guest(mail=NEW, others=["x@gone.example"], markers=MARKED)
    change = only_change(declared(alternates=["b@newco.example"]), found)
    assert change.actions[0] == SetMail(
        email=addresses(NEW)[0], other_mails=addresses(NEW, "b@newco.example")
    )
    assert [field.field for field in change.fields] == ["otherMails"]


def test_the_rest_puts_the_address_back_into_other_mails() -> None:
    """`email` always ends up there, and a reset needs it there."""
    change = only_change(declared(), guest(mail=NEW, others=[], markers=MARKED))
    assert change.actions[0] == SetMail(email=addresses(NEW)[0], other_mails=addresses(NEW))


def test_the_rest_covers_a_due_reset() -> None:
    """A marked guest is reset anyway, once."""
    found = guest(mail=NEW, passcode=NEW, markers=MARKED)
    change = only_change(declared(reset_after=LATER), found)
    assert (change.kind, names(change), change.resumes) == (ChangeKind.CHANGE_EMAIL, WHOLE, DIGITS)


def test_the_rest_of_who_signs_in_with_the_address_resets_nobody() -> None:
    """Whoever has redeemed with the new address already only needs the marker taken away."""
    change = only_change(declared(), guest(mail=NEW, passcode=NEW, markers=MARKED))
    assert (change.kind, names(change)) == (ChangeKind.RESTORE_MAIL, ["SetMail", "ClearMarker"])
    assert (change.resumes, change.fallback is not None) == (DIGITS, True)
    assert "signs in" not in change.reason
    assert "seen to sign in" in change.reason


def test_several_markers_leave_open_what_is_resumed() -> None:
    """Somebody wrote one by hand, so the change is made anew and resumes none."""
    found = guest(mail=NEW, passcode=NEW, markers=(*MARKED, marker_of("f" * 16)))
    change = only_change(declared(), found)
    assert (change.kind, names(change), change.resumes) == (ChangeKind.CHANGE_EMAIL, WHOLE, None)
    assert change.precondition.marker is None


def test_a_change_that_was_taken_back_halfway_is_a_change_anew() -> None:
    """The marker on the guest belongs to another goal, so nothing of it is resumed."""
    change = only_change(declared(email=OLD), guest(mail=NEW, markers=MARKED))
    assert (change.kind, names(change), change.resumes) == (ChangeKind.CHANGE_EMAIL, WHOLE, None)
    assert change.precondition.marker == MARKED[0]
    assert change.marker_digits != DIGITS


@pytest.mark.parametrize(
    ("entry", "found", "words"),
    [
        (declared(), guest(), "mail is ana@old.example, declared is ana@newco.example"),
        (declared(), guest(mail=None), "mail is empty"),
        (declared(email=OLD, reset_after=LATER), guest(), "redeemed 2026-01-15T09:30:00Z"),
        (declared(email=OLD, alternates=["b@old.example"]), guest(), "otherMails is not as declared"),
        (
            declared(email=OLD, alternates=[]),
            guest(others=[OLD, "x@gone.example"], state=PENDING),
            "may hold a link that still works",
        ),
    ],
)
def test_every_change_says_why_in_a_sentence(entry: DesiredGuest, found: Guest, words: str) -> None:
    """A reviewer reads the reason, not the actions."""
    assert words in only_change(entry, found).reason
