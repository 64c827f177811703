"""A change in words, as every renderer shows it."""

from dataclasses import replace

import pytest

from reconciler.model import AddOtherMail, Change, EmailAddress, Note
from reconciler.plan import make_plan
from reconciler.render.change_view import Rank, change_view
from reconciler.rules import Rule
from tests.support.directory import NOW, declared, desired, guest, live
from tests.support.plans import (
    TENANT,
    again_of,
    change_of,
    others_of,
    reset_of,
    rest_of,
    restored_of,
)


def test_the_actions_say_what_is_written_and_when_the_marker_goes() -> None:
    """Whoever reads the details sees the three writes of a change of address."""
    write, reset, clear = change_view(change_of(others=["a.k@private.example"]), tenant=TENANT).actions
    listed = "otherMails become a.k@private.example, ana@newco.example"
    assert write == f"SetMail ana@newco.example; {listed}, and a marker"
    assert reset.startswith("ResetRedemption ana@newco.example; ")
    assert clear == f"ClearMarker ana@newco.example; {listed}, without it"
    first = AddOtherMail(email=EmailAddress("x@y.example"))
    assert change_view(replace(change_of(), actions=(first,)), tenant=TENANT).actions == (
        "AddOtherMail x@y.example",
    )


@pytest.mark.parametrize("change", [change_of(), restored_of(), rest_of()])
def test_the_actions_show_no_marker(change: Change) -> None:
    """A marker is no address that anybody could sign in with."""
    assert "reconciler.invalid" not in " ".join(change_view(change, tenant=TENANT).actions)


def invitation_of(change: Change) -> dict[str, str]:
    return dict(change_view(change, tenant=TENANT).invitation)


SENT = reset_of(
    "ana@newco.example",
    cc="c@evil.example",
    message="Your mailbox is full",
    redirect_url="https://evil.example",
)
KEYS = ("cc", "language", "message", "redirectUrl", "sendMessage")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (None, {"message", "cc", "redirectUrl"}),
        (KEYS, {"message", "cc", "redirectUrl"}),
        (("cc", "message"), {"message", "cc"}),
        (("language",), set()),
        ((), set()),
    ],
)
def test_what_a_person_reads_and_where_they_go_is_shown_where_it_differs(
    changed: tuple[str, ...] | None, expected: set[str]
) -> None:
    """Without a base, and for a new entry, that is all that is not built in."""
    assert invitation_of(replace(change_of(reset=SENT), invitation_changed=changed)).keys() == expected


def test_a_value_of_the_invitation_that_is_gone_is_shown_as_gone() -> None:
    """Taking a copy away is a change too; a new entry without one is none."""
    assert invitation_of(replace(change_of(), invitation_changed=("cc",))) == {"cc": "(none)"}
    assert invitation_of(replace(change_of(), invitation_changed=KEYS)) == {}
    assert invitation_of(change_of()) == {}
    assert invitation_of(others_of()) == {}
    assert invitation_of(replace(restored_of(), fallback=SENT)).keys() == {"message", "cc", "redirectUrl"}


def test_added_sign_ins_are_counted_in_words_and_named() -> None:
    """Nobody reads that all stays as it is where another address will be able to sign in."""
    view = change_view(others_of(before=["a@x.example"], after=["b@x.example", "C@x.example"]), tenant=TENANT)
    assert view.added == ("b@x.example", "C@x.example")
    assert view.lost == ("a@x.example",)
    assert view.risk[0] is Rank.ADDED_SIGN_INS
    assert " ".join(view.effects) == (
        "Nobody is reset. 2 new addresses will be able to sign in. "
        "1 address will not be able to sign in any more."
    )
    same = change_view(others_of(before=["a@x.example"], after=["A@x.example"]), tenant=TENANT)
    assert (same.added, same.lost, same.risk[0]) == ((), (), Rank.OTHER)
    assert same.effects[0] == "They keep their way to sign in."


def test_a_new_address_with_others_beside_it_counts_them_all() -> None:
    """The one address of an ordinary change needs no sentence; further ones do."""
    moved = change_of(after="ana@newco.example")
    further = replace(
        change_of(after="ana@newco.example", others=["x@y.example"]), precondition=moved.precondition
    )
    counted = "2 new addresses will be able to sign in."
    assert counted not in change_view(moved, tenant=TENANT).effects
    assert counted in change_view(further, tenant=TENANT).effects


def test_an_address_that_the_guest_is_seen_to_use_is_not_new() -> None:
    """Where `mail` is restored, the declared address signs in already, though it stands nowhere else."""
    change = restored_of()
    bare = replace(change, precondition=replace(change.precondition, other_mails=()))
    view = change_view(bare, tenant=TENANT)
    assert (view.added, view.lost) == ((), ("kim@restored.example",))
    assert view.risk[0] is Rank.OTHER


def test_a_reset_may_admit_an_address_first() -> None:
    """The address of a reset is new where it stood nowhere on the object."""
    change = again_of()
    held = replace(change.precondition, mail=None, other_mails=())
    view = change_view(replace(change, precondition=held), tenant=TENANT)
    assert view.added == ("bo@fabrikam.example",)
    assert view.risk[0] is Rank.RESET


def test_a_view_holds_what_strangers_wrote_as_it_is() -> None:
    """Each renderer escapes for its own medium, once."""
    name, address = "<b>|`x`\u202e", "a&b@newco.example"
    view = change_view(change_of(name=name, after=address), tenant=TENANT)
    assert (view.display_name, view.after) == (name, address)


def test_a_reset_that_sets_the_list_too_names_what_goes() -> None:
    """The list is written before the reset, which is the last of the actions."""
    entry = declared(email="ana@old.example", alternates=["new@old.example"], reset_after=NOW)
    found = guest(1, "ana@old.example", others=["ana@old.example", "gone@old.example"])
    (change,) = make_plan(desired(entry), live(found), NOW).changes
    assert [action.name for action in change.actions] == ["SetOtherMails", "ResetRedemption"]
    view = change_view(change, tenant=TENANT)
    assert (view.added, view.lost) == (("new@old.example",), ("gone@old.example",))
    assert not any("Can sign in with these too" in effect for effect in view.effects)


def test_without_a_message_the_row_says_whether_the_link_is_kept() -> None:
    """Whoever reviews a pull request learns that nobody would get in, not of an option they cannot set."""
    silent = reset_of("ana@newco.example", send_message=False)
    kept = change_view(change_of(reset=silent), tenant=TENANT)
    assert "No message is sent: hand over the redeem link, which apply keeps." in kept.effects
    untold = Note(rule=Rule.NOBODY_TOLD, message="no message is sent, and no redeem link is kept")
    [lost] = [
        effect
        for effect in change_view(change_of(reset=silent, warnings=[untold]), tenant=TENANT).effects
        if effect.startswith("No message is sent")
    ]
    assert "the person cannot get in" in lost
    assert "remove sendMessage: false" in lost
