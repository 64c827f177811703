"""Laws of resumption: what a killed run left is recognised, and nothing else is."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.guard.resumption import Verdict, resume_point
from reconciler.model import (
    Action,
    AddOtherMail,
    Change,
    ChangeKind,
    ClearMarker,
    DesiredGuest,
    EmailAddress,
    Guest,
    RedemptionState,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)
from reconciler.plan import make_plan
from tests.support.directory import NOW, REDEEMED, declared, desired, guest, live
from tests.support.plans import marker_of

ACCEPTED, PENDING = RedemptionState.ACCEPTED, RedemptionState.PENDING
ADDRESSES = ("ana@a.example", "bo@b.example", "cy@c.example", "di@d.example")

texts = st.sampled_from(ADDRESSES)
lists = st.lists(texts, unique=True, max_size=3)
states = st.sampled_from([ACCEPTED, PENDING])


@st.composite
def guests(draw: st.DrawFn) -> Guest:
    """Make any guest."""
    return guest(
        mail=draw(st.one_of(st.none(), texts)),
        others=draw(lists),
        state=draw(states),
        changed=draw(
            st.one_of(st.none(), st.sampled_from([REDEEMED + timedelta(days=day) for day in range(3)]))
        ),
    )


@st.composite
def entries(draw: st.DrawFn) -> DesiredGuest:
    """Declare anything for them."""
    email = draw(texts)
    others = draw(st.one_of(st.none(), lists))
    return declared(
        email=email,
        alternates=None if others is None else [other for other in others if other != email],
        reset_after=draw(st.one_of(st.none(), st.just(REDEEMED + timedelta(days=10)))),
    )


def planned(entry: DesiredGuest, found: Guest) -> Change:
    """Give the change planned for a guest, or give the example up."""
    changes = make_plan(desired(entry), live(found), NOW).changes
    assume(changes)
    return changes[0]


def carried_out(change: Change, found: Guest, action: Action, *, at: datetime, moves_pending: bool) -> Guest:
    """Give the guest as one action leaves them, in a directory without faults."""
    match action:
        case AddOtherMail():
            return replace(found, other_mails=tuple(sorted({*found.other_mails, action.email})))
        case SetOtherMails():
            return replace(found, other_mails=action.other_mails)
        case SetMail():
            marker = marker_of(change.marker_digits, at=at)
            return replace(found, mail=action.email, other_mails=action.other_mails, markers=(marker,))
        case ClearMarker():
            return replace(found, mail=action.email, markers=())
        case ResetRedemption():
            moves = moves_pending or found.state is not PENDING
            return replace(found, state=PENDING, state_changed_at=at if moves else found.state_changed_at)


@given(entry=entries(), found=guests(), moves=st.booleans(), proved=st.booleans(), data=st.data())
def test_a_change_cut_short_anywhere_goes_on_and_ends_right(
    entry: DesiredGuest,
    found: Guest,
    moves: bool,  # noqa: FBT001 - Hypothesis names it
    proved: bool,  # noqa: FBT001 - Hypothesis names it
    data: st.DataObject,
) -> None:
    """After any number of its actions a change is recognised, and what is left of it reaches the goal."""
    change = planned(entry, found)
    count = data.draw(st.integers(min_value=0, max_value=len(change.actions)))
    there, proofs = found, dict[str, datetime]()
    for number, action in enumerate(change.actions[:count]):
        at = NOW + timedelta(minutes=number)
        there = carried_out(change, there, action, at=at, moves_pending=moves)
        if proved and isinstance(action, ResetRedemption) and there.marker:
            proofs = {there.marker.local_part: at}
    point = resume_point(change, there, proofs=proofs)
    silent = found.state is PENDING and not moves and change.resets
    if count == len(change.actions):
        # A pending guest whose time does not move shows no reset: somebody may have done it by hand.
        assert point.verdict is Verdict.ALREADY_APPLIED or silent
        return
    assert point.verdict is Verdict.RUN or (point.verdict is Verdict.WAIT and silent)
    for number, action in enumerate(point.remaining):
        at = NOW + timedelta(hours=1 + number)
        there = carried_out(change, there, action, at=at, moves_pending=moves)
    assert not make_plan(desired(entry), live(there), NOW).changes


@given(entry=entries(), found=guests(), data=st.data())
def test_a_proved_reset_of_an_accepted_guest_is_sent_once(
    entry: DesiredGuest, found: Guest, data: st.DataObject
) -> None:
    """Where the journal is at hand, what is left after the reset never holds the reset again."""
    assume(found.state is ACCEPTED)
    change = planned(entry, found)
    names = [type(action) for action in change.actions]
    assume(ResetRedemption in names)
    count = data.draw(st.integers(min_value=names.index(ResetRedemption) + 1, max_value=len(names)))
    there, proofs = found, dict[str, datetime]()
    for action in change.actions[:count]:
        there = carried_out(change, there, action, at=NOW, moves_pending=True)
        if isinstance(action, ResetRedemption) and there.marker:
            proofs = {there.marker.local_part: NOW}
    point = resume_point(change, there, proofs=proofs)
    assert not any(isinstance(action, ResetRedemption) for action in point.remaining)


@given(entry=entries(), found=guests(), there=guests(), marked=st.booleans())
def test_no_reset_is_left_out_without_a_proof(
    entry: DesiredGuest,
    found: Guest,
    there: Guest,
    marked: bool,  # noqa: FBT001 - Hypothesis names it
) -> None:
    """Whatever a guest looks like, a change that resets is never finished without the reset."""
    change = planned(entry, found)
    assume(change.resets)
    if marked:
        there = replace(there, markers=(marker_of(change.marker_digits),))
    point = resume_point(change, there, proofs={})
    if point.verdict is Verdict.RUN:
        assert any(isinstance(action, ResetRedemption) for action in point.remaining)


@given(entry=entries(), found=guests(), there=guests(), foreign=st.just(EmailAddress("x@foreign.example")))
def test_a_guest_with_a_foreign_address_and_without_our_marker_is_never_written_to(
    entry: DesiredGuest, found: Guest, there: Guest, foreign: EmailAddress
) -> None:
    """An address that nobody planned keeps every action away from a guest not yet begun."""
    change = planned(entry, found)
    touched = replace(there, other_mails=tuple(sorted({*there.other_mails, foreign})))
    assert resume_point(change, touched, proofs={}).verdict is not Verdict.RUN


@given(entry=entries(), found=guests(), there=guests(), digits=st.sampled_from(["own", "f" * 16]))
def test_a_marker_of_another_change_keeps_every_action_away(
    entry: DesiredGuest, found: Guest, there: Guest, digits: str
) -> None:
    """Only its own marker, or the one it was planned on, lets a change go on."""
    change = planned(entry, found)
    own = digits == "own"
    marker = marker_of(change.marker_digits if own else digits)
    point = resume_point(change, replace(there, markers=(marker,)), proofs={})
    marks = change.kind in {ChangeKind.CHANGE_EMAIL, ChangeKind.RESTORE_MAIL}
    assert point.verdict in ({Verdict.RUN, Verdict.STALE} if own and marks else {Verdict.STALE})


@given(entry=entries(), found=guests(), there=guests())
def test_what_is_left_is_an_end_of_what_was_approved(entry: DesiredGuest, found: Guest, there: Guest) -> None:
    """The rest of a change is the change from some action on, and never empty when it runs."""
    change = planned(entry, found)
    point = resume_point(change, there, proofs={})
    assert point.remaining == change.actions[len(change.actions) - len(point.remaining) :]
    assert bool(point.remaining) == (point.verdict is Verdict.RUN)
