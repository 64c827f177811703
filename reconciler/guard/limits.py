"""How many guests one apply may reset, and how a reviewed raise lifts that for a while."""

from datetime import UTC, datetime, timedelta

from reconciler.model import Note, Policy

SMALLEST_SHARE_COUNTED = 100
"""Declared guests from which on the percentage is looked at; below, a single guest is a large share."""

_SUGGESTED_DAYS = 7


def check(*, resets: int, declared: int, policy: Policy, now: datetime) -> tuple[Note, ...]:
    """Say which limits a run would break, sorted; empty when it may go on.

    `resets` counts the changes that would run and lock somebody out until they redeem: changes of
    kind other-mails do not count. A raise counts through its last day in UTC and never lowers.
    """
    today = now.astimezone(UTC).date()
    declared_raise = policy.limit_raise
    in_force = declared_raise if declared_raise and today <= declared_raise.until else None
    raised_changes = in_force.max_changes if in_force else None
    raised_percent = in_force.max_change_percent if in_force else None
    max_changes = max(policy.max_changes, raised_changes or 0)
    max_percent = max(policy.max_change_percent, raised_percent or 0)

    too_many = resets > max_changes
    too_large = declared >= SMALLEST_SHARE_COUNTED and resets * 100 > declared * max_percent
    keys = {
        "maxChanges": resets if too_many else raised_changes,
        "maxChangePercent": -(-resets * 100 // declared) if too_large else raised_percent,
        "until": today + timedelta(days=_SUGGESTED_DAYS),
        "reason": "<why so many>",
    }
    # The whole raise, so that it can be copied; it replaces the one in force.
    copied = ", ".join(f"{key}: {value}" for key, value in keys.items() if value is not None)
    remedy = f"split the change, or have this reviewed below policy in tenant.yaml: raise: {{{copied}}}"
    if declared_raise and not in_force:
        remedy = f"the raise that stands there ended on {declared_raise.until}; {remedy}"

    notes: list[Note] = []
    if too_large:
        share = f"{resets} of {declared} declared guests would be reset, {max_percent} % are allowed"
        notes.append(Note(rule="max-change-percent", message=f"{share}; {remedy}"))
    if too_many:
        count = f"{resets} guests would be reset, {max_changes} are allowed"
        notes.append(Note(rule="max-changes", message=f"{count}; {remedy}"))
    return tuple(notes)
