"""Decides how far an approved change has come on the guest as just read, and which actions remain.

Pure. It compares the state a change was planned from with the state found, and takes from the journals of
earlier runs the fact that the directory cannot show: whether the reset was sent. It must never guess: a state
that is not recognised is stale, and nothing is written to a stale guest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import assert_never

from reconciler.guard.proofs import Proofs
from reconciler.model import (
    Action,
    AddOtherMail,
    Change,
    ChangeKind,
    ClearMarker,
    EmailAddress,
    Guest,
    RedemptionState,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)

CLOCK_TOLERANCE = timedelta(seconds=5)
"""Most that the `Date` of an answer and the state-change time of the reset it acknowledges may differ."""


MADE_INTERNAL = "the guest has no externalUserState any more: somebody has made them an internal user"
"""A sentence for the report."""

WHO_REDEEMED = "they have redeemed since the reset, and who that was is not known"
"""Of a guest who is Accepted: Graph shows no address for most identity providers."""

_WHO_HOLDS_IT = "who holds the link, or redeemed with it, is not known"


class Verdict(StrEnum):
    """The decision about an approved change."""

    RUN = "run"
    WAIT = "wait"
    """The read is older than the reset a journal proves: read again. After the wait `remaining` counts."""

    ALREADY_APPLIED = "already-applied"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePoint:
    """The progress of an approved change on the guest as read."""

    verdict: Verdict

    remaining: tuple[Action, ...] = ()
    """The recorded actions that remain, in their order; empty when nothing may be written."""

    repeats: bool = False
    """Whether an earlier run may have sent the reset among `remaining` already: no read shows it."""

    reset_at: datetime | None = None
    """When the reset that is not among `remaining` any more was acknowledged."""

    message: str = ""
    """A sentence for the report."""

    remark: str = ""
    """The facts that the directory cannot show about this guest, for the report; may be empty."""


def resume_point(recorded: Change, guest: Guest | None, *, proofs: Proofs) -> ResumePoint:
    """Compare the precondition of `recorded` with the guest as just read; the first matching rule decides.

    Addresses are compared as sets without regard to case. A missing state-change time is earlier than any.
    """
    if guest is None:
        return _stale("the guest is no longer in the directory")
    if guest.state is None and recorded.precondition.state is not None:
        return _stale(MADE_INTERNAL)
    match recorded.kind:
        case ChangeKind.CHANGE_EMAIL:
            return _of_change_email(recorded, guest, proofs)
        case ChangeKind.RESTORE_MAIL:
            return _of_restore_mail(recorded, guest, proofs)
        case ChangeKind.RESET:
            return _of_reset(recorded, guest)
        case ChangeKind.OTHER_MAILS:
            return _of_other_mails(recorded, guest, proofs)
        case _ as unknown:
            assert_never(unknown)


def later(instant: datetime | None, than: datetime | None) -> bool:
    """Return whether `instant` lies after `than`, where `None` is earlier than any."""
    return instant is not None and (than is None or instant > than)


def carries_own_marker(recorded: Change, guest: Guest) -> bool:
    """Return whether the guest carries the marker of this very change, and no other one."""
    return guest.marker is not None and guest.marker.digits == recorded.marker_digits


def _of_change_email(recorded: Change, guest: Guest, proofs: Proofs) -> ResumePoint:
    before = recorded.precondition
    new = next(action.email for action in recorded.actions if isinstance(action, SetMail))
    if guest.mail == new and carries_own_marker(recorded, guest):
        return _of_begun(recorded, guest, proofs)
    if not _differences(recorded, guest):
        return _run(recorded.actions, repeats=guest.mail == new)
    # The rest was finished after its reset was proved: the time has not changed since it was planned.
    finished = before.marker is not None and before.marker.local_part in proofs
    moved = finished or later(guest.state_changed_at, before.state_changed_at)
    if guest.mail == new and not guest.markers and moved:
        return _already("an earlier run has changed the address and reset the guest", remark=_WHO_HOLDS_IT)
    return _differs(recorded, guest)


def _of_begun(recorded: Change, guest: Guest, proofs: Proofs) -> ResumePoint:
    """Judge a change whose marker stands on the guest: only an acknowledged reset of ours is proof.

    Times on the object prove nothing: a reset by somebody else just before our first write looks the same.
    """
    again = _run(recorded.actions, repeats=True)
    at = proofs.get(guest.marker.local_part) if guest.marker else None
    if at is None:
        return again
    pending = guest.state is RedemptionState.PENDING
    finish = ResumePoint(
        verdict=Verdict.RUN,
        remaining=tuple(action for action in recorded.actions if isinstance(action, ClearMarker)),
        reset_at=at,
        remark="" if pending else WHO_REDEEMED,
    )
    if later(at - CLOCK_TOLERANCE, guest.state_changed_at):
        # Whether a reset changes the time of a pending guest is not documented: then this is no lag.
        return ResumePoint(verdict=Verdict.WAIT, remaining=finish.remaining if pending else (), reset_at=at)
    if pending and not later(guest.state_changed_at, at + CLOCK_TOLERANCE):
        return finish
    if guest.state is RedemptionState.ACCEPTED and later(guest.state_changed_at, at):
        return finish
    return again


def _of_restore_mail(recorded: Change, guest: Guest, proofs: Proofs) -> ResumePoint:
    goal = next(action for action in recorded.actions if isinstance(action, SetMail))
    if guest.mail == goal.email and carries_own_marker(recorded, guest):
        return _of_begun(recorded, guest, proofs)
    if guest.mail == goal.email and not guest.markers and _same(guest.other_mails, goal.other_mails):
        return _already("`mail` is as declared")
    if not _differences(recorded, guest):
        return _run(recorded.actions)
    return _differs(recorded, guest)


def _of_reset(recorded: Change, guest: Guest) -> ResumePoint:
    before = recorded.precondition
    differences = _differences(recorded, guest)
    if not differences:
        return _run(recorded.actions)
    prepared = _same(guest.other_mails, _prepared(recorded))
    if differences == ("otherMails",) and prepared:
        return _run(_from(recorded, ResetRedemption))
    declares_list = any(isinstance(action, SetOtherMails) for action in recorded.actions)
    moved = later(guest.state_changed_at, before.state_changed_at) and not guest.markers
    if moved and (prepared or not declares_list):
        return _already("the guest has been reset since the plan was made", remark=_WHO_HOLDS_IT)
    return _differs(recorded, guest)


def _of_other_mails(recorded: Change, guest: Guest, proofs: Proofs) -> ResumePoint:
    before = recorded.precondition
    goal = next(action.other_mails for action in recorded.actions if isinstance(action, SetOtherMails))
    if _same(guest.other_mails, goal) and not guest.markers:
        return _already("the other addresses are as declared")
    at = _reset_without_marker(recorded, guest, proofs)
    if at is not None:
        rest = _from(recorded, ResetRedemption)[1:]
        return ResumePoint(verdict=Verdict.RUN, remaining=rest, reset_at=at)
    differences = _differences(recorded, guest)
    if not differences:
        return _run(recorded.actions)
    # A reset of our own may have changed the time of a pending guest, or left it as it was. To call this
    # stale would leave a run that was killed in between unrepaired for as long as its plan is valid.
    still_pending = before.state is guest.state is RedemptionState.PENDING
    moved_back = later(before.state_changed_at, guest.state_changed_at)
    if (
        recorded.resets
        and still_pending
        and not moved_back
        and not guest.markers
        and guest.mail == before.mail
    ):
        if _same(guest.other_mails, _prepared(recorded)):
            return _run(_from(recorded, ResetRedemption), repeats=True)
        if _same(guest.other_mails, before.other_mails):
            return _run(recorded.actions, repeats=True)
    return _differs(recorded, guest)


def _reset_without_marker(recorded: Change, guest: Guest, proofs: Proofs) -> datetime | None:
    """Return when an earlier run reset a guest on whom this change sets no marker, if that is proved.

    The only other earlier write is the list from before the reset, with the address added.
    """
    before, at = recorded.precondition, proofs.get(recorded.digest)
    untouched = guest.mail == before.mail and not guest.markers
    as_left = any(_same(guest.other_mails, each) for each in (before.other_mails, _prepared(recorded)))
    if at is None or not (untouched and as_left) or guest.state is not RedemptionState.PENDING:
        return None
    return None if later(guest.state_changed_at, at + CLOCK_TOLERANCE) else at


def _prepared(recorded: Change) -> tuple[EmailAddress, ...]:
    """Return `otherMails` as they are when all actions before the reset are done."""
    addresses = recorded.precondition.other_mails
    for action in takewhile(lambda action: not isinstance(action, ResetRedemption), recorded.actions):
        if isinstance(action, AddOtherMail):
            addresses = (*addresses, action.email)
        if isinstance(action, SetOtherMails):
            addresses = action.other_mails
    return addresses


def _differences(recorded: Change, guest: Guest) -> tuple[str, ...]:
    before = recorded.precondition
    same = {
        "mail": guest.mail == before.mail,
        "otherMails": _same(guest.other_mails, before.other_mails),
        "the marker of an unfinished change": guest.markers == before.markers,
        "externalUserState": guest.state is before.state,
        "externalUserStateChangeDateTime": guest.state_changed_at == before.state_changed_at,
    }
    return tuple(field for field, is_same in same.items() if not is_same)


def _same(one: Iterable[EmailAddress], other: Iterable[EmailAddress]) -> bool:
    return frozenset(one) == frozenset(other)


def _from(recorded: Change, first: type[Action]) -> tuple[Action, ...]:
    kinds = [type(action) for action in recorded.actions]
    return recorded.actions[kinds.index(first) :]


def _run(remaining: tuple[Action, ...], *, repeats: bool = False) -> ResumePoint:
    return ResumePoint(verdict=Verdict.RUN, remaining=remaining, repeats=repeats)


def _already(message: str, *, remark: str = "") -> ResumePoint:
    return ResumePoint(verdict=Verdict.ALREADY_APPLIED, message=message, remark=remark)


def _stale(message: str) -> ResumePoint:
    return ResumePoint(verdict=Verdict.STALE, message=message)


def _differs(recorded: Change, guest: Guest) -> ResumePoint:
    fields = " and ".join(_differences(recorded, guest))
    return _stale(f"{fields} changed since the plan was made; make a new plan and have it reviewed")
