"""What a new tenant starts with, written by a person in YAML."""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from reconciler.desired.conform import Checked, check
from reconciler.emulator.store import COLUMNS, Store, StoredObject, addresses, columns
from reconciler.emulator.switches import Switches
from reconciler.errors import InvalidDesired, UsageError
from reconciler.model import Problem
from reconciler.schemas import quoted

_NAMESPACE = uuid.UUID("6a7b1d2e-0b3f-5d55-9a7e-5d1f7f0c2b11")
_ACCEPTED = "Accepted"
_PENDING = "PendingAcceptance"
_LONG_AGO = "2025-02-03T10:11:12Z"
_CHUNK = 5_000
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

PROVIDERS: Mapping[str, str] = {
    "gmail.com": "google.com",
    "outlook.com": "MicrosoftAccount",
    "hotmail.com": "MicrosoftAccount",
}
"""Which provider an account of a domain redeems with, unless the seed says otherwise.

Source: https://learn.microsoft.com/entra/external-id/user-properties
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A tenant to start with. `load_seed` makes one from a file."""

    document: Mapping[str, Any]
    """The parsed file, of the shape `schemas/emulator.schema.json` describes; `{}` is an empty tenant."""


def load_seed(path: Path) -> Seed:
    """Read a seed from a YAML file.

    Raises `InvalidDesired` with every problem of the file, `UsageError` when it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the seed {path} cannot be read: {error.strerror}",
            rule="emulator-seed",
            hint="give a file of the form that schemas/emulator.schema.json describes",
        ) from error
    checked = check(path.name, data, "emulator")
    if not checked.problems:
        document = checked.document.value
        problems = tuple(_unknown_names(checked, document))
        if not problems:
            return Seed(document=document)
    raise InvalidDesired(tuple(sorted(checked.problems or problems)))


def plant(store: Store, seed: Seed, *, switches: Mapping[str, Any] | None = None) -> None:
    """Fill a new state from the seed; leave a state that was filled before as it is.

    `switches` are turned in either case. Raises `ValueError` for a switch that does not exist.
    """
    if store.meta("organization") is None:
        document = seed.document
        store.set_meta("seed", document)
        store.set_meta("organization", organization_from(document.get("tenant", {})))
        store.set_meta("providers", {**PROVIDERS, **document.get("providers", {})})
        store.set_meta("switches", document.get("switches", {}))
        planter = Planter.of(store)
        _insert(store, planter.objects(document))
        _generate(store, planter, document.get("generate", {}))
        store.execute_many("INSERT OR IGNORE INTO members VALUES (?, ?)", planter.memberships(document))
        store.execute_many(
            "INSERT OR IGNORE INTO app_role_assignments VALUES (?, ?, ?)", planter.app_roles(document)
        )
        store.execute_many(
            "INSERT OR IGNORE INTO roles (id, principal_id, role, definition_id, scope, eligible)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            planter.roles(document),
        )
    store.set_meta("turned", {**(store.meta("turned") or {}), **(switches or {})})
    store.set_meta("switches", switches_of(store).turned(switches or {}).to_json())


def switches_of(store: Store) -> Switches:
    """Give the switches as they are now, whoever of those who share the state turned them."""
    return Switches().turned(store.meta("switches"))


def organization_from(tenant: Mapping[str, Any]) -> dict[str, Any]:
    """Give the organization: the initial domain first, then the other verified ones."""
    initial = tenant.get("initialDomain", "contoso.onmicrosoft.com")
    others = tenant.get("verifiedDomains", [])
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
    """Give `identities` of a user to whom this outside account is bound, or none.

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
    """Give the id of an entry that names none: always the same for the same kind and name."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{name}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planter:
    """Turns entries of a seed into rows."""

    initial: str
    """The tenant's initial domain, which every user principal name of a guest ends in."""

    providers: Mapping[str, str]
    """Domain to identity provider."""

    @classmethod
    def of(cls, store: Store) -> "Planter":
        """Make one for a tenant that exists."""
        initial = store.meta("organization")["verifiedDomains"][0]["name"]
        return cls(initial=initial, providers=store.meta("providers"))

    def objects(self, document: Mapping[str, Any]) -> Iterator[StoredObject]:
        for entry in document.get("guests", ()):
            yield self.guest(entry)
        for entry in document.get("deleted", ()):
            yield self.guest(entry)
        for entry in document.get("members", ()):
            yield self.member(entry)
        for kind in ("group", "contact"):
            for entry in document.get(f"{kind}s", ()):
                yield self.addressed(kind, entry)

    def guest(self, entry: Mapping[str, Any]) -> StoredObject:
        email = entry["email"]
        state = entry.get("state", _ACCEPTED)
        account = entry.get("account", email) if state == _ACCEPTED else None
        principal_name = entry.get("userPrincipalName") or f"{email.replace('@', '_')}#EXT#@{self.initial}"
        guest_id = _id("guest", entry, email)
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
        principal_name = entry["userPrincipalName"]
        member_id = _id("member", entry, principal_name)
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

    @staticmethod
    def addressed(kind: str, entry: Mapping[str, Any]) -> StoredObject:
        name, mail = entry["name"], entry.get("mail")
        item_id = _id(kind, entry, name)
        proxies = entry.get("proxyAddresses", [f"SMTP:{mail}"] if mail else [])
        body = {"id": item_id, "displayName": name, "mail": mail, "proxyAddresses": proxies}
        return StoredObject(n=0, id=item_id, kind=kind, body=body)

    @staticmethod
    def memberships(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        names = _names(document)
        for entry in document.get("groups", ()):
            for member in entry.get("members", ()):
                yield names[entry["name"]], names.get(member, member.lower())
        for user_id, entry in _users(document):
            for group in entry.get("groups", ()):
                yield names[group], user_id

    @staticmethod
    def app_roles(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
        for user_id, entry in _users(document):
            for app in entry.get("apps", ()):
                yield derived_id("app", f"{user_id}/{app}"), user_id, app

    @staticmethod
    def roles(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str, bool]]:
        names = _names(document)
        for entry in document.get("roles", ()):
            principal = names.get(entry["holder"], entry["holder"].lower())
            scope = entry.get("scope", "/")
            eligible = entry.get("eligible", False)
            definition = derived_id("role", entry["role"])
            assignment = derived_id("assignment", f"{principal}/{definition}/{scope}/{eligible}")
            yield assignment, principal, entry["role"], definition, scope, eligible


def _generate(store: Store, planter: Planter, generate: Mapping[str, Any]) -> None:
    """Store many guests, `guest-000000@generated.example` and on, made by SQLite from one."""
    count = int(generate.get("guests", 0))
    mark = "{number}"
    domain = generate.get("domain", "generated.example")
    one = planter.guest({"id": "{id}", "email": f"guest-{mark}@{domain}", "name": f"Guest {mark}"})
    numbers = "WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < ?)"
    made = "replace(replace(?, '{id}', printf('9e4e7a7e-0000-4000-8000-%012x', i)), '{number}', printf('%06d', i))"
    if not count:
        return
    first = next(store.rows("SELECT coalesce(max(n), 0) + 1 AS n FROM objects"))["n"]
    values = columns(one)
    texts = [made if isinstance(value, str) else "?" for value in values]
    store.execute(
        f"INSERT INTO objects (n, {', '.join(COLUMNS)}) {numbers} SELECT i + ?, {', '.join(texts)} FROM numbers",  # noqa: S608  constants
        count,
        first,
        *values,
    )
    for key, use, _, text in addresses(one, 0):
        store.execute(
            f"INSERT INTO addresses {numbers} SELECT {made}, ?, i + ?, {made} FROM numbers",  # noqa: S608  constants
            count,
            key,
            use,
            first,
            text,
        )


def generated_id(number: int) -> str:
    """Give the id of a generated guest, the first being number 0."""
    return f"9e4e7a7e-0000-4000-8000-{number:012x}"


def _unknown_names(checked: Checked, document: Mapping[str, Any]) -> Iterator[Problem]:
    """Find references to groups and people the file does not hold."""
    groups = {entry["name"] for entry in document.get("groups", ())}
    anybody = _names(document)
    for section in ("guests", "members"):
        for number, entry in enumerate(document.get(section, ())):
            for position, group in enumerate(entry.get("groups", ())):
                if group not in groups:
                    yield _unknown(checked, (section, number, "groups", position), group)
    for number, entry in enumerate(document.get("groups", ())):
        for position, member in enumerate(entry.get("members", ())):
            if member not in anybody and not _GUID.fullmatch(member):
                yield _unknown(checked, ("groups", number, "members", position), member)
    for number, entry in enumerate(document.get("roles", ())):
        if entry["holder"] not in anybody and not _GUID.fullmatch(entry["holder"]):
            yield _unknown(checked, ("roles", number, "holder"), entry["holder"])


def _unknown(checked: Checked, path: tuple[str | int, ...], name: str) -> Problem:
    line, column = checked.document.position(path)
    return Problem(
        file=checked.file,
        line=line,
        column=column,
        rule="unknown-name",
        message=f"{quoted(name)} is nothing this file declares",
        hint="name a group, an address or a user principal name of this file, or give an id",
    )


def _id(kind: str, entry: Mapping[str, Any], name: str) -> str:
    given: str | None = entry.get("id")
    return given.lower() if given else derived_id(kind, name)


def _users(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in document.get("guests", ()):
        yield _id("guest", entry, entry["email"]), entry
    for entry in document.get("members", ()):
        yield _id("member", entry, entry["userPrincipalName"]), entry


def _names(document: Mapping[str, Any]) -> dict[str, str]:
    """Give the ids behind the names by which groups, members and guests are referred to."""
    names = {entry["name"]: _id("group", entry, entry["name"]) for entry in document.get("groups", ())}
    for user_id, entry in _users(document):
        names[entry.get("userPrincipalName") or entry["email"]] = user_id
        if "email" in entry:
            names[entry["email"]] = user_id
    return names


def _insert(store: Store, objects: Iterator[StoredObject]) -> None:
    n = 0
    insert = f"INSERT INTO objects (n, {', '.join(COLUMNS)}) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"  # noqa: S608
    while chunk := list(islice(objects, _CHUNK)):
        store.execute_many(insert, ((n + i, *columns(item)) for i, item in enumerate(chunk, 1)))
        store.execute_many(
            "INSERT OR IGNORE INTO addresses VALUES (?, ?, ?, ?)",
            (row for i, item in enumerate(chunk, 1) for row in addresses(item, n + i)),
        )
        n += len(chunk)
