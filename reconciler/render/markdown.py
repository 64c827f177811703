"""Renders plans and reports as GitHub Flavored Markdown: bodies of comments, issues and step summaries.

Every value stands in a cell of a table, escaped; outside of tables there are only words of our own.
"""

from collections.abc import Sequence
from typing import Final

from reconciler.model import (
    Blocked,
    Change,
    Cloud,
    GuestOutcome,
    NoLongerDeclared,
    Note,
    ObjectId,
    Outcome,
    Plan,
    Report,
    Source,
)
from reconciler.render import groups, wording
from reconciler.render.escape import markdown_cell, markdown_sentence
from reconciler.render.markdown_page import LIMIT, Table, page

LONGEST_SENTENCE: Final = 1_000
"""Most characters of one message that are shown, so that the others fit on the page too."""

_DRIFTED: Final = (
    "The directory is not as declared: somebody changed it since the last apply, or an apply did not finish."
    " Apply by hand to bring it back, or change the declaration to what should hold."
)


def plan(shown: Plan, *, marker: str, elsewhere: str, limit: int = LIMIT) -> str:
    """Render the plan for a pull request: counts first, then the riskiest rows, the digest last.

    `marker` is a word of the caller, hidden in the first line to find the comment again. `elsewhere` is
    Markdown that names the place of the whole plan, used if rows are omitted. `limit` is in characters.
    """
    return _plan(shown, [], marker=marker, elsewhere=elsewhere, limit=limit)


def drift(shown: Plan, *, marker: str, elsewhere: str, limit: int = LIMIT) -> str:
    """Render the plan of a scheduled run as the body of an issue; arguments as for `plan`."""
    return _plan(shown, [_DRIFTED] if shown.changes else [], marker=marker, elsewhere=elsewhere, limit=limit)


def report(shown: Report, *, marker: str, elsewhere: str, limit: int = LIMIT) -> str:
    """Render a report, guests who need attention first; arguments as for `plan`."""
    incomplete = wording.incomplete(shown)
    return page(
        head=[
            *_opening(marker, shown.cloud),
            f"**{wording.tally(shown)}**",
            *([] if incomplete is None else [incomplete]),
        ],
        tables=[
            _notes("The run was refused or broke off", shown.refusals),
            *(
                _outcomes(wanted, [one for one in shown.outcomes if one.outcome is wanted])
                for wanted in wording.OUTCOMES
            ),
            _notes("Warnings", shown.warnings),
        ],
        tail=[f"{what} {markdown_cell(value)}" for what, value in wording.made_of(shown)],
        elsewhere=elsewhere,
        limit=limit,
    )


def _plan(shown: Plan, intro: Sequence[str], *, marker: str, elsewhere: str, limit: int) -> str:
    quiet = not shown.changes and not shown.blocked
    many = groups.many(shown)
    head = _opening(marker, shown.cloud)
    if (partial := groups.partial(shown)) is not None:
        head.append(f"**{_sentence(partial)}**")
    head += [f"**{groups.headline(shown)}**", *intro]
    if not quiet:
        head.append(wording.counts(shown))
    if (incomplete := wording.incomplete(shown)) is not None:
        head.append(incomplete)
    if many:
        head.append(wording.USUAL)
    ours, drift = groups.here(shown), groups.elsewhere(shown)
    riskiest, drifted = (sorted(rows.changes, key=wording.risk) for rows in (ours, drift))
    return page(
        head=head,
        tables=[
            _notes("Apply would refuse this plan", shown.refusals),
            _changes("Changes", riskiest, unusual_only=many),
            _blocked("Blocked", ours.blocked),
            _changes(groups.drift_title(drift), drifted, unusual_only=many, folded=True),
            _blocked("Blocked elsewhere", drift.blocked, folded=True),
            _gone(shown.no_longer_declared),
            _notes("Warnings", groups.warnings(shown), folded=quiet),
            _details([*riskiest, *drifted]),
        ],
        tail=[f"Plan {markdown_cell(shown.digest)}"],
        elsewhere=elsewhere,
        limit=limit,
    )


def _opening(marker: str, cloud: Cloud | None) -> list[str]:
    """Return the first lines, the marker first: no value can forge it, because none stands in that line."""
    first = f"<!-- {marker} -->"
    return [first, f"**{wording.EMULATOR}**"] if wording.emulated(cloud) else [first]


def _changes(title: str, changes: Sequence[Change], *, unusual_only: bool, folded: bool = False) -> Table:
    return Table(
        title=title,
        columns=("Who", "From", "To", "What will happen"),
        rows=(_change(change, unusual_only=unusual_only) for change in changes),
        count=len(changes),
        share=0.6,
        folded=folded,
    )


def _change(change: Change, *, unusual_only: bool) -> tuple[str, ...]:
    before, after = wording.from_to(change)
    said = [_sentence(one.text) for one in wording.effects(change) if not (unusual_only and one.usual)]
    said += [
        f"**Warning** {markdown_cell(note.rule)}: {_sentence(note.message)}"
        for note in wording.special_warnings(change, unusual_only=unusual_only)
    ]
    return _who(change.id, change.display_name), _sentence(before), _sentence(after), "<br>".join(said)


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


def _gone(departed: Sequence[NoLongerDeclared]) -> Table:
    return Table(
        title=groups.GONE,
        columns=("Who", "Declared as", "Now"),
        rows=(
            (_who(one.id, one.name), _sentence(one.email.text), _sentence(groups.left(one)))
            for one in departed
        ),
        count=len(departed),
        share=0.5,
    )


def _details(changes: Sequence[Change]) -> Table:
    return Table(
        title="Details of each change",
        columns=("Id", "Where", "Why", "Actions, in this order", "Digest"),
        rows=(
            (
                markdown_cell(change.id),
                _where(change.source),
                _sentence(change.reason),
                "<br>".join(_sentence(wording.action(one)) for one in change.actions),
                markdown_cell(change.digest),
            )
            for change in changes
        ),
        count=len(changes),
        folded=True,
    )


def _outcomes(outcome: Outcome, ended: Sequence[GuestOutcome]) -> Table:
    return Table(
        title=f"{outcome.value}: {wording.count_of(len(ended), 'guest')}. {wording.OUTCOMES[outcome]}",
        columns=("Who", "What happened"),
        rows=((_who(one.id, one.display_name), _happened(one)) for one in ended),
        count=len(ended),
        share=0.6,
        folded=outcome in wording.NEEDS_NO_ACTION,
    )


def _happened(one: GuestOutcome) -> str:
    parts = [f"{markdown_cell(one.rule)}: {_sentence(one.message)}" if one.rule else _sentence(one.message)]
    parts += [_sentence(record) for record in wording.records(one)]
    return "<br>".join(part for part in parts if part)


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
    return f"{markdown_cell(name) if name else wording.NO_NAME}<br>{markdown_cell(guest)}"


def _where(source: Source) -> str:
    return markdown_cell(f"{source.file}:{source.line}")


def _sentence(text: str) -> str:
    return markdown_sentence(text if len(text) <= LONGEST_SENTENCE else f"{text[:LONGEST_SENTENCE]} …")
