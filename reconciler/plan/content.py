r"""Actions and fields as JSON, and the digests over them.

The digest of a change is `sha256:` and the hexadecimal SHA-256 of one JSON object with the keys
`tenantId`, `id`, `kind`, `fields` and `actions`, each exactly as the plan document shows it, written
with sorted keys, without spaces, and with every character outside ASCII as `\uXXXX` (UTF-16 code
units, lower case). The digest of a plan is the same over the JSON list of its changes' digests,
sorted. With Python:

    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    "sha256:" + hashlib.sha256(text.encode()).hexdigest()

Nothing else goes in: no times, no names, no position in a file, so the same work has the same
digest on any day and in whatever file it is declared.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, assert_never

from reconciler.model import (
    Action,
    AddOtherMail,
    ChangeKind,
    FieldChange,
    ObjectId,
    ResetRedemption,
    SetMail,
    SetOtherMails,
    TenantId,
    action_name,
)


def action_content(action: Action) -> dict[str, Any]:
    """Give an action as the plan document shows it; `cc` and `message` only where there are any."""
    content: dict[str, Any] = {"action": action_name(action)}
    match action:
        case AddOtherMail():
            content["email"] = action.email.text
        case ResetRedemption():
            content["email"] = action.email.text
            content["sendMessage"] = action.send_message
            content["language"] = action.language
            content["redirectUrl"] = action.redirect_url
            if action.cc is not None:
                content["cc"] = action.cc.text
            if action.message is not None:
                content["message"] = action.message
        case SetMail():
            content["email"] = action.email.text
            content["otherMails"] = [address.text for address in action.other_mails]
        case SetOtherMails():
            content["otherMails"] = [address.text for address in action.other_mails]
        case _:
            assert_never(action)
    return content


def field_content(field: FieldChange) -> dict[str, Any]:
    """Give a field as the plan document shows it."""
    return {
        "field": field.field,
        "before": _listed(field.before),
        "after": _listed(field.after),
    }


def change_digest(
    *,
    tenant: TenantId,
    guest: ObjectId,
    kind: ChangeKind,
    fields: Iterable[FieldChange],
    actions: Iterable[Action],
) -> str:
    """Compute what identifies the work of one change (what is hashed: see the module)."""
    return _digest(
        {
            "tenantId": tenant,
            "id": guest,
            "kind": kind.value,
            "fields": [field_content(field) for field in fields],
            "actions": [action_content(action) for action in actions],
        }
    )


def plan_digest(changes: Iterable[str]) -> str:
    """Compute what identifies the work of a plan from the digests of its changes, in any order."""
    return _digest(sorted(changes))


def _listed(value: str | tuple[str, ...] | None) -> str | list[str] | None:
    return list(value) if isinstance(value, tuple) else value


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
