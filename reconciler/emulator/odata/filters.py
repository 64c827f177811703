"""Parses the `$filter` of the plain, not the advanced, queries of Graph.

Filters that need the advanced query engine are refused as Graph refuses them, and so are filters that are too
long or too deep.

Sources: https://learn.microsoft.com/graph/aad-advanced-queries,
https://github.com/microsoftgraph/microsoft-graph-docs/issues/21098 (fifteen alternatives),
https://github.com/microsoftgraph/microsoft-graph-docs/issues/3641 (height)
"""

import re

from reconciler.emulator.odata.conditions import (
    SQL_OPERATORS,
    AnyAddress,
    AnyIdentity,
    Combined,
    Compare,
    Expression,
    StartsWith,
)
from reconciler.emulator.odata.projection import ObjectType
from reconciler.emulator.protocol.error_responses import ErrorResponse, bad_request, unsupported_query

_MOST_ALTERNATIVES = 15
_HIGHEST = 3
_ISSUERS_ALONE = frozenset({"google.com", "facebook.com", "mail", "phone"})
_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<word>[A-Za-z0-9_./:$@-]+)|(?P<mark>[(),]))")


def parse_filter(text: str, *, of: ObjectType, proxy_ignores_case: bool = True) -> Expression:
    """Parse a `$filter` on objects of one type. Raises `ErrorResponse`."""
    return _Parser(text, of=of, proxy_ignores_case=proxy_ignores_case).parse()


def _joined(parts: list[Expression], *, every: bool) -> Expression:
    """Join conditions, including those joined by the same operator before. Raises `ErrorResponse`."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, Combined) and part.every == every else (part,)
    if not every and len(flat) > _MOST_ALTERNATIVES:
        raise unsupported_query(
            "Too many child clauses specified in search filter expression containing 'OR' operators: "
            f"{len(flat)}. Max allowed: {_MOST_ALTERNATIVES}."
        )
    return Combined(tuple(flat), every=every)


def _height(expression: Expression) -> int:
    return 1 + max(map(_height, expression.parts)) if isinstance(expression, Combined) else 1


def _needs_advanced(operator: str) -> ErrorResponse:
    return unsupported_query(
        f"Operator '{operator}' is not supported because the 'ConsistencyLevel:eventual' header is missing. "
        "Refer to https://aka.ms/graph-docs/advanced-queries for more information"
    )


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, text: str, *, of: ObjectType, proxy_ignores_case: bool) -> None:
        self._of = of
        self._proxy_ignores_case = proxy_ignores_case
        self._tokens = self._split(text)
        self._at = 0
        self._depth = 0

    def parse(self) -> Expression:
        expression = self._alternatives()
        if self._peek():
            raise self._malformed()
        height = _height(expression)
        if height > _HIGHEST:
            raise unsupported_query(
                f"The search filter expression has excessive height: {height}. Max allowed: {_HIGHEST}."
            )
        return expression

    @staticmethod
    def _malformed() -> ErrorResponse:
        return bad_request("Invalid filter clause: the expression could not be read.")

    def _split(self, text: str) -> list[str]:
        tokens, at = [], 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if not found:
                raise self._malformed()
            tokens.append(found[0].strip())
            at = found.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self, expected: str | None = None) -> str:
        word = self._peek()
        if not word or (expected is not None and word.lower() != expected):
            raise self._malformed()
        self._at += 1
        return word

    def _text(self) -> str:
        word = self._next()
        if not word.startswith("'"):
            raise self._malformed()
        return word[1:-1].replace("''", "'")

    def _alternatives(self) -> Expression:
        parts = [self._conjunction()]
        while self._peek().lower() == "or":
            self._next()
            parts.append(self._conjunction())
        return _joined(parts, every=False)

    def _conjunction(self) -> Expression:
        parts = [self._condition()]
        while self._peek().lower() == "and":
            self._next()
            parts.append(self._condition())
        return _joined(parts, every=True)

    def _condition(self) -> Expression:
        word = self._peek()
        if word == "(":
            self._depth += 1
            if self._depth > 20:
                raise self._malformed()
            self._next()
            inner = self._alternatives()
            self._next(")")
            self._depth -= 1
            return inner
        if word.lower() in {"not", "endswith"}:
            raise _needs_advanced(word)
        if word.lower() == "startswith":
            return self._starts_with()
        if word.lower().endswith("/any"):
            return self._any(word[: -len("/any")])
        return self._comparison()

    def _starts_with(self) -> Expression:
        self._next()
        self._next("(")
        name = self._next()
        column = self._column(name)
        self._next(",")
        prefix = self._text()
        self._next(")")
        return StartsWith(name, column, prefix)

    def _column(self, name: str) -> str:
        if name in self._of.columns:
            return self._of.columns[name]
        if name not in self._of.known:
            raise bad_request(
                "Invalid filter clause: "
                f"Could not find a property named '{name}' on type 'microsoft.graph.{self._of.name}'."
            )
        raise self._unsupported(name)

    def _unsupported(self, name: str) -> ErrorResponse:
        return unsupported_query(
            f"Unsupported or invalid query filter clause specified for property '{name}' "
            f"of resource '{self._of.name[0].upper()}{self._of.name[1:]}'."
        )

    def _comparison(self) -> Expression:
        name = self._next()
        column = self._column(name)
        operator = self._next().lower()
        if operator == "ne":
            raise _needs_advanced(operator)
        if operator == "in":
            return self._in(name, column)
        if operator not in (SQL_OPERATORS if name == "createdDateTime" else {"eq"}):
            raise self._unsupported(name)
        return Compare(name, column, operator, self._value(name))

    def _value(self, name: str) -> str | bool:
        word = self._peek()
        if word == "null":
            raise _needs_advanced("eq null")
        if name == "accountEnabled":
            if self._next() not in {"true", "false"}:
                raise self._malformed()
            return word == "true"
        if name == "createdDateTime":
            return self._next()
        return self._text()

    def _in(self, name: str, column: str) -> Expression:
        self._next("(")
        values = [self._value(name)]
        while self._peek() == ",":
            self._next()
            values.append(self._value(name))
        self._next(")")
        return _joined([Compare(name, column, "eq", value) for value in values], every=False)

    def _any(self, name: str) -> Expression:
        self._next()
        self._next("(")
        first = self._next()
        variable, colon, rest = first.partition(":")
        if not colon or not variable:
            raise self._malformed()
        if name == "identities" and "identities" in self._of.known:
            return self._any_identity(variable, rest)
        if name not in {"otherMails", "proxyAddresses"} & self._of.lists:
            raise self._unsupported(name)
        operand = rest or self._next()
        if operand.lower() in {"endswith", "not"}:
            raise _needs_advanced(operand)
        prefix = operand.lower() == "startswith"
        if prefix:
            self._next("(")
            operand = self._next()
            self._next(",")
        else:
            operator = self._next().lower()
            if operator == "ne":
                raise _needs_advanced(operator)
            if operator != "eq":
                raise self._malformed()
        if operand != variable:
            raise self._malformed()
        value = self._text()
        if prefix:
            self._next(")")
        self._next(")")
        return AnyAddress(
            name, value, prefix, exact=name == "proxyAddresses" and not self._proxy_ignores_case
        )

    def _any_identity(self, variable: str, rest: str) -> Expression:
        found: dict[str, str] = {}
        operand = rest or self._next()
        while True:
            self._next("eq")
            found[operand.removeprefix(f"{variable}/")] = self._text()
            joint = self._next().lower()
            if joint == ")":
                break
            if joint != "and":
                raise self._malformed()
            operand = self._next()
        issuer = found.pop("issuer", None)
        assigned_id = found.pop("issuerAssignedId", None)
        if issuer is None or found or (assigned_id is None and issuer not in _ISSUERS_ALONE):
            raise self._unsupported("identities")
        return AnyIdentity(issuer, assigned_id)
