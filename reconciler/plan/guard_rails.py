"""What a tree loosens since the base: settings that let more happen than the reviewers of the base agreed to.

A setting that only becomes stricter is left out. Of invitations every difference counts: where a person is
sent, who gets a copy, and what they read, has no stricter and looser.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from reconciler.model import (
    Desired,
    DesiredGuest,
    EmailAddress,
    GuardRail,
    Hold,
    Invitation,
    LimitRaise,
    Live,
    Note,
    ObjectId,
    Policy,
    Setting,
    built_in_invitation,
)
from reconciler.plan import blocking
from reconciler.plan.difference import Difference
from reconciler.plan.origin import Baseline
from reconciler.rules import Rule

INVITATION_KEYS: Final[Mapping[str, str]] = {
    "cc": "cc",
    "language": "language",
    "message": "message",
    "redirect_url": "redirectUrl",
    "send_message": "sendMessage",
}
"""The keys of `invitation` in a tree, by the attributes of `Invitation`."""


def loosened_since(base: Baseline | None, desired: Desired) -> tuple[GuardRail, ...]:
    """Return what a tree loosens since its base; nothing where there was no tree, or none that is valid."""
    return () if base is None or base.tree is None else loosened(base.tree, desired)


def loosened(base: Desired, desired: Desired) -> tuple[GuardRail, ...]:
    """Return the guard rails that differ between two trees, as far as `desired` is the looser one."""
    return (
        *_different("tenantId", base.tenant_id, desired.tenant_id),
        *_different("cloud", base.cloud.value, desired.cloud.value),
        *_different("markerDomain", base.marker_domain, desired.marker_domain),
        *_of_invitation(base, desired),
        *_of_policy(base.policy, desired.policy),
        *_of_holds(base.guests, desired.guests),
    )


def differing_keys(before: Invitation | None, after: Invitation) -> tuple[str, ...]:
    """Return the keys whose values differ, sorted by key; all of them without a `before`."""
    return tuple(
        key
        for attribute, key in INVITATION_KEYS.items()
        if before is None or getattr(before, attribute) != getattr(after, attribute)
    )


def was_blocked(
    difference: Difference, base: Baseline | None, *, live: Live, now: datetime
) -> Iterator[Note]:
    """Warn that guard rails of the base would have blocked a change."""
    if base is None or base.tree is None:
        return
    entry = base.entry_before(difference.entry.id)
    then = replace(difference, entry=replace(difference.entry, hold=entry.hold if entry else None))
    for note in blocking.by_guard_rails(then, base.tree.policy, live, now):
        yield Note(
            rule=Rule.WAS_BLOCKED,
            message=f"the guard rails of the base would block this change ({note.rule}): {note.message}",
        )


def _different(field: str, before: Setting, after: Setting) -> Iterator[GuardRail]:
    if before != after:
        yield GuardRail(field=field, before=before, after=after)


def _of_invitation(base: Desired, desired: Desired) -> Iterator[GuardRail]:
    before, after = base.invitation, desired.invitation
    if before == built_in_invitation(base.tenant_id) and after == built_in_invitation(desired.tenant_id):
        return  # the built-in address names the tenant, whose change stands there already
    for attribute, key in INVITATION_KEYS.items():
        yield from _different(
            f"defaults.invitation.{key}",
            _setting(getattr(before, attribute)),
            _setting(getattr(after, attribute)),
        )


def _of_policy(before: Policy, after: Policy) -> Iterator[GuardRail]:
    for field, limits in {
        "policy.maxChanges": (before.max_changes, after.max_changes),
        "policy.maxChangePercent": (before.max_change_percent, after.max_change_percent),
    }.items():
        if limits[0] < limits[1]:
            yield GuardRail(field=field, before=limits[0], after=limits[1])
    if after.limit_raise is not None:
        yield from _different("policy.raise", _raise(before.limit_raise), _raise(after.limit_raise))
    allowed, denied, protected = (
        ({*getattr(before, name)}, {*getattr(after, name)})
        for name in ("allowed_domains", "denied_domains", "protected")
    )
    # An empty list allows every domain.
    if allowed[0] and (not allowed[1] or allowed[1] - allowed[0]):
        yield from _different("policy.allowedDomains", before.allowed_domains, after.allowed_domains)
    if denied[0] - denied[1]:
        yield from _different("policy.deniedDomains", before.denied_domains, after.denied_domains)
    if protected[0] - protected[1]:
        yield from _different("policy.protected", before.protected, after.protected)


def _of_holds(before: Iterable[DesiredGuest], after: Iterable[DesiredGuest]) -> Iterator[GuardRail]:
    holds: dict[ObjectId, Hold | None] = {entry.id: entry.hold for entry in after}
    for entry in before:
        then, now = entry.hold, holds.get(entry.id)
        if then is not None and (now is None or now.until < then.until):
            yield GuardRail(field=f"{entry.id}.hold", before=_hold(then), after=_hold(now))


def _raise(limit_raise: LimitRaise | None) -> str | None:
    if limit_raise is None:
        return None
    given = [f"{key} {value}" for key, value in limit_raise.limits.items()]
    return f"{', '.join(given)}, until {limit_raise.until}: {limit_raise.reason}"


def _hold(hold: Hold | None) -> str | None:
    return None if hold is None else f"until {hold.until}: {hold.reason}"


def _setting(value: EmailAddress | Setting) -> Setting:
    return value.text if isinstance(value, EmailAddress) else value
