"""Builds the rows of a plan: one guest's change, or why a guest is blocked, with reason and digest."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from reconciler.model import (
    Blocked,
    Change,
    ChangeKind,
    DesiredGuest,
    FieldChange,
    Note,
    ObjectId,
    Origin,
    Precondition,
    TenantId,
    format_instant,
)
from reconciler.plan.compare import Written, changed_fields, in_order
from reconciler.plan.difference import Difference
from reconciler.plan.digests import change_digest
from reconciler.plan.ownership import AddressConflicts
from reconciler.rules import Rule


def blocked_row(
    entry: DesiredGuest, difference: Difference | None, obstacles: Sequence[Note], *, origin: Origin | None
) -> Blocked:
    """Build the row of a blocked guest: the gravest obstacle, with the names of the others.

    `obstacles` are sorted, gravest first; `difference` is `None` for an id that is not among the users.
    """
    gravest = obstacles[0]
    others = dict.fromkeys(note.rule for note in obstacles if note.rule != gravest.rule)
    also = f" (also: {', '.join(others)})" if others else ""
    return Blocked(
        id=entry.id,
        display_name=difference.guest.display_name if difference else entry.name,
        rule=gravest.rule,
        message=gravest.message + also,
        source=entry.source,
        origin=origin,
    )


def fields_of(differences: Iterable[Difference]) -> list[tuple[FieldChange, ...]]:
    """Return the fields that each difference would change, in one comparison of all."""
    return changed_fields(
        [
            (Written(mail=difference.guest.mail, other_mails=difference.guest.other_mails), difference.after)
            for difference in differences
        ]
    )


def change_row(
    difference: Difference,
    *,
    fields: tuple[FieldChange, ...],
    conflict: AddressConflicts,
    tenant: TenantId,
    warnings: tuple[Note, ...],
    origin: Origin | None,
    invitation_changed: tuple[str, ...] | None,
) -> Change:
    """Build the row of a guest who is changed; the warnings about taking over an address are added."""
    guest = difference.guest
    chain = () if conflict.waits_for is None else (_may_wait(conflict.waits_for),)
    return Change(
        id=guest.id,
        display_name=guest.display_name,
        kind=difference.kind,
        digest=change_digest(
            tenant=tenant,
            guest=guest.id,
            kind=difference.kind,
            fields=fields,
            actions=difference.actions,
        ),
        fields=fields,
        actions=difference.actions,
        reason=_reason(difference),
        warnings=tuple(sorted({*warnings, *conflict.warnings, *chain})),
        precondition=Precondition(
            mail=guest.mail,
            other_mails=in_order(guest.other_mails),
            state=guest.state,
            state_changed_at=guest.state_changed_at,
            markers=guest.markers,
        ),
        source=difference.entry.source,
        waits_for=conflict.waits_for,
        origin=origin,
        resumes=difference.resumes,
        fallback=difference.fallback,
        invitation_changed=invitation_changed,
    )


def _may_wait(first: ObjectId) -> Note:
    return Note(
        rule=Rule.CHAIN_MAY_WAIT,
        message=f"takes over an address that {first} is leaving and starts after that guest; while the "
        "address still stands in proxyAddresses there, this change waits for a later run",
    )


def _reason(difference: Difference) -> str:
    guest, entry = difference.guest, difference.entry
    match difference.kind:
        case ChangeKind.CHANGE_EMAIL:
            return _mail_stands(difference)
        case ChangeKind.RESTORE_MAIL:
            return f"{_mail_stands(difference)}; the guest is seen to sign in with {difference.email} already"
        case ChangeKind.RESET:
            since = guest.state_changed_at and format_instant(guest.state_changed_at)
            wanted = entry.reset_after and format_instant(entry.reset_after)
            return f"redeemed {since}, and resetAfter asks for a redemption since {wanted}"
        case ChangeKind.OTHER_MAILS if difference.resets:
            return (
                "otherMails is not as declared; reset because a lost address may hold a link that still works"
            )
        case ChangeKind.OTHER_MAILS:
            return "otherMails is not as declared"
        case _ as unknown:
            assert_never(unknown)


def _mail_stands(difference: Difference) -> str:
    if not difference.replaces_mail:
        return f"mail is {difference.email} as declared, but the change that wrote it is not finished"
    now = "empty" if difference.guest.mail is None else difference.guest.mail
    return f"mail is {now}, declared is {difference.email}"
