"""Renders plans, reports and approvals as GitHub Flavored Markdown, for comments, issues and step summaries.

Every value stands in a cell of a table, escaped; outside of tables there are only words of our own.

The renderers share their arguments: `marker` is a word of the caller, hidden in the first line to find the
comment again. `elsewhere` is Markdown that names the place of the whole document, used if rows are omitted.
`limit` is in characters.
"""

from collections.abc import Sequence
from typing import Final

from reconciler.model import Blocked, Note, ObjectId, Source
from reconciler.render.approval_view import WITHHELD, ApprovalView, ApprovedGroup
from reconciler.render.change_view import ChangeView
from reconciler.render.escape import markdown_cell, markdown_sentence
from reconciler.render.markdown_page import LIMIT, Table, page
from reconciler.render.plan_view import DEPARTED, DepartedView, PlanView
from reconciler.render.report_view import GuestOutcomeView, OutcomeGroup, ReportView
from reconciler.render.wording import NO_NAME

LONGEST_SENTENCE: Final = 1_000
"""Most characters of one message that are shown, so that the others fit on the page too."""

_DRIFTED: Final = (
    "The directory is not as declared: somebody changed it since the last apply, or an apply did not finish."
    " Apply by hand to bring it back, or change the declaration to what should hold."
)


def plan(view: PlanView, *, marker: str, elsewhere: str, limit: int = LIMIT) -> str:
    """Render the plan for a pull request: counts first, then the riskiest rows, the digest last."""
    return _plan(view, None, marker=marker, elsewhere=elsewhere, limit=limit)


def drift(view: PlanView, *, marker: str, elsewhere: str, limit: int = LIMIT) -> str:
    """Render the plan of a scheduled run as the body of an issue."""
    intro = _DRIFTED if view.own.changes or view.drift.changes else None
    return _plan(view, intro, marker=marker, elsewhere=elsewhere, limit=limit)


def report(view: ReportView, *, marker: str, elsewhere: str, limit: int = LIMIT) -> str:
    """Render a report, guests who need attention first."""
    return page(
        head=_given(_hidden(marker), _bold(view.emulator), _bold(view.headline), view.incomplete),
        tables=[
            _notes("The run was refused or broke off", view.refusals),
            *(_outcomes(group) for group in view.groups),
            _notes("Warnings", view.warnings),
        ],
        tail=[f"{label} {markdown_cell(value)}" for label, value in view.made_of],
        elsewhere=elsewhere,
        limit=limit,
    )


def approval(view: ApprovalView, *, elsewhere: str, limit: int = LIMIT) -> str:
    """Render the changes that approved plans allow, those that would not run first."""
    return page(
        head=_given(_bold(view.emulator), _bold(view.headline)),
        tables=[
            Table(
                title=WITHHELD,
                columns=("Who", "Why, and what to do"),
                rows=(
                    (
                        _who(one.id, one.display_name),
                        f"{markdown_cell(one.outcome.value)}: {markdown_sentence(one.message)}",
                    )
                    for one in view.withheld
                ),
                count=len(view.withheld),
                share=0.6,
            ),
            *(_approved(group) for group in view.approved),
        ],
        tail=[f"Plan {markdown_cell(view.digest)}"],
        elsewhere=elsewhere,
        limit=limit,
    )


def _plan(view: PlanView, intro: str | None, *, marker: str, elsewhere: str, limit: int) -> str:
    own, drift = view.own, view.drift
    quiet = not own and not drift
    return page(
        head=_given(
            _hidden(marker),
            _bold(view.emulator),
            _bold(view.partial and _sentence(view.partial)),
            _bold(view.headline),
            intro,
            None if quiet else view.counts,
            view.incomplete,
            view.usual,
        ),
        tables=[
            _notes("Apply would refuse this plan", view.refusals),
            _changes("Changes", own.riskiest_first),
            _blocked("Blocked", own.blocked),
            _changes(drift.title, drift.riskiest_first, folded=True),
            _blocked("Blocked elsewhere", drift.blocked, folded=True),
            _departed(view.departed),
            _notes("Warnings", view.further_warnings, folded=quiet),
            _details([*own.riskiest_first, *drift.riskiest_first]),
        ],
        tail=[f"Plan {markdown_cell(view.digest)}"],
        elsewhere=elsewhere,
        limit=limit,
    )


def _given(*paragraphs: str | None) -> list[str]:
    return [text for text in paragraphs if text is not None]


def _hidden(marker: str) -> str:
    """Return the first line, the marker: no value can forge it, because none stands in that line."""
    return f"<!-- {marker} -->"


def _bold(text: str | None) -> str | None:
    return None if text is None else f"**{text}**"


def _changes(title: str, changes: Sequence[ChangeView], *, folded: bool = False) -> Table:
    return Table(
        title=title,
        columns=("Who", "From", "To", "What will happen"),
        rows=(
            (
                _who(change.id, change.display_name),
                _sentence(change.before),
                _sentence(change.after),
                _what_will_happen(change),
            )
            for change in changes
        ),
        count=len(changes),
        share=0.6,
        folded=folded,
    )


def _what_will_happen(change: ChangeView) -> str:
    said = [_sentence(effect) for effect in change.effects]
    said += [f"**Warning** {markdown_cell(note.rule)}: {_sentence(note.message)}" for note in change.warnings]
    return "<br>".join(said)


def _blocked(title: str, blocked: Sequence[Blocked], *, folded: bool = False) -> Table:
    return Table(
        title=title,
        columns=("Who", "Where", "Why, and what to do"),
        rows=(
            (
                _who(one.id, one.display_name),
                _where(one.source),
                f"{markdown_cell(one.rule)}: {_sentence(one.message)}",
            )
            for one in blocked
        ),
        count=len(blocked),
        share=0.6,
        folded=folded,
    )


def _departed(departed: Sequence[DepartedView]) -> Table:
    return Table(
        title=DEPARTED,
        columns=("Who", "Declared as", "Now"),
        rows=((_who(one.id, one.display_name), _sentence(one.email), _sentence(one.now)) for one in departed),
        count=len(departed),
        share=0.5,
    )


def _details(changes: Sequence[ChangeView]) -> Table:
    return Table(
        title="Details of each change",
        columns=("Id", "Where", "Why", "Actions, in this order", "Digest"),
        rows=(
            (
                markdown_cell(change.id),
                _where(change.source),
                _sentence(change.reason),
                "<br>".join(map(_sentence, change.actions)),
                markdown_cell(change.digest),
            )
            for change in changes
        ),
        count=len(changes),
        folded=True,
    )


def _outcomes(group: OutcomeGroup) -> Table:
    return Table(
        title=f"{group.title}. {group.advice}",
        columns=("Who", "What happened"),
        rows=((_who(one.id, one.display_name), _what_happened(one)) for one in group.guests),
        count=len(group.guests),
        share=0.6,
        folded=not group.needs_action,
    )


def _what_happened(one: GuestOutcomeView) -> str:
    parts = [f"{markdown_cell(one.rule)}: {_sentence(one.message)}" if one.rule else _sentence(one.message)]
    parts += map(_sentence, one.notable_records)
    return "<br>".join(part for part in parts if part)


def _approved(group: ApprovedGroup) -> Table:
    return Table(
        title=group.title,
        columns=("Who", "What", "From", "To"),
        rows=(
            (
                _who(change.id, change.display_name),
                change.label,
                markdown_sentence(change.before),
                markdown_sentence(change.after),
            )
            for change in group.changes
        ),
        count=len(group.changes),
        share=0.6,
        folded=True,
    )


def _notes(title: str, notes: Sequence[Note], *, folded: bool = False) -> Table:
    return Table(
        title=title,
        columns=("Rule", "What it means"),
        rows=((markdown_cell(note.rule), _sentence(note.message)) for note in notes),
        count=len(notes),
        share=0.5,
        folded=folded,
    )


def _who(guest: ObjectId, name: str | None) -> str:
    return f"{markdown_cell(name) if name else NO_NAME}<br>{markdown_cell(guest)}"


def _where(source: Source) -> str:
    return markdown_cell(f"{source.file}:{source.line}")


def _sentence(text: str) -> str:
    return markdown_sentence(text if len(text) <= LONGEST_SENTENCE else f"{text[:LONGEST_SENTENCE]} …")
