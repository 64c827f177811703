"""The state of one guest's change: one frozen value, and the totals in it.

No rule is in here. Every fact that a rule needs later has to be in `GuestState`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from reconciler.apply.evidence import Redemption
from reconciler.apply.retry_policy import Allowance
from reconciler.apply.settings import Settings
from reconciler.apply.steps import Answered, GuestResult, Phase, Send, Sent, Sleep
from reconciler.model import (
    Action,
    ActionRecord,
    ActionResult,
    Change,
    ChangeKind,
    EmailAddress,
    Failed,
    FailureKind,
    Guest,
    Marker,
    Note,
    ObjectId,
    ResetRedemption,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """The reads that wait for one write to show."""

    started: float
    """Monotonic time of the first read, in seconds."""

    number: int = 1
    """Number of the next read, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The time a write of this run took to show: a measure of the replication lag for other guests."""

    seconds: float
    reads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """The used part of one allowance."""

    allowance: Allowance

    since: float | None
    """Monotonic time, in seconds, from which writes have failed; `None` while they succeed."""

    spent: float = 0.0
    """Seconds of earlier failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """The attempts of one action, and the result of the last one."""

    action: str
    count: int

    in_doubt: bool
    """Whether one attempt may have been executed, and no read or answer showed it."""

    request_id: str | None
    """Graph's id of the last answered request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestState:
    """The state of one guest in a run."""

    recorded: Change
    """The approved change, and the state it was planned from."""

    planned: Change | None
    """The change of this run's own plan, from which alone values are written; `None`: nothing is planned."""

    proofs: tuple[tuple[str, datetime], ...]
    """Acknowledged resets of this change by earlier runs: the marker's local part, or the digest of a change
    that sets none, and the answer's `Date`.
    """

    settings: Settings
    phase: Phase

    pause: Sleep | None = None
    """The sleep due before the next step."""

    poll: Poll | None = None
    todo: tuple[Action, ...] = ()
    """The remaining actions of `planned`, in their order; the first one is due."""

    guest: Guest | None = None
    """The guest as last read."""

    read_at: float = 0.0
    """Monotonic time of that read, in seconds."""

    before: Guest | None = None
    """The guest as read just before this run's first PATCH: the state an older replica may still return."""

    own: tuple[Marker, ...] = ()
    """The markers that this run may have set on the guest, the newest last."""

    refused_domains: tuple[str, ...] = ()
    """Domains in which the directory refused a marker of this guest."""

    patched_at: datetime | None = None
    """`Date` of the answer to this run's first PATCH."""

    confirmed: bool = True
    """Whether reads show all writes of this run."""

    listed: frozenset[EmailAddress] = frozenset()
    """`otherMails` as this run has written or read them."""

    sent: Sent = Sent.NO
    reset_at: datetime | None = None
    """When our newest reset was executed, by the directory's clock; `None` when that is not known."""

    reset_shown_at: datetime | None = None
    """The state-change time of our newest reset, once a read shows it: a later one is another client's."""

    redemption: Redemption | None = None
    """The redemption state before a reset, for comparison; `None` without one."""

    withheld: int = 0
    """Number of times the last write was withheld because its read was too old."""

    lost_answers: int = 0
    """Number of lost answers to the reset in this run; no success and no read takes any back.

    `Tries.in_doubt` ends once the reset is known to be executed; this count still forbids a third POST, and
    shows that the guest may have been reset twice.
    """

    repeats: bool = False
    """Whether an earlier run may have sent the reset already."""

    link_lost: bool = False
    """Whether the guest was reset, no message went out, and the requested redeem link was not stored."""

    owed: Sleep | None = None
    """The sleep due before a write is sent again, unless a read shows first that it was executed."""

    failure: Failed | None = None
    """The newest failure of a write."""

    tries: tuple[Tries, ...] = ()
    failing: tuple[Failing, ...] = ()
    records: tuple[ActionRecord, ...] = ()

    remarks: tuple[str, ...] = ()
    """Sentences appended to the message of the outcome."""

    stops_run: Note | None = None
    """Why no other guest should start, as a result of this one."""

    shown: Shown | None = None
    """The newest measurement of replication lag."""

    freed: Guest | None = None
    """The guest as first read with the new address: it shows whether the old address is free."""

    result: GuestResult | None = None

    @property
    def id(self) -> ObjectId:
        """The guest's object id."""
        return self.recorded.id

    @property
    def marks(self) -> bool:
        """Whether this change sets a marker on the guest."""
        return self.recorded.kind in {ChangeKind.CHANGE_EMAIL, ChangeKind.RESTORE_MAIL}

    @property
    def wrote(self) -> bool:
        """Whether any write was sent."""
        return bool(self.tries)

    @property
    def due(self) -> Action:
        """The action that is due."""
        return self.todo[0]

    @property
    def reset(self) -> ResetRedemption | None:
        """The reset of this change, executed or not."""
        change = self.planned or self.recorded
        return change.reset or change.fallback

    @property
    def stuck(self) -> bool:
        """Whether the last write of a reset guest does not succeed."""
        return any(each.allowance is Allowance.RUN and each.since is not None for each in self.failing)


def promised(value: T | None, promise: str) -> T:
    """Return a value that the phase of a state promises. Raises `ValueError` with the broken promise."""
    if value is None:
        raise ValueError(f"not so: {promise}")
    return value


def tries_of(state: GuestState, action: Action) -> Tries | None:
    """Return the attempts of an action; `None` when it was not sent."""
    return next((tries for tries in state.tries if tries.action == action.name), None)


def attempts_of(state: GuestState, action: Action) -> int:
    """Return the number of times an action was sent."""
    tries = tries_of(state, action)
    return tries.count if tries else 0


def in_doubt(state: GuestState, action: Action) -> bool:
    """Return whether an action may have been executed although no answer says so."""
    tries = tries_of(state, action)
    return tries is not None and tries.in_doubt


def with_try(state: GuestState, sent: Send, *, in_doubt: bool, request_id: str | None) -> GuestState:
    """Record an attempt of a write, and its result."""
    tried = Tries(action=sent.action.name, count=sent.attempt, in_doubt=in_doubt, request_id=request_id)
    others = (tries for tries in state.tries if tries.action != sent.action.name)
    return replace(state, tries=(*others, tried))


def with_answer(state: GuestState, event: Answered) -> GuestState:
    """Record the answer of a PATCH: after a lost answer only a success proves its execution."""
    answer = event.answer
    lost = isinstance(answer, Failed) and (answer.kind is FailureKind.UNKNOWN or in_doubt(state, state.due))
    return with_try(state, event.sent, in_doubt=lost, request_id=answer.request_id)


def with_try_settled(state: GuestState, action: Action) -> GuestState:
    """Record that an action whose answer was lost was executed."""
    return replace(
        state,
        tries=tuple(
            replace(tries, in_doubt=False) if tries.action == action.name else tries for tries in state.tries
        ),
    )


def with_record(state: GuestState, action: str, result: ActionResult) -> GuestState:
    """Record the result of the action of that name; the first record of an action stands."""
    if any(record.action == action for record in state.records):
        return state
    tries = next((tries for tries in state.tries if tries.action == action), None)
    record = ActionRecord(
        action=action,
        result=result,
        attempts=tries.count if tries else 0,
        request_id=tries.request_id if tries else None,
    )
    return replace(state, records=(*state.records, record))


def with_remark(state: GuestState, *remarks: str) -> GuestState:
    """Add sentences for the report, each once."""
    fresh = tuple(remark for remark in remarks if remark and remark not in state.remarks)
    return replace(state, remarks=(*state.remarks, *fresh)) if fresh else state


def seconds_failing(state: GuestState, allowance: Allowance, now: float) -> float:
    """Return the used seconds of an allowance.

    Measured by the clock and not by the pauses: a call that hangs, or a queued write, counts as well.
    """
    for each in state.failing:
        if each.allowance is allowance:
            return each.spent + (now - each.since if each.since is not None else 0.0)
    return 0.0


def begin_failing(state: GuestState, allowance: Allowance, now: float) -> GuestState:
    """Start an allowance now, if it does not run yet."""
    found = next((each for each in state.failing if each.allowance is allowance), None)
    if found is None:
        return replace(state, failing=(*state.failing, Failing(allowance=allowance, since=now)))
    if found.since is not None:
        return state
    return replace(state, failing=_replaced(state.failing, found, replace(found, since=now)))


def forgive(state: GuestState, allowance: Allowance, seconds: float) -> GuestState:
    """Add so many seconds back to an allowance that is running."""
    found = next((each for each in state.failing if each.allowance is allowance), None)
    if found is None or found.since is None:
        return state
    return replace(
        state, failing=_replaced(state.failing, found, replace(found, since=found.since + seconds))
    )


def end_failing(state: GuestState, now: float) -> GuestState:
    """Stop all allowances: a write has succeeded."""
    if not any(each.since is not None for each in state.failing):
        return state
    return replace(
        state,
        failing=tuple(
            Failing(allowance=each.allowance, since=None, spent=seconds_failing(state, each.allowance, now))
            for each in state.failing
        ),
    )


def _replaced(failing: Iterable[Failing], old: Failing, new: Failing) -> tuple[Failing, ...]:
    return tuple(new if each is old else each for each in failing)
