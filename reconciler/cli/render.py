"""`reconciler render`: show a saved plan or report in another form."""

import json
from pathlib import Path

import click

from reconciler.cli import console
from reconciler.cli.actions_output import folder_of
from reconciler.cli.loading import read_document
from reconciler.documents import plan_from_json, report_from_json
from reconciler.errors import UsageError
from reconciler.model import Plan, Report
from reconciler.render import github, html, markdown, text
from reconciler.rules import Rule

_ELSEWHERE = "the document this was made from"


@click.command(
    "render",
    short_help="Show a saved plan or report in another form.",
    epilog="Example: reconciler render plan.json --format html > plan.html",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "markdown", "html", "github"]),
    default="text",
    show_default=True,
    help="What is printed; github: annotations on the lines of the desired tree, for plans only.",
)
@click.pass_obj
def command(desired: Path, *, file: Path, format_: str) -> int:
    """Show what plan --out or apply --report has written, without asking the directory.

    Exit codes: 0 shown; 2 a form that this document does not have; 5 the file is neither a plan nor a
    report.
    """
    data = read_document(file)
    if _is_report(data):
        console.result(_report(report_from_json(data), format_))
    else:
        console.result(_plan(plan_from_json(data, tenant=None), format_, tree=desired))
    return 0


def _is_report(data: bytes) -> bool:
    """Return whether data is a report; all other data is then read, or refused, as a plan."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "outcomes" in document


def _plan(plan: Plan, format_: str, *, tree: Path) -> str:
    match format_:
        case "markdown":
            return markdown.plan(plan, marker="reconciler", elsewhere=_ELSEWHERE)
        case "html":
            return html.plan(plan)
        case "github":
            return github.plan(plan, folder=folder_of(tree))
        case _:
            return text.plan(plan, width=console.width(), colour=console.colour())


def _report(report: Report, format_: str) -> str:
    match format_:
        case "markdown":
            return markdown.report(report, marker="reconciler", elsewhere=_ELSEWHERE)
        case "html":
            return html.report(report)
        case "github":
            raise UsageError(
                "a report has no lines to annotate",
                rule=Rule.NO_SUCH_FORM,
                hint="give --format markdown, or render the plan",
            )
        case _:
            return text.report(report, width=console.width(), colour=console.colour())
