"""How an approved change stands against the guest as found: each row of the table, by example."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from reconciler.guard.resumption import Verdict, resume_point
from reconciler.model import ChangeKind, DesiredGuest, Guest, RedemptionState
from tests.support.directory import NEW, OLD, REDEEMED, addresses, declared, guest
from tests.support.plans import marker_of
from tests.support.resumption import (
    ACCEPTED,
    CHANGE,
    EARLIER,
    FOREIGN,
    LATER,
    OTHER,
    OWN,
    PENDING,
    WHOLE,
    begun,
    left,
    pending,
    recorded,
)

RUN, ALREADY, STALE = Verdict.RUN, Verdict.ALREADY_APPLIED, Verdict.STALE


@pytest.mark.parametrize("before", [ACCEPTED, PENDING, None])
def test_an_untouched_guest_gets_everything(before: RedemptionState | None) -> None:
    """A guest who is as planned gets all actions, also when only the case of letters differs."""
    change = recorded(declared(), guest(state=before))
    point = resume_point(change, guest(mail=OLD.upper(), state=before), proofs={})
    assert (point.verdict, left(point), point.repeats) == (RUN, WHOLE, False)


@pytest.mark.parametrize("state", [ACCEPTED, PENDING])
@pytest.mark.parametrize("changed", [REDEEMED, LATER, EARLIER, None])
def test_our_marker_without_a_proof_means_all_actions_again(
    state: RedemptionState, changed: datetime | None
) -> None:
    """No state and no time on the object proves a reset of ours: it is sent again, called repeated."""
    point = resume_point(CHANGE, begun(state=state, changed=changed), proofs={})
    assert (point.verdict, left(point), point.repeats) == (RUN, WHOLE, True)


FINISH = ["ClearMarker"]


@pytest.mark.parametrize("now", [ACCEPTED, PENDING])
@pytest.mark.parametrize("before", [ACCEPTED, PENDING, None])
def test_new_mail_without_a_marker_and_a_later_time_is_already_applied(
    before: RedemptionState | None, now: RedemptionState
) -> None:
    """Somebody has carried it out; who holds the link or redeemed is not known, and that is said."""
    change = recorded(declared(), guest(state=before, changed=None if before is None else REDEEMED))
    found = guest(mail=NEW, others=("foreign@x.example",), state=now, changed=LATER)
    point = resume_point(change, found, proofs={})
    assert (point.verdict, left(point)) == (ALREADY, [])
    assert "who holds the link, or redeemed with it, is not known" in point.remark


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (guest(mail=NEW), "mail"),
        (guest(mail=NEW, changed=EARLIER), "externalUserStateChangeDateTime"),
        (guest(mail=NEW, changed=LATER, markers=(FOREIGN,)), "marker"),
        (guest(mail=NEW, changed=LATER, markers=(OWN, FOREIGN)), "marker"),
        (guest(markers=(OWN,)), "marker"),
        (guest(markers=(FOREIGN,)), "marker"),
        (guest(mail="third@x.example"), "mail"),
        (guest(mail="third@x.example", markers=(OWN,)), "mail"),
        (guest(mail=None, others=(OLD,)), "mail"),
        (guest(others=(OLD, OTHER)), "otherMails"),
        (guest(others=(OLD, NEW)), "otherMails"),
        (guest(others=(NEW,)), "otherMails"),
        (guest(state=PENDING, changed=LATER), "externalUserState"),
        (guest(changed=None), "externalUserStateChangeDateTime"),
    ],
)
def test_what_is_not_recognised_is_stale(found: Guest, named: str) -> None:
    """Anything else was somebody else's doing: the message names the fields, and nothing is left to do."""
    point = resume_point(CHANGE, found, proofs={OWN.local_part: LATER})
    assert (point.verdict, left(point)) == (STALE, [])
    assert named in point.message


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
    assert resume_point(recorded(entry, guest()), None, proofs={}).verdict is STALE


REST = recorded(declared(), begun())
"""What is planned for a guest whose change was begun: the rest of it."""


def test_the_rest_of_a_change_carries_the_same_marker() -> None:
    """A row that finishes a change is recognised by the digits of the change that was begun."""
    assert (REST.resumes, REST.marker_digits) == (OWN.digits, OWN.digits)
    point = resume_point(REST, begun(), proofs={})
    assert (point.verdict, left(point), point.repeats) == (RUN, WHOLE, True)
    proved = resume_point(REST, begun(state=PENDING, changed=LATER), proofs={OWN.local_part: LATER})
    assert left(proved) == FINISH


def test_a_rest_whose_marker_was_taken_away_is_stale() -> None:
    """Without its marker a rest is not as it was planned, unless a later time shows a reset."""
    assert resume_point(REST, begun(None), proofs={}).verdict is STALE
    assert resume_point(REST, begun(None, changed=LATER), proofs={}).verdict is ALREADY


def test_another_change_planned_over_a_marker_runs_only_on_that_marker() -> None:
    """A change back, made while another one is half done, is judged against the marker it was planned on."""
    back = recorded(declared(email=OLD), begun(state=PENDING, changed=LATER))
    assert back.resumes is None
    as_planned = begun(state=PENDING, changed=LATER)
    assert left(resume_point(back, as_planned, proofs={})) == WHOLE
    assert resume_point(back, begun(FOREIGN, state=PENDING, changed=LATER), proofs={}).verdict is STALE


RESTORED = recorded(declared(), guest(passcode=NEW))
RESTORING = marker_of(RESTORED.marker_digits)


@pytest.mark.parametrize(
    ("found", "verdict", "rest"),
    [
        (guest(passcode=NEW), RUN, ["SetMail", "ClearMarker"]),
        (begun(RESTORING, passcode=NEW), RUN, ["SetMail", "ClearMarker"]),
        (begun(None), ALREADY, []),
        (begun(FOREIGN), STALE, []),
        (guest(mail="third@x.example", passcode=NEW), STALE, []),
        (guest(passcode=NEW, changed=LATER), STALE, []),
    ],
)
def test_a_restored_mail(found: Guest, verdict: Verdict, rest: list[str]) -> None:
    """To put `mail` back is done, begun, exactly as planned, or stale."""
    assert RESTORED.kind is ChangeKind.RESTORE_MAIL
    point = resume_point(RESTORED, found, proofs={})
    assert (point.verdict, left(point)) == (verdict, rest)


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
    point = resume_point(recorded(forced(), planned_from), found, proofs={})
    assert (point.verdict, left(point)) == (RUN, expected)


def test_a_forced_reset_whose_list_is_written_goes_on_with_the_post() -> None:
    """Where the declared list came first and stands, the POST is left."""
    change = recorded(forced([OTHER]), guest())
    assert left(resume_point(change, guest(), proofs={})) == ["SetOtherMails", "ResetRedemption"]
    assert left(resume_point(change, guest(others=(OLD, OTHER)), proofs={})) == ["ResetRedemption"]


@pytest.mark.parametrize("now", [ACCEPTED, PENDING])
def test_a_forced_reset_with_a_later_time_is_already_applied(now: RedemptionState) -> None:
    """`resetAfter` asks for a later time and nothing else."""
    point = resume_point(recorded(forced(), guest()), guest(state=now, changed=LATER), proofs={})
    assert point.verdict is ALREADY


def test_a_forced_reset_without_its_list_is_not_already_applied() -> None:
    """A later time does not make up for a declared list that is not there."""
    change = recorded(forced([OTHER]), guest())
    assert resume_point(change, guest(state=PENDING, changed=LATER), proofs={}).verdict is STALE
    done = guest(others=(OLD, OTHER), state=PENDING, changed=LATER)
    assert resume_point(change, done, proofs={}).verdict is ALREADY


@pytest.mark.parametrize(
    "found",
    [
        guest(mail="third@x.example", others=(OLD,)),
        guest(others=()),
        guest(changed=EARLIER),
        guest(changed=LATER, markers=(FOREIGN,)),
    ],
)
def test_a_forced_reset_of_a_changed_guest_is_stale(found: Guest) -> None:
    """A guest who looks otherwise, and was not reset since, is not touched."""
    assert resume_point(recorded(forced(), guest()), found, proofs={}).verdict is STALE


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (guest(markers=(FOREIGN,)), STALE),
        (guest(others=(OLD, OTHER), markers=(FOREIGN,)), STALE),
        (guest(), RUN),
        (guest(others=(OLD, OTHER)), ALREADY),
        (guest(others=(OTHER,)), STALE),
        (guest(changed=LATER), STALE),
        (guest(mail=NEW, others=(OLD,)), STALE),
    ],
)
def test_other_addresses_are_written_only_to_the_guest_as_planned(found: Guest, verdict: Verdict) -> None:
    """Declared other addresses: done, or exactly as planned, or stale."""
    assert (
        resume_point(recorded(declared(email=OLD, alternates=(OTHER,)), guest()), found, proofs={}).verdict
        is verdict
    )


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
    point = resume_point(recorded(declared(email=OLD, alternates=()), planned_from), found, proofs={})
    assert (point.verdict, left(point), point.repeats) == (RUN, expected, repeats)


@pytest.mark.parametrize(
    "found",
    [
        guest(others=(OLD, OTHER), changed=LATER),
        pending((OLD, OTHER), EARLIER),
        pending((OLD, OTHER, NEW)),
        guest(mail=NEW, others=(OLD, OTHER), state=PENDING),
        guest(others=(OLD, OTHER), state=PENDING, changed=LATER, markers=(FOREIGN,)),
    ],
)
def test_a_pending_guest_who_changed_otherwise_is_stale(found: Guest) -> None:
    """Who redeemed meanwhile, or was edited, is not reset for a lost address."""
    change = recorded(declared(email=OLD, alternates=()), pending((OLD, OTHER)))
    assert resume_point(change, found, proofs={}).verdict is STALE


def test_a_pending_guest_whose_list_is_as_declared_is_already_applied() -> None:
    """The goal is the list: who has it needs nothing."""
    change = recorded(declared(email=OLD, alternates=()), pending((OLD, OTHER)))
    assert resume_point(change, pending((OLD,), LATER), proofs={}).verdict is ALREADY


def test_addresses_compare_as_sets() -> None:
    """Neither order nor letters make a guest stale."""
    change = recorded(declared(), guest(others=(OLD, OTHER)))
    found = guest(others=(OTHER.upper(), OLD.title()))
    assert found.other_mails != addresses(NEW)
    assert left(resume_point(change, found, proofs={})) == WHOLE
