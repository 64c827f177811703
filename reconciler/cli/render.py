"""`reconciler render`: show a saved plan or report in another form."""

import json
from pathlib import Path
from typing import Literal, assert_never, get_args

import click

from reconciler.cli import console
from reconciler.cli.actions_output import folder_of
from reconciler.cli.desired_option import desired_option
from reconciler.cli.format_option import format_option
from reconciler.cli.loading import read_document
from reconciler.cli.output_files import empty_folder, write_whole
from reconciler.documents import plan_from_json, report_from_json
from reconciler.errors import UsageError
from reconciler.render import html, markdown, text, workflow_commands
from reconciler.render.plan_view import PlanView, plan_view
from reconciler.render.report_view import ReportView, report_view
from reconciler.rules import Rule

_Format = Literal["text", "markdown", "html", "github"]

_ELSEWHERE = "the document this was made from"


@click.command(
    "render",
    short_help="Show a saved plan or report in another form.",
    epilog="Example: reconciler render plan.json --format html > plan.html",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@format_option(
    get_args(_Format),
    meaning="What is printed; github: annotations on the lines of the desired tree, for plans only.",
)
@click.option(
    "--pages",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="With --format markdown, write a plan into DIR, new or empty: plan-1.md and so on, each short "
    "enough for a comment on GitHub. Printed are their paths.",
)
@desired_option
def command(desired: Path, *, file: Path, format_: _Format, folder: Path | None) -> int:
    """Show what plan --out or apply --report has written, without asking the directory.

    Exit codes: 0 shown; 2 a form that this document does not have, or a folder that cannot be used; 5 the
    file is neither a plan nor a report.
    """
    if folder is not None and format_ != "markdown":
        raise _only_markdown_plans("only Markdown has pages")
    data = read_document(file)
    if folder is not None:
        if _is_report(data):
            raise _only_markdown_plans("a report has one page")
        _write_pages(plan_view(plan_from_json(data, tenant=None)), folder)
    elif _is_report(data):
        console.result(_report(report_view(report_from_json(data)), format_))
    else:
        console.result(_plan(plan_view(plan_from_json(data, tenant=None)), format_, tree=desired))
    return 0


def _only_markdown_plans(message: str) -> UsageError:
    return UsageError(
        message,
        rule=Rule.NO_SUCH_FORM,
        hint="give --pages with a plan and --format markdown, or leave it out",
    )


def _write_pages(view: PlanView, folder: Path) -> None:
    pages = markdown.plan_pages(view, marker="reconciler", elsewhere=_ELSEWHERE)
    empty_folder(folder)
    for number, page in enumerate(pages, start=1):
        write_whole(folder / f"plan-{number}.md", page)
        console.result(str(folder / f"plan-{number}.md"))


def _is_report(data: bytes) -> bool:
    """Return whether data is a report; all other data is then read, or refused, as a plan."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "outcomes" in document


def _plan(view: PlanView, format_: _Format, *, tree: Path) -> str:
    match format_:
        case "markdown":
            return markdown.plan(view, marker="reconciler", elsewhere=_ELSEWHERE)
        case "html":
            return html.plan(view)
        case "github":
            return workflow_commands.plan(view, folder=folder_of(tree))
        case "text":
            return text.plan(view, width=console.width(), colour=console.colour())
        case _ as unknown:
            assert_never(unknown)


def _report(view: ReportView, format_: _Format) -> str:
    match format_:
        case "markdown":
            return markdown.report(view, marker="reconciler", elsewhere=_ELSEWHERE)
        case "html":
            return html.report(view)
        case "github":
            raise UsageError(
                "a report has no lines to annotate",
                rule=Rule.NO_SUCH_FORM,
                hint="give --format markdown, or render the plan",
            )
        case "text":
            return text.report(view, width=console.width(), colour=console.colour())
        case _ as unknown:
            assert_never(unknown)
