"""Where an import puts single users, and why."""

import pytest

from reconciler.importing import Selection
from reconciler.model import Guest, OddUser, RedemptionState
from reconciler.rules import Rule
from tests.support.directory import guest, guest_id
from tests.support.importing import EMPTY, imported, lists
from tests.support.plans import marker_of

MAIL = "ana@old.example"


@pytest.mark.parametrize(
    ("user", "rule"),
    [
        (guest(1, None), Rule.NO_MAIL),
        (guest(1, "a+b@old.example"), Rule.ADDRESS),
        (guest(1, "zo\u00eb@old.example"), Rule.ADDRESS),
        (guest(1, str(marker_of())), Rule.ADDRESS),
        (guest(1, creation_type=None, state=None), Rule.NOT_B2B),
        (guest(1, None, creation_type=None, state=None, on_premises_synced=True), Rule.NOT_B2B),
        (guest(1, None, on_premises_synced=True), Rule.ON_PREMISES_SYNCED),
        (guest(1, markers=(marker_of(),)), Rule.HALF_DONE),
        (OddUser(id=guest_id(1), property="mail", is_b2b=True, display_name=None, mail=None), Rule.ODD_GUEST),
    ],
)
def test_the_gravest_rule_leaves_a_user_out(user: Guest | OddUser, rule: Rule) -> None:
    """One rule for each user, and no file."""
    done = imported([user])
    assert lists(done.found)["left_out"] == [(guest_id(1), rule)]
    assert done.touched == frozenset()


def test_whoever_cannot_be_changed_is_written_and_named() -> None:
    """All reasons stand in the message, the role first; how it is held is named."""
    users = [
        guest(1, "a@old.example", account_enabled=False, management_restricted=True),
        guest(2, "b@old.example", account_enabled=False),
        guest(3, "c@old.example", management_restricted=True),
        guest(4, "d@old.example", management_restricted=False),
    ]
    done = imported(users, role_holders={guest_id(1): "through the group Reviewers"})
    assert lists(done.found)["limited"] == [
        (guest_id(1), Rule.HOLDS_ROLE),
        (guest_id(2), Rule.GUEST_DISABLED),
        (guest_id(3), Rule.MANAGEMENT_RESTRICTED),
    ]
    message = done.found.limited[0].message
    assert all(part in message for part in ("through the group Reviewers", "restricted", "disabled"))
    assert len(done.desired.guests) == 4


def test_of_two_guests_with_one_mail_none_is_chosen() -> None:
    """Each names the other, in any letters, also one who is left out for another reason."""
    users = [guest(1, MAIL), guest(2, MAIL.upper()), guest(3, MAIL, on_premises_synced=True)]
    done = imported(users)
    assert lists(done.found)["left_out"] == [
        (guest_id(1), Rule.DUPLICATE_ADDRESS),
        (guest_id(2), Rule.DUPLICATE_ADDRESS),
        (guest_id(3), Rule.ON_PREMISES_SYNCED),
    ]
    assert guest_id(2) in done.found.left_out[0].message
    assert guest_id(3) in done.found.left_out[0].message


def test_a_user_who_was_never_invited_takes_no_address() -> None:
    """The guest with the same mail is written."""
    done = imported([guest(1, MAIL), guest(2, MAIL, creation_type=None, state=None)])
    assert [entry.id for entry in done.desired.guests] == [guest_id(1)]


def test_an_address_that_the_tree_declares_is_left_out_with_its_place() -> None:
    """As an entry's email, or among its alternates: declared twice, the tree would be invalid."""
    text = (
        f"guests:\n  - {{id: {guest_id(7)}, email: {MAIL}, alternateEmails: [bo@old.example]}}\n"
        f"  - {{id: {guest_id(8)}, email: eva@old.example}}\n"
    )
    users = [
        guest(1, MAIL),
        guest(2, "bo@old.example"),
        guest(3, "c@old.example", others=["c@old.example", "EVA@old.example"]),
        guest(7, "before@old.example"),
    ]
    done = imported(users, {**EMPTY, "mine.yaml": text.encode()})
    assert lists(done.found) == {
        "written": [(guest_id(3), None)],
        "limited": [],
        "left_out": [(guest_id(1), Rule.DUPLICATE_ADDRESS), (guest_id(2), Rule.DUPLICATE_ADDRESS)],
        "declared": [(guest_id(7), Rule.ALREADY_DECLARED)],
    }
    assert "mine.yaml:2" in done.found.left_out[0].message
    assert [hint.rule for hint in done.found.hints] == [Rule.ALTERNATES_LEFT_OUT]


@pytest.mark.parametrize(
    ("others", "declared", "reason"),
    [
        ([MAIL], None, None),
        ([], None, None),
        ([MAIL.upper()], None, None),
        ([MAIL, "z@home.example", "A@home.example"], ["A@home.example", "z@home.example"], None),
        (["z@home.example"], None, "lacks mail itself"),
        ([MAIL, "a+b@home.example"], None, "cannot be declared"),
        ([MAIL, "bo@old.example"], None, f"is the mail of {guest_id(2)}"),
        ([MAIL, "shared@home.example"], None, "of another guest too"),
        ([MAIL, *(f"{number}@home.example" for number in range(250))], None, "an entry takes 249"),
    ],
)
def test_alternates_are_declared_whole_or_not_at_all(
    others: list[str], declared: list[str] | None, reason: str | None
) -> None:
    """Declared where that changes nothing; else the report says why, and the guest is written without."""
    other = guest(2, "bo@old.example", others=["bo@old.example", "Shared@home.example"])
    done = imported([guest(1, MAIL, others=others), other])
    entry = done.desired.guests[0]
    found = None if entry.alternate_emails is None else [address.text for address in entry.alternate_emails]
    assert found == declared
    messages = [hint.message for hint in done.found.hints if hint.id == guest_id(1)]
    assert (len(messages) == 1 and reason in messages[0]) if reason else messages == []


def test_a_selection_still_sees_the_whole_tenant() -> None:
    """A guest of another domain or state counts as the holder of an address."""
    users = [
        guest(1, "a@old.example"),
        guest(2, "A@old.example", state=RedemptionState.PENDING),
        guest(3, "c@other.example", others=["c@other.example", "d@old.example"]),
        guest(4, "d@old.example", state=RedemptionState.PENDING),
    ]
    accepted = imported(users, selection=Selection(state=RedemptionState.ACCEPTED))
    assert lists(accepted.found)["left_out"] == [(guest_id(1), Rule.DUPLICATE_ADDRESS)]
    other = imported(users, selection=Selection(domains=frozenset({"other.example"})))
    assert other.found.total == 1
    assert other.desired.guests[0].alternate_emails is None
