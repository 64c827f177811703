"""Loosened guard rails and exceeded limits, built by hand."""

from datetime import date

from reconciler.model import GuardRail, Refusal, SuggestedRaise
from reconciler.rules import Rule
from tests.support.plans import guest_id


def refusal_of(*, max_changes: int = 40) -> Refusal:
    """Make a refusal for too many changes."""
    return Refusal(
        rule=Rule.MAX_CHANGES,
        message=f"{max_changes} guests would be reset, 20 are allowed",
        suggested_raise=SuggestedRaise(
            max_changes=max_changes, max_change_percent=None, until=date(2026, 10, 8)
        ),
    )


def loosened_rails() -> tuple[GuardRail, ...]:
    """Make guard rails of each kind of value."""
    return (
        GuardRail(field="policy.maxChanges", before=20, after=5_000),
        GuardRail(field="policy.deniedDomains", before=("evil.example",), after=()),
        GuardRail(field="policy.allowedDomains", before=("a.example",), after=("a.example", "b.example")),
        GuardRail(field="defaults.invitation.sendMessage", before=True, after=False),
        GuardRail(field=f"{guest_id(1)}.hold", before="until 2026-12-31: on leave", after=None),
    )
