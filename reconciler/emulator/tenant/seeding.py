"""Converts the entries of a seed to the objects and rows of a tenant."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from reconciler.emulator.tenant.store import COLUMNS, Store, StoredObject, addresses, columns

_NAMESPACE = uuid.UUID("6a7b1d2e-0b3f-5d55-9a7e-5d1f7f0c2b11")
_ACCEPTED = "Accepted"
_PENDING = "PendingAcceptance"
_LONG_AGO = "2025-02-03T10:11:12Z"
_CHUNK = 5_000

PROVIDERS: Mapping[str, str] = {
    "gmail.com": "google.com",
    "outlook.com": "MicrosoftAccount",
    "hotmail.com": "MicrosoftAccount",
}
"""The identity provider of accounts of a domain, unless the seed sets another one.

Source: https://learn.microsoft.com/entra/external-id/user-properties
"""


def organization_from(tenant: Mapping[str, Any]) -> dict[str, Any]:
    """Return the organization: the initial domain first, then the other verified ones."""
    initial = tenant.get("initialDomain", "contoso.onmicrosoft.com")
    others = [name for name in tenant.get("verifiedDomains", []) if name.lower() != initial.lower()]
    return {
        "id": tenant.get("id", "00000000-0000-4000-8000-000000000001").lower(),
        "displayName": tenant.get("name", "Contoso"),
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": name == (others or [initial])[0],
                "isInitial": name == initial,
                "name": name,
                "type": "Managed",
            }
            for name in [initial, *others]
        ],
    }


def identities_of(
    *, initial: str, principal_name: str, account: str | None, providers: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return `identities` of a user to whom this outside account is bound, or none.

    Source: https://learn.microsoft.com/graph/api/resources/objectidentity
    """
    own = {"signInType": "userPrincipalName", "issuer": initial, "issuerAssignedId": principal_name}
    if account is None:
        return [own]
    issuer = providers.get(account.rpartition("@")[2].lower(), "ExternalAzureAD")
    match issuer:
        case "mail":
            assigned_id: str | None = account
        case "ExternalAzureAD" | "MicrosoftAccount":
            assigned_id = None
        case _:
            assigned_id = uuid.uuid5(_NAMESPACE, account.lower()).hex
    return [{"signInType": "federated", "issuer": issuer, "issuerAssignedId": assigned_id}, own]


def derived_id(kind: str, name: str) -> str:
    """Return the id of an entry without one: always the same for the same kind and name."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{name}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeder:
    """Converts entries of a seed to rows."""

    initial: str
    """The tenant's initial domain, with which every user principal name of a guest ends."""

    providers: Mapping[str, str]
    """Domain to identity provider."""

    @classmethod
    def of(cls, store: Store) -> "Seeder":
        """Build a seeder for an existing tenant."""
        initial = store.meta("organization")["verifiedDomains"][0]["name"]
        return cls(initial=initial, providers=store.meta("providers"))

    def guest(self, entry: Mapping[str, Any]) -> StoredObject:
        """Build a B2B user from an entry of `guests` or `deleted`."""
        email = entry["email"]
        state = entry.get("state", _ACCEPTED)
        account = entry.get("account", email) if state == _ACCEPTED else None
        principal_name = entry.get("userPrincipalName") or f"{email.replace('@', '_')}#EXT#@{self.initial}"
        guest_id = entry_id("guest", entry)
        created = entry.get("created", _LONG_AGO)
        mail = entry.get("mail", email)
        body = {
            "id": guest_id,
            "userPrincipalName": principal_name,
            "displayName": entry.get("name", email),
            "userType": entry.get("userType", "Guest"),
            "accountEnabled": entry.get("enabled", True),
            "creationType": entry.get("creationType", "Invitation"),
            "createdDateTime": created,
            "externalUserState": state,
            "externalUserStateChangeDateTime": entry.get("since", created),
            "mail": mail,
            "otherMails": entry.get("otherMails", [email]),
            "proxyAddresses": entry.get("proxyAddresses", [f"SMTP:{mail}"] if mail else []),
            "identities": identities_of(
                initial=self.initial, principal_name=principal_name, account=account, providers=self.providers
            ),
        }
        if entry.get("onPremisesSynced"):
            body["onPremisesSyncEnabled"] = True
        if entry.get("managementRestricted"):
            body["isManagementRestricted"] = True
        pending = state == _PENDING
        return StoredObject(
            n=0,
            id=guest_id,
            kind="user",
            body=body,
            deleted=entry.get("deleted"),
            account=account,
            invited=entry.get("invited", email),
            ticket=uuid.uuid5(_NAMESPACE, f"ticket/{guest_id}").hex if pending else None,
        )

    def member(self, entry: Mapping[str, Any]) -> StoredObject:
        """Build a user of the tenant itself from an entry of `members`."""
        principal_name = entry["userPrincipalName"]
        member_id = entry_id("member", entry)
        mail = entry.get("mail", principal_name)
        body = {
            "id": member_id,
            "userPrincipalName": principal_name,
            "displayName": entry.get("name", principal_name),
            "userType": "Member",
            "accountEnabled": entry.get("enabled", True),
            "createdDateTime": entry.get("created", _LONG_AGO),
            "mail": mail,
            "otherMails": entry.get("otherMails", []),
            "proxyAddresses": entry.get("proxyAddresses", [f"SMTP:{mail}"] if mail else []),
            "identities": identities_of(
                initial=self.initial, principal_name=principal_name, account=None, providers={}
            ),
        }
        if entry.get("onPremisesSynced"):
            body["onPremisesSyncEnabled"] = True
        return StoredObject(n=0, id=member_id, kind="user", body=body, deleted=entry.get("deleted"))


def plant_document(store: Store, document: Mapping[str, Any]) -> None:
    """Fill a tenant that has its organization with all other objects of a seed."""
    seeder = Seeder.of(store)
    _insert(store, _objects(seeder, document))
    _generate(store, seeder, document.get("generate", {}))
    store.execute_many("INSERT OR IGNORE INTO members VALUES (?, ?)", _memberships(document))
    store.execute_many("INSERT OR IGNORE INTO app_role_assignments VALUES (?, ?, ?)", _app_roles(document))
    store.execute_many(
        "INSERT OR IGNORE INTO roles (id, principal_id, role, definition_id, scope, eligible)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        _roles(document),
    )


def _objects(seeder: Seeder, document: Mapping[str, Any]) -> Iterator[StoredObject]:
    for section in ("guests", "deleted"):
        yield from map(seeder.guest, document.get(section, ()))
    yield from map(seeder.member, document.get("members", ()))
    names = names_of(document)
    for entry in document.get("groups", ()):
        group = _addressed("group", entry)
        owners = [names.get(owner, owner.lower()) for owner in entry.get("owners", ())]
        assignable = entry.get("roleAssignable", False)
        yield group.with_properties({"isAssignableToRole": assignable, "owners": owners})
    for entry in document.get("contacts", ()):
        yield _addressed("contact", entry)


def _addressed(kind: str, entry: Mapping[str, Any]) -> StoredObject:
    name, mail = entry["name"], entry.get("mail")
    item_id = entry_id(kind, entry)
    proxies = entry.get("proxyAddresses", [f"SMTP:{mail}"] if mail else [])
    body = {"id": item_id, "displayName": name, "mail": mail, "proxyAddresses": proxies}
    return StoredObject(n=0, id=item_id, kind=kind, body=body)


def _memberships(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    names = names_of(document)
    for entry in document.get("groups", ()):
        for member in entry.get("members", ()):
            yield names[entry["name"]], names.get(member, member.lower())
    for user_id, entry in _users(document):
        for group in entry.get("groups", ()):
            yield names[group], user_id


def _app_roles(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for user_id, entry in _users(document):
        for app in entry.get("apps", ()):
            yield derived_id("app", f"{user_id}/{app}"), user_id, app


def _roles(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str, bool]]:
    names = names_of(document)
    for entry in document.get("roles", ()):
        principal = names.get(entry["holder"], entry["holder"].lower())
        scope, eligible = entry.get("scope", "/"), entry.get("eligible", False)
        definition = derived_id("role", entry["role"])
        assignment = derived_id("assignment", f"{principal}/{definition}/{scope}/{eligible}")
        yield assignment, principal, entry["role"], definition, scope, eligible


def _generate(store: Store, seeder: Seeder, generate: Mapping[str, Any]) -> None:
    """Store many guests, from `guest-000000@generated.example` on, generated by SQLite."""
    count = int(generate.get("guests", 0))
    if not count:
        return
    domain = generate.get("domain", "generated.example")
    one = seeder.guest({"id": "{id}", "email": f"guest-{{number}}@{domain}", "name": "Guest {number}"})
    first = next(store.rows("SELECT coalesce(max(n), 0) + 1 AS n FROM objects"))["n"]
    values = columns(one)
    texts = [_MADE if isinstance(value, str) else "?" for value in values]
    store.execute(
        f"INSERT INTO objects (n, {', '.join(COLUMNS)})"  # noqa: S608  constants
        f" {_NUMBERS} SELECT i + ?, {', '.join(texts)} FROM numbers",
        count,
        first,
        *values,
    )
    for key, use, _, text in addresses(one, 0):
        store.execute(
            f"INSERT INTO addresses {_NUMBERS} SELECT {_MADE}, ?, i + ?, {_MADE} FROM numbers",  # noqa: S608  constants
            count,
            key,
            use,
            first,
            text,
        )


_NUMBERS = "WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < ?)"
_MADE = (
    "replace(replace(?, '{id}', printf('9e4e7a7e-0000-4000-8000-%012x', i)), '{number}', printf('%06d', i))"
)


def generated_id(number: int) -> str:
    """Return the id of a generated guest, the first being number 0."""
    return f"9e4e7a7e-0000-4000-8000-{number:012x}"


def entry_id(kind: str, entry: Mapping[str, Any]) -> str:
    """Return the id of an entry: its own, or one derived from the entry's name."""
    given: str | None = entry.get("id")
    if given:
        return given.lower()
    called = {"guest": "email", "member": "userPrincipalName"}.get(kind, "name")
    return derived_id(kind, entry[called])


def _users(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("guest", "member"):
        for entry in document.get(f"{kind}s", ()):
            yield entry_id(kind, entry), entry


def names_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids by the names with which groups, members and guests are referred to."""
    names = {entry["name"]: entry_id("group", entry) for entry in document.get("groups", ())}
    for user_id, entry in _users(document):
        names[entry.get("userPrincipalName") or entry["email"]] = user_id
        if "email" in entry:
            names[entry["email"]] = user_id
    return names


def _insert(store: Store, objects: Iterator[StoredObject]) -> None:
    n = 0
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    insert = f"INSERT INTO objects (n, {', '.join(COLUMNS)}) VALUES ({marks})"  # noqa: S608  constants
    while chunk := list(islice(objects, _CHUNK)):
        store.execute_many(insert, ((n + i, *columns(item)) for i, item in enumerate(chunk, 1)))
        store.execute_many(
            "INSERT OR IGNORE INTO addresses VALUES (?, ?, ?, ?)",
            (row for i, item in enumerate(chunk, 1) for row in addresses(item, n + i)),
        )
        n += len(chunk)
