"""How an approved change stands against the guest as found: each row of the table, by example."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from reconciler.guard.staleness import Standing, Verdict, assess
from reconciler.model import (
    Change,
    DesiredGuest,
    Guest,
    RedemptionState,
    action_name,
)
from reconciler.plan import make_plan
from tests.samples.directory import NEW, NOW, OLD, REDEEMED, addresses, declared, desired, guest, live

ACCEPTED, PENDING = RedemptionState.ACCEPTED, RedemptionState.PENDING
LATER = REDEEMED + timedelta(days=30)
EARLIER = REDEEMED - timedelta(days=30)
OTHER = "second@newco.example"
WHOLE = ["AddOtherMail", "ResetRedemption", "SetMail"]


def recorded(entry: DesiredGuest, found: Guest) -> Change:
    """Give the change that was planned from a guest."""
    (change,) = make_plan(desired(entry), live(found), NOW).changes
    return change


def left(standing: Standing) -> list[str]:
    """Name the actions that are left."""
    return [action_name(action) for action in standing.remaining]


@pytest.mark.parametrize("before", [ACCEPTED, PENDING])
def test_an_untouched_guest_gets_everything(before: RedemptionState) -> None:
    """A guest who looks as planned gets all actions, also when only the case of letters differs."""
    change = recorded(declared(), guest(state=before))
    standing = assess(change, guest(mail=OLD.upper(), state=before))
    assert (standing.verdict, left(standing), standing.repeats) == (Verdict.RUN, WHOLE, False)


@pytest.mark.parametrize(("before", "repeats"), [(ACCEPTED, False), (PENDING, True)])
def test_an_address_added_without_a_reset_goes_on_with_the_reset(
    before: RedemptionState,
    repeats: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """The time stood still: the reset is next; of a pending guest nobody can tell whether it was sent."""
    change = recorded(declared(), guest(state=before))
    standing = assess(change, guest(others=(NEW.upper(), OLD), state=before))
    assert (standing.verdict, left(standing), standing.repeats) == (Verdict.RUN, WHOLE[1:], repeats)


def test_a_reset_that_can_be_seen_is_not_sent_again() -> None:
    """An accepted guest who is pending now, with the new address added, needs only `mail`."""
    change = recorded(declared(), guest())
    standing = assess(change, guest(others=(OLD, NEW), state=PENDING, changed=LATER))
    assert (standing.verdict, left(standing), standing.repeats) == (Verdict.RUN, ["SetMail"], False)


@pytest.mark.parametrize(
    ("before", "now"), [(ACCEPTED, ACCEPTED), (PENDING, ACCEPTED), (PENDING, PENDING), (None, PENDING)]
)
def test_a_state_that_moved_otherwise_is_no_evidence(
    before: RedemptionState | None, now: RedemptionState
) -> None:
    """Somebody redeemed, or a pending guest's time moved: the reset is sent, and may be a repetition."""
    change = recorded(declared(), guest(state=before, changed=None if before is None else REDEEMED))
    standing = assess(change, guest(others=(OLD, NEW), state=now, changed=LATER))
    assert (standing.verdict, left(standing), standing.repeats) == (Verdict.RUN, WHOLE[1:], True)


@pytest.mark.parametrize(
    ("before", "now"), [(ACCEPTED, PENDING), (ACCEPTED, ACCEPTED), (PENDING, PENDING), (None, PENDING)]
)
def test_a_finished_change_is_already_applied(before: RedemptionState | None, now: RedemptionState) -> None:
    """The new `mail` with a later time is our own work."""
    change = recorded(declared(), guest(state=before, changed=None if before is None else REDEEMED))
    standing = assess(change, guest(mail=NEW, others=("foreign@x.example",), state=now, changed=LATER))
    assert (standing.verdict, left(standing)) == (Verdict.ALREADY_APPLIED, [])


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (guest(mail=NEW), "mail"),
        (guest(mail=NEW, changed=EARLIER), "externalUserStateChangeDateTime"),
        (guest(mail="third@x.example"), "mail"),
        (guest(mail=None, others=(OLD,)), "mail"),
        (guest(others=(OLD, OTHER)), "otherMails"),
        (guest(others=(OLD, NEW, OTHER)), "otherMails"),
        (guest(others=(NEW,)), "otherMails"),
        (guest(state=PENDING, changed=LATER), "externalUserState"),
        (guest(others=(OLD, NEW), changed=EARLIER), "externalUserStateChangeDateTime"),
        (guest(others=(OLD, NEW), changed=None), "externalUserStateChangeDateTime"),
    ],
)
def test_what_is_not_recognised_is_stale(found: Guest, named: str) -> None:
    """Anything else was somebody else's doing: the message names the fields, and nothing is left to do."""
    standing = assess(recorded(declared(), guest()), found)
    assert (standing.verdict, left(standing)) == (Verdict.STALE, [])
    assert named in standing.message


def test_a_pending_guest_whose_new_mail_was_accepted_is_stale() -> None:
    """A guest who was pending, has the new `mail` and is accepted may have redeemed the old link."""
    change = recorded(declared(), guest(state=PENDING))
    assert assess(change, guest(mail=NEW, state=ACCEPTED, changed=LATER)).verdict is Verdict.STALE


@pytest.mark.parametrize(
    "entry",
    [
        declared(),
        declared(email=OLD, alternates=(OTHER,)),
        declared(email=OLD, reset_after=REDEEMED + timedelta(days=1)),
    ],
)
def test_a_guest_who_is_gone_is_stale(entry: DesiredGuest) -> None:
    """Nothing can be done for a guest who is not in the directory."""
    assert assess(recorded(entry, guest()), None).verdict is Verdict.STALE


def forced(alternates: Sequence[str] | None = None) -> DesiredGuest:
    """Declare a guest who is to be reset once more."""
    return declared(email=OLD, alternates=alternates, reset_after=REDEEMED + timedelta(days=1))


@pytest.mark.parametrize(
    ("planned_from", "found", "expected"),
    [
        (guest(), guest(), ["ResetRedemption"]),
        (guest(others=(OTHER,)), guest(others=(OTHER,)), ["AddOtherMail", "ResetRedemption"]),
        (guest(others=(OTHER,)), guest(others=(OLD, OTHER)), ["ResetRedemption"]),
    ],
)
def test_a_forced_reset_goes_on_where_it_stood(
    planned_from: Guest, found: Guest, expected: list[str]
) -> None:
    """A reset whose address was added already needs only the POST."""
    standing = assess(recorded(forced(), planned_from), found)
    assert (standing.verdict, left(standing)) == (Verdict.RUN, expected)


def test_a_forced_reset_whose_list_is_written_goes_on_with_the_post() -> None:
    """Where the declared list came first and stands, the POST is left."""
    change = recorded(forced([OTHER]), guest())
    assert left(assess(change, guest())) == ["SetOtherMails", "ResetRedemption"]
    assert left(assess(change, guest(others=(OLD, OTHER)))) == ["ResetRedemption"]


@pytest.mark.parametrize("now", [ACCEPTED, PENDING])
def test_a_forced_reset_with_a_later_time_is_already_applied(now: RedemptionState) -> None:
    """`resetAfter` asks for a later time and nothing else."""
    standing = assess(recorded(forced(), guest()), guest(state=now, changed=LATER))
    assert standing.verdict is Verdict.ALREADY_APPLIED


def test_a_forced_reset_without_its_list_is_not_already_applied() -> None:
    """A later time does not make up for a declared list that is not there."""
    change = recorded(forced([OTHER]), guest())
    assert assess(change, guest(state=PENDING, changed=LATER)).verdict is Verdict.STALE
    done = guest(others=(OLD, OTHER), state=PENDING, changed=LATER)
    assert assess(change, done).verdict is Verdict.ALREADY_APPLIED


@pytest.mark.parametrize(
    "found", [guest(mail="third@x.example", others=(OLD,)), guest(others=()), guest(changed=EARLIER)]
)
def test_a_forced_reset_of_a_changed_guest_is_stale(found: Guest) -> None:
    """A guest who looks otherwise, and was not reset since, is not touched."""
    assert assess(recorded(forced(), guest()), found).verdict is Verdict.STALE


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (guest(), Verdict.RUN),
        (guest(others=(OLD, OTHER)), Verdict.ALREADY_APPLIED),
        (guest(others=(OTHER,)), Verdict.STALE),
        (guest(changed=LATER), Verdict.STALE),
        (guest(mail=NEW, others=(OLD,)), Verdict.STALE),
    ],
)
def test_other_addresses_are_written_only_to_the_guest_as_planned(found: Guest, verdict: Verdict) -> None:
    """Declared other addresses: done, or exactly as planned, or stale."""
    assert assess(recorded(declared(email=OLD, alternates=(OTHER,)), guest()), found).verdict is verdict


def pending(others: Sequence[str], changed: datetime | None = REDEEMED) -> Guest:
    """Make a pending guest with the address OLD."""
    return guest(others=others, state=PENDING, changed=changed)


@pytest.mark.parametrize(
    ("planned_from", "found", "expected", "repeats"),
    [
        (pending((OLD, OTHER)), pending((OLD, OTHER)), ["ResetRedemption", "SetOtherMails"], False),
        (pending((OLD, OTHER)), pending((OLD, OTHER), LATER), ["ResetRedemption", "SetOtherMails"], True),
        (
            pending((OTHER,)),
            pending((OTHER,)),
            ["AddOtherMail", "ResetRedemption", "SetOtherMails"],
            False,
        ),
        (pending((OTHER,)), pending((OLD, OTHER)), ["ResetRedemption", "SetOtherMails"], True),
        (pending((OTHER,)), pending((OLD, OTHER), LATER), ["ResetRedemption", "SetOtherMails"], True),
        (
            pending((OTHER,)),
            pending((OTHER,), LATER),
            ["AddOtherMail", "ResetRedemption", "SetOtherMails"],
            True,
        ),
    ],
)
def test_a_pending_guest_who_loses_an_address_can_be_taken_up(
    planned_from: Guest,
    found: Guest,
    expected: list[str],
    repeats: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """A run killed around the reset heals under the same plan, at the price of one more message."""
    standing = assess(recorded(declared(email=OLD, alternates=()), planned_from), found)
    assert (standing.verdict, left(standing), standing.repeats) == (Verdict.RUN, expected, repeats)


@pytest.mark.parametrize(
    "found",
    [
        guest(others=(OLD, OTHER), changed=LATER),
        pending((OLD, OTHER), EARLIER),
        pending((OLD, OTHER, NEW)),
        guest(mail=NEW, others=(OLD, OTHER), state=PENDING),
    ],
)
def test_a_pending_guest_who_changed_otherwise_is_stale(found: Guest) -> None:
    """Who redeemed meanwhile, or was edited, is not reset for a lost address."""
    change = recorded(declared(email=OLD, alternates=()), pending((OLD, OTHER)))
    assert assess(change, found).verdict is Verdict.STALE


def test_a_pending_guest_whose_list_is_as_declared_is_already_applied() -> None:
    """The goal is the list: who has it needs nothing."""
    change = recorded(declared(email=OLD, alternates=()), pending((OLD, OTHER)))
    assert assess(change, pending((OLD,), LATER)).verdict is Verdict.ALREADY_APPLIED


def test_addresses_compare_as_sets() -> None:
    """Neither order nor letters make a guest stale."""
    change = recorded(declared(), guest(others=(OLD, OTHER)))
    found = guest(others=(OTHER.upper(), OLD.title()))
    assert found.other_mails != addresses(NEW)
    assert left(assess(change, found)) == WHOLE
