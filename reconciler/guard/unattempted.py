"""Builds the outcomes, and the report, of approved work that no run has begun."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from reconciler.guard.approval import Approval, Work
from reconciler.model import GuestOutcome, Outcome, Plan, Report
from reconciler.rules import RuleId

_ENDED_BEFORE: Final = "the run ended before this guest's first write"
_NO_REPORT: Final = f"{_ENDED_BEFORE}; if it left no report, look into its log and journal"


def not_attempted(
    work: Iterable[Work], *, rule: RuleId | None = None, message: str = _ENDED_BEFORE
) -> tuple[GuestOutcome, ...]:
    """Return the outcomes of guests to whom a run that has ended wrote nothing; `rule` is why it ended."""
    return tuple(
        GuestOutcome(
            id=change.id,
            display_name=change.display_name,
            outcome=Outcome.NOT_ATTEMPTED,
            rule=rule,
            message=message,
            actions=(),
        )
        for change in (one.planned or one.recorded for one in work)
    )


def unattempted_report(plan: Plan, approval: Approval, *, run: str, commit: str, at: datetime) -> Report:
    """Build the report of a run that left none itself, from the plan and the work it would have done.

    Its exit code is 0, since nothing is known to have failed.
    """
    outcomes = (*approval.outcomes, *not_attempted(approval.work, message=_NO_REPORT))
    return Report(
        run=run,
        tenant_id=plan.tenant_id,
        cloud=plan.cloud,
        started_at=at,
        ended_at=at,
        digest=plan.digest,
        exit_code=0,
        refusals=(),
        outcomes=tuple(sorted(outcomes, key=lambda one: one.id)),
        complete=plan.complete,
        warnings=plan.warnings,
        commit=commit,
    )
