"""The limits on guests that one apply may reset or allow a new sign-in, and their temporary raise."""

from datetime import datetime, timedelta

from reconciler.model import Policy, Refusal, SuggestedRaise, day_of
from reconciler.rules import Rule

SMALLEST_SHARE_COUNTED = 100
"""Number of declared guests from which the percentage applies; below, one guest is a large share."""

_SUGGESTED_DAYS = 7

_COUNTED = "would be reset or could sign in with another address"


def check(*, changes: int, declared: int, policy: Policy, now: datetime) -> tuple[Refusal, ...]:
    """Check a run against the limits; return those it would exceed, sorted, and nothing when it may continue.

    `changes` are those that would run and count against limits: they reset, or let another address sign in. A
    raise applies through its last day in UTC and never lowers a limit.
    """
    declared_raise = policy.limit_raise
    in_force = declared_raise if declared_raise and declared_raise.in_force(now) else None
    raised_changes = in_force.max_changes if in_force else None
    raised_percent = in_force.max_change_percent if in_force else None
    max_changes = max(policy.max_changes, raised_changes or 0)
    max_percent = max(policy.max_change_percent, raised_percent or 0)

    too_many = changes > max_changes
    too_large = declared >= SMALLEST_SHARE_COUNTED and changes * 100 > declared * max_percent
    suggested = SuggestedRaise(
        max_changes=changes if too_many else raised_changes,
        max_change_percent=-(-changes * 100 // declared) if too_large else raised_percent,
        until=day_of(now) + timedelta(days=_SUGGESTED_DAYS),
    )
    remedy = "split the change, or have a raise reviewed in tenant.yaml"
    if declared_raise and not in_force:
        remedy = f"the raise that stands there ended on {declared_raise.until}; {remedy}"

    found: list[Refusal] = []
    if too_large:
        share = f"{changes} of {declared} declared guests {_COUNTED}, {max_percent} % are allowed"
        found.append(
            Refusal(rule=Rule.MAX_CHANGE_PERCENT, message=f"{share}; {remedy}", suggested_raise=suggested)
        )
    if too_many:
        count = f"{changes} guests {_COUNTED}, {max_changes} are allowed"
        found.append(Refusal(rule=Rule.MAX_CHANGES, message=f"{count}; {remedy}", suggested_raise=suggested))
    return tuple(found)
