"""What became of each guest."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model.desired import Cloud
from reconciler.model.identity import ObjectId, TenantId
from reconciler.model.plan import Note
from reconciler.rules import RuleId


class Outcome(StrEnum):
    """What became of one guest."""

    APPLIED = "applied"
    """Every action was done and the result was seen."""

    ALREADY_APPLIED = "already-applied"
    """An earlier run had done it; nothing was written now."""

    UNVERIFIED = "unverified"
    """Every action was done, but the result was not seen in time."""

    FAILED = "failed"
    STALE = "stale"
    """The guest is not as the approved plan found them; nothing was written."""

    NOT_APPROVED = "not-approved"
    """The plan that was approved does not name this change; nothing was written."""

    NOT_ATTEMPTED = "not-attempted"
    """The run ended, or what had to come first failed, before this guest's reset was sent."""

    BLOCKED = "blocked"


class ActionResult(StrEnum):
    """What became of one action."""

    DONE = "done"

    REPEATED = "repeated"
    """Done, and sent twice, because nothing showed whether the first one had happened."""

    SKIPPED = "skipped"
    """An earlier run had done it."""

    FAILED = "failed"

    UNKNOWN = "unknown"
    """Sent; whether it happened could not be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecord:
    """One action of one guest, as it ended."""

    action: str
    """Name of the action, as in the plan document."""

    result: ActionResult

    attempts: int
    """How often it was sent."""

    request_id: str | None
    """Graph's `request-id` of the last answer, for Microsoft's support."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestOutcome:
    """What became of one declared guest that is not unchanged."""

    id: ObjectId

    display_name: str | None
    """Comes from strangers: escape it for the medium it is shown in."""

    outcome: Outcome

    rule: RuleId | None
    """Why, as a rule id; `None` when there is nothing to explain."""

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
    """The digest of the plan that was carried out; `None` when the run ended before there was one."""

    exit_code: int

    refusals: tuple[Note, ...]
    """Why the run was refused as a whole or broke off; empty when it went through."""

    outcomes: tuple[GuestOutcome, ...]
    """Sorted by id."""

    complete: bool = True
    """False when a check that the truth of this run's own plan depends on could not be made."""

    warnings: tuple[Note, ...] = ()
    """Warnings of the run's own plan that belong to no guest, and of the run itself, sorted."""

    commit: str | None = None
    """The commit of the desired tree where it stands in a git repository; else `None`."""
