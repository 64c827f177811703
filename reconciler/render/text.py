"""Renders plans, reports and problems for a terminal or a log; fixed words are ASCII, counts come last."""

from collections.abc import Iterable
from typing import Final

from rich.style import Style

from reconciler.desired.problems import format_problem
from reconciler.errors import EXIT_DONE
from reconciler.model import (
    Blocked,
    Change,
    GuestOutcome,
    Note,
    Outcome,
    Plan,
    Problem,
    Report,
)
from reconciler.render import groups, wording
from reconciler.render.escape import terminal
from reconciler.render.groups import Rows
from reconciler.render.terminal_page import BAD, CAUTION, GOOD, HEADING, QUIET, TerminalPage

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


def plan(shown: Plan, *, width: int, colour: bool) -> str:
    """Render a plan: each change in the order of apply, then blocked guests, warnings and refusals.

    With a base, the rows of the change under review come first, then drift and removed entries.

    Counts come last, where a long output ends on the screen. `width` is in terminal cells.
    """
    page = TerminalPage(width=width, colour=colour)
    if wording.emulated(shown.cloud):
        page.write(wording.EMULATOR, style=CAUTION)
    if (partial := groups.partial(shown)) is not None:
        page.write(partial, style=CAUTION)
    page.write(f"Plan for tenant {shown.tenant_id}, made {wording.moment(shown.created_at)}", style=HEADING)
    many = groups.many(shown)
    if many:
        page.write(wording.USUAL)
    ours, drift = groups.here(shown), groups.elsewhere(shown)
    if ours and drift:
        page.blank()
        page.write(f"{groups.HERE}: {ours.counted}", style=HEADING)
    _rows(page, ours, unusual_only=many)
    if drift:
        page.blank()
        page.write(groups.drift_title(drift), style=HEADING)
        _rows(page, drift, unusual_only=many)
    if shown.no_longer_declared:
        page.blank()
        page.write(f"{groups.GONE}:", style=CAUTION)
        for gone in shown.no_longer_declared:
            page.write(f"{gone.id} {gone.name or wording.NO_NAME}", indent=2)
            page.write(f"declared as {gone.email}; now {groups.left(gone)}", indent=4)
    _notes(page, "Warnings", groups.warnings(shown), style=CAUTION)
    _notes(page, "Apply would refuse this plan", shown.refusals, style=BAD)
    page.blank()
    if (incomplete := wording.incomplete(shown)) is not None:
        page.write(incomplete, style=CAUTION)
    page.write(groups.headline(shown), style=HEADING)
    page.write(wording.counts(shown))
    page.write(f"Plan {shown.digest}", style=QUIET)
    return page.text()


def report(shown: Report, *, width: int, colour: bool) -> str:
    """Render a report: guests who need attention first, with the next steps; counts last.

    `width` is in terminal cells.
    """
    page = TerminalPage(width=width, colour=colour)
    if wording.emulated(shown.cloud):
        page.write(wording.EMULATOR, style=CAUTION)
    page.write(f"Run {shown.run} on tenant {shown.tenant_id}", style=HEADING)
    _notes(page, "The run was refused or broke off", shown.refusals, style=BAD)
    for outcome, advice in wording.OUTCOMES.items():
        ended = [one for one in shown.outcomes if one.outcome is outcome]
        if not ended:
            continue
        page.blank()
        page.write(
            f"{outcome.value}: {wording.count_of(len(ended), 'guest')}", style=_OUTCOME_STYLES[outcome]
        )
        page.write(advice, indent=2)
        for one in ended:
            _outcome(page, one)
    _notes(page, "Warnings", shown.warnings, style=CAUTION)
    page.blank()
    if (incomplete := wording.incomplete(shown)) is not None:
        page.write(incomplete, style=CAUTION)
    page.write(wording.tally(shown), style=GOOD if shown.exit_code == EXIT_DONE else CAUTION)
    page.write(f"{wording.moment(shown.started_at)} to {wording.moment(shown.ended_at)}", style=QUIET)
    for what, value in wording.made_of(shown):
        page.write(f"{what} {value}", style=QUIET)
    return page.text()


def problems(shown: Iterable[Problem]) -> str:
    """List problems one a line, as compilers do: `file:line:column: rule: what is wrong; what to do`."""
    return "".join(f"{terminal(format_problem(one))}\n" for one in shown)


def _rows(page: TerminalPage, rows: Rows, *, unusual_only: bool) -> None:
    for change in rows.changes:
        page.blank()
        _change(page, change, unusual_only=unusual_only)
    for blocked in rows.blocked:
        page.blank()
        _blocked(page, blocked)


def _change(page: TerminalPage, change: Change, *, unusual_only: bool) -> None:
    before, after = wording.from_to(change)
    page.write(
        f"{wording.KINDS[change.kind]}: {change.display_name or wording.NO_NAME}",
        style=HEADING,
    )
    page.field("id", f"{change.id} ({change.source.file}:{change.source.line})")
    page.field("from", before)
    page.field("to", after)
    if not unusual_only:
        page.field("why", change.reason)
    for effect in wording.effects(change):
        if not (unusual_only and effect.usual):
            page.write(effect.text, indent=4)
    for note in wording.special_warnings(change, unusual_only=unusual_only):
        page.write(f"warning: {note.rule}: {note.message}", indent=4, style=CAUTION)


def _blocked(page: TerminalPage, blocked: Blocked) -> None:
    page.write(f"blocked: {blocked.display_name or wording.NO_NAME}", style=BAD)
    page.field("id", f"{blocked.id} ({blocked.source.file}:{blocked.source.line})")
    page.write(f"{blocked.rule}: {blocked.message}", indent=4)


def _outcome(page: TerminalPage, one: GuestOutcome) -> None:
    page.write(f"{one.id} {one.display_name or wording.NO_NAME}", indent=4)
    if one.message:
        page.write(f"{one.rule}: {one.message}" if one.rule else one.message, indent=6)
    for record in wording.records(one):
        page.write(record, indent=6, style=QUIET)


def _notes(page: TerminalPage, title: str, notes: tuple[Note, ...], *, style: Style) -> None:
    if not notes:
        return
    page.blank()
    page.write(f"{title}:", style=style)
    for note in notes:
        page.write(f"{note.rule}: {note.message}", indent=2)
