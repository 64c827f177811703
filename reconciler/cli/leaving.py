"""The places where the report of an apply is left: the file, stdout, and the summary of a workflow."""

from collections.abc import Callable
from pathlib import Path

from reconciler.cli import on_github, screen
from reconciler.cli.files import write_whole
from reconciler.documents import dump, report_to_json
from reconciler.errors import UsageError
from reconciler.model import Report
from reconciler.render import markdown, text


def leave_report(report: Report, file: Path | None) -> None:
    """Leave the report in each place there is for it; one that fails hides neither the others nor the run.

    The file comes first, before anything is rendered: what is lost after that can be made from it again.
    """
    places: tuple[Callable[[], None], ...] = (
        lambda: write_whole(file, dump(report_to_json(report))) if file else None,
        lambda: _show(report),
        lambda: _summarise(report),
    )
    for place in places:
        try:
            place()
        except UsageError as error:
            screen.show_error(error)


def _show(report: Report) -> None:
    if report.digest:
        screen.result(text.report(report, width=screen.width(), colour=screen.colour()))


def _summarise(report: Report) -> None:
    on_github.summarise(
        markdown.report(report, marker="reconciler-report", elsewhere="the artifacts of this run")
    )
