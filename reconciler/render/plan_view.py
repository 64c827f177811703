"""A plan as every renderer shows it, computed once: rows in groups and in order, sentences and counts.

The groups are the change under review and drift. Nothing here is escaped; each renderer escapes whole
sentences for its medium.
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from reconciler.model import Blocked, NoLongerDeclared, Note, ObjectId, Origin, Plan, TenantId
from reconciler.plan.digests import review_digest
from reconciler.render.change_view import ROUTINE, USUAL, ChangeView, change_view
from reconciler.render.guard_rail_view import GuardRailView, guard_rail_view, raise_block
from reconciler.render.wording import count_of, emulator_notice, incomplete, moment
from reconciler.rules import Rule

MANY: Final = 20
"""From this many changes on, `USUAL` and the warnings of `ROUTINE` are shown once instead of in each row."""

GUARD_RAILS: Final = "Guard rails changed here"
"""The title of the settings that let more happen than at the base."""

REFUSED: Final = "Apply would refuse this plan"

TO_RAISE: Final = (
    "Split the change, or say why there are so many, and have that reviewed. This takes the place of a raise"
    " that stands there:"
)

DEPARTED: Final = "No longer declared: nothing is done to these guests, and nobody looks after them any more"
"""The title of the guests whose entries were removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """The rows of a plan that belong together; false without any."""

    title: str

    changes: tuple[ChangeView, ...]
    """The riskiest first, as a reviewer should read them; equal ones in the order of the plan."""

    blocked: tuple[Blocked, ...]
    """Sorted by id."""

    def __bool__(self) -> bool:
        return bool(self.changes or self.blocked)

    @property
    def counted(self) -> str:
        """The number of changes and of blocked guests, in words."""
        return _counted(len(self.changes), len(self.blocked))


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartedView:
    """A guest whose entry was removed."""

    id: ObjectId

    display_name: str | None
    """The name in the removed entry."""

    email: str
    """The address that the entry declared."""

    now: str
    """The state in which the directory has the guest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """A whole plan, in words and in order; `None` stands for a sentence that does not apply."""

    tenant_id: TenantId

    made: str
    """When the plan was made."""

    emulator: str | None
    """The note that this is not about a real tenant, which must come first."""

    partial: str | None
    """The note that the plan covers a part of the tree only."""

    incomplete: str | None
    """The note that a check could not be made."""

    headline: str
    """The plan as one sentence, the change under review first."""

    counts: str
    """All counts in one sentence."""

    usual: str | None
    """The effects that rows of a long plan do not repeat; `None`: each row is complete."""

    guard_rails: tuple[GuardRailView, ...]
    """What the tree loosens since the base; for the title `GUARD_RAILS`."""

    own: RowGroup
    """The rows of the change under review; where no base was given, all rows."""

    drift: RowGroup
    """The rows whose entries did not change: applying this change approves none of them."""

    departed: tuple[DepartedView, ...]
    """Sorted by id; for the title `DEPARTED`."""

    refusals: tuple[Note, ...]
    """Why apply would refuse this plan as a whole; for the title `REFUSED`."""

    raise_block: str | None
    """The YAML for `tenant.yaml` under which apply would not refuse, for the introduction `TO_RAISE`.

    Only of our own words and numbers, so that it can be copied from any medium.
    """

    warnings: tuple[Note, ...]
    """The warnings that stand in no row."""

    digest: str

    review_digest: str
    """Over all else that a reviewer relies on."""

    @property
    def further_warnings(self) -> tuple[Note, ...]:
        """The warnings for a page that lists `departed` by itself."""
        return tuple(note for note in self.warnings if note.rule != Rule.NO_LONGER_DECLARED)


def plan_view(plan: Plan) -> PlanView:
    """Build the view of a plan."""
    many = len(plan.changes) >= MANY
    own, drift = (
        _group(plan, is_drift=False, unusual_only=many),
        _group(plan, is_drift=True, unusual_only=many),
    )
    return PlanView(
        tenant_id=plan.tenant_id,
        made=moment(plan.created_at),
        emulator=emulator_notice(plan.cloud),
        partial=_partial(plan),
        incomplete=incomplete(complete=plan.complete),
        headline=_headline(own, drift, unchanged=plan.summary.unchanged),
        counts=_counts(plan),
        usual=USUAL if many else None,
        guard_rails=tuple(map(guard_rail_view, plan.guard_rails)),
        own=own,
        drift=drift,
        departed=tuple(_departed(one) for one in plan.no_longer_declared),
        refusals=plan.refusals,
        raise_block=raise_block(plan.refusals),
        warnings=(*plan.warnings, *(_shared_warnings(plan) if many else ())),
        digest=plan.digest,
        review_digest=review_digest(plan),
    )


def _group(plan: Plan, *, is_drift: bool, unusual_only: bool) -> RowGroup:
    views = (
        change_view(change, tenant=plan.tenant_id, unusual_only=unusual_only)
        for change in plan.changes
        if (change.origin is Origin.ELSEWHERE) is is_drift
    )
    changes = tuple(sorted(views, key=attrgetter("risk")))
    blocked = tuple(one for one in plan.blocked if (one.origin is Origin.ELSEWHERE) is is_drift)
    return RowGroup(
        title=_drift_title(len(changes), len(blocked)) if is_drift else "Of this change",
        changes=changes,
        blocked=blocked,
    )


def _drift_title(changes: int, blocked: int) -> str:
    return (
        f"Not of this change: {_counted(changes, blocked)}. The directory differs from entries that did not"
        " change here, or an earlier change was not applied. Merging approves none of them; drift is applied"
        " by hand"
    )


def _counted(changes: int, blocked: int) -> str:
    parts = [f"{changes} to change"] if changes else []
    parts += [f"{blocked} blocked"] if blocked else []
    return " and ".join(parts)


def _headline(own: RowGroup, drift: RowGroup, *, unchanged: int) -> str:
    if not own and not drift:
        return f"Nothing to change: {count_of(unchanged, 'declared guest')} and the tenant agree."
    parts = [f"{count_of(len(own.changes), 'guest')} to change"]
    if locked := sum(1 for change in own.changes if change.locks_out):
        who = "who" if len(own.changes) == 1 else f"{locked} of them"
        parts.append(f"{who} cannot sign in until they redeem")
    if own.blocked:
        parts.append(f"{len(own.blocked)} blocked")
    said = ", ".join(parts) if own else "Nothing to change here"
    return f"{said}; not of this change: {drift.counted}." if drift else f"{said}."


def _counts(plan: Plan) -> str:
    have = plan.summary
    unmanaged = (
        f"{have.unmanaged}"
        if plan.listed_all
        else f"{have.unmanaged} seen, and there may be more: the listing was not read to its end"
    )
    return (
        f"Declared {have.declared}: {have.changes} to change, {have.blocked} blocked,"
        f" {have.unchanged} unchanged. Not declared: {unmanaged}."
    )


def _partial(plan: Plan) -> str | None:
    if plan.since is None:
        return None
    looked = count_of(plan.summary.declared, "entry", "entries")
    return (
        f"PARTIAL: only what changed since {plan.since} was looked at ({looked}); this plan approves nothing."
    )


def _departed(one: NoLongerDeclared) -> DepartedView:
    known = [one.found.value]
    if one.mail is not None:
        known.append(f"mail {one.mail}")
    if one.state is not None:
        known.append(one.state.value)
    return DepartedView(id=one.id, display_name=one.name, email=one.email.text, now=", ".join(known))


def _shared_warnings(plan: Plan) -> tuple[Note, ...]:
    """Return, once each, the warnings that the rows of a long plan do not repeat."""
    return tuple(
        sorted({note for change in plan.changes for note in change.warnings if note.rule in ROUTINE})
    )
