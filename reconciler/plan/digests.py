r"""Actions and fields as JSON, and the digests over them.

The digest of a change is `sha256:` and the hexadecimal SHA-256 of one JSON object with the keys
`tenantId`, `id`, `kind`, `fields` and `actions`, each as the plan document shows it, but with every
address in lower case: all of `before` and `after`, and each action's `email`, `cc` and `otherMails`.
It is written with sorted keys, without spaces, and with every character outside ASCII as `\uXXXX`
(UTF-16 code units, lower case). The digest of a plan is the same over the JSON list of its changes'
digests, sorted. With Python:

    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    "sha256:" + hashlib.sha256(text.encode()).hexdigest()

Nothing else is hashed there: no times, no names, no position in a file, no `resumes`, no `fallback`. So the
same work has the same digest on any day, in whatever file it is declared, and in whatever spelling the
directory reports an address.

The review digest of a plan is for what a reviewer relied on beside the work, and is another one on any day:
the same over one object with the plan's `digest`, `createdAt`, `since` and `guardRails`, and for each change,
in the order of the document, `id`, `digest`, `origin`, `precondition`, `resumes`, `fallback` and `waitsFor`,
with `null` for each of these that the document lacks, and an empty list for `guardRails`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, assert_never

from reconciler.model import (
    Action,
    AddOtherMail,
    ChangeKind,
    ClearMarker,
    FieldChange,
    GuardRail,
    ObjectId,
    Plan,
    Precondition,
    ResetRedemption,
    SetMail,
    SetOtherMails,
    Setting,
    TenantId,
    format_instant,
)

_ADDRESSES: Final = frozenset({"email", "cc", "otherMails", "before", "after"})
"""The keys of actions and fields whose values are addresses."""


def action_content(action: Action) -> dict[str, Any]:
    """Return an action as the plan document shows it; `cc` and `message` only where there are any."""
    content: dict[str, Any] = {"action": action.name}
    match action:
        case AddOtherMail():
            content["email"] = action.email.text
        case ResetRedemption():
            content["email"] = action.email.text
            invitation = action.invitation
            content["sendMessage"] = invitation.send_message
            content["language"] = invitation.language
            content["redirectUrl"] = invitation.redirect_url
            if invitation.cc is not None:
                content["cc"] = invitation.cc.text
            if invitation.message is not None:
                content["message"] = invitation.message
        case SetMail() | ClearMarker():
            content["email"] = action.email.text
            content["otherMails"] = [address.text for address in action.other_mails]
        case SetOtherMails():
            content["otherMails"] = [address.text for address in action.other_mails]
        case _ as unknown:
            assert_never(unknown)
    return content


def field_content(field: FieldChange) -> dict[str, Any]:
    """Return a field as the plan document shows it."""
    return {
        "field": field.field,
        "before": _listed(field.before),
        "after": _listed(field.after),
    }


def precondition_content(precondition: Precondition) -> dict[str, Any]:
    """Return a precondition as the plan document shows it; `markers` only where there are any."""
    mail, state, changed_at = precondition.mail, precondition.state, precondition.state_changed_at
    document: dict[str, Any] = {
        "mail": None if mail is None else mail.text,
        "otherMails": [address.text for address in precondition.other_mails],
        "externalUserState": None if state is None else state.value,
        "externalUserStateChangeDateTime": None if changed_at is None else format_instant(changed_at),
    }
    if precondition.markers:
        document["markers"] = [str(marker) for marker in precondition.markers]
    return document


def guard_rail_content(guard_rail: GuardRail) -> dict[str, Any]:
    """Return a loosened guard rail as the plan document shows it."""
    return {
        "field": guard_rail.field,
        "before": _listed(guard_rail.before),
        "after": _listed(guard_rail.after),
    }


def change_digest(
    *,
    tenant: TenantId,
    guest: ObjectId,
    kind: ChangeKind,
    fields: Iterable[FieldChange],
    actions: Iterable[Action],
) -> str:
    """Compute the digest that identifies the work of one change, as the module describes."""
    return _digest(
        {
            "tenantId": tenant,
            "id": guest,
            "kind": kind.value,
            "fields": [_folded(field_content(field)) for field in fields],
            "actions": [_folded(action_content(action)) for action in actions],
        }
    )


def plan_digest(changes: Iterable[str]) -> str:
    """Compute the digest that identifies the work of a plan from those of its changes, in any order."""
    return _digest(sorted(changes))


def review_digest(plan: Plan) -> str:
    """Compute the digest over what a reviewer relied on beside the work, as the module describes."""
    return _digest(
        {
            "digest": plan.digest,
            "createdAt": format_instant(plan.created_at),
            "since": plan.since,
            "guardRails": [guard_rail_content(guard_rail) for guard_rail in plan.guard_rails],
            "changes": [
                {
                    "id": change.id,
                    "digest": change.digest,
                    "origin": None if change.origin is None else change.origin.value,
                    "precondition": precondition_content(change.precondition),
                    "resumes": change.resumes,
                    "fallback": None if change.fallback is None else action_content(change.fallback),
                    "waitsFor": change.waits_for,
                }
                for change in plan.changes
            ],
        }
    )


def _folded(content: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the addresses of an action or a field to lower case; the order of lists ignores case."""
    return {key: _lower(value) if key in _ADDRESSES else value for key, value in content.items()}


def _lower(value: str | list[str] | None) -> str | list[str] | None:
    if isinstance(value, list):
        return [text.lower() for text in value]
    return None if value is None else value.lower()


def _listed(value: Setting) -> bool | int | str | list[str] | None:
    return list(value) if isinstance(value, tuple) else value


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
