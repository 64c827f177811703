"""Renders the changes that approved plans allow of a fresh plan, for a terminal and as Markdown."""

from collections.abc import Sequence

from reconciler.guard.approval import Approval
from reconciler.model import Change, GuestOutcome, Plan
from reconciler.render import wording
from reconciler.render.escape import markdown_cell, markdown_sentence
from reconciler.render.markdown_page import LIMIT, Table, page
from reconciler.render.terminal_page import CAUTION, GOOD, HEADING, QUIET, TerminalPage

_RUNS = "Would run"
_LOOKS = "Approved, and nothing is planned for them now: apply only looks whether it was done"
_WAITS = "Would not run"


def text(plan: Plan, approval: Approval, *, width: int, colour: bool) -> str:
    """Render the changes to run, and why all others do not; counts last. `width` is in terminal cells."""
    lines = TerminalPage(width=width, colour=colour)
    if wording.emulated(plan.cloud):
        lines.write(wording.EMULATOR, style=CAUTION)
    lines.write(f"Plan for tenant {plan.tenant_id}, made {wording.moment(plan.created_at)}", style=HEADING)
    for title, changes in ((_RUNS, running(approval)), (_LOOKS, settled(approval))):
        if changes:
            lines.blank()
            lines.write(f"{title}:", style=GOOD)
            for change in changes:
                lines.write(_line(change), indent=2)
    if approval.outcomes:
        lines.blank()
        lines.write(f"{_WAITS}:", style=CAUTION)
        for one in approval.outcomes:
            lines.write(f"{one.id} {one.display_name or wording.NO_NAME}", indent=2)
            lines.write(f"{one.outcome.value}: {one.message}", indent=4)
    lines.blank()
    lines.write(headline(approval), style=HEADING)
    lines.write(f"Plan {plan.digest}", style=QUIET)
    return lines.text()


def markdown(plan: Plan, approval: Approval, *, elsewhere: str, limit: int = LIMIT) -> str:
    """Render the same as Markdown of at most `limit` characters; `elsewhere` says where the rest is."""
    first = [f"**{wording.EMULATOR}**"] if wording.emulated(plan.cloud) else []
    return page(
        head=[*first, f"**{headline(approval)}**"],
        tables=[
            _waiting(approval.outcomes),
            _table(_RUNS, running(approval)),
            _table(_LOOKS, settled(approval)),
        ],
        tail=[f"Plan {markdown_cell(plan.digest)}"],
        elsewhere=elsewhere,
        limit=limit,
    )


def headline(approval: Approval) -> str:
    """Count in one sentence."""
    runs, waits = len(running(approval)), len(approval.outcomes)
    return f"{wording.count_of(runs, 'guest')} would be changed, {waits} would not."


def running(approval: Approval) -> tuple[Change, ...]:
    """Return the changes that would run, in their order."""
    return tuple(work.planned for work in approval.work if work.planned is not None)


def settled(approval: Approval) -> tuple[Change, ...]:
    """Return the approved changes for which nothing is planned any more."""
    return tuple(work.recorded for work in approval.work if work.planned is None)


def _line(change: Change) -> str:
    before, after = wording.from_to(change)
    name = change.display_name or wording.NO_NAME
    moved = f"with {before}" if after == wording.SAME else f"from {before} to {after}"
    return f"{change.id} {name}: {wording.KINDS[change.kind]}, {moved}"


def _table(title: str, changes: Sequence[Change]) -> Table:
    return Table(
        title=title,
        columns=("Who", "What", "From", "To"),
        rows=(
            (
                _who(change),
                wording.KINDS[change.kind],
                *(markdown_sentence(value) for value in wording.from_to(change)),
            )
            for change in changes
        ),
        count=len(changes),
        share=0.6,
        folded=True,
    )


def _waiting(outcomes: Sequence[GuestOutcome]) -> Table:
    return Table(
        title=_WAITS,
        columns=("Who", "Why, and what to do"),
        rows=(
            (_who(one), f"{markdown_cell(one.outcome.value)}: {markdown_sentence(one.message)}")
            for one in outcomes
        ),
        count=len(outcomes),
        share=0.6,
    )


def _who(row: Change | GuestOutcome) -> str:
    name = markdown_cell(row.display_name) if row.display_name else wording.NO_NAME
    return f"{name}<br>{markdown_cell(row.id)}"
