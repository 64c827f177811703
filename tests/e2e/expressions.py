"""The part of GitHub's expression language that the workflows use.

Source: https://docs.github.com/actions/reference/workflows-and-actions/expressions
"""

import re
from collections.abc import Mapping
from typing import Any, Final

STATUS: Final = ("always", "cancelled", "failure", "success")

_TOKEN = re.compile(r"\s*(?:(?P<text>'[^']*')|(?P<name>[A-Za-z_][\w.-]*)|(?P<sign>==|!=|&&|\|\||[!()]))")


def interpolate(text: str, contexts: Mapping[str, Any]) -> str:
    """Replace every `${{ … }}` in a text."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda match: _shown(evaluate(match[1], contexts)), text)


def holds(condition: str | None, contexts: Mapping[str, Any]) -> bool:
    """Tell whether an `if` lets a step or a job run; one that asks for no status asks for success."""
    if condition is None:
        return bool(contexts["success"])
    bare = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", condition.strip())
    asks = any(f"{name}(" in bare for name in STATUS)
    return (asks or bool(contexts["success"])) and bool(evaluate(bare, contexts))


def evaluate(expression: str, contexts: Mapping[str, Any]) -> Any:
    """Work out one expression. An unknown name is empty, as on GitHub; an unknown sign is an error."""
    parser = _Parser(expression, contexts)
    value = parser.either()
    assert parser.next is None, f"not understood: {expression!r}"
    return value


class _Parser:
    def __init__(self, expression: str, contexts: Mapping[str, Any]) -> None:
        self._contexts = contexts
        self._tokens: list[str] = []
        place = 0
        text = expression.strip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            assert match, f"not understood: {expression!r}"
            self._tokens.append(match[0].strip())
            place = match.end()

    @property
    def next(self) -> str | None:
        return self._tokens[0] if self._tokens else None

    def either(self) -> Any:
        value = self.both()
        while self.next == "||":
            self._tokens.pop(0)
            other = self.both()
            value = value or other
        return value

    def both(self) -> Any:
        value = self.equal()
        while self.next == "&&":
            self._tokens.pop(0)
            other = self.equal()
            value = value and other
        return value

    def equal(self) -> Any:
        value = self.single()
        while self.next in {"==", "!="}:
            same = self._tokens.pop(0) == "=="
            value = (value == self.single()) is same
        return value

    def single(self) -> Any:
        token = self._tokens.pop(0)
        if token == "!":
            return not self.single()
        if token == "(":
            value = self.either()
            assert self._tokens.pop(0) == ")"
            return value
        if token.startswith("'"):
            return token[1:-1]
        if self._tokens[:2] == ["(", ")"]:
            assert token in STATUS, f"unknown function {token}"
            del self._tokens[:2]
            return True if token == "always" else self._contexts[token]
        value = self._contexts
        for part in token.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
