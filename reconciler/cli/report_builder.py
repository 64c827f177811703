"""Collects the known facts of an apply run, so that there is a report however it ends."""

from collections.abc import Iterable

from reconciler.apply import RunResult
from reconciler.clock import Clock
from reconciler.errors import EXIT_DONE, EXIT_INCOMPLETE, EXIT_INTERRUPTED, LimitExceeded, ReconcilerError
from reconciler.guard.approval import Approval, Work
from reconciler.guard.unattempted import not_attempted
from reconciler.model import Desired, GuestOutcome, Note, ObjectId, Outcome, Plan, Report
from reconciler.rules import Rule

_NEEDS_NOTHING = frozenset({Outcome.APPLIED, Outcome.ALREADY_APPLIED, Outcome.BLOCKED, Outcome.NOT_APPROVED})
"""Outcomes that leave no work of this run, unless a guest was approved and is blocked."""


class ReportBuilder:
    """Collects the facts of one run as they arrive."""

    def __init__(self, *, run: str, clock: Clock) -> None:
        self.run = run
        self._clock = clock
        self.started_at = clock.now()
        self._commit: str | None = None
        self._approved: tuple[str, ...] = ()
        self._desired: Desired | None = None
        self._plan: Plan | None = None
        self._work: tuple[Work, ...] = ()
        self._settled: tuple[GuestOutcome, ...] = ()
        self._withheld: frozenset[ObjectId] = frozenset()
        self._outcomes: tuple[GuestOutcome, ...] | None = None
        self._notes: tuple[Note, ...] = ()

    def declared(self, desired: Desired, *, commit: str | None) -> None:
        """Record a desired tree that is valid, and its commit, if it lies in a repository."""
        self._desired, self._commit = desired, commit

    def approved(self, plans: Iterable[Plan]) -> None:
        """Record the plans that approve the run's work."""
        self._approved = tuple(sorted({plan.digest for plan in plans}))

    def planned(self, plan: Plan, approval: Approval) -> None:
        """Record the work of the plan, and the outcomes of all other guests."""
        self._plan = plan
        self._work = approval.work
        self._settled = approval.outcomes
        self._withheld = approval.withheld

    def finished(self, result: RunResult) -> int:
        """Record the result of apply, and return its exit code."""
        self._outcomes = result.outcomes
        self._notes = result.notes
        if result.interrupted:
            return EXIT_INTERRUPTED
        outcomes = (*self._settled, *result.outcomes)
        done = all(one.outcome in _NEEDS_NOTHING and one.id not in self._withheld for one in outcomes)
        return EXIT_DONE if done else EXIT_INCOMPLETE

    def broke_off(self, error: ReconcilerError) -> None:
        """Record an error that ended the run; the known outcomes stay."""
        notes: tuple[Note, ...] = (Note(rule=error.rule, message=error.message),)
        if isinstance(error, LimitExceeded):
            notes = error.refusals
        self._notes = (*self._notes, *notes)

    def interrupted(self) -> None:
        """Record that a signal ended the run; once apply has ended, that changes nothing."""
        if self._outcomes is None:
            self._notes = (Note(rule=Rule.INTERRUPTED, message="interrupted before anything was written"),)

    def report(self, *, exit_code: int) -> Report:
        """Build the report of the facts known now."""
        outcomes = self._outcomes
        if outcomes is None:
            outcomes = not_attempted(self._work, rule=self._notes[0].rule if self._notes else None)
        return Report(
            run=self.run,
            tenant_id=self._desired.tenant_id if self._desired else None,
            cloud=self._desired.cloud if self._desired else None,
            started_at=self.started_at,
            ended_at=self._clock.now(),
            digest=self._plan.digest if self._plan else None,
            exit_code=exit_code,
            refusals=self._notes,
            outcomes=tuple(sorted((*self._settled, *outcomes), key=lambda outcome: outcome.id)),
            complete=self._plan.complete if self._plan else True,
            warnings=self._plan.warnings if self._plan else (),
            commit=self._commit,
            approved=self._approved,
        )
