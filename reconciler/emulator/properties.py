"""The properties of a user: which Graph returns, lists, lets write, and in which shape.

Sources: https://learn.microsoft.com/graph/api/resources/user and
https://learn.microsoft.com/graph/api/user-update
"""

from collections.abc import Mapping
from typing import Any

from reconciler.emulator.graph_errors import GraphError, bad_request, insufficient_privileges, refused_value
from reconciler.emulator.wire import JsonObject

DEFAULT = (
    "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone",
    "officeLocation", "preferredLanguage", "surname", "userPrincipalName", "id",
)  # fmt: skip
"""What comes without `$select`."""

_LISTS = frozenset({"businessPhones", "otherMails", "proxyAddresses", "identities", "imAddresses"})

_READ_ONLY = frozenset({
    "id", "creationType", "createdDateTime", "deletedDateTime", "externalUserState",
    "externalUserStateChangeDateTime", "imAddresses", "onPremisesSyncEnabled", "proxyAddresses",
})  # fmt: skip

SENSITIVE = frozenset({
    "accountEnabled", "businessPhones", "mobilePhone", "onPremisesImmutableId", "otherMails",
    "passwordProfile", "userPrincipalName",
})  # fmt: skip
"""What an application cannot write on a user who holds a role.

Source: https://learn.microsoft.com/graph/api/resources/users#who-can-perform-sensitive-actions
"""

_TEXTS = frozenset({
    "city", "companyName", "country", "department", "displayName", "employeeId", "givenName", "jobTitle", "mail",
    "mailNickname", "mobilePhone", "officeLocation", "onPremisesImmutableId", "postalCode", "preferredLanguage",
    "state", "streetAddress", "surname", "usageLocation", "userPrincipalName", "userType",
})  # fmt: skip

KNOWN = frozenset(DEFAULT) | _LISTS | _READ_ONLY | SENSITIVE | _TEXTS | {"isManagementRestricted"}
"""What can be selected."""

_NOT_LISTED = frozenset({
    "aboutMe", "birthday", "hireDate", "interests", "mailboxSettings", "mySite", "pastProjects",
    "preferredName", "responsibilities", "schools", "skills",
})  # fmt: skip

_MAX_VALUES = 250
_MAX_LENGTH = 250


def selected(select: str | None) -> tuple[str, ...]:
    """Read a `$select`. Raises `GraphError` for a property there is none of, or that lists cannot return."""
    if select is None:
        return DEFAULT
    by_key = {name.lower(): name for name in KNOWN}
    chosen = {}
    for asked in select.split(","):
        name = asked.strip()
        if name in _NOT_LISTED:
            raise GraphError(501, "NotImplemented", f"The property '{name}' cannot be returned here.")
        if name == "signInActivity":
            raise GraphError(
                403,
                "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
                "Neither tenant is B2C or tenant doesn't have premium license",
            )
        if name.lower() not in by_key:
            raise unknown_property(name, "user")
        chosen[by_key[name.lower()]] = None
    return tuple(chosen)


def unknown_property(name: str, resource: str) -> GraphError:
    """Refuse a `$select` of a property that does not exist."""
    return bad_request(
        f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{resource}'."
    )


def shown(body: JsonObject, names: tuple[str, ...]) -> JsonObject:
    """Give these properties of a user, null or empty where nothing is stored."""
    return {name: body.get(name, [] if name in _LISTS else None) for name in names}


def check_update(changes: Mapping[str, Any], *, holds_role: bool) -> None:
    """Refuse an update that breaks a rule about properties alone. Raises `GraphError`."""
    if not changes:
        raise refused_value("Specified HTTP method is not allowed for the request target.")
    for name, value in changes.items():
        if name.startswith("@odata."):
            continue
        if name not in KNOWN - {"isManagementRestricted"}:
            raise bad_request(
                f"The property '{name}' does not exist on type 'microsoft.graph.user'. "
                "Make sure to only use property names that are defined by the type."
            )
        if name in _READ_ONLY:
            raise refused_value(f"Property '{name}' is read-only and cannot be set.")
        if name == "identities":
            raise insufficient_privileges()
        if not _VALID[_shape(name)](value):
            raise invalid_value(name)
    if holds_role and changes.keys() & SENSITIVE:
        raise insufficient_privileges()


def invalid_value(name: str) -> GraphError:
    """Refuse a value of a property."""
    return refused_value(f"Invalid value specified for property '{name}' of resource 'User'.")


def _shape(name: str) -> str:
    if name in {"mail", "otherMails", "accountEnabled", "businessPhones", "passwordProfile"}:
        return name
    return "immovable" if name in {"userPrincipalName", "mailNickname"} else "text"


def _is_address(value: object) -> bool:
    # PATCH knows less about addresses than an invitation does: `+` passes here.
    if not isinstance(value, str) or not value.isascii() or len(value) > _MAX_LENGTH:
        return False
    local, _, domain = value.partition("@")
    return bool(local) and "." in domain and "@" not in domain and " " not in value


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_VALID = {
    "mail": _is_address,
    "otherMails": lambda value: (
        isinstance(value, list) and len(value) <= _MAX_VALUES and all(_is_address(item) for item in value)
    ),
    "accountEnabled": lambda value: isinstance(value, bool),
    "businessPhones": _is_text_list,
    "passwordProfile": lambda value: isinstance(value, dict),
    # Graph reports InvalidValue for both on guests.
    # Source: https://github.com/microsoftgraph/microsoft-graph-docs/issues/7602
    "immovable": lambda value: False,  # noqa: ARG005  no value is valid
    "text": lambda value: value is None or isinstance(value, str),
}
