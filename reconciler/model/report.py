"""The result of an apply run, guest by guest."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model.desired import Cloud
from reconciler.model.identity import ObjectId, TenantId
from reconciler.model.plan import Note
from reconciler.rules import RuleId


class Outcome(StrEnum):
    """The result of one guest's change."""

    APPLIED = "applied"
    """Every action was done and a read showed the result."""

    ALREADY_APPLIED = "already-applied"
    """An earlier run had done it; nothing was written now."""

    UNVERIFIED = "unverified"
    """Every action was done, but no read showed the result in time."""

    FAILED = "failed"
    STALE = "stale"
    """The guest is not in the state that the approved plan recorded; nothing was written."""

    NOT_APPROVED = "not-approved"
    """The plan that was approved does not name this change; nothing was written."""

    NOT_ATTEMPTED = "not-attempted"
    """The run ended, or the predecessor failed, before this guest's reset was sent."""

    BLOCKED = "blocked"


class ActionResult(StrEnum):
    """The result of one action."""

    DONE = "done"

    REPEATED = "repeated"
    """Done, and sent twice, because no read showed whether the first request was executed."""

    SKIPPED = "skipped"
    """An earlier run had done it."""

    FAILED = "failed"

    UNKNOWN = "unknown"
    """Sent; no read showed whether it was executed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecord:
    """One action of one guest, and its result."""

    action: str
    """Name of the action, as in the plan document."""

    result: ActionResult

    attempts: int
    """Number of times it was sent."""

    request_id: str | None
    """Graph's `request-id` of the last answer, for Microsoft's support."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestOutcome:
    """The result of one declared guest that is not unchanged."""

    id: ObjectId

    display_name: str | None
    """Comes from strangers: escape it for the medium it is shown in."""

    outcome: Outcome

    rule: RuleId | None
    """The cause, as a rule id; `None` when there is nothing to explain."""

    message: str
    actions: tuple[ActionRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole apply run, however it ended."""

    run: str
    """Random id of the run, the same as in the journal."""

    tenant_id: TenantId | None
    """`None` when the desired tree that would have named it is invalid."""

    cloud: Cloud | None
    started_at: datetime
    ended_at: datetime

    digest: str | None
    """The digest of the plan that was applied; `None` when the run ended before there was one."""

    exit_code: int

    refusals: tuple[Note, ...]
    """Why the run was refused as a whole or stopped early; empty when it completed."""

    outcomes: tuple[GuestOutcome, ...]
    """Sorted by id."""

    complete: bool = True
    """False when a check that the truth of this run's own plan depends on could not be made."""

    warnings: tuple[Note, ...] = ()
    """Warnings of the run's own plan that belong to no guest, and of the run itself, sorted."""

    commit: str | None = None
    """The commit of the desired tree if it lies in a git repository; else `None`."""

    approved: tuple[str, ...] = ()
    """The digests of the plan documents that approved the run, sorted; empty when none was given."""
