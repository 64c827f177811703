"""What is known of an apply run so far, so that there is a report however it ends."""

from reconciler.apply.engine import Finished, exit_code
from reconciler.apply.settings import Clock
from reconciler.errors import LimitExceeded, ReconcilerError
from reconciler.guard.approval import Approval, Work
from reconciler.model import Desired, GuestOutcome, Note, Outcome, Plan, Report


class RunRecord:
    """Collects the facts of one run as they come."""

    def __init__(self, *, run: str, clock: Clock) -> None:
        self.run = run
        self._clock = clock
        self._started_at = clock.now()
        self._desired: Desired | None = None
        self._plan: Plan | None = None
        self._work: tuple[Work, ...] = ()
        self._settled: tuple[GuestOutcome, ...] = ()
        self._outcomes: tuple[GuestOutcome, ...] | None = None
        self._notes: tuple[Note, ...] = ()

    def declared(self, desired: Desired) -> None:
        """Take note of a desired tree that is valid."""
        self._desired = desired

    def planned(self, plan: Plan, approval: Approval) -> None:
        """Take note of what would run, and of what became already of everybody else."""
        self._plan = plan
        self._work = approval.work
        self._settled = approval.outcomes

    def finished(self, finished: Finished) -> int:
        """Take note of how apply ended, and give the exit code that follows."""
        self._outcomes = finished.outcomes
        self._notes = finished.notes
        return exit_code((*self._settled, *finished.outcomes), interrupted=finished.interrupted)

    def broke_off(self, error: ReconcilerError) -> None:
        """Take note of an error that ended the run; what is known of the guests stays."""
        if isinstance(error, LimitExceeded):
            notes = error.refusals
        else:
            notes = (Note(rule=error.rule, message=error.message),)
        self._notes = (*self._notes, *notes)

    def interrupted(self) -> None:
        """Take note that somebody ended the run; once apply has ended, that changes nothing."""
        if self._outcomes is None:
            self._notes = (Note(rule="interrupted", message="interrupted before anything was written"),)

    def report(self, *, exit_code: int) -> Report:
        """Make the report of what is known now."""
        outcomes = self._outcomes
        if outcomes is None:
            outcomes = tuple(self._not_attempted(work) for work in self._work)
        return Report(
            run=self.run,
            tenant_id=self._desired.tenant_id if self._desired else None,
            cloud=self._desired.cloud if self._desired else None,
            started_at=self._started_at,
            ended_at=self._clock.now(),
            digest=self._plan.digest if self._plan else None,
            exit_code=exit_code,
            refusals=self._notes,
            outcomes=tuple(sorted((*self._settled, *outcomes), key=lambda outcome: outcome.id)),
        )

    def _not_attempted(self, work: Work) -> GuestOutcome:
        change = work.planned or work.recorded
        return GuestOutcome(
            id=change.id,
            display_name=change.display_name,
            outcome=Outcome.NOT_ATTEMPTED,
            rule=self._notes[0].rule if self._notes else None,
            message="the run ended before this guest's first write",
            actions=(),
        )
