"""The properties Graph returns of each kind of object, and the `$select` that chooses among them.

Sources: https://learn.microsoft.com/graph/api/resources/user, …/resources/group and
…/resources/orgcontact
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.protocol.error_responses import ErrorResponse, bad_request
from reconciler.emulator.protocol.wire import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """A type of directory object."""

    kind: str
    """Its name in the store."""

    name: str
    """Its name in Graph, such as `user`."""

    default: tuple[str, ...]
    """The properties returned without `$select`."""

    known: frozenset[str]
    """The properties that can be selected."""

    lists: frozenset[str]
    """The properties that are lists: never null."""

    columns: Mapping[str, str]
    """The properties a filter can compare, and the column of the store each is in."""

    hard_to_list: frozenset[str] = frozenset()
    """The properties that Graph has and does not return here."""

    def selected(self, select: str | None) -> tuple[str, ...]:
        """Parse a `$select`. Raises `ErrorResponse` for a property that does not exist."""
        if select is None:
            return self.default
        by_key = {name.lower(): name for name in self.known}
        chosen: dict[str, None] = {}
        for asked in select.split(","):
            name = asked.strip()
            if name in self.hard_to_list:
                raise ErrorResponse(501, "NotImplemented", f"The property '{name}' cannot be returned here.")
            if name == "signInActivity" and self.name == "user":
                raise ErrorResponse(
                    403,
                    "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
                    "Neither tenant is B2C or tenant doesn't have premium license",
                )
            if name.lower() not in by_key:
                raise unknown_property(name, self.name)
            chosen[by_key[name.lower()]] = None
        return tuple(chosen)

    def shown(self, body: JsonObject, names: tuple[str, ...]) -> JsonObject:
        """Return these properties of an object, null or empty where nothing is stored."""
        return {name: body.get(name, [] if name in self.lists else None) for name in names}

    def sql(self, names: tuple[str, ...]) -> str:
        """Return the SQL expression equal to `shown`, as JSON text: several times as fast for pages."""
        parts = (
            f"'{name}', json(coalesce(body -> '$.{name}', '[]'))"
            if name in self.lists
            else f"'{name}', body -> '$.{name}'"
            for name in names
        )
        return f"json_object({', '.join(parts)})"


def unknown_property(name: str, type_name: str) -> ErrorResponse:
    """Refuse a `$select` of a property that does not exist."""
    return bad_request(
        "Parsing OData Select and Expand failed: "
        f"Could not find a property named '{name}' on type 'microsoft.graph.{type_name}'."
    )


def chosen(item: Mapping[str, Any], select: str | None, type_name: str) -> JsonObject:
    """Return the selected part of an object that is no directory object. Raises `ErrorResponse`."""
    if select is None:
        return dict(item)
    names = [name.strip() for name in select.split(",")]
    for name in names:
        if name not in item:
            raise unknown_property(name, type_name)
    return {name: item[name] for name in names}


USER = ObjectType(
    kind="user",
    name="user",
    default=(
        "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone",
        "officeLocation", "preferredLanguage", "surname", "userPrincipalName", "id",
    ),
    known=frozenset({
        "accountEnabled", "businessPhones", "city", "companyName", "country", "createdDateTime",
        "creationType", "deletedDateTime", "department", "displayName", "employeeId", "externalUserState",
        "externalUserStateChangeDateTime", "givenName", "id", "identities", "imAddresses",
        "isManagementRestricted", "jobTitle", "mail", "mailNickname", "mobilePhone", "officeLocation",
        "onPremisesImmutableId", "onPremisesSyncEnabled", "otherMails", "passwordProfile", "postalCode",
        "preferredLanguage", "proxyAddresses", "state", "streetAddress", "surname", "usageLocation",
        "userPrincipalName", "userType",
    }),
    lists=frozenset({"businessPhones", "identities", "imAddresses", "otherMails", "proxyAddresses"}),
    columns={
        "id": "id",
        "userType": "user_type",
        "creationType": "creation_type",
        "externalUserState": "state",
        "accountEnabled": "enabled",
        "createdDateTime": "created",
        "displayName": "name",
        "mail": "mail",
        "userPrincipalName": "upn",
    },
    hard_to_list=frozenset({
        "aboutMe", "birthday", "hireDate", "interests", "mailboxSettings", "mySite", "pastProjects",
        "preferredName", "responsibilities", "schools", "skills",
    }),
)  # fmt: skip

GROUP = ObjectType(
    kind="group",
    name="group",
    default=(
        "id", "displayName", "description", "mail", "mailEnabled", "mailNickname", "proxyAddresses",
        "securityEnabled",
    ),
    known=frozenset({
        "id", "displayName", "description", "groupTypes", "isAssignableToRole", "mail", "mailEnabled",
        "mailNickname", "proxyAddresses", "securityEnabled", "visibility",
    }),
    lists=frozenset({"groupTypes", "proxyAddresses"}),
    columns={"id": "id", "displayName": "name", "mail": "mail"},
)  # fmt: skip

CONTACT = ObjectType(
    kind="contact",
    name="orgContact",
    default=(
        "id", "displayName", "companyName", "department", "givenName", "mail", "mailNickname",
        "proxyAddresses", "surname",
    ),
    known=frozenset({
        "id", "displayName", "companyName", "department", "givenName", "jobTitle", "mail", "mailNickname",
        "onPremisesSyncEnabled", "proxyAddresses", "surname",
    }),
    lists=frozenset({"proxyAddresses"}),
    columns={"id": "id", "displayName": "name", "mail": "mail"},
)  # fmt: skip

BY_KIND: Mapping[str, ObjectType] = {each.kind: each for each in (USER, GROUP, CONTACT)}
"""The types by their name in the store."""
