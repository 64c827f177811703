"""Laws of staleness: what a killed run left is recognised, and nothing else is."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.guard.staleness import Verdict, assess
from reconciler.model import (
    Action,
    AddOtherMail,
    Change,
    DesiredGuest,
    EmailAddress,
    Guest,
    RedemptionState,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)
from reconciler.plan import make_plan
from tests.samples.directory import NOW, REDEEMED, declared, desired, guest, live

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


def carried_out(found: Guest, action: Action, *, at: datetime, moves_pending: bool) -> Guest:
    """Give the guest as one action leaves them, in a directory without faults."""
    match action:
        case AddOtherMail():
            return replace(found, other_mails=tuple(sorted({*found.other_mails, action.email})))
        case SetOtherMails():
            return replace(found, other_mails=action.other_mails)
        case SetMail():
            return replace(found, mail=action.email, other_mails=action.other_mails)
        case ResetRedemption():
            moves = moves_pending or found.state is not PENDING
            return replace(found, state=PENDING, state_changed_at=at if moves else found.state_changed_at)


@given(entry=entries(), found=guests(), moves=st.booleans(), data=st.data())
def test_a_change_cut_short_anywhere_goes_on_and_ends_right(
    entry: DesiredGuest,
    found: Guest,
    moves: bool,  # noqa: FBT001 - Hypothesis names it
    data: st.DataObject,
) -> None:
    """After any number of its actions a change is recognised, and what is left of it reaches the goal."""
    change = planned(entry, found)
    count = data.draw(st.integers(min_value=0, max_value=len(change.actions)))
    there = found
    for number, action in enumerate(change.actions[:count]):
        there = carried_out(there, action, at=NOW + timedelta(minutes=number), moves_pending=moves)
    standing = assess(change, there)
    if count == len(change.actions):
        # A pending guest whose time does not move shows no reset: `mail` may have been written by hand.
        silent = found.state is PENDING and not moves and change.resets
        assert standing.verdict is Verdict.ALREADY_APPLIED or silent
        return
    assert standing.verdict is Verdict.RUN
    for number, action in enumerate(standing.remaining):
        there = carried_out(there, action, at=NOW + timedelta(hours=1 + number), moves_pending=moves)
    assert not make_plan(desired(entry), live(there), NOW).changes


@given(entry=entries(), found=guests(), data=st.data())
def test_the_reset_of_an_accepted_guest_is_sent_once(
    entry: DesiredGuest, found: Guest, data: st.DataObject
) -> None:
    """Of a guest who was accepted before, what is left after the reset never holds the reset again."""
    assume(found.state is ACCEPTED)
    change = planned(entry, found)
    names = [type(action) for action in change.actions]
    assume(ResetRedemption in names)
    count = data.draw(st.integers(min_value=names.index(ResetRedemption) + 1, max_value=len(names)))
    there = found
    for action in change.actions[:count]:
        there = carried_out(there, action, at=NOW, moves_pending=True)
    assert not any(isinstance(action, ResetRedemption) for action in assess(change, there).remaining)


@given(entry=entries(), found=guests(), there=guests())
def test_accepted_is_never_evidence_of_our_reset(entry: DesiredGuest, found: Guest, there: Guest) -> None:
    """Whatever an accepted guest looks like, `mail` is not written without a reset."""
    change = planned(entry, found)
    assume(any(isinstance(action, ResetRedemption) for action in change.actions))
    standing = assess(change, replace(there, state=ACCEPTED))
    if standing.verdict is Verdict.RUN:
        assert any(isinstance(action, ResetRedemption) for action in standing.remaining)


@given(entry=entries(), found=guests(), there=guests(), foreign=st.just(EmailAddress("x@foreign.example")))
def test_a_guest_with_a_foreign_address_is_never_written_to(
    entry: DesiredGuest, found: Guest, there: Guest, foreign: EmailAddress
) -> None:
    """An address that nobody planned keeps every action away."""
    change = planned(entry, found)
    touched = replace(there, other_mails=tuple(sorted({*there.other_mails, foreign})))
    assert assess(change, touched).verdict is not Verdict.RUN


@given(entry=entries(), found=guests(), there=guests())
def test_what_is_left_is_an_end_of_what_was_approved(entry: DesiredGuest, found: Guest, there: Guest) -> None:
    """The rest of a change is the change from some action on, and never empty when it runs."""
    change = planned(entry, found)
    standing = assess(change, there)
    assert standing.remaining == change.actions[len(change.actions) - len(standing.remaining) :]
    assert bool(standing.remaining) == (standing.verdict is Verdict.RUN)
