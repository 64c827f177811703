"""Renders plans, reports and approvals as GitHub Flavored Markdown, for comments, issues and step summaries.

Every value stands in a cell of a table, escaped; outside of tables there are only words of our own.

The renderers share their arguments: `marker` is a word of the caller, hidden in the first line to find the
comment again. `elsewhere` is Markdown that names the place of the whole document, used if rows are omitted;
of a plan, rows of the change under review never are. `made` is Markdown that says how the document was made.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.model import Blocked, Note, ObjectId, Source
from reconciler.render.approval_view import WITHHELD, ApprovalView, ApprovedGroup
from reconciler.render.change_view import ChangeView
from reconciler.render.escape import markdown_cell, markdown_sentence
from reconciler.render.guard_rail_view import GuardRailView
from reconciler.render.markdown_page import LIMIT, LONGEST_LINE, Cell, Table, hidden, page, pages
from reconciler.render.plan_view import DEPARTED, GUARD_RAILS, REFUSED, TO_RAISE, DepartedView, PlanView
from reconciler.render.report_view import GuestOutcomeView, OutcomeGroup, ReportView
from reconciler.render.wording import NO_NAME

TOO_MANY_PAGES: Final = 10
"""From so many pages on, a plan is more than reviewers can read."""

SUMMARY_LIMIT: Final = 1_000_000
"""Most bytes of a step summary here; GitHub refuses one of more than a mebibyte as a whole.

Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
"""

_SUMMARY_CHARACTERS: Final = SUMMARY_LIMIT // 3
"""Characters that are never more than `SUMMARY_LIMIT` bytes, as the limit of a page counts them."""

_PIECE: Final = 3_000
"""Characters of a value for one line. Escaped, each becomes ten at most, and stays below `LONGEST_LINE`."""

_DRIFTED: Final = (
    "The directory is not as declared: somebody changed it since the last apply, or an apply did not finish."
    " Apply by hand to bring it back, or change the declaration to what should hold."
)


def plan(view: PlanView, *, marker: str, elsewhere: str) -> str:
    """Render the whole plan, however long, as `plan_pages` does, on one page."""
    (whole,) = _plan(view, marker=marker, elsewhere=elsewhere, limit=None)
    return whole


def plan_pages(
    view: PlanView, *, marker: str, elsewhere: str, made: str | None = None, most: int | None = None
) -> tuple[str, ...]:
    """Render the plan for reviewers, each page within `LIMIT`; with `most`, only that many pages.

    What speaks against it comes first, then a line for each change, the riskiest first, then the details.
    """
    return _plan(view, marker=marker, elsewhere=elsewhere, made=made, most=most)


def plan_summary(view: PlanView, *, marker: str, elsewhere: str) -> str:
    """Render the plan for the summary of a step: whole, unless GitHub would not show it."""
    whole = plan(view, marker=marker, elsewhere=elsewhere)
    if _fits_summary(whole):
        return whole
    return _plan(view, marker=marker, elsewhere=elsewhere, limit=_SUMMARY_CHARACTERS, most=1)[0]


def is_too_long(view: PlanView) -> bool:
    """Return whether a plan is more than reviewers can read."""
    return len(plan_pages(view, marker="", elsewhere="", most=TOO_MANY_PAGES)) == TOO_MANY_PAGES


def drift(view: PlanView, *, marker: str, elsewhere: str, made: str | None = None) -> str:
    """Render the plan of a scheduled run as the body of an issue: its first page."""
    intro = _DRIFTED if view.own.changes or view.drift.changes else None
    return _plan(view, intro=intro, marker=marker, elsewhere=elsewhere, made=made, most=1)[0]


def report(view: ReportView, *, marker: str, elsewhere: str, limit: int = LIMIT) -> str:
    """Render a report within `limit` characters, guests who need attention first."""
    return page(
        head=_given(hidden(marker), _bold(view.emulator), _bold(view.headline), view.incomplete),
        tables=[
            _notes("The run was refused or broke off", view.refusals),
            *(_outcomes(group) for group in view.groups),
            _notes("Warnings", view.warnings),
        ],
        tail=[f"{label} {markdown_cell(value)}" for label, value in view.made_of],
        elsewhere=elsewhere,
        limit=limit,
    )


def approval(view: ApprovalView, *, elsewhere: str) -> str:
    """Render the changes that approved plans allow, for the summary of a step, those that would run first."""
    (whole,) = _approval(view, elsewhere=elsewhere, limit=None)
    if _fits_summary(whole):
        return whole
    return _approval(view, elsewhere=elsewhere, limit=_SUMMARY_CHARACTERS, most=1)[0]


def _plan(
    view: PlanView,
    *,
    marker: str,
    elsewhere: str,
    intro: str | None = None,
    made: str | None = None,
    limit: int | None = LIMIT,
    most: int | None = None,
) -> tuple[str, ...]:
    own, drift = view.own, view.drift
    quiet = not own and not drift
    return pages(
        marker=marker,
        head=_given(_bold(view.emulator), _bold(view.partial and " ".join(_sentence(view.partial)))),
        parts=[
            *_given(_bold(view.headline), intro, None if quiet else view.counts, view.incomplete, view.usual),
            _guard_rails(view.guard_rails),
            _notes(REFUSED, view.refusals),
            *_given(view.raise_block and f"{TO_RAISE}\n\n```yaml\n{view.raise_block}```"),
            _changes("Changes, the riskiest first", own.changes),
            _blocked("Blocked", own.blocked),
            _departed(view.departed),
            _notes("Warnings", view.further_warnings, folded=quiet),
            _effects(own.changes),
            _details(own.changes, short=view.usual is not None),
            _changes(drift.title, drift.changes, folded=True, is_aside=True),
            _blocked("Blocked, not of this change", drift.blocked, folded=True, is_aside=True),
        ],
        tail=_given(
            made, f"Review {markdown_cell(view.review_digest)}", f"Plan {markdown_cell(view.digest)}"
        ),
        elsewhere=elsewhere,
        limit=limit,
        most=most,
    )


def _approval(
    view: ApprovalView, *, elsewhere: str, limit: int | None, most: int | None = None
) -> tuple[str, ...]:
    will_run, to_check = view.approved
    return pages(
        marker=None,
        head=_given(_bold(view.emulator)),
        parts=[
            *_given(_bold(view.headline), view.incomplete),
            _approved(will_run),
            _approved(to_check, folded=True),
            Table(
                title=WITHHELD,
                columns=("Who", "Why, and what to do"),
                rows=(
                    (
                        _who(one.id, one.display_name),
                        _ruled(one.outcome.value, one.message),
                    )
                    for one in view.withheld
                ),
                count=len(view.withheld),
                is_aside=True,
            ),
            _notes("Warnings", view.warnings),
        ],
        tail=[f"Plan {markdown_cell(view.digest)}"],
        elsewhere=elsewhere,
        limit=limit,
        most=most,
    )


def _fits_summary(text: str) -> bool:
    return len(text.encode()) <= SUMMARY_LIMIT


def _given(*paragraphs: str | None) -> list[str]:
    return [text for text in paragraphs if text is not None]


def _bold(text: str | None) -> str | None:
    return None if text is None else f"**{text}**"


def _guard_rails(guard_rails: Sequence[GuardRailView]) -> Table:
    return Table(
        title=GUARD_RAILS,
        columns=("Setting", "Was", "Is", "Difference"),
        rows=(
            (
                _value(one.field),
                () if one.was is None else _sentence(one.was),
                () if one.now is None else _sentence(one.now),
                (*_each("+", one.added), *_each("-", one.removed)),
            )
            for one in guard_rails
        ),
        count=len(guard_rails),
    )


def _changes(
    title: str, changes: Sequence[ChangeView], *, folded: bool = False, is_aside: bool = False
) -> Table:
    return Table(
        title=title,
        columns=_CHANGE,
        rows=(_change(one) for one in changes),
        count=len(changes),
        folded=folded,
        is_aside=is_aside,
    )


_CHANGE: Final = ("Who", "From → to", "What")


def _change(change: ChangeView) -> tuple[Cell, ...]:
    """Return all that a reviewer must see of a change, as short as it can be."""
    what = [change.label]
    for note in change.warnings:
        what += _joined(("**Warning**",), " ", _value(note.rule))
    for key, value in change.invitation:
        what += _joined((f"{key}:",), " ", _value(value))
    return _who(change.id, change.display_name), _from_to(change), what


def _from_to(change: ChangeView) -> Cell:
    moved = _joined(_sentence(change.before), " → ", _sentence(change.after))
    return (*moved, *_each("+", change.added), *_each("-", change.lost))


def _each(sign: str, values: Sequence[str]) -> Iterator[str]:
    for value in values:
        yield from _joined((sign,), " ", _value(value))


def _effects(changes: Sequence[ChangeView]) -> Table:
    rows = [change for change in changes if change.effects or change.warnings]
    return Table(
        title="What will happen",
        columns=("Who", "What will happen"),
        rows=((_who(one.id, one.display_name), _what_will_happen(one)) for one in rows),
        count=len(rows),
    )


def _what_will_happen(change: ChangeView) -> Cell:
    lines = [line for effect in change.effects for line in _sentence(effect)]
    for note in change.warnings:
        lines += _joined(("**Warning**",), " ", _ruled(note.rule, note.message))
    return lines


def _blocked(
    title: str, blocked: Sequence[Blocked], *, folded: bool = False, is_aside: bool = False
) -> Table:
    return Table(
        title=title,
        columns=("Who", "Where", "Why, and what to do"),
        rows=(
            (
                _who(one.id, one.display_name),
                _where(one.source),
                _ruled(one.rule, one.message),
            )
            for one in blocked
        ),
        count=len(blocked),
        folded=folded,
        is_aside=is_aside,
    )


def _departed(departed: Sequence[DepartedView]) -> Table:
    return Table(
        title=DEPARTED,
        columns=("Who", "Declared as", "Now"),
        rows=((_who(one.id, one.display_name), _sentence(one.email), _sentence(one.now)) for one in departed),
        count=len(departed),
    )


def _details(changes: Sequence[ChangeView], *, short: bool) -> Table:
    return Table(
        title="Details of each change",
        columns=("Id", "Where", "Why", "Actions, in this order", "Digest"),
        rows=(
            (
                _value(change.id),
                _where(change.source),
                _sentence(change.reason),
                (", ".join(change.action_names),)
                if short
                else [line for action in change.actions for line in _sentence(action)],
                _value(change.digest),
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


def _what_happened(one: GuestOutcomeView) -> Cell:
    lines = _ruled(one.rule, one.message) if one.rule else _sentence(one.message)
    records = (line for record in one.notable_records for line in _sentence(record))
    return [line for line in (*lines, *records) if line]


def _approved(group: ApprovedGroup, *, folded: bool = False) -> Table:
    return Table(
        title=group.title,
        columns=_CHANGE,
        rows=(_change(one) for one in group.changes),
        count=len(group.changes),
        folded=folded,
    )


def _notes(title: str, notes: Sequence[Note], *, folded: bool = False) -> Table:
    return Table(
        title=title,
        columns=("Rule", "What it means"),
        rows=((_value(note.rule), _sentence(note.message)) for note in notes),
        count=len(notes),
        share=0.5,
        folded=folded,
    )


def _who(guest: ObjectId, name: str | None) -> Cell:
    return (*(_value(name) if name else (NO_NAME,)), markdown_cell(guest))


def _where(source: Source) -> Cell:
    return _value(f"{source.file}:{source.line}")


def _ruled(rule: str, message: str) -> Cell:
    return _joined(_value(rule), ": ", _sentence(message))


def _value(text: str) -> Cell:
    """Return a value as code, in as many lines as a page needs to hold each."""
    pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
    return [markdown_cell(piece) for piece in pieces or [""]]


def _sentence(text: str) -> Cell:
    """Return a sentence in as many lines as a page needs to hold each, cut between words where it can be."""
    lines = []
    while len(text) > _PIECE:
        at = text.rfind(" ", 0, _PIECE) + 1 or _PIECE
        lines.append(markdown_sentence(text[:at]))
        text = text[at:]
    return [*lines, markdown_sentence(text)]


def _joined(left: Cell, between: str, right: Cell) -> Cell:
    """Write the end of the one and the begin of the other on one line, if it does not get too long."""
    middle = f"{left[-1]}{between}{right[0]}"
    if len(middle) > LONGEST_LINE // 2:
        return (*left, *right)
    return (*left[:-1], middle, *right[1:])
