"""Builds the states of one guest's machine, and the moments at which its rules are asked."""

from dataclasses import replace
from datetime import timedelta

from reconciler.apply.settings import Settings
from reconciler.apply.state import GuestState
from reconciler.apply.steps import Admitted, Answered, GuestRead, Moment, Send
from reconciler.apply.transitions import after, begin, next_step
from reconciler.guard.approval import Work
from reconciler.model import DesiredGuest, Guest, Note, RedemptionState
from reconciler.plan import make_plan
from reconciler.rules import Rule
from tests.support.directory import NEW, NOW, OLD, REDEEMED, declared, desired, guest, live
from tests.support.tenant_calls import done

PENDING = RedemptionState.PENDING
DRAINING = Note(rule=Rule.INTERRUPTED, message="the run was interrupted")
LATER = NOW + timedelta(seconds=3)


def moment(now: float = 0.0, **fields: object) -> Moment:
    made = Moment(
        now=now,
        instant=NOW + timedelta(seconds=now),
        settled_at=0.0,
        nonce=f"{int(now * 10):08x}",
        marker_domains=("reconciler.invalid", "contoso.onmicrosoft.example"),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def state_of(entry: DesiredGuest | None = None, found: Guest | None = None) -> GuestState:
    """Return the state of a guest at the beginning."""
    (change,) = make_plan(desired(entry or declared()), live(found or guest()), NOW).changes
    return begin(Work(planned=change, recorded=change), settings=Settings(), proofs={})


def answer_to(state: GuestState, answer: object, at: Moment) -> GuestState:
    """Return the state after the write that is due was sent and answered."""
    step = next_step(state, at)
    assert isinstance(step, Send)
    return after(state, Answered(sent=step, answer=answer, queued=0.0), at)  # type: ignore[arg-type]


def as_written(state: GuestState, found: Guest | None = None, /, **fields: object) -> Guest:
    """Return the guest as the newest first write of a state has left them."""
    return replace(found or guest(mail=NEW), markers=state.own[-1:], **fields)  # type: ignore[arg-type]


def reset_sent() -> GuestState:
    """Return a state whose reset was acknowledged at `NOW`, before the read for the last write."""
    state = after(state_of(), Admitted(), moment())
    state = after(state, GuestRead(guest()), moment())
    state = answer_to(state, done(at=NOW), moment())
    state = after(state, GuestRead(as_written(state)), moment(1.0))
    return answer_to(state, done(at=NOW), moment(1.0))


FORCED = declared(email=OLD, reset_after=REDEEMED + timedelta(days=1))
LISTED = declared(email=OLD, alternates=["b@old.example"])
