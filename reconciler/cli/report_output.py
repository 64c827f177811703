"""Writes the report of an apply to each place: the file, stdout, and the summary of a workflow."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reconciler.cli import actions_output, console
from reconciler.cli.output_files import write_whole
from reconciler.documents import dump, report_to_json
from reconciler.errors import EXIT_DONE, EXIT_INCOMPLETE, UsageError
from reconciler.model import Report
from reconciler.render import markdown, text
from reconciler.render.report_view import ReportView, report_view


def leave_report(report: Report, file: Path | None) -> bool:
    """Write the report to each place there is for it; return whether the file, if requested, was written.

    A place that fails prevents neither the others nor the run's result. The file comes first, before any
    rendering: other forms can be made from it again.
    """
    written = file is None or _left(lambda: write_whole(file, dump(report_to_json(report))))
    if not written:
        report = replace(report, exit_code=exit_code_without_report(report.exit_code))
    view = report_view(report)
    if report.digest:
        _left(lambda: _show(view))
    _left(lambda: _summarise(view))
    return written


def exit_code_without_report(exit_code: int) -> int:
    """Return the exit code of a run that could not write its report: 0 would mean success."""
    return EXIT_INCOMPLETE if exit_code == EXIT_DONE else exit_code


def _left(leave: Callable[[], None]) -> bool:
    try:
        leave()
    except UsageError as error:
        console.show_error(error)
        return False
    return True


def _show(view: ReportView) -> None:
    console.result(text.report(view, width=console.width(), colour=console.colour()))


def _summarise(view: ReportView) -> None:
    actions_output.summarise(
        markdown.report(view, marker="reconciler-report", elsewhere="the artifacts of this run")
    )
