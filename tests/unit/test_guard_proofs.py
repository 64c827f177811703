"""Which acknowledged resets prove the reset of an approved change, and what a proved reset leaves to do."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.guard.proofs import AcknowledgedReset, address_digest, proofs_of
from reconciler.guard.resumption import CLOCK_TOLERANCE, WHO_REDEEMED, Verdict, resume_point
from reconciler.model import EmailAddress, Guest, Marker, RedemptionState
from tests.support.directory import NEW, OLD, declared, guest, guest_id
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

RUN, WAIT, STALE = Verdict.RUN, Verdict.WAIT, Verdict.STALE
TICK = timedelta(seconds=1)
FINISH, AGAIN = ["ClearMarker"], WHOLE


@pytest.mark.parametrize(
    ("state", "after", "verdict", "rest", "repeats"),
    [
        (PENDING, timedelta(0), RUN, FINISH, False),
        (PENDING, CLOCK_TOLERANCE, RUN, FINISH, False),
        (PENDING, CLOCK_TOLERANCE + TICK, RUN, AGAIN, True),
        (PENDING, -CLOCK_TOLERANCE, RUN, FINISH, False),
        (PENDING, -CLOCK_TOLERANCE - TICK, WAIT, FINISH, False),
        (ACCEPTED, TICK, RUN, FINISH, False),
        (ACCEPTED, timedelta(days=9), RUN, FINISH, False),
        (ACCEPTED, timedelta(0), RUN, AGAIN, True),
        (ACCEPTED, -CLOCK_TOLERANCE, RUN, AGAIN, True),
        (ACCEPTED, -CLOCK_TOLERANCE - TICK, WAIT, [], False),
        (None, timedelta(0), STALE, [], False),
    ],
)
def test_a_proof_counts_for_its_own_reset_alone(
    state: RedemptionState | None, after: timedelta, verdict: Verdict, rest: list[str], *, repeats: bool
) -> None:
    """Pending since no later than 5 s after the answer, or accepted later: ours; much earlier: wait."""
    point = resume_point(CHANGE, begun(state=state, changed=LATER + after), proofs={OWN.local_part: LATER})
    assert (point.verdict, left(point), point.repeats) == (verdict, rest, repeats)
    if rest == FINISH:
        assert point.reset_at == LATER
    if rest == FINISH and state is ACCEPTED:
        assert point.remark == WHO_REDEEMED


def test_a_proof_without_any_time_on_the_object_is_waited_for() -> None:
    """A guest without a state-change time is older than any acknowledged reset."""
    point = resume_point(CHANGE, begun(state=PENDING, changed=None), proofs={OWN.local_part: LATER})
    assert point.verdict is WAIT


@pytest.mark.parametrize(
    "marker",
    [
        replace(OWN, nonce="ffffffff"),
        replace(OWN, seconds=OWN.seconds + 1),
    ],
)
def test_a_proof_holds_for_one_very_marker(marker: Marker) -> None:
    """A reset acknowledged under another writing of the same marker proves nothing."""
    found = begun(marker, state=PENDING, changed=LATER)
    point = resume_point(CHANGE, found, proofs={OWN.local_part: LATER})
    assert (left(point), point.repeats) == (WHOLE, True)


def test_a_proof_holds_in_whatever_domain_the_marker_is() -> None:
    """The local part names the marker; a journal knows no domain."""
    found = begun(replace(OWN, domain="contoso.onmicrosoft.example"), state=PENDING, changed=LATER)
    assert left(resume_point(CHANGE, found, proofs={OWN.local_part: LATER})) == FINISH


RESET_OF_CHANGE = AcknowledgedReset(
    change=CHANGE.digest,
    marker=OWN.local_part,
    address=address_digest(guest_id(1), EmailAddress(NEW)),
    at=LATER,
)


@pytest.mark.parametrize(
    ("other", "proved"),
    [
        ({}, True),
        ({"address": None}, True),
        ({"address": address_digest(guest_id(1), EmailAddress(NEW.upper()))}, True),
        ({"address": address_digest(guest_id(1), EmailAddress(OLD))}, False),
        ({"address": address_digest(guest_id(2), EmailAddress(NEW))}, False),
        ({"marker": FOREIGN.local_part}, False),
    ],
)
def test_a_reset_proves_only_the_change_and_the_address_it_was_sent_for(
    other: dict[str, Any],
    proved: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """A marker names a change; whether `mail` was written by hand under it, the address shows."""
    resets = [replace(RESET_OF_CHANGE, at=LATER - timedelta(minutes=1)), replace(RESET_OF_CHANGE, **other)]
    expected = {OWN.local_part: LATER} if proved else {}
    assert proofs_of(CHANGE, resets[1:], approved_at=EARLIER) == expected
    if proved:
        assert proofs_of(CHANGE, resets, approved_at=EARLIER) == expected


@pytest.mark.parametrize(
    ("approved_at", "proved"),
    [
        (None, False),
        (LATER, True),
        (LATER + timedelta(seconds=0.9), True),
        (LATER + timedelta(seconds=1), False),
    ],
)
def test_without_a_marker_a_reset_counts_only_for_a_plan_made_before_it(
    approved_at: datetime | None,
    proved: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """The same work has the same digest on any day."""
    reset = AcknowledgedReset(change=NARROWED.digest, marker=None, address=None, at=LATER)
    expected = {NARROWED.digest: LATER} if proved else {}
    assert proofs_of(NARROWED, [reset], approved_at=approved_at) == expected


NARROWED = recorded(declared(email=OLD, alternates=()), pending((OLD, OTHER)))


@pytest.mark.parametrize("found", [pending((OLD, OTHER)), pending((OLD, OTHER), LATER)])
def test_a_proved_reset_for_a_lost_address_is_not_sent_again(found: Guest) -> None:
    """Whether the time of a pending guest moves is not documented: the journal tells in both cases."""
    point = resume_point(NARROWED, found, proofs={NARROWED.digest: LATER})
    assert (point.verdict, left(point), point.reset_at) == (RUN, ["SetOtherMails"], LATER)
    assert not point.repeats


@pytest.mark.parametrize(
    "found",
    [
        pending((OLD, OTHER), LATER + timedelta(seconds=6)),
        pending((OLD, OTHER, NEW), LATER),
        guest(others=(OLD, OTHER), state=PENDING, changed=LATER, markers=(FOREIGN,)),
        guest(others=(OLD, OTHER), changed=LATER),
    ],
)
def test_a_reset_by_somebody_else_since_is_not_the_proved_one(found: Guest) -> None:
    """A later reset, another list, a marker and a redemption are judged as if there were no proof."""
    with_proof = resume_point(NARROWED, found, proofs={NARROWED.digest: LATER})
    assert with_proof == resume_point(NARROWED, found, proofs={})
