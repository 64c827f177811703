"""`reconciler github`: the steps of the workflows that need GitHub, each a command of its own.

The texts come from `github.bodies`, the requests from the rest of `reconciler.github`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from reconciler.cli import actions_output, console
from reconciler.cli.approved_plans import ApprovedPlans
from reconciler.cli.desired_option import desired_option
from reconciler.cli.loading import load_plan
from reconciler.cli.output_files import new_folder, write_bytes
from reconciler.errors import EXIT_DIRECTORY, EXIT_DONE, GitHubError, UsageError
from reconciler.github import bodies, merged, threads
from reconciler.github.client import GitHub
from reconciler.github.context import WorkflowRun, before_of, pull_of, read_access, read_run
from reconciler.github.journals import earlier_journals
from reconciler.github.reviews import ReviewedBranch, reviewed
from reconciler.github.tip import require_tip
from reconciler.graph.loopback import is_loopback
from reconciler.guard.approval import approve
from reconciler.guard.unattempted import unattempted_report
from reconciler.model import Outcome
from reconciler.render import escape
from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from reconciler.rules import Rule

_PLAN = click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("plan.json"),
    show_default=True,
    metavar="FILE",
    help="The plan document that this run has made.",
)
_APPROVED = click.Path(path_type=Path, file_okay=False)
_BY_HAND = "workflow_dispatch"


@click.group("github", short_help="What the workflows do on GitHub: comments, approvals, the drift issue.")
def command() -> None:
    """Do what the workflows do on GitHub, one step each.

    A workflow sets the environment; elsewhere, set GITHUB_TOKEN, GITHUB_REPOSITORY (owner/name) and
    what else a command names. docs/setup-github.md shows the workflows.
    """


@command.command(
    "comment",
    short_help="Put the plan on the pull request.",
    epilog="Example: reconciler github comment --plan plan.json",
)
@_PLAN
@click.option(
    "--pull",
    "number",
    type=click.IntRange(min=1),
    metavar="N",
    help="The pull request; default: the one that the run is about.",
)
@desired_option
def comment(desired: Path, *, plan_file: Path, number: int | None) -> int:
    """Write the plan as comments on the pull request, one a page; the next plan replaces them in place.

    A page that the next plan does not need says so. Without the file, the comment says that no plan
    could be made.

    Exit codes: 0 written; 2 no pull request, or the environment is incomplete; 5 the file is no plan;
    6 GitHub cannot be used.
    """
    run = read_run(os.environ)
    pull = pull_of(actions_output.event())
    about = number or (pull.number if pull else None)
    if about is None:
        raise UsageError(
            "this run is about no pull request", rule=Rule.NO_PULL_REQUEST, hint="name one with --pull N"
        )
    view = plan_view(load_plan(plan_file)) if plan_file.exists() else None
    mark = threads.marker("plan", actions_output.folder_of(desired))
    pages = bodies.plan_comments(view, mark=mark, run=run, commit=pull.head if pull else run.commit)
    with _session() as (github, repository):
        for address in threads.put_pages(github, repository, about, mark=mark, bodies=pages):
            console.result(address)
    return 0


@command.command(
    "base",
    short_help="Find the commit since which merges count.",
    epilog="Example: reconciler github base",
)
def base() -> int:
    """Find the commit that was last applied well: what was merged since then may run, and nothing else.

    It is the commit of the newest successful run of this workflow that a push or a person started on
    this branch; without one, the commit before the push that started this run. It becomes the step's
    output `base`, for plan --base and apply --base. A run by hand is approved on its own plan, and
    its output `base` is empty.

    Exit codes: 0 found; 2 the environment is incomplete; 6 GitHub cannot be used.
    """
    run = read_run(os.environ)
    found = ""
    if run.event != _BY_HAND:
        with _session() as (github, repository):
            found = _base(github, repository, run)
    console.result(found)
    actions_output.give("base", found)
    return EXIT_DONE


def _base(github: GitHub, repository: str, run: WorkflowRun) -> str:
    before = before_of(actions_output.event())
    return merged.base_of(github, repository, run, before=before, notice=console.notice)


@command.command(
    "approved-plans",
    short_help="Collect the plans that merging has approved.",
    epilog="Example: reconciler github approved-plans --plan plan.json --out approved",
)
@_PLAN
@click.option(
    "--out", type=_APPROVED, default=Path("approved"), show_default=True, metavar="DIR", help="A new folder."
)
@click.option(
    "--workflow",
    default="plan.yml",
    show_default=True,
    metavar="NAME",
    help="The workflow that plans pull requests.",
)
def approved_plans(*, plan_file: Path, out: Path, workflow: str) -> int:
    """Collect the plans reviewed on all pull requests merged since the last successful run.

    The files go to DIR/plans, for apply --plan DIR/plans. A pull request without a usable plan is
    named and approves nothing. What GitHub does not answer now is named too: the run goes on without
    it, and github report then ends with 6, so that the next run answers for it again. A run by hand
    is approved on its own plan, at the tip of its branch only. The step's output `work` is true when
    anything would run.

    Exit codes: 0 collected; 2 the environment is incomplete, or DIR exists; 5 the file is no plan, or
    a run by hand is not at the tip of its branch; 6 GitHub cannot be used.
    """
    run = read_run(os.environ)
    plan = load_plan(plan_file)
    unread: tuple[str, ...] = ()
    with _session() as (github, repository):
        if run.event == _BY_HAND:
            tip = require_tip(github, repository, run)
            folder = ApprovedPlans.create(out)
            folder.keep_own(plan_file)
            actions_output.summarise(bodies.by_hand(tip, run, now=datetime.now(UTC)))
        else:
            folder = ApprovedPlans.create(out)
            branch = ReviewedBranch(
                repository=repository, name=run.branch, workflow=workflow, tenant=plan.tenant_id
            )
            found = merged.merged_pulls(github, repository, run, base=_base(github, repository, run))
            unread = found.unread
            for pull in found.pulls:
                folder.keep(reviewed(github, branch, pull))
    folder.close(plan_file, unread=unread)
    reviews, would_run = folder.reviews(), approve(plan, folder.plans()).to_run
    for one in reviews:
        console.result(f"#{one.pull.number}: {escape.terminal(one.missing or 'approved by its plan')}")
    _warn_of_unanswered(folder)
    console.notice(f"Approved to run: {len(would_run)} of {len(plan.changes)} changes.")
    if reviews or unread:
        actions_output.summarise(bodies.approvals(reviews, unread))
    actions_output.give("work", "true" if would_run else "false")
    return EXIT_DONE


def _warn_of_unanswered(folder: ApprovedPlans) -> bool:
    """Print what GitHub did not answer when the plans were collected; return whether there is such."""
    passing = [f"the plan of #{one.pull.number}: {one.missing}" for one in folder.reviews() if one.passing]
    for text in (*folder.unread(), *passing):
        console.notice(f"Warning: not read, the next run answers for it again: {text}")
    return bool(passing or folder.unread())


@command.command(
    "tip",
    short_help="Refuse a run by hand that is not at the tip of its branch.",
    epilog="Example: reconciler github tip",
)
def tip() -> int:
    """Refuse a run by hand that is not at the tip of its branch; other runs pass.

    For a job that may have waited for a reviewer, or be run again on its own, after the approvals were
    collected: an old run approves its old plan whole, and would bring back what was merged since.

    Exit codes: 0 passed; 2 the environment is incomplete; 5 not at the tip; 6 GitHub cannot be used.
    """
    run = read_run(os.environ)
    if run.event == _BY_HAND:
        with _session() as (github, repository):
            require_tip(github, repository, run)
    console.notice("This run may go on." if run.event == _BY_HAND else "Not started by hand.")
    return 0


@command.command(
    "journals",
    short_help="Fetch the journals of earlier runs.",
    epilog="Example: reconciler github journals --out journals",
)
@click.option(
    "--out",
    type=_APPROVED,
    default=Path("journals"),
    show_default=True,
    metavar="DIR",
    help="A new folder, for apply --evidence; empty when no run has kept one.",
)
def journals(*, out: Path) -> int:
    """Fetch what earlier runs of this workflow have recorded, back to the last that applied well.

    Earlier attempts of this run count too. A journal that cannot be fetched is named and left out: at
    worst somebody gets a second message.

    Exit codes: 0 fetched; 2 the environment is incomplete, or DIR exists; 6 GitHub cannot be used.
    """
    run = read_run(os.environ)
    new_folder(out)
    with _session() as (github, repository):
        for one in earlier_journals(github, repository, run, notice=console.notice):
            if one.content is None:
                console.notice(f"Warning: the journal {one.name} is left out: {one.missing}")
            else:
                write_bytes(out / one.name, one.content)
                console.result(one.name)
    return 0


@command.command(
    "report",
    short_help="Tell the merged pull requests what became of them.",
    epilog="Example: reconciler github report --approved approved --report report.json --run ID",
)
@click.option(
    "--approved",
    type=_APPROVED,
    default=Path("approved"),
    show_default=True,
    metavar="DIR",
    help="What approved-plans has collected.",
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.json"),
    show_default=True,
    metavar="FILE",
    help="What apply has written; not looked at when apply has not run.",
)
@click.option(
    "--run",
    "applied_by",
    required=True,
    metavar="ID",
    help="The output `run` of the step that has applied, which the report must carry; empty when apply has"
    " not run.",
)
@desired_option
def report(desired: Path, *, approved: Path, report_file: Path, applied_by: str) -> int:
    """Write the report as a new comment on each pull request that the run answers for.

    When apply has not run, only a pull request whose changes wait, or that approved nothing, is told.
    A report of another run, or of other approved plans, is refused. One that cannot be told, such as a
    locked one, is named, and the others are told.

    Exit codes: 0 written; 2 the environment is incomplete; 5 a file cannot be used, or the report is
    of another run; 6 GitHub cannot be used, not everybody could be told, or approved-plans could not
    read everything: the run must not count as a success, so that the next one answers for the same
    pull requests.
    """
    run = read_run(os.environ)
    folder = ApprovedPlans(approved)
    mark = threads.marker("report", actions_output.folder_of(desired))
    applied = folder.report(report_file, run=applied_by)
    plan = folder.fresh()
    shown = applied or unattempted_report(
        plan, approve(plan, folder.plans()), run=str(run.id), commit=run.commit, at=datetime.now(UTC)
    )
    waits = any(one.outcome in {Outcome.STALE, Outcome.NOT_ATTEMPTED} for one in shown.outcomes)
    view = report_view(shown)
    told = [
        one
        for one in folder.reviews()
        if applied is not None or waits or one.passing or (one.missing and shown.outcomes)
    ]
    comments = {
        one.pull.number: bodies.report_comment(view, mark=mark, run=run, reviewed=one) for one in told
    }
    with _session() as (github, repository):
        all_told = _tell(github, repository, comments)
    unanswered = _warn_of_unanswered(folder)
    return EXIT_DONE if all_told and not unanswered else EXIT_DIRECTORY


def _tell(github: GitHub, repository: str, comments: Mapping[int, str]) -> bool:
    """Write a comment on each pull request; name those where that fails, and return whether none did."""
    all_told = True
    for number, body in comments.items():
        try:
            console.result(threads.add_comment(github, repository, number, body=body))
        except GitHubError as error:
            all_told = False
            about = f"#{number} could not be told: {error.message}"
            console.show_error(GitHubError(about, rule=error.rule, hint=error.hint))
    return all_told


@command.command(
    "drift",
    short_help="Keep the one issue that tells about drift.",
    epilog="Example: reconciler github drift --plan plan.json",
)
@_PLAN
@desired_option
def drift(desired: Path, *, plan_file: Path) -> int:
    """Open the issue about drift, write it anew, or close it when the plan shows no change.

    Exit codes: 0 done; 2 the environment is incomplete; 5 the file is no plan; 6 GitHub cannot be used.
    """
    run = read_run(os.environ)
    plan = load_plan(plan_file)
    mark = threads.marker("drift", actions_output.folder_of(desired))
    body = bodies.drift_issue(plan_view(plan), mark=mark, run=run)
    with _session() as (github, repository):
        address = threads.put_drift(github, repository, mark=mark, body=body, converged=not plan.changes)
    console.result(address or "")
    console.notice("Nothing drifted." if not plan.changes else f"Drifted: {len(plan.changes)}.")
    return 0


@contextmanager
def _session() -> Iterator[tuple[GitHub, str]]:
    """Open a session with the API that the environment names."""
    access = read_access(os.environ)
    with GitHub(api=access.api, token=access.token, trust_env=not _on_this_machine(access.api)) as github:
        yield github, access.repository


def _on_this_machine(api: str) -> bool:
    """Return whether an API is on this machine. Raises `UsageError` where the token must not be sent."""
    try:
        root = urlsplit(api)
        host, signed, _ = root.hostname or "", root.username is not None, root.port
    except ValueError:
        root, host, signed = urlsplit(""), "", False
    here = is_loopback(host)
    if signed or not host or (root.scheme != "https" and not (here and root.scheme == "http")):
        raise UsageError(
            "GITHUB_API_URL is no https address", rule=Rule.GITHUB_VARIABLE, hint="leave it to GitHub"
        )
    return here
