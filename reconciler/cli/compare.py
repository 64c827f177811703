"""`reconciler compare`: the part of a fresh plan that approved plans allow, without the directory."""

from pathlib import Path
from typing import Literal, assert_never, get_args

import click

from reconciler.cli import console
from reconciler.cli.approved_plans import plan_files
from reconciler.cli.format_option import format_option
from reconciler.cli.loading import load_plan
from reconciler.documents import approval_to_json, dump
from reconciler.errors import EXIT_DIFFERENT, EXIT_DONE
from reconciler.guard.approval import Approval, approve
from reconciler.model import Outcome, Plan
from reconciler.render import markdown, text
from reconciler.render.approval_view import approval_view

_Format = Literal["text", "markdown", "json"]


@click.command(
    "compare",
    short_help="Show what approved plans allow of a fresh one.",
    epilog="Example: reconciler compare plan.json --plan reviewed.json",
)
@click.argument("fresh", metavar="PLAN", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--plan",
    "approved",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    metavar="FILE",
    help="An approved plan document, or a folder of them. May be given several times: together they approve.",
)
@format_option(get_args(_Format))
@click.option("--detailed-exitcode", is_flag=True, help="End with 4 when a planned change would not run.")
def command(*, fresh: Path, approved: tuple[Path, ...], format_: _Format, detailed_exitcode: bool) -> int:
    """Name what apply --plan would run of a fresh plan, what it would not, and why.

    PLAN is the fresh plan of the whole tree. The directory is not asked, so a guest who changes
    until apply reads them may still turn out stale.

    Exit codes: 0 compared; 2 wrong usage; 4 see the option; 5 a file is no plan, is partial, or is for
    another tenant.
    """
    # Read twice: the first time for the tenant, then as a plan that must not be partial.
    tenant = load_plan(fresh).tenant_id
    plan = load_plan(fresh, tenant=tenant)
    files = [file for path in approved for file in plan_files(path)]
    found = approve(plan, [load_plan(file, tenant=tenant) for file in files])
    console.result(_shown(plan, found, format_))
    waits = any(one.outcome is not Outcome.BLOCKED for one in found.outcomes)
    return EXIT_DIFFERENT if detailed_exitcode and waits else EXIT_DONE


def _shown(plan: Plan, found: Approval, format_: _Format) -> str:
    match format_:
        case "json":
            console.emulator_notice(plan.cloud)
            return dump(approval_to_json(plan, found))
        case "markdown":
            return markdown.approval(approval_view(plan, found), elsewhere="the plan document")
        case "text":
            return text.approval(approval_view(plan, found), width=console.width(), colour=console.colour())
        case _ as unknown:
            assert_never(unknown)
