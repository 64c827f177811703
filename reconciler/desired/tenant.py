"""The file `tenant.yaml`: the tenant's id, its defaults and its policy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from reconciler.desired.schema_check import CheckedFile, check
from reconciler.desired.values import Breach, day_breaches, marker_breaches, read_invitation, text_at
from reconciler.model import (
    DEFAULT_MARKER_DOMAIN,
    Cloud,
    Invitation,
    LimitRaise,
    ObjectId,
    Policy,
    TenantId,
    built_in_invitation,
)

_SCHEMA = "tenant"

_CC = ("defaults", "invitation", "cc")
_RAISE_UNTIL = ("policy", "raise", "until")


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFile:
    """The content of `tenant.yaml`."""

    tenant_id: TenantId
    cloud: Cloud
    policy: Policy

    invitation: Invitation
    """The defaults for a guest whose entry declares no others."""

    marker_domain: str
    """Lower case: where the markers of unfinished changes are addresses."""


def check_tenant(file: str, data: bytes) -> CheckedFile:
    """Check the file by its schema and by the rules about its values."""
    checked = check(file, data, _SCHEMA)
    return checked.with_violations(_breaches(checked.value))


def build_tenant(value: Mapping[str, Any]) -> TenantFile:
    """Build the tenant from a document that broke no rule; missing keys get their defaults."""
    tenant_id = TenantId(value["tenantId"].lower())
    defaults = value.get("defaults", {}).get("invitation", {})
    return TenantFile(
        tenant_id=tenant_id,
        cloud=Cloud(value.get("cloud", Cloud.GLOBAL)),
        policy=_policy(value.get("policy", {})),
        invitation=read_invitation(defaults, built_in_invitation(tenant_id)),
        marker_domain=value.get("markerDomain", DEFAULT_MARKER_DOMAIN).lower(),
    )


def _breaches(value: Any) -> Iterator[Breach]:
    yield from marker_breaches(text_at(value, _CC), _CC)
    yield from day_breaches(text_at(value, _RAISE_UNTIL), _RAISE_UNTIL)


def _policy(value: Mapping[str, Any]) -> Policy:
    defaults = Policy()
    return Policy(
        max_changes=value.get("maxChanges", defaults.max_changes),
        max_change_percent=value.get("maxChangePercent", defaults.max_change_percent),
        limit_raise=_raise(value["raise"]) if "raise" in value else None,
        allowed_domains=_lower(value.get("allowedDomains", ())),
        denied_domains=_lower(value.get("deniedDomains", ())),
        protected=tuple(map(ObjectId, _lower(value.get("protected", ())))),
    )


def _raise(value: Mapping[str, Any]) -> LimitRaise:
    return LimitRaise(
        max_changes=value.get("maxChanges"),
        max_change_percent=value.get("maxChangePercent"),
        until=date.fromisoformat(value["until"]),
        reason=str(value["reason"]),
    )


def _lower(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({text.lower() for text in texts}))
