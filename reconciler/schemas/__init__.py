"""Validates values against the published JSON Schemas: the only place that imports jsonschema.

jsonschema takes a thousand times as long as the fast validator, and a stranger decides how much there is to
validate: it gets only the items of lists that the fast validator does not accept.

A violation has a message of our own: jsonschema's messages quote the value without bounds, and values come
from strangers.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.fast_validator import Accept, acceptance

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

PUBLISHED = Path(__file__).parent / "published"
"""The folder of the schema files, one `NAME.schema.json` each."""

MAX_QUOTED = 60
"""Most characters of a value that a message repeats."""

_TYPE_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "empty",
    "number": "a number",
    "object": "a mapping of keys",
    "string": "text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One place where a value breaks its schema."""

    path: tuple[str | int, ...]
    """Keys and indexes from the root to the offending value, or to the offending key itself."""

    keyword: str
    """The JSON Schema keyword that was broken, such as `required`."""

    message: str
    """The violation, without the place. Quotes at most `MAX_QUOTED` characters of the value, unescaped."""

    on_key: bool = False
    """Whether the last element of `path` is itself the violation: a key that is not allowed."""

    format: str | None = None
    """The format of the text that was expected, if the schema names it, such as `email`."""

    choices: tuple[str, ...] = ()
    """The allowed alternatives, if the schema lists them: known keys, or the values of an `enum`."""

    types: tuple[str, ...] = ()
    """The types that were expected, as JSON Schema names them, where a value is of another type."""


@cache
def load_schema(name: str) -> Mapping[str, Any]:
    """Read the schema called `name`, such as `guests`; never modify the returned value."""
    schema: Mapping[str, Any] = json.loads(schema_path(name).read_bytes())
    return schema


def schema_path(name: str) -> Path:
    """Return the path of the published schema called `name`, which is part of the package."""
    return PUBLISHED / f"{name}.schema.json"


def violations(name: str, value: Any) -> Iterator[Violation]:
    """Yield every violation of the schema called `name`, lazily and once; nothing when `value` conforms.

    `value` is made of dict, list, str, int, float, bool and None. The formats of strings are notes for
    editors and are not checked. Of a list that is too long only so many items are looked at as are allowed.
    """
    root, kept = load_schema(name), _Kept()
    if name in _FAST:
        if _accepts(name)(value):
            return
        value = _refused_part(value, root, root, kept)
    told = set()
    for error in _validator(name).iter_errors(value):
        for violation in _translate(error, kept, value):
            if violation not in told:  # two missing keys are two errors, and neither names its key
                told.add(violation)
                yield violation


_FAST = frozenset({"guests", "tenant", "plan", "report"})
"""The schemas that the fast validator understands."""


@cache
def _accepts(name: str) -> Accept:
    return acceptance(load_schema(name))


class _Kept(dict[int, tuple[list[Any], list[int], int]]):
    """The lists that were reduced: each by its id, with the former indexes of its items and former length."""

    def original(self, root: Any, path: Iterable[str | int]) -> tuple[str | int, ...]:
        """Return the path in the original value to what stands at `path` in the reduced one."""
        found: list[str | int] = []
        for step in path:
            indexes = self[id(root)][1] if id(root) in self else None
            found.append(indexes[step] if indexes is not None and isinstance(step, int) else step)
            root = root[step]
        return tuple(found)

    def length(self, items: Sequence[Any]) -> int:
        """Return the original length of a list."""
        return self[id(items)][2] if id(items) in self else len(items)


def _refused_part(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], kept: _Kept) -> Any:
    """Return a value without the items of lists that conform, as deep as properties and items lead.

    What is left breaks the schema where the value did: no other keyword looks at an item that was omitted.
    """
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict) and "allOf" not in schema:
        parts = schema.get("properties", {})
        return {
            key: _refused_part(item, parts[key], root, kept) if key in parts else item
            for key, item in value.items()
        }
    if not isinstance(value, list) or "items" not in schema:
        return value
    accept = acceptance(schema["items"], root)
    most = schema.get("maxItems", len(value))
    some = range(most + 1) if len(value) > most else [n for n, item in enumerate(value) if not accept(item)]
    reduced = [_refused_part(value[number], schema["items"], root, kept) for number in some]
    kept[id(reduced)] = (reduced, list(some), len(value))
    return reduced


@cache
def _validator(name: str) -> "Draft202012Validator":
    # Most runs read only valid files, which the fast path accepts without jsonschema;
    # importing it takes longer than all the rest of `reconciler --help`.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    return Draft202012Validator(load_schema(name))


def _translate(error: "ValidationError", kept: _Kept, root: Any) -> Iterator[Violation]:
    path = kept.original(root, error.absolute_path)
    keyword = str(error.validator)
    instance, expected, schema = _parts(error)
    if keyword == "additionalProperties":
        known = tuple(schema.get("properties", ()))
        for key in instance:
            if key not in known:
                yield Violation(
                    path=(*path, key),
                    keyword=keyword,
                    message=f"{quoted(key)} is not a key that is known here",
                    on_key=True,
                    choices=known,
                )
    elif keyword == "required":
        for key in expected:
            if key not in instance:
                yield Violation(path=path, keyword=keyword, message=f"{key!r} is missing")
    else:
        choices = tuple(map(str, expected)) if keyword == "enum" else ()
        length = kept.length(instance) if isinstance(instance, list) else 0
        message = _message(keyword, instance, expected, schema, length=length)
        yield Violation(
            path=path,
            keyword=keyword,
            message=message,
            format=schema.get("format"),
            choices=choices,
            types=_types(expected) if keyword == "type" else (),
        )


def _parts(error: "ValidationError") -> tuple[Any, Any, Any]:
    # Typed as optional, but unset only until an error leaves its validator.
    return error.instance, error.validator_value, error.schema


def _message(keyword: str, instance: Any, expected: Any, schema: Any, *, length: int) -> str:
    match keyword:
        case "type":
            wanted = " or ".join(_TYPE_NAMES[name] for name in _types(expected))
            if instance is None:
                return f"a value is missing where {wanted} is expected"
            return f"{_described(instance)} stands where {wanted} is expected"
        case "enum":
            return f"{_described(instance)} is none of {', '.join(map(str, expected))}"
        case "pattern":
            return f"{quoted(instance)} {schema.get('patternErrorMessage', 'has the wrong form')}"
        case "minimum":
            return f"{instance} is less than {expected}"
        case "maximum":
            return f"{instance} is more than {expected}"
        case "maxItems":
            return f"the list has {length} items, {expected} are allowed"
        case "anyOf" if "errorMessage" in schema:
            return str(schema["errorMessage"])
        case "anyOf" if all(branch.keys() == {"required"} for branch in expected):
            names = [key for branch in expected for key in branch["required"]]
            return f"one of {' and '.join(map(repr, names))} must be there"
        case _:
            return f"what stands here does not fit the schema's {keyword!r}"


def _types(expected: str | list[str]) -> tuple[str, ...]:
    return (expected,) if isinstance(expected, str) else tuple(expected)


def _described(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {quoted(value)}"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return f"the number {value}"


def quoted(text: str) -> str:
    """Cut a stranger's text to a bounded length for a message; the output escapes it."""
    return f"'{text}'" if len(text) <= MAX_QUOTED else f"'{text[:MAX_QUOTED]}…'"
