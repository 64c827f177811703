"""`reconciler plan`: load, observe, plan, show. Holds only a reader, so it cannot write."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, assert_never, get_args

import click

from reconciler.cli import actions_output, console
from reconciler.cli.desired_option import desired_option
from reconciler.cli.endpoint import endpoint
from reconciler.cli.format_option import format_option
from reconciler.cli.loading import departed_ids, load_baseline, load_tree
from reconciler.cli.output_files import check_writable, clear, write_whole
from reconciler.cli.path_conflicts import check_outside_tree
from reconciler.cli.signals import run_until_signal
from reconciler.documents import dump, plan_to_json
from reconciler.errors import EXIT_DIFFERENT, EXIT_DONE, UsageError
from reconciler.graph.reader import open_reader
from reconciler.guard.approval import ON_PURPOSE
from reconciler.model import Desired, ObjectId, Origin, Plan
from reconciler.observation import observe
from reconciler.plan import Baseline, make_plan
from reconciler.render import markdown, text, workflow_commands
from reconciler.render.plan_view import PlanView, plan_view
from reconciler.rules import Rule

PLAN_MARKER = "reconciler-plan"
"""Hidden in the first line of the Markdown: by it a comment is found and updated in place."""

_Format = Literal["text", "markdown", "json", "html"]


@click.command(
    "plan",
    short_help="Show what would change; cannot write to the directory.",
    epilog="Example: reconciler plan --out plan.json --detailed-exitcode",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the plan document, for a reviewer to approve and for apply --plan; an older file is"
    " removed first.",
)
@format_option(get_args(_Format))
@click.option("--detailed-exitcode", is_flag=True, help="End with 4 when the plan has changes.")
@click.option(
    "--fail-on-blocked",
    is_flag=True,
    help="End with 4 when a guest is blocked, unless by on-hold or protected, when apply would refuse this "
    "plan, or when it is more than reviewers can read: ten pages of Markdown. With --base, only what differs "
    "from it counts.",
)
@click.option(
    "--base",
    metavar="REV",
    help="Also say whose change each row is: of an entry that differs from this git revision, or drift.",
)
@click.option(
    "--since",
    metavar="REV",
    help="Look only at entries that changed since this git revision; such a plan approves nothing.",
)
@desired_option
def command(
    desired: Path,
    *,
    out: Path | None,
    format_: _Format,
    detailed_exitcode: bool,
    fail_on_blocked: bool,
    base: str | None,
    since: str | None,
) -> int:
    """Compare the desired tree with the live directory and show what would change.

    Sends nothing but GET requests. As a step of a GitHub workflow it sets the output `planned` to true
    when --out is written.

    Exit codes: 0 planned, whatever it says; 2 a revision that cannot be read; 3 the desired state is
    invalid; 4 see the options; 5 the live tenant is another one; 6 the directory cannot be read.
    """
    if out is not None:
        check_outside_tree({"--out": out}, desired)
        check_writable(out)
        clear(out)
    if base is not None and since is not None:
        raise UsageError(
            "--base and --since ask for two different plans",
            rule=Rule.BASE_AND_SINCE,
            hint="give --base for the whole plan with whose change each row is, or --since for a quick look",
        )
    declared = load_tree(desired)
    plan = run_until_signal(lambda: _plan(declared, desired, base=base, since=since))
    if out is not None:
        write_whole(out, dump(plan_to_json(plan)))
        actions_output.give("planned", "true")
    view = plan_view(plan)
    console.result(_shown(plan, view, format_))
    if actions_output.in_workflow():  # rendering a large plan takes time
        actions_output.annotate(workflow_commands.plan(view, folder=actions_output.folder_of(desired)))
        actions_output.summarise(
            markdown.plan_summary(view, marker=PLAN_MARKER, elsewhere="the artifacts of this run")
        )
    differs = (detailed_exitcode and plan.changes) or (fail_on_blocked and _stands_in_the_way(plan, view))
    return EXIT_DIFFERENT if differs else EXIT_DONE


def _stands_in_the_way(plan: Plan, view: PlanView) -> bool:
    """Return whether a plan cannot be applied as it is, or is too long to be reviewed."""
    if markdown.is_too_long(view):
        console.notice(
            f"This plan has {markdown.TOO_MANY_PAGES} pages of Markdown or more, which is more than reviewers"
            " can read: split the change"
        )
        return True
    blocked = any(one.rule not in ON_PURPOSE and one.origin is not Origin.ELSEWHERE for one in plan.blocked)
    return blocked or bool(plan.refusals)


async def _plan(desired: Desired, tree: Path, *, base: str | None, since: str | None) -> Plan:
    revision = since if base is None else base
    baseline = None if revision is None else load_baseline(revision, tree, desired=desired)
    only = None
    if baseline is not None and since is not None:
        only = _changed(baseline, desired, since)
    with endpoint(desired, tree) as found:
        async with open_reader(found.root, found.tokens) as reader:
            live = await observe(reader, desired, only=only, also=departed_ids(baseline, desired))
    return make_plan(desired, live, datetime.now(UTC), base=baseline, since=since)


def _changed(baseline: Baseline, desired: Desired, since: str) -> frozenset[ObjectId]:
    if baseline.entries is None:
        raise UsageError(
            f"the desired tree at {since!r} is not valid, so what has changed since cannot be told",
            rule=Rule.BASE_INVALID,
            hint="plan the whole tree, or name a revision at which reconciler validate finds nothing",
        )
    return baseline.changed(desired)


def _shown(plan: Plan, view: PlanView, format_: _Format) -> str:
    match format_:
        case "json":
            console.emulator_notice(plan.cloud)
            return dump(plan_to_json(plan))
        case "markdown":
            return markdown.plan(view, marker=PLAN_MARKER, elsewhere="the plan document")
        case "html":
            from reconciler.render import html  # noqa: PLC0415 - only pages need the template engine

            return html.plan(view)
        case "text":
            return text.plan(view, width=console.width(), colour=console.colour())
        case _ as unknown:
            assert_never(unknown)
