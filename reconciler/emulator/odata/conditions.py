"""Conditions on directory objects, each as SQL for the index and as a predicate for objects from elsewhere.

Both mean the same. Text is compared without regard to the case of ASCII letters.
"""

from dataclasses import dataclass
from typing import Protocol

from reconciler.emulator.protocol.wire import JsonObject
from reconciler.emulator.tenant.store import fold


class Expression(Protocol):
    """A condition on an object."""

    def sql(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition on a row of `objects` as SQL, and its parameters."""
        ...

    def matches(self, body: JsonObject) -> bool:
        """Return whether it holds for an object."""
        ...


@dataclass(frozen=True, slots=True)
class Compare:
    """`property eq value`, `ge` or `le`."""

    name: str
    column: str
    operator: str
    value: str | bool

    def sql(self) -> tuple[str, tuple[object, ...]]:
        """Compare the column."""
        return f"{self.column} {SQL_OPERATORS[self.operator]} ?", (self.value,)

    def matches(self, body: JsonObject) -> bool:
        """Compare the property, text without regard to case."""
        found = body.get(self.name)
        if isinstance(self.value, bool) or not isinstance(found, str):
            return found is not None and found == self.value
        if self.operator == "eq":
            return fold(found) == fold(self.value)
        return found >= self.value if self.operator == "ge" else found <= self.value


@dataclass(frozen=True, slots=True)
class StartsWith:
    """`startsWith(property, 'text')`."""

    name: str
    column: str
    prefix: str

    def sql(self) -> tuple[str, tuple[object, ...]]:
        """Compare the beginning of the column."""
        return f"substr({self.column}, 1, ?) = ? COLLATE NOCASE", (len(self.prefix), self.prefix)

    def matches(self, body: JsonObject) -> bool:
        """Compare the beginning of the property."""
        return (
            fold(body.get(self.name) or "").startswith(fold(self.prefix)) and body.get(self.name) is not None
        )


@dataclass(frozen=True, slots=True)
class AnyAddress:
    """`otherMails/any(o:o eq 'text')`, the same with `startsWith`, and for `proxyAddresses`."""

    name: str
    value: str
    prefix: bool
    exact: bool
    """Whether the comparison regards case."""

    def sql(self) -> tuple[str, tuple[object, ...]]:
        """Search the index of addresses."""
        key = fold(self.value)
        condition, parameters = "key = ?", [key]
        if self.prefix:
            condition, parameters = "key >= ? AND substr(key, 1, length(?)) = ?", [key, key, key]
        if self.exact:
            condition += " AND substr(text, 1, length(?)) = ?"
            parameters += [self.value, self.value]
        looked_up = f"SELECT n FROM addresses WHERE {condition} AND use = ?"  # noqa: S608  constants
        return f"n IN ({looked_up})", (*parameters, self.name)

    def matches(self, body: JsonObject) -> bool:
        """Search the list."""
        spelt = str if self.exact else fold
        wanted = spelt(self.value)
        return any(
            spelt(text).startswith(wanted) if self.prefix else spelt(text) == wanted
            for text in body.get(self.name, ())
        )


@dataclass(frozen=True, slots=True)
class AnyIdentity:
    """`identities/any(i:i/issuer eq 'x' and i/issuerAssignedId eq 'y')`."""

    issuer: str
    assigned_id: str | None

    def sql(self) -> tuple[str, tuple[object, ...]]:
        """Search the stored object."""
        condition = "value ->> 'issuer' = ? COLLATE NOCASE"
        parameters: tuple[object, ...] = (self.issuer,)
        if self.assigned_id is not None:
            condition += " AND value ->> 'issuerAssignedId' = ? COLLATE NOCASE"
            parameters = (self.issuer, self.assigned_id)
        held = f"SELECT 1 FROM json_each(body, '$.identities') WHERE {condition}"  # noqa: S608  constants
        return f"EXISTS ({held})", parameters

    def matches(self, body: JsonObject) -> bool:
        """Search the list."""
        return any(
            fold(identity["issuer"]) == fold(self.issuer)
            and (
                self.assigned_id is None
                or (
                    (held := identity["issuerAssignedId"]) is not None
                    and fold(held) == fold(self.assigned_id)
                )
            )
            for identity in body.get("identities", ())
        )


@dataclass(frozen=True, slots=True)
class Combined:
    """Conditions of which all, or any, must hold."""

    parts: tuple[Expression, ...]
    every: bool

    def sql(self) -> tuple[str, tuple[object, ...]]:
        """Join the conditions."""
        compiled = [part.sql() for part in self.parts]
        word = " AND " if self.every else " OR "
        return f"({word.join(sql for sql, _ in compiled)})", tuple(
            value for _, values in compiled for value in values
        )

    def matches(self, body: JsonObject) -> bool:
        """Check the conditions."""
        return (all if self.every else any)(part.matches(body) for part in self.parts)


SQL_OPERATORS = {"eq": "=", "ge": ">=", "le": "<="}
