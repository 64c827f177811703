"""The tenant's state in SQLite, the single source of truth.

A request is one transaction, so a process that is killed at any point leaves either all of it or nothing, and
two emulators may serve the same file. Handles objects and rows, no rule of Graph.
"""

import contextlib
import json
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from reconciler.emulator.protocol.wire import JsonObject, dump
from reconciler.errors import UsageError
from reconciler.rules import Rule

SCHEMA = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
FORMAT = zlib.crc32(SCHEMA.encode()) >> 1
"""The format of the state file, computed from its schema; a file of another format is refused."""

VERSION_LIFE = 900.0
"""Real seconds for which an object's former versions are kept for lagging replicas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """A user, group or contact with the properties Graph does not show."""

    n: int
    """Position in every listing; 0 before it is stored."""

    id: str

    kind: str
    """`user`, `group` or `contact`."""

    body: JsonObject
    """The properties in Graph's shape; null and empty properties may be missing."""

    deleted: str | None = None
    """The time of its soft deletion."""

    account: str | None = None
    """Address of the outside account that is bound to a guest now and can sign in."""

    invited: str | None = None
    """The address of the last invitation."""

    ticket: str | None = None
    """The secret of the live redeem link."""

    @property
    def is_b2b(self) -> bool:
        """Whether the user was invited from outside, as Graph shows it."""
        return self.body.get("creationType") == "Invitation" or self.body.get("externalUserState") is not None

    def with_properties(self, changes: Mapping[str, Any]) -> "StoredObject":
        """Return the object with these properties replaced."""
        return replace(self, body={**self.body, **changes})


class Store:
    """One connection to the state; not for use by several threads at once."""

    def __init__(self, file: Path | None) -> None:
        """Open the file, or a state that lives in memory for `None`. Creates the tables of a new one.

        Raises `UsageError` when the file cannot be opened or is no state of this version.
        """
        with contextlib.ExitStack() as undone:
            try:
                self._db = sqlite3.connect(
                    file or ":memory:", isolation_level=None, check_same_thread=False, timeout=30
                )
                undone.callback(self._db.close)
                self._open(file)
            except sqlite3.Error as error:
                raise UsageError(
                    f"{file} cannot be used as the emulator's state: {error}",
                    rule=Rule.EMULATOR_STATE,
                    hint="name a file that can be written; an unusable one may be deleted",
                ) from error
            undone.pop_all()

    def _open(self, file: Path | None) -> None:
        self._db.row_factory = sqlite3.Row
        # Written pages survive a killed process without a sync; only a power cut could lose them.
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;")
        with self.transaction():
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found not in {0, FORMAT}:
                raise UsageError(
                    f"{file} is the state of another version of the emulator",
                    rule=Rule.EMULATOR_STATE,
                    hint="delete the file; the emulator starts anew from its seed",
                )
            if found == 0:
                for statement in SCHEMA.split(";\n"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={FORMAT}")

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one transaction, alone among all processes that share the state."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def rows(self, sql: str, *parameters: object) -> Iterator[sqlite3.Row]:
        """Run a query."""
        return iter(self._db.execute(sql, parameters))

    def execute(self, sql: str, *parameters: object) -> int:
        """Run a statement; return the number of the row it inserted."""
        return self._db.execute(sql, parameters).lastrowid or 0

    def execute_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement for each row."""
        self._db.executemany(sql, rows)

    def meta(self, key: str) -> Any:
        """Read a setting; `None` when it was never set."""
        for row in self.rows("SELECT value FROM meta WHERE key = ?", key):
            return json.loads(row["value"])
        return None

    def meta_text(self, key: str) -> str:
        """Read a setting that was set, as JSON text."""
        return str(next(self.rows("SELECT value FROM meta WHERE key = ?", key))["value"])

    def set_meta(self, key: str, value: Any) -> None:
        """Write a setting."""
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, dump(value))

    def find(self, where: str, *parameters: object) -> Iterator[StoredObject]:
        """Yield the objects for which an SQL condition holds, in the order of listings."""
        for row in self.rows(f"SELECT * FROM objects WHERE {where} ORDER BY n", *parameters):  # noqa: S608  conditions are ours
            yield from_row(row)

    def by_id(self, object_id: str, kind: str = "user") -> StoredObject | None:
        """Return the object with this id that is not deleted."""
        found = self.find("id = ? AND kind = ? AND deleted IS NULL", object_id.lower(), kind)
        return next(found, None)

    def insert(self, item: StoredObject) -> StoredObject:
        """Store a new object."""
        n = self.execute(
            f"INSERT INTO objects ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})",  # noqa: S608  constants
            *columns(item),
        )
        self.execute_many("INSERT OR IGNORE INTO addresses VALUES (?, ?, ?, ?)", addresses(item, n))
        return replace(item, n=n)

    def update(self, item: StoredObject) -> None:
        """Store a new version of an object and keep the old one for lagging replicas."""
        before = next(self.rows("SELECT body FROM objects WHERE n = ?", item.n))
        self.remember(item.n, before["body"])
        self.execute(
            f"UPDATE objects SET {', '.join(f'{column} = ?' for column in COLUMNS)} WHERE n = ?",  # noqa: S608  constants
            *columns(item),
            item.n,
        )
        self.execute("DELETE FROM addresses WHERE n = ?", item.n)
        self.execute_many("INSERT OR IGNORE INTO addresses VALUES (?, ?, ?, ?)", addresses(item, item.n))

    def remember(self, n: int, body: str | None) -> None:
        """Store the former version of an object for lagging replicas; `None`: it did not exist."""
        now = time.time()
        self.execute("DELETE FROM versions WHERE until < ?", now - VERSION_LIFE)
        self.execute("INSERT INTO versions VALUES (?, ?, ?)", n, now, body or "null")

    def clear(self) -> None:
        """Clear every table, the settings too."""
        for row in list(
            self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        ):
            self.execute(f"DELETE FROM {row['name']}")  # noqa: S608  a name of the schema


COLUMNS = (
    "id", "kind", "deleted", "user_type", "creation_type", "state", "enabled", "created",
    "name", "mail", "upn", "body", "account", "invited", "ticket",
)  # fmt: skip


def fold(text: str) -> str:
    """Convert text to lower case as SQLite's NOCASE does, for letters of ASCII only."""
    return text.lower() if text.isascii() else "".join(c.lower() if c.isascii() else c for c in text)


def columns(item: StoredObject) -> tuple[object, ...]:
    """Return the values of `COLUMNS`."""
    body = item.body
    return (
        item.id, item.kind, item.deleted, body.get("userType"), body.get("creationType"),
        body.get("externalUserState"), body.get("accountEnabled"), body.get("createdDateTime"),
        body.get("displayName"), body.get("mail"), body.get("userPrincipalName"),
        dump(body),
        item.account, item.invited, item.ticket,
    )  # fmt: skip


def addresses(item: StoredObject, n: int) -> list[tuple[object, ...]]:
    """Return the rows of the table `addresses`."""
    return [
        (fold(text), use, n, text)
        for use in ("otherMails", "proxyAddresses")
        for text in item.body.get(use, ())
    ]


def from_row(row: sqlite3.Row) -> StoredObject:
    """Build an object from a row of the table `objects`."""
    return StoredObject(
        n=row["n"],
        id=row["id"],
        kind=row["kind"],
        body=json.loads(row["body"]),
        deleted=row["deleted"],
        account=row["account"],
        invited=row["invited"],
        ticket=row["ticket"],
    )
