"""Decides which changes of a new plan were approved: a plan file is an allow-list, never the source of work.

Only the new plan supplies the actions; a file only allows them. A change that was interrupted looks different
in the new plan, which names the change that it finishes.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final

from reconciler.model import (
    Change,
    ChangeKind,
    EmailAddress,
    GuestOutcome,
    ObjectId,
    Origin,
    Outcome,
    Plan,
    SetMail,
    SetOtherMails,
)
from reconciler.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One guest to reconcile: the change that may be written, and the approved one it is compared with."""

    planned: Change | None
    """The change to run, from the new plan; `None`: none, only check whether it was applied already."""

    recorded: Change
    """The approved change. Its precondition is the guest's state as the approver saw it."""

    approved_at: datetime | None = None
    """When the approved plan was made; `None` for this run's own plan, which no earlier run has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The work that apply may do, and the outcomes of all other guests."""

    work: tuple[Work, ...]
    """In the order of the new plan; then the guests with nothing planned, by id."""

    outcomes: tuple[GuestOutcome, ...]
    """Sorted by id. No guest is both here and in `work`."""

    withheld: frozenset[ObjectId] = frozenset()
    """The guests of `outcomes` whose approved change is blocked now, but not by a rule of `ON_PURPOSE`."""

    @property
    def to_run(self) -> tuple[Change, ...]:
        """The changes that would run, in their order."""
        return tuple(work.planned for work in self.work if work.planned is not None)

    @property
    def to_check(self) -> tuple[Change, ...]:
        """The approved changes for which nothing is planned any more: apply only checks them."""
        return tuple(work.recorded for work in self.work if work.planned is None)


ON_PURPOSE: Final = frozenset({Rule.ON_HOLD, Rule.PROTECTED})
"""Rules of the tree that keep a guest unchanged on purpose: to be blocked by one is no failure."""

_NOT_AS_APPROVED = "the guest is not as they were then"

_UNNAMED = "no approved plan names this guest: plan again and have that plan approved"


def approve_all(plan: Plan) -> Approval:
    """Approve every change of a plan, as a user does at the prompt."""
    return Approval(
        work=tuple(Work(planned=change, recorded=change) for change in plan.changes),
        outcomes=_blocked(plan),
    )


def approve(plan: Plan, approved: Sequence[Plan]) -> Approval:
    """Select from a new plan the changes that the approved plans allow together.

    A change is approved by a row with the same digest, or by a row that an earlier run has begun and this
    change finishes. A guest whom several rows approve is compared with the row that fits the change best, and
    of those the newest. A guest who was approved with another change is `stale`, a guest without any row is
    `not-approved`. A guest who takes over an address waits for its old owner, who has to be approved too.

    A row whose origin is elsewhere approves nothing: it was not part of the review, and that guest may have
    been repaired by hand for good reason. Rows without an origin approve. Where the new plan has origins, it
    has the last word: a change that is elsewhere there is not approved, whatever a file says.
    """
    records, drifted = _by_guest(approved), _drifted(approved)
    work: list[Work] = []
    outcomes: list[GuestOutcome] = []
    running: set[ObjectId] = set()
    for change in plan.changes:
        judged = _judge(change, records.get(change.id, ()), running=running, drifted=drifted)
        if isinstance(judged, Work):
            running.add(change.id)
            work.append(judged)
        else:
            outcomes.append(judged)

    settled = {change.id for change in plan.changes} | {blocked.id for blocked in plan.blocked}
    work.extend(
        Work(planned=None, recorded=records[guest][0].change, approved_at=records[guest][0].planned_at)
        for guest in sorted(records)
        if guest not in settled
    )
    return Approval(
        work=tuple(work),
        outcomes=tuple(sorted((*outcomes, *_blocked(plan)), key=lambda outcome: outcome.id)),
        withheld=frozenset(
            blocked.id for blocked in plan.blocked if blocked.id in records and blocked.rule not in ON_PURPOSE
        ),
    )


@dataclass(frozen=True, slots=True)
class _Record:
    """A row of an approved plan."""

    change: Change
    planned_at: datetime

    @property
    def rank(self) -> tuple[datetime, str]:
        """The sort key: the plan's time; `repr` breaks ties, so that the order of files has no effect."""
        return self.planned_at, repr(self.change)


def _judge(
    change: Change,
    candidates: Sequence[_Record],
    *,
    running: AbstractSet[ObjectId],
    drifted: AbstractSet[ObjectId],
) -> Work | GuestOutcome:
    """Return the work that the approved rows of a guest allow, or why there is none.

    `running` are the guests whose changes run, as far as they come before this one.
    """
    if change.origin is Origin.ELSEWHERE:
        return _outcome(change, Outcome.NOT_APPROVED, _drift(change), rule=Rule.NOT_APPROVED)
    fitting = _fitting(change, candidates)
    if not candidates:
        why = _drift(change) if change.id in drifted else _UNNAMED
        return _outcome(change, Outcome.NOT_APPROVED, why, rule=Rule.NOT_APPROVED)
    if fitting is None:
        differences = " and ".join(_differences(candidates[0].change, change)) or _NOT_AS_APPROVED
        return _outcome(
            change,
            Outcome.STALE,
            f"another change was approved for this guest: {differences}; plan again and have that "
            "plan approved",
            rule=Rule.STALE,
        )
    if change.waits_for is not None and change.waits_for not in running:
        return _outcome(
            change,
            Outcome.NOT_ATTEMPTED,
            f"takes over an address of {change.waits_for}, whose own change does not run: have that "
            "approved first",
            rule=Rule.ADDRESS_IN_USE,
        )
    return Work(planned=change, recorded=fitting.change, approved_at=fitting.planned_at)


def _by_guest(approved: Iterable[Plan]) -> Mapping[ObjectId, list[_Record]]:
    """Collect the rows that approve a change of each guest, those of the newest plan first."""
    records: dict[ObjectId, list[_Record]] = {}
    for plan in approved:
        for change in plan.changes:
            if change.origin is Origin.ELSEWHERE:
                continue
            records.setdefault(change.id, []).append(_Record(change, plan.created_at))
    return {guest: sorted(found, key=attrgetter("rank"), reverse=True) for guest, found in records.items()}


def _drifted(approved: Iterable[Plan]) -> frozenset[ObjectId]:
    return frozenset(
        change.id for plan in approved for change in plan.changes if change.origin is Origin.ELSEWHERE
    )


def _fitting(change: Change, candidates: Sequence[_Record]) -> _Record | None:
    """Choose the row that approves a change: the newest with its digest, else the newest it finishes."""
    same = [candidate for candidate in candidates if candidate.change.digest == change.digest]
    rest = [candidate for candidate in candidates if _is_rest(candidate.change, change)]
    return next(iter((*same, *rest)), None)


def _is_rest(recorded: Change, change: Change) -> bool:
    """Return whether a planned change finishes the approved one, which an earlier run has begun.

    A marker identifies the change that was begun; without a marker, the rest has the same goal.
    """
    if change.resumes is not None:
        return recorded.marker_digits == change.resumes and not _differences(recorded, change)
    by_goal = recorded.kind is change.kind and change.kind in {ChangeKind.RESET, ChangeKind.OTHER_MAILS}
    return by_goal and not _differences(recorded, change)


def _differences(recorded: Change, change: Change) -> tuple[str, ...]:
    """List the parts of a planned change's goal that the approved one lacks; empty when there are none.

    The rest of a change may lack the steps done already: the reset, or the list it wrote first. A guest whose
    `mail` alone was to be restored is reset when they no longer sign in with that address.
    """
    continues = change.resumes is not None
    if recorded.kind is not change.kind and not continues:
        return (f"{recorded.kind} was approved, {change.kind} is planned",)
    differences: list[str] = []
    approved_reset, planned_reset = recorded.reset or recorded.fallback, change.reset or change.fallback
    if planned_reset and approved_reset is None:
        differences.append("no reset was approved, one is planned")
    elif planned_reset and approved_reset and approved_reset != planned_reset:
        if approved_reset.email != planned_reset.email:
            differences.append(f"{approved_reset.email} was approved, {planned_reset.email} is planned")
        else:
            differences.append("the invitation would not be sent as approved")
    approved_list, planned_list = _list_written(recorded), _list_written(change)
    if approved_list is not None and planned_list is None:
        planned_list = frozenset(change.precondition.other_mails)
    if continues and approved_list is not None and planned_list is not None:
        # Addresses added since are kept; nothing else may be written.
        approved_list |= planned_list & frozenset(change.precondition.other_mails)
        approved_list &= planned_list
    if approved_list != planned_list:
        differences.append("otherMails would become another list than the approved one")
    return tuple(differences)


def _list_written(change: Change) -> frozenset[EmailAddress] | None:
    """Return the list that a change sets `otherMails` to; `None` when it sets none, or only adds to it."""
    lists = [action.other_mails for action in change.actions if isinstance(action, SetMail | SetOtherMails)]
    return frozenset(lists[-1]) if lists else None


def _drift(change: Change) -> str:
    """Return that a change is nobody's, with what to do for either side to win."""
    mail = next((one.before for one in change.fields if one.field == "mail"), None)
    keep = "change the entry" if mail is None else f"set email to {mail}"
    return (
        "this is drift: no approved change touched the guest's entry, and the directory differs from it. To "
        "bring the guest back, apply a plan of its own (on GitHub: Actions, the apply workflow, Run "
        f"workflow); to keep the guest as they are, {keep}"
    )


def _outcome(change: Change, outcome: Outcome, message: str, *, rule: Rule) -> GuestOutcome:
    return GuestOutcome(
        id=change.id,
        display_name=change.display_name,
        outcome=outcome,
        rule=rule,
        message=message,
        actions=(),
    )


def _blocked(plan: Plan) -> tuple[GuestOutcome, ...]:
    return tuple(
        GuestOutcome(
            id=blocked.id,
            display_name=blocked.display_name,
            outcome=Outcome.BLOCKED,
            rule=blocked.rule,
            message=blocked.message,
            actions=(),
        )
        for blocked in plan.blocked
    )
