"""Renders the texts for GitHub as Markdown: the comments, the drift issue, the step summary.

Adds the origin to the pages of `render.markdown`; escapes every value from outside.
"""

from collections.abc import Sequence
from datetime import datetime

from reconciler.github.context import WorkflowRun
from reconciler.github.merged import ReviewedPlan
from reconciler.github.threads import opening
from reconciler.guard.approval import Approval
from reconciler.model import GuestOutcome, Outcome, Plan, Report
from reconciler.render import markdown, wording
from reconciler.render.escape import markdown_cell, markdown_sentence
from reconciler.render.markdown_page import LIMIT, Table, page

_ROOM = 2_000
"""Characters reserved on a page for the additions of this module."""

_NOT_RUN = (
    "the run ended before this guest's first write; if it left no report, look into its log and journal"
)


def plan_comment(plan: Plan | None, *, mark: str, run: WorkflowRun, commit: str) -> str:
    """Write the comment about the plan of a pull request; `None`: no plan could be made."""
    made = f"Made of commit {markdown_cell(commit)} by {_link(run)}."
    if plan is None:
        return "\n\n".join([opening(mark), "**No plan could be made: see the checks below.**", made])
    return _before_digest(markdown.plan(plan, marker=mark, elsewhere=_kept(run), limit=LIMIT - _ROOM), made)


def drift_issue(plan: Plan, *, mark: str, run: WorkflowRun) -> str:
    """Write the issue about drift from a plan of the merged tree."""
    made = f"Last looked at by {_link(run)}."
    return _before_digest(markdown.drift(plan, marker=mark, elsewhere=_kept(run), limit=LIMIT - _ROOM), made)


def report_comment(report: Report, *, mark: str, run: WorkflowRun, reviewed: ReviewedPlan) -> str:
    """Write the comment with the report on the merge of one pull request."""
    body = markdown.report(report, marker=mark, elsewhere=_kept(run), limit=LIMIT - _ROOM)
    first, _, rest = body.partition("\n")
    told = "\n".join([first, "", _standing(reviewed), rest]).rstrip()
    return f"{told}\n\nApplied by {_link(run)}.\n"


def unapplied(plan: Plan, approval: Approval, *, run: WorkflowRun, at: datetime) -> Report:
    """Build a report of a run that applied nothing, from the work it would have done."""
    waiting = (
        GuestOutcome(
            id=change.id,
            display_name=change.display_name,
            outcome=Outcome.NOT_ATTEMPTED,
            rule=None,
            message=_NOT_RUN,
            actions=(),
        )
        for change in (work.planned or work.recorded for work in approval.work)
    )
    return Report(
        run=str(run.id),
        tenant_id=plan.tenant_id,
        cloud=plan.cloud,
        started_at=at,
        ended_at=at,
        digest=plan.digest,
        exit_code=0,
        refusals=(),
        outcomes=tuple(sorted((*approval.outcomes, *waiting), key=lambda one: one.id)),
        complete=plan.complete,
        warnings=plan.warnings,
        commit=run.commit,
    )


def approvals(reviews: Sequence[ReviewedPlan], unread: Sequence[str]) -> str:
    """Write for the step summary the pull requests the run answers for, and what each approves."""
    head = [f"**Merged since the last successful run: {wording.count_of(len(reviews), 'pull request')}.**"]
    if unread:
        head.append("**GitHub did not answer for all of them: this run will not count as a success.**")
    return page(
        head=head,
        tables=[
            Table(
                title="What each of them approves",
                columns=("Pull request", "Its plan"),
                rows=((f"#{one.pull.number}", _plan_of(one)) for one in reviews),
                count=len(reviews),
            ),
            Table(
                title="Not read",
                columns=("What GitHub did not answer",),
                rows=((markdown_sentence(one),) for one in unread),
                count=len(unread),
            ),
        ],
        tail=[],
        elsewhere="the artifacts of this run",
    )


def _plan_of(one: ReviewedPlan) -> str:
    if one.plan is None:
        return f"none: {markdown_sentence(one.missing)}"
    return f"reviewed at {markdown_cell(one.pull.head)}"


def _standing(one: ReviewedPlan) -> str:
    if one.plan is None:
        again = " The next run answers for it again." if one.passing else ""
        return f"**Nothing was approved by this pull request:** {markdown_sentence(one.missing)}.{again}"
    return f"The plan reviewed here, at commit {markdown_cell(one.pull.head)}, is among those approved."


def _link(run: WorkflowRun) -> str:
    return f"[this run]({run.url})"


def _kept(run: WorkflowRun) -> str:
    return f"the artifacts of {_link(run)}"


def _before_digest(body: str, line: str) -> str:
    """Add a paragraph before the last one, which is the plan's digest."""
    told, _, digest = body.rstrip().rpartition("\n\n")
    return f"{told}\n\n{line}\n\n{digest}\n"
