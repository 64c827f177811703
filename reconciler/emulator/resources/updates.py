"""The values that Graph accepts in an update of a user.

Source: https://learn.microsoft.com/graph/api/user-update
"""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.emulator.odata.projection import USER
from reconciler.emulator.protocol.error_responses import (
    ErrorResponse,
    bad_request,
    insufficient_privileges,
    refused_value,
)

_READ_ONLY = frozenset({
    "id", "creationType", "createdDateTime", "deletedDateTime", "externalUserState",
    "externalUserStateChangeDateTime", "imAddresses", "isManagementRestricted", "onPremisesSyncEnabled",
    "proxyAddresses",
})  # fmt: skip

SENSITIVE = frozenset({
    "accountEnabled", "businessPhones", "mobilePhone", "onPremisesImmutableId", "otherMails",
    "passwordProfile", "userPrincipalName",
})  # fmt: skip
"""The properties an application cannot write on a protected user.

Source: https://learn.microsoft.com/graph/api/resources/users#who-can-perform-sensitive-actions
"""

_MAX_VALUES = 250
_MAX_LENGTH = 250


def check_update(changes: Mapping[str, Any], *, reserved_refused: bool) -> None:
    """Refuse an update that breaks a rule about properties alone. Raises `ErrorResponse`.

    `reserved_refused`: no value of `otherMails` may be in a domain under `invalid`, which nobody owns. Source
    for the name: https://www.rfc-editor.org/rfc/rfc6761#section-6.4
    """
    for name, value in changes.items():
        if name not in USER.known:
            raise bad_request(
                f"The property '{name}' does not exist on type 'microsoft.graph.user'. "
                "Make sure to only use property names that are defined by the type."
            )
        if name in _READ_ONLY:
            raise refused_value(f"Property '{name}' is read-only and cannot be set.")
        if name == "identities":
            # Needs a permission of its own: User.ManageIdentities.All.
            raise insufficient_privileges()
        if not _RULES.get(name, _is_text_or_null)(value):
            raise invalid_value(name)
    if reserved_refused and any(_is_reserved(address) for address in changes.get("otherMails", ())):
        raise invalid_value("otherMails", detailed=True)


def check_power(changes: Mapping[str, Any], *, protected: bool, restricted: bool) -> None:
    """Refuse an application changes that need a directory role. Raises `ErrorResponse`.

    `restricted`: the user is in a restricted management administrative unit, and callers without a role there
    change nothing. Source: https://learn.microsoft.com/graph/api/resources/user (isManagementRestricted)
    """
    if restricted or (protected and not SENSITIVE.isdisjoint(changes)):
        raise insufficient_privileges()


def invalid_value(name: str, *, detailed: bool = False) -> ErrorResponse:
    """Refuse a value of a property, in one of the two reported forms: `detailed` names it once more.

    Sources: https://github.com/microsoftgraph/microsoft-graph-docs/issues/13477 and, with details,
    https://github.com/Azure-Samples/ms-identity-dotnetcore-b2c-account-management/issues/16
    """
    message = f"Invalid value specified for property '{name}' of resource 'User'."
    details = [{"code": "InvalidValue", "message": message, "target": name}] if detailed else []
    return refused_value(message, details=details)


def _is_reserved(address: str) -> bool:
    return address.lower().rpartition(".")[2] == "invalid"


def _is_address(value: object) -> bool:
    # An update checks addresses less than an invitation does: `+` passes here.
    if not isinstance(value, str) or not value.isascii() or len(value) > _MAX_LENGTH:
        return False
    local, _, domain = value.partition("@")
    return bool(local) and "." in domain and "@" not in domain and " " not in value


def _is_address_list(value: object) -> bool:
    return isinstance(value, list) and len(value) <= _MAX_VALUES and all(_is_address(item) for item in value)


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_text_or_null(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_refused(value: object) -> bool:  # noqa: ARG001  no value is accepted
    # Graph is reported to answer InvalidValue for both on guests.
    # Source: https://github.com/microsoftgraph/microsoft-graph-docs/issues/7602
    return False


_RULES: Mapping[str, Callable[[object], bool]] = {
    # Cannot be null, accepts no accented letters; so do the entries of otherMails.
    "mail": _is_address,
    "otherMails": _is_address_list,
    "accountEnabled": lambda value: isinstance(value, bool),
    "businessPhones": _is_text_list,
    "passwordProfile": lambda value: isinstance(value, dict),
    "userPrincipalName": _is_refused,
    "mailNickname": _is_refused,
}
