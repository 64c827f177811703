"""What is written on GitHub fits there, says where it comes from, and ends with the digest."""

from datetime import timedelta

import pytest

from reconciler.github.bodies import (
    MOST_COMMENTS,
    approvals,
    by_hand,
    drift_issue,
    plan_comments,
    report_comment,
)
from reconciler.github.context import WorkflowRun
from reconciler.github.merged import MergedPull, ReviewedPlan
from reconciler.github.threads import marker, opening
from reconciler.github.tip import BranchTip
from reconciler.model import Outcome
from reconciler.render.markdown_page import LIMIT, page_marker
from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from tests.support.plans import NOW, large_plan, outcome_of, report_of, small_plan

MARK = marker("plan", "desired")
RUN = WorkflowRun(
    event="push",
    commit="c" * 40,
    branch="main",
    id=7,
    workflow="apply.yml",
    url="https://github.example/contoso/guests/actions/runs/7",
)
REVIEWED = ReviewedPlan(pull=MergedPull(number=3, head="d" * 40), plan=b"{}", missing="")


def test_a_plan_ends_with_its_digest() -> None:
    """The commit and the run stand before the last paragraphs, which are the digests."""
    plan = small_plan()
    for body in (
        *plan_comments(plan_view(plan), mark=MARK, run=RUN, commit="d" * 40),
        drift_issue(plan_view(plan), mark=MARK, run=RUN),
    ):
        *_, line, _, last = body.rstrip().split("\n\n")
        assert RUN.url in line
        assert last == f"Plan `{plan.digest}`"
        assert body.startswith(opening(MARK))


@pytest.mark.parametrize("count", [2_000, 5_000])
def test_any_number_of_guests_fits(count: int) -> None:
    """However many guests there are, GitHub takes the text, and it says where the rest is."""
    plan = large_plan(count)
    report = report_of(*(outcome_of(number, Outcome.FAILED, message="x" * 300) for number in range(count)))
    for body in (
        drift_issue(plan_view(plan), mark=MARK, run=RUN),
        report_comment(report_view(report), mark=MARK, run=RUN, reviewed=REVIEWED),
    ):
        assert len(body) <= LIMIT
        assert f"the artifacts of [this run]({RUN.url})" in body


@pytest.mark.parametrize(
    ("passed", "age"),
    [
        (timedelta(days=9, hours=5), "9 days"),
        (timedelta(hours=1, minutes=59), "1 hour"),
        (timedelta(minutes=2), "2 minutes"),
        (timedelta(seconds=59), "0 minutes"),
        (timedelta(seconds=-90), "0 minutes"),
    ],
)
def test_a_run_by_hand_says_how_old_its_commit_is(passed: timedelta, age: str) -> None:
    """The commit, the branch and the age stand there, in the largest unit; a slow clock gives no nonsense."""
    tip = BranchTip(commit="e" * 40, committed_at=NOW - passed)
    told = by_hand(tip, RUN, now=NOW)
    assert f"`{'e' * 40}`, made {age} ago, " in told
    assert "the tip of `main`" in told


def test_each_page_of_a_plan_is_a_comment_with_a_marker_of_its_own() -> None:
    """Every comment fits, says which page of how many it is, and of which commit."""
    bodies = plan_comments(plan_view(large_plan(1_000)), mark=MARK, run=RUN, commit="d" * 40)
    assert len(bodies) > 3
    for number, body in enumerate(bodies, start=1):
        assert len(body) <= LIMIT
        assert body.startswith(opening(page_marker(MARK, number)))
        assert f"**Page {number} of {len(bodies)}.**\n" in body
        assert f"Made of commit `{'d' * 40}`" in body


def test_nobody_gets_comments_without_end() -> None:
    """A plan that is far too long to be reviewed is not written whole; each comment says so."""
    bodies = plan_comments(plan_view(large_plan(9_000)), mark=MARK, run=RUN, commit="d" * 40)
    assert len(bodies) == MOST_COMMENTS
    assert all("There are more: see the artifacts of" in body for body in bodies)


def test_a_reason_cannot_write_markdown() -> None:
    """Why a plan cannot be used may quote the plan, which anybody may have made."""
    reviewed = ReviewedPlan(
        pull=MergedPull(number=3, head="d" * 40), plan=None, missing="at /a: '@team #12 <b>|[x](y)' | is none"
    )
    report = report_comment(report_view(report_of()), mark=MARK, run=RUN, reviewed=reviewed)
    unread = approvals([], [reviewed.missing])
    assert "will not count as a success" in unread
    for body in (approvals([reviewed], []), unread, report):
        assert "`'@team`" in body
        assert "`#12`" in body
        assert "`<b>\\|[x](y)'`" in body
