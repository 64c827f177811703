"""Groups the rows of a plan: the change under review, drift, and guests whose entries were removed.

Sentences hold values raw; each renderer escapes whole sentences for its medium.
"""

from dataclasses import dataclass
from typing import Final

from reconciler.model import Blocked, Change, NoLongerDeclared, Note, Origin, Plan
from reconciler.render.wording import MANY, ROUTINE, count_of, locks_out
from reconciler.rules import Rule

HERE: Final = "Of this change"

GONE: Final = "No longer declared: nothing is done to these guests, and nobody looks after them any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a plan that belong together."""

    changes: tuple[Change, ...]
    blocked: tuple[Blocked, ...]

    def __bool__(self) -> bool:
        return bool(self.changes or self.blocked)

    @property
    def counted(self) -> str:
        """The number of changes and of blocked guests, in words."""
        parts = [f"{len(self.changes)} to change"] if self.changes else []
        parts += [f"{len(self.blocked)} blocked"] if self.blocked else []
        return " and ".join(parts)


def here(plan: Plan) -> Rows:
    """Return the rows of the change under review; where no base was given, all rows."""
    return _rows(plan, elsewhere=False)


def elsewhere(plan: Plan) -> Rows:
    """Return the rows that are drift: their entries did not change."""
    return _rows(plan, elsewhere=True)


def drift_title(rows: Rows) -> str:
    """Return the title of the drift rows, with the effect of applying them."""
    return (
        f"Elsewhere: {rows.counted}. These entries did not change here, so merging approves none of them; "
        "drift is applied by hand"
    )


def headline(plan: Plan) -> str:
    """Return the plan as one sentence, the change under review first."""
    ours, drift = here(plan), elsewhere(plan)
    if not ours and not drift:
        return (
            f"Nothing to change: {count_of(plan.summary.unchanged, 'declared guest')} and the tenant agree."
        )
    parts = [f"{count_of(len(ours.changes), 'guest')} to change"]
    if locked := sum(1 for change in ours.changes if locks_out(change)):
        who = "who" if len(ours.changes) == 1 else f"{locked} of them"
        parts.append(f"{who} cannot sign in until they redeem")
    if ours.blocked:
        parts.append(f"{len(ours.blocked)} blocked")
    said = ", ".join(parts) if ours else "Nothing to change here"
    return f"{said}; elsewhere {drift.counted}." if drift else f"{said}."


def many(plan: Plan) -> bool:
    """Return whether sentences shared by most rows are shown once instead of in each row."""
    return len(plan.changes) >= MANY


def partial(plan: Plan) -> str | None:
    """Return the note that the plan covers a part of the tree only; `None` for a whole plan."""
    if plan.since is None:
        return None
    looked = count_of(plan.summary.declared, "entry", "entries")
    return (
        f"PARTIAL: only what changed since {plan.since} was looked at ({looked}); this plan approves nothing."
    )


def left(departed: NoLongerDeclared) -> str:
    """Return the state in which the directory has a guest whose entry was removed."""
    known = [departed.found.value]
    if departed.mail is not None:
        known.append(f"mail {departed.mail}")
    if departed.state is not None:
        known.append(departed.state.value)
    return ", ".join(known)


def warnings(plan: Plan) -> tuple[Note, ...]:
    """Return the warnings that belong to no row and have no section of their own."""
    return (*(note for note in plan.warnings if note.rule != Rule.NO_LONGER_DECLARED), *shared(plan))


def shared(plan: Plan) -> tuple[Note, ...]:
    """Return, once each, the warnings that the rows of a long plan do not repeat."""
    if not many(plan):
        return ()
    notes = {note for change in plan.changes for note in change.warnings if note.rule in ROUTINE}
    return tuple(sorted(notes))


def _rows(plan: Plan, *, elsewhere: bool) -> Rows:
    def picked(origin: Origin | None) -> bool:
        return (origin is Origin.ELSEWHERE) is elsewhere

    return Rows(
        changes=tuple(row for row in plan.changes if picked(row.origin)),
        blocked=tuple(row for row in plan.blocked if picked(row.origin)),
    )
