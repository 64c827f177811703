"""Renders plans, reports, approvals and problems for a terminal or a log.

Fixed words are ASCII, and counts come last. `width` is in terminal cells.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from rich.style import Style

from reconciler.desired.problems import format_problem
from reconciler.errors import EXIT_DONE
from reconciler.model import Blocked, Note, Outcome, Problem
from reconciler.render.approval_view import WITHHELD, ApprovalView
from reconciler.render.change_view import SAME, ChangeView
from reconciler.render.escape import terminal
from reconciler.render.guard_rail_view import GuardRailView
from reconciler.render.plan_view import DEPARTED, GUARD_RAILS, REFUSED, TO_RAISE, PlanView, RowGroup
from reconciler.render.report_view import GuestOutcomeView, ReportView
from reconciler.render.terminal_page import BAD, CAUTION, GOOD, HEADING, QUIET, TerminalPage
from reconciler.render.wording import NO_NAME

_OUTCOME_STYLES: Final = {
    Outcome.FAILED: BAD,
    Outcome.UNVERIFIED: CAUTION,
    Outcome.STALE: CAUTION,
    Outcome.NOT_ATTEMPTED: CAUTION,
    Outcome.NOT_APPROVED: CAUTION,
    Outcome.BLOCKED: CAUTION,
    Outcome.ALREADY_APPLIED: GOOD,
    Outcome.APPLIED: GOOD,
}


def plan(view: PlanView, *, width: int, colour: bool) -> str:
    """Render a plan: guard rails, each change, the riskiest first, blocked guests, warnings and refusals.

    With a base, the rows of the change under review come first, then removed entries and drift. Counts come
    last, where a long output ends on the screen.
    """
    page = TerminalPage(width=width, colour=colour)
    _caution(page, view.emulator)
    _caution(page, view.partial)
    page.write(f"Plan for tenant {view.tenant_id}, made {view.made}", style=HEADING)
    _guard_rails(page, view.guard_rails)
    if view.usual is not None:
        page.write(view.usual)
    if view.own and view.drift:
        page.blank()
        page.write(f"{view.own.title}: {view.own.counted}", style=HEADING)
    _rows(page, view.own, reasons=view.usual is None)
    if view.departed:
        page.blank()
        page.write(f"{DEPARTED}:", style=CAUTION)
        for gone in view.departed:
            page.write(f"{gone.id} {gone.display_name or NO_NAME}", indent=2)
            page.write(f"declared as {gone.email}; now {gone.now}", indent=4)
    if view.drift:
        page.blank()
        page.write(view.drift.title, style=HEADING)
        _rows(page, view.drift, reasons=view.usual is None)
    _notes(page, "Warnings", view.further_warnings, style=CAUTION)
    _notes(page, REFUSED, view.refusals, style=BAD)
    if view.raise_block is not None:
        page.write(TO_RAISE, indent=2)
        page.blank()
        for line in view.raise_block.splitlines():
            page.write(line.lstrip(" "), indent=4 + len(line) - len(line.lstrip(" ")))
    page.blank()
    _caution(page, view.incomplete)
    page.write(view.headline, style=HEADING)
    page.write(view.counts)
    page.write(f"Review {view.review_digest}", style=QUIET)
    page.write(f"Plan {view.digest}", style=QUIET)
    return page.text()


def report(view: ReportView, *, width: int, colour: bool) -> str:
    """Render a report: guests who need attention first, with the next steps; counts last."""
    page = TerminalPage(width=width, colour=colour)
    _caution(page, view.emulator)
    page.write(f"Run {view.run} on tenant {view.tenant_id}", style=HEADING)
    _notes(page, "The run was refused or broke off", view.refusals, style=BAD)
    for group in view.groups:
        page.blank()
        page.write(group.title, style=_OUTCOME_STYLES[group.outcome])
        page.write(group.advice, indent=2)
        for one in group.guests:
            _outcome(page, one)
    _notes(page, "Warnings", view.warnings, style=CAUTION)
    page.blank()
    _caution(page, view.incomplete)
    page.write(view.headline, style=GOOD if view.exit_code == EXIT_DONE else CAUTION)
    page.write(f"{view.started} to {view.ended}", style=QUIET)
    for label, value in view.made_of:
        page.write(f"{label} {value}", style=QUIET)
    return page.text()


def approval(view: ApprovalView, *, width: int, colour: bool) -> str:
    """Render the changes that approved plans allow, and why all others would not run; counts last."""
    page = TerminalPage(width=width, colour=colour)
    _caution(page, view.emulator)
    page.write(f"Plan for tenant {view.tenant_id}, made {view.made}", style=HEADING)
    for group in view.approved:
        if group.changes:
            page.blank()
            page.write(f"{group.title}:", style=GOOD)
            for change in group.changes:
                page.write(_line(change), indent=2)
                for line in _whole(change):
                    page.write(line, indent=4)
                _warnings(page, change)
    if view.withheld:
        page.blank()
        page.write(f"{WITHHELD}:", style=CAUTION)
        for one in view.withheld:
            page.write(f"{one.id} {one.display_name or NO_NAME}", indent=2)
            page.write(f"{one.outcome.value}: {one.message}", indent=4)
    _notes(page, "Warnings", view.warnings, style=CAUTION)
    page.blank()
    _caution(page, view.incomplete)
    page.write(view.headline, style=HEADING)
    page.write(f"Plan {view.digest}", style=QUIET)
    return page.text()


def problems(shown: Iterable[Problem]) -> str:
    """List problems one a line, as compilers do: `file:line:column: rule: what is wrong; what to do`."""
    return "".join(f"{terminal(format_problem(one))}\n" for one in shown)


def _rows(page: TerminalPage, group: RowGroup, *, reasons: bool) -> None:
    for change in group.changes:
        page.blank()
        _change(page, change, reason=reasons)
    for blocked in group.blocked:
        page.blank()
        _blocked(page, blocked)


def _change(page: TerminalPage, change: ChangeView, *, reason: bool) -> None:
    page.write(f"{change.label}: {change.display_name or NO_NAME}", style=HEADING)
    page.field("id", f"{change.id} ({change.source.file}:{change.source.line})")
    page.field("from", change.before)
    page.field("to", change.after)
    for line in _whole(change):
        page.write(line, indent=4)
    if reason:
        page.field("why", change.reason)
    for effect in change.effects:
        page.write(effect, indent=4)
    _warnings(page, change)


def _warnings(page: TerminalPage, change: ChangeView) -> None:
    for note in change.warnings:
        page.write(f"warning: {note.rule}: {note.message}", indent=4, style=CAUTION)


def _guard_rails(page: TerminalPage, guard_rails: tuple[GuardRailView, ...]) -> None:
    if not guard_rails:
        return
    page.blank()
    page.write(f"{GUARD_RAILS}:", style=CAUTION)
    for one in guard_rails:
        page.write(one.field, indent=2)
        for line in one.difference:
            page.write(line, indent=4)


def _blocked(page: TerminalPage, blocked: Blocked) -> None:
    page.write(f"blocked: {blocked.display_name or NO_NAME}", style=BAD)
    page.field("id", f"{blocked.id} ({blocked.source.file}:{blocked.source.line})")
    page.write(f"{blocked.rule}: {blocked.message}", indent=4)


def _outcome(page: TerminalPage, one: GuestOutcomeView) -> None:
    page.write(f"{one.id} {one.display_name or NO_NAME}", indent=4)
    if one.message:
        page.write(f"{one.rule}: {one.message}" if one.rule else one.message, indent=6)
    for record in one.notable_records:
        page.write(record, indent=6, style=QUIET)


def _line(change: ChangeView) -> str:
    moved = f"with {change.before}" if change.after == SAME else f"from {change.before} to {change.after}"
    return f"{change.id} {change.display_name or NO_NAME}: {change.label}, {moved}"


def _whole(change: ChangeView) -> Iterator[str]:
    """Yield what a reviewer must see whole: the sign-ins that come and go, and the invitation."""
    yield from (f"+ {address}" for address in change.added)
    yield from (f"- {address}" for address in change.lost)
    yield from (f"{key}: {value}" for key, value in change.invitation)


def _caution(page: TerminalPage, sentence: str | None) -> None:
    if sentence is not None:
        page.write(sentence, style=CAUTION)


def _notes(page: TerminalPage, title: str, notes: tuple[Note, ...], *, style: Style) -> None:
    if not notes:
        return
    page.blank()
    page.write(f"{title}:", style=style)
    for note in notes:
        page.write(f"{note.rule}: {note.message}", indent=2)
