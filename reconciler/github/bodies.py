"""Renders the texts for GitHub as Markdown: the comments, the drift issue, the step summary.

Adds the origin to the pages of `render.markdown`; escapes every value from outside.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from reconciler.github.context import WorkflowRun
from reconciler.github.merged import ReviewedPlan
from reconciler.github.threads import opening
from reconciler.github.tip import BranchTip
from reconciler.render import markdown
from reconciler.render.escape import markdown_cell, markdown_sentence
from reconciler.render.markdown_page import LIMIT, Table, page
from reconciler.render.plan_view import PlanView
from reconciler.render.report_view import ReportView
from reconciler.render.wording import count_of, moment

_ROOM = 2_000
"""Characters reserved on the page of a report for the additions of this module."""

MOST_COMMENTS: Final = 50
"""Most comments about one plan: GitHub lets a token write 80 in a minute. A plan is too long before that.

Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""


def plan_comments(view: PlanView | None, *, mark: str, run: WorkflowRun, commit: str) -> tuple[str, ...]:
    """Write the comments about the plan of a pull request, a page each; `None`: no plan could be made."""
    made = f"Made of commit {markdown_cell(commit)} by {_link(run)}."
    if view is None:
        return ("\n\n".join([opening(mark), "**No plan could be made: see the checks below.**", made]),)
    return markdown.plan_pages(view, marker=mark, elsewhere=_kept(run), made=made, most=MOST_COMMENTS)


def drift_issue(view: PlanView, *, mark: str, run: WorkflowRun) -> str:
    """Write the issue about drift from a plan of the merged tree."""
    return markdown.drift(view, marker=mark, elsewhere=_kept(run), made=f"Last looked at by {_link(run)}.")


def report_comment(view: ReportView, *, mark: str, run: WorkflowRun, reviewed: ReviewedPlan) -> str:
    """Write the comment with the report on the merge of one pull request."""
    body = markdown.report(view, marker=mark, elsewhere=_kept(run), limit=LIMIT - _ROOM)
    first, _, rest = body.partition("\n")
    told = "\n".join([first, "", _standing(reviewed), rest]).rstrip()
    return f"{told}\n\nApplied by {_link(run)}.\n"


def approvals(reviews: Sequence[ReviewedPlan], unread: Sequence[str]) -> str:
    """Write for the step summary the pull requests the run answers for, and what each approves."""
    head = [f"**Merged since the last successful run: {count_of(len(reviews), 'pull request')}.**"]
    if unread:
        head.append("**GitHub did not answer for all of them: this run will not count as a success.**")
    return page(
        head=head,
        tables=[
            Table(
                title="What each of them approves",
                columns=("Pull request", "Its plan"),
                rows=(((f"#{one.pull.number}",), (_plan_of(one),)) for one in reviews),
                count=len(reviews),
            ),
            Table(
                title="Not read",
                columns=("What GitHub did not answer",),
                rows=(((markdown_sentence(one),),) for one in unread),
                count=len(unread),
            ),
        ],
        tail=[],
        elsewhere="the artifacts of this run",
    )


def by_hand(tip: BranchTip, run: WorkflowRun, *, now: datetime) -> str:
    """Write for the step summary which commit a run by hand is at, and how old that is."""
    made = f"made {_age(now - tip.committed_at)} ago, {moment(tip.committed_at)}"
    return (
        f"**Started by hand, at the tip of {markdown_cell(run.branch)}:** "
        f"commit {markdown_cell(tip.commit)}, {made}. "
        "Letting this run go on approves all of its plan.\n"
    )


def _age(passed: timedelta) -> str:
    """Count whole days, else hours, else minutes; a clock that is behind makes no negative age."""
    seconds = max(0, int(passed.total_seconds()))
    units = (("day", 86_400), ("hour", 3_600), ("minute", 60))
    unit, length = next(((unit, length) for unit, length in units if seconds >= length), units[-1])
    return count_of(seconds // length, unit)


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
