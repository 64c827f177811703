"""The changes that approved plans allow of a fresh plan, as every renderer shows them, computed once.

Nothing here is escaped; each renderer escapes whole sentences for its medium.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from reconciler.guard.approval import Approval
from reconciler.model import Change, GuestOutcome, Note, Plan, TenantId
from reconciler.render.change_view import ChangeView, change_view
from reconciler.render.wording import count_of, emulator_notice, incomplete, moment

WITHHELD: Final = "Would not run"
"""The title of the guests whose changes are not allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedGroup:
    """Approved changes with the same fate."""

    title: str

    changes: tuple[ChangeView, ...]
    """In the order in which a reviewer should read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView:
    """An approval of a whole plan, in words and in order."""

    tenant_id: TenantId

    made: str
    """When the fresh plan was made."""

    emulator: str | None
    """The note that this is not about a real tenant, which must come first; else `None`."""

    headline: str
    """The counts in one sentence."""

    approved: tuple[ApprovedGroup, ...]
    """The changes to run, then those to check only; either may be empty."""

    withheld: tuple[GuestOutcome, ...]
    """The guests whose changes would not run, with the reason; for the title `WITHHELD`. Sorted by id."""

    warnings: tuple[Note, ...]
    """The warnings of the fresh plan that belong to no guest's change."""

    incomplete: str | None
    """The note that a check could not be made, else `None`."""

    digest: str
    """Of the fresh plan."""


def approval_view(plan: Plan, approval: Approval) -> ApprovalView:
    """Build the view of the changes of a plan that an approval allows."""
    runs, waits = len(approval.to_run), len(approval.outcomes)
    return ApprovalView(
        tenant_id=plan.tenant_id,
        made=moment(plan.created_at),
        emulator=emulator_notice(plan.cloud),
        headline=f"{count_of(runs, 'guest')} would be changed, {waits} would not.",
        approved=(
            ApprovedGroup(title="Would run", changes=_views(approval.to_run, plan.tenant_id)),
            ApprovedGroup(
                title="Approved, and nothing is planned for them now: apply only looks whether it was done",
                changes=_views(approval.to_check, plan.tenant_id),
            ),
        ),
        withheld=approval.outcomes,
        warnings=plan.warnings,
        incomplete=incomplete(complete=plan.complete),
        digest=plan.digest,
    )


def _views(changes: Iterable[Change], tenant: TenantId) -> tuple[ChangeView, ...]:
    return tuple(sorted((change_view(one, tenant=tenant) for one in changes), key=attrgetter("risk")))
