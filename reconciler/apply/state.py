"""Everything that decides what becomes of one guest: one frozen value, and the sums kept in it.

No rule is in here. Whatever a rule needs to know later has to stand in `GuestState`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Reads that wait for one thing to show."""

    started: float
    """Moment of the first one."""

    number: int = 1
    """Of the read that comes now, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How long a write of this run took to show: what other guests can learn the replication lag from."""

    seconds: float
    reads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """What has been used up of one allowance."""

    allowance: Allowance

    since: float | None
    """Moment from which on writes have failed; `None` while they succeed."""

    spent: float = 0.0
    """Seconds of earlier failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often one action was sent, and how that ended last."""

    action: str
    count: int

    in_doubt: bool
    """Whether one of them may have been carried out, and none was seen to be."""

    request_id: str | None
    """Graph's id of the last answered request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestState:
    """One guest on the way through a run."""

    recorded: Change
    """What was approved, and the state it was planned from."""

    planned: Change | None
    """The change of this run's own plan, from which alone values are written; `None`: nothing is planned."""

    proofs: tuple[tuple[str, datetime], ...]
    """Acknowledged resets of this change by earlier runs: the marker's local part, or the digest of a change
    that puts none on the guest, and the answer's `Date`."""

    settings: Settings
    phase: Phase

    pause: Sleep | None = None
    """To be slept before anything else."""

    poll: Poll | None = None
    todo: tuple[Action, ...] = ()
    """Of `planned`, in their order; the first one is due."""

    guest: Guest | None = None
    """As last read."""

    read_at: float = 0.0
    """Moment of that read."""

    before: Guest | None = None
    """As read just before this run's first PATCH: what an older replica may still show."""

    own: tuple[Marker, ...] = ()
    """The markers that may stand on the guest by this run's doing, the newest last."""

    refused_domains: tuple[str, ...] = ()
    """Domains in which the directory took no marker of this guest."""

    patched_at: datetime | None = None
    """`Date` of the answer to this run's first PATCH."""

    confirmed: bool = True
    """Whether all that this run has written shows in reads."""

    listed: frozenset[EmailAddress] = frozenset()
    """`otherMails` as this run has left them, or found them."""

    sent: Sent = Sent.NO
    reset_at: datetime | None = None
    """When our newest reset was carried out, by the directory's clock; `None` when that is not known."""

    reset_shown_at: datetime | None = None
    """The state-change time of our newest reset, once a read has shown it: a later one is somebody else's."""

    redemption: Redemption | None = None
    """What a reset has to be seen against: the state before it; `None` without one."""

    withheld: int = 0
    """How often the turn of the last write came too late for the read it was made from."""

    lost_answers: int = 0
    """Answers to the reset that were lost in this run."""

    repeats: bool = False
    """Whether an earlier run may have sent the reset already."""

    link_lost: bool = False
    """Whether the guest was reset, no message went out, and the redeem link asked for was not kept."""

    owed: Sleep | None = None
    """To be slept before a write is sent again, unless a read shows first that it was carried out."""

    failure: Failed | None = None
    """The newest failure of a write."""

    tries: tuple[Tries, ...] = ()
    failing: tuple[Failing, ...] = ()
    records: tuple[ActionRecord, ...] = ()

    remarks: tuple[str, ...] = ()
    """Sentences that go behind the message of the outcome."""

    stops_run: Note | None = None
    """Why no other guest should start, by what this one has met."""

    shown: Shown | None = None
    """The newest lesson about replication lag."""

    freed: Guest | None = None
    """As first read with the new address written: whether the old one is free shows there."""

    result: GuestResult | None = None

    @property
    def id(self) -> ObjectId:
        """The guest's object id."""
        return self.recorded.id

    @property
    def marks(self) -> bool:
        """Whether this change puts a marker on the guest."""
        return self.recorded.kind in {ChangeKind.CHANGE_EMAIL, ChangeKind.RESTORE_MAIL}

    @property
    def wrote(self) -> bool:
        """Whether anything was sent at all."""
        return bool(self.tries)

    @property
    def due(self) -> Action:
        """The action that is due."""
        return self.todo[0]

    @property
    def reset(self) -> ResetRedemption | None:
        """The reset of this change, done or not."""
        change = self.planned or self.recorded
        return change.reset or change.fallback

    @property
    def stuck(self) -> bool:
        """Whether the last write of a reset guest does not go through."""
        return any(each.allowance is Allowance.RUN and each.since is not None for each in self.failing)


def tries_of(state: GuestState, action: Action) -> Tries | None:
    """Return how often an action was sent; `None` when it was not."""
    return next((tries for tries in state.tries if tries.action == action.name), None)


def attempts_of(state: GuestState, action: Action) -> int:
    """Return how often an action was sent."""
    tries = tries_of(state, action)
    return tries.count if tries else 0


def in_doubt(state: GuestState, action: Action) -> bool:
    """Return whether an action may have been carried out although no answer says so."""
    tries = tries_of(state, action)
    return tries is not None and tries.in_doubt


def with_try(state: GuestState, sent: Send, *, in_doubt: bool, request_id: str | None) -> GuestState:
    """Record that a write was sent, and how that ended."""
    tried = Tries(action=sent.action.name, count=sent.attempt, in_doubt=in_doubt, request_id=request_id)
    others = (tries for tries in state.tries if tries.action != sent.action.name)
    return replace(state, tries=(*others, tried))


def with_answer(state: GuestState, event: Answered) -> GuestState:
    """Record how a PATCH was answered: after a lost answer only a success says whether it was carried out."""
    answer = event.answer
    lost = isinstance(answer, Failed) and (answer.kind is FailureKind.UNKNOWN or in_doubt(state, state.due))
    return with_try(state, event.sent, in_doubt=lost, request_id=answer.request_id)


def with_try_settled(state: GuestState, action: Action) -> GuestState:
    """Record that an action whose answer was lost was carried out."""
    return replace(
        state,
        tries=tuple(
            replace(tries, in_doubt=False) if tries.action == action.name else tries for tries in state.tries
        ),
    )


def with_record(state: GuestState, action: str, result: ActionResult) -> GuestState:
    """Record how the action of that name ended; the first record of an action stands."""
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
    """Return how much of an allowance is used up.

    By the clock and not by the pauses: a call that hangs, or a turn that does not come, counts as well.
    """
    for each in state.failing:
        if each.allowance is allowance:
            return each.spent + (now - each.since if each.since is not None else 0.0)
    return 0.0


def begin_failing(state: GuestState, allowance: Allowance, now: float) -> GuestState:
    """Let an allowance run from now on, if it does not run yet."""
    found = next((each for each in state.failing if each.allowance is allowance), None)
    if found is None:
        return replace(state, failing=(*state.failing, Failing(allowance=allowance, since=now)))
    if found.since is not None:
        return state
    return replace(state, failing=_replaced(state.failing, found, replace(found, since=now)))


def forgive(state: GuestState, allowance: Allowance, seconds: float) -> GuestState:
    """Count so many seconds not against an allowance that is running."""
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
