"""The switches of the emulated tenant, which can be set while it runs.

Three kinds: settings of an administrator of a real tenant, behaviour that Microsoft leaves undocumented, and
the emulator's records. `docs/emulator.md` has for each the evidence about the real Graph.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any

from reconciler.emulator.tenant.store import Store
from reconciler.model import InvitesFrom


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The value of every switch; in JSON the names are in camelCase."""

    allow_invites_from: str = InvitesFrom.EVERYONE.value
    """`allowInvitesFrom` of the authorization policy."""

    denied_domains: tuple[str, ...] = ()
    """The tenant's deny list for B2B: no invitation, no redemption."""

    cross_tenant_blocked_domains: tuple[str, ...] = ()
    """Domains that cross-tenant access settings refuse."""

    pim_licensed: bool = True
    """Whether eligibility can be read; many tenants lack the licence."""

    stale_proxies_kept: bool = True
    """Whether the replaced `mail` stays in `proxyAddresses` as a secondary address."""

    invitation_match_ignores_case: bool = False
    """Whether the invited address may differ in case from the one on the object."""

    pending_reset_moves_time: bool = True
    """Whether resetting a pending guest moves `externalUserStateChangeDateTime`."""

    state_time_fractions: bool = True
    """Whether `externalUserStateChangeDateTime` has fractions of a second."""

    invitation_adds_proxy: bool = False
    """Whether a reset adds the invited address to `proxyAddresses`."""

    direct_redemption: bool = True
    """Whether opening an app redeems for the owner of an address of the pending guest."""

    other_mails_redeem: bool = False
    """Whether opening an app redeems for the owner of an address in `otherMails` alone, too."""

    eligible_roles_block_reset: bool = True
    """Whether an eligible role counts as a role for an application's reset."""

    group_roles_block_reset: bool = True
    """Whether a role held through a group counts."""

    disabled_pending_refused: bool = True
    """Whether a disabled guest who is still pending cannot be invited again."""

    role_assignable_groups_protect: bool = True
    """Whether an application cannot reset members and owners of a role-assignable group either."""

    proxy_filter_ignores_case: bool = True
    """Whether a filter on `proxyAddresses` for `smtp:` finds `SMTP:` too."""

    address_in_use_is_http_conflict: bool = False
    """Whether an address in use is answered with 409, rather than 400 with details."""

    inner_error_lower_case: bool = False
    """Whether errors spell `innererror`, rather than `innerError`."""

    marker_domain_refused: bool = False
    """Whether a value of `otherMails` under the reserved top-level domain `invalid` is refused."""

    record_bodies: bool = True
    """Whether the request record keeps headers and bodies; off for benchmarks."""

    def to_json(self) -> dict[str, Any]:
        """Return all switches under their JSON names."""
        return {
            _camel(name): list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def turned(self, changes: Mapping[str, Any]) -> "Switches":
        """Return the switches with some changed. Raises `ValueError` for an unknown name or wrong value."""
        known = {_camel(field.name): field.name for field in fields(self)}
        turned: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no switch {name!r}; there are {', '.join(sorted(known))}")
            turned[known[name]] = _checked(name, value, getattr(self, known[name]))
        return replace(self, **turned)


def switches_of(store: Store) -> Switches:
    """Return the present switches, also those that another process of the state has set."""
    return _read(store.meta_text("switches"))


def turn_for_good(store: Store, changes: Mapping[str, Any]) -> None:
    """Set switches permanently: they stay set when the tenant is restored to its seed.

    Raises `ValueError` as `Switches.turned` does; call it inside a transaction.
    """
    turned = switches_of(store).turned(changes)
    store.set_meta("turned", {**(store.meta("turned") or {}), **changes})
    store.set_meta("switches", turned.to_json())


@lru_cache(maxsize=16)
def _read(text: str) -> Switches:
    # Cached: every request reads them, and they hardly ever change.
    return Switches().turned(json.loads(text))


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _checked(name: str, value: Any, current: object) -> object:
    if name == "allowInvitesFrom":
        return InvitesFrom(value).value
    if isinstance(current, bool):
        if isinstance(value, bool):
            return value
    elif isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(item.lower() for item in value)
    raise ValueError(f"switch {name!r} cannot be set to {value!r}")
