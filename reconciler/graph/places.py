"""The kinds of object that can hold an address, with the properties and filters to request of each."""

from dataclasses import dataclass

from reconciler.graph.unavailable import Check

_UNMADE = "an address in use would be found out by apply"
_MAIL = "mail eq '{}'"
_PROXIES = ("proxyAddresses/any(p:p eq 'smtp:{}')", "proxyAddresses/any(p:p eq 'SMTP:{}')")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A kind of object that can hold addresses."""

    path: str
    """The collection, relative to the version root."""

    fields: tuple[str, ...]
    """The selected properties; a row that lacks any of them is an error."""

    filters: tuple[str, ...]
    """Plain filters that together find the holders of one address."""

    check: Check


# Sources: https://learn.microsoft.com/graph/api/user-list, …/group-list, …/orgcontact-list
USERS = Place(
    path="users",
    fields=(
        "id",
        "displayName",
        "creationType",
        "externalUserState",
        "mail",
        "userPrincipalName",
        "otherMails",
        "proxyAddresses",
    ),
    filters=(_MAIL, "userPrincipalName eq '{}'", "otherMails/any(o:o eq '{}')", *_PROXIES),
    check=Check(name="addresses of users", permission="User.Read.All", essential=True, unmade=_UNMADE),
)
GROUPS = Place(
    path="groups",
    fields=("id", "displayName", "mail", "proxyAddresses"),
    filters=(_MAIL, *_PROXIES),
    check=Check(
        name="addresses of groups", permission="GroupMember.Read.All", essential=False, unmade=_UNMADE
    ),
)
CONTACTS = Place(
    path="contacts",
    fields=("id", "displayName", "mail", "proxyAddresses"),
    filters=(_MAIL, *_PROXIES),
    check=Check(
        name="addresses of contacts", permission="OrgContact.Read.All", essential=False, unmade=_UNMADE
    ),
)
