"""Judges whether an approved change still fits the guest, and which of its actions are left.

Pure. It compares the state a change was planned from with the state found just now. It must never
guess: what cannot be recognised is stale, and nothing is written to a stale guest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from typing import assert_never

from reconciler.model import (
    Action,
    AddOtherMail,
    Change,
    ChangeKind,
    EmailAddress,
    Guest,
    RedemptionState,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)


class Verdict(StrEnum):
    """What may be done with an approved change now."""

    RUN = "run"
    ALREADY_APPLIED = "already-applied"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an approved change stands against the guest as found."""

    verdict: Verdict

    remaining: tuple[Action, ...]
    """The recorded actions that are left, in their order; empty unless the verdict is `run`."""

    repeats: bool
    """Whether an earlier run may have sent the reset among `remaining` already: nothing can show it."""

    message: str
    """A sentence for the report."""


def assess(recorded: Change, guest: Guest | None) -> Standing:
    """Compare the precondition of `recorded` with the guest as just read; the first match wins.

    Addresses are compared as sets without regard to case. A state-change time that is not there is
    earlier than any. A guest who is `Accepted` is never evidence that this change's reset was sent:
    somebody else may have reset them, and they redeemed since.
    """
    if guest is None:
        return _stale("the guest is no longer in the directory")
    match recorded.kind:
        case ChangeKind.CHANGE_EMAIL:
            return _assess_change_email(recorded, guest)
        case ChangeKind.RESET:
            return _assess_reset(recorded, guest)
        case ChangeKind.OTHER_MAILS:
            return _assess_other_mails(recorded, guest)
        case _ as unknown:
            assert_never(unknown)


def later(instant: datetime | None, than: datetime | None) -> bool:
    """Tell whether `instant` lies after `than`, where `None` is earlier than any."""
    return instant is not None and (than is None or instant > than)


def _assess_change_email(recorded: Change, guest: Guest) -> Standing:
    before = recorded.precondition
    new = next(action.email for action in recorded.actions if isinstance(action, SetMail))
    moved = later(guest.state_changed_at, before.state_changed_at)
    if not _differences(recorded, guest):
        return _run(recorded.actions)
    if guest.mail == before.mail and _same(guest.other_mails, (*before.other_mails, new)):
        if guest.state_changed_at == before.state_changed_at:
            return _run(_from(recorded, ResetRedemption), repeats=before.state is RedemptionState.PENDING)
        if moved and before.state is RedemptionState.ACCEPTED and guest.state is RedemptionState.PENDING:
            return _run(_from(recorded, SetMail))
        if moved:
            return _run(_from(recorded, ResetRedemption), repeats=True)
    ours = before.state is RedemptionState.ACCEPTED or guest.state is RedemptionState.PENDING
    if guest.mail == new and moved and ours:
        return _already("an earlier run has changed the address and reset the guest")
    return _differs(recorded, guest)


def _assess_reset(recorded: Change, guest: Guest) -> Standing:
    before = recorded.precondition
    differences = _differences(recorded, guest)
    if not differences:
        return _run(recorded.actions)
    prepared = _same(guest.other_mails, _prepared(recorded))
    if differences == ("otherMails",) and prepared:
        return _run(_from(recorded, ResetRedemption))
    declares_list = any(isinstance(action, SetOtherMails) for action in recorded.actions)
    if later(guest.state_changed_at, before.state_changed_at) and (prepared or not declares_list):
        return _already("the guest has been reset since the plan was made")
    return _differs(recorded, guest)


def _assess_other_mails(recorded: Change, guest: Guest) -> Standing:
    before = recorded.precondition
    goal = next(action.other_mails for action in recorded.actions if isinstance(action, SetOtherMails))
    if _same(guest.other_mails, goal):
        return _already("the other addresses are as declared")
    differences = _differences(recorded, guest)
    if not differences:
        return _run(recorded.actions)
    # A reset of our own may be what moved the time of a pending guest, or may have left it where it was.
    # To call this stale would leave a run that was killed in between unhealed for as long as its plan lives.
    resets = any(isinstance(action, ResetRedemption) for action in recorded.actions)
    still_pending = before.state is guest.state is RedemptionState.PENDING
    moved_back = later(before.state_changed_at, guest.state_changed_at)
    if resets and still_pending and not moved_back and guest.mail == before.mail:
        if _same(guest.other_mails, _prepared(recorded)):
            return _run(_from(recorded, ResetRedemption), repeats=True)
        if _same(guest.other_mails, before.other_mails):
            return _run(recorded.actions, repeats=True)
    return _differs(recorded, guest)


def _prepared(recorded: Change) -> tuple[EmailAddress, ...]:
    """Give `otherMails` as they stand when all that comes before the reset is done."""
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
        "externalUserState": guest.state is before.state,
        "externalUserStateChangeDateTime": guest.state_changed_at == before.state_changed_at,
    }
    return tuple(field for field, is_same in same.items() if not is_same)


def _same(one: Iterable[EmailAddress], other: Iterable[EmailAddress]) -> bool:
    return frozenset(one) == frozenset(other)


def _from(recorded: Change, first: type[Action]) -> tuple[Action, ...]:
    names = [type(action) for action in recorded.actions]
    return recorded.actions[names.index(first) :]


def _run(remaining: tuple[Action, ...], *, repeats: bool = False) -> Standing:
    return Standing(verdict=Verdict.RUN, remaining=remaining, repeats=repeats, message="")


def _already(message: str) -> Standing:
    return Standing(verdict=Verdict.ALREADY_APPLIED, remaining=(), repeats=False, message=message)


def _stale(message: str) -> Standing:
    return Standing(verdict=Verdict.STALE, remaining=(), repeats=False, message=message)


def _differs(recorded: Change, guest: Guest) -> Standing:
    fields = " and ".join(_differences(recorded, guest))
    return _stale(f"{fields} changed since the plan was made; make a new plan and have it reviewed")
