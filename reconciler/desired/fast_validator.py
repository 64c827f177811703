"""Compiles a JSON Schema to a function that returns yes or no, many times faster than a full validator.

It understands the few keywords the schemas of the desired tree use, in the meaning of draft 2020-12, and
refuses to be built from any other, so that a schema cannot grow past it unnoticed. It never describes a
violation: every value it does not accept is passed to jsonschema, which decides.
"""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

Accept = Callable[[Any], bool]
Schema = Mapping[str, Any]


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: Mapping[str, Accept] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
}

# Keywords that address people and editors and constrain no value.
_NOTES = frozenset(
    {
        "$defs",
        "$id",
        "$schema",
        "default",
        "description",
        "examples",
        "format",
        "patternErrorMessage",
        "title",
    }
)


def acceptance(schema: Schema) -> Accept:
    """Build the predicate for values that conform to `schema`.

    Values are made of dict, list, str, int, bool and None. Raises `ValueError` when the schema uses
    a keyword, or a use of one, that is not understood here.
    """
    return _build(schema, schema.get("$defs", {}))


def _build(schema: Schema, definitions: Schema) -> Accept:
    checks = []
    for keyword, value in schema.items():
        if keyword in _NOTES:
            continue
        build = _KEYWORDS.get(keyword)
        if build is None:
            raise ValueError(f"the keyword {keyword!r} is not understood")
        checks.append(build(value, schema, definitions))
    return checks[0] if len(checks) == 1 else _all_of(tuple(checks))


# In JSON Schema a keyword accepts every value that is not of the type it constrains.


def _all_of(checks: tuple[Accept, ...]) -> Accept:
    def accept(value: Any) -> bool:
        for check in checks:  # noqa: SIM110  (a generator inside all() takes twice the time)
            if not check(value):
                return False
        return True

    return accept


# Each of the functions below takes the keyword's value, the schema it stands in, and the definitions.


def _type(name: Any, _schema: Schema, _definitions: Schema) -> Accept:
    if not isinstance(name, str) or name not in _TYPES:
        raise ValueError(f"the type {name!r} is not understood")
    return _TYPES[name]


def _ref(reference: Any, _schema: Schema, definitions: Schema) -> Accept:
    return _build(definitions[reference.removeprefix("#/$defs/")], definitions)


def _properties(parts: Any, _schema: Schema, definitions: Schema) -> Accept:
    accepts = {key: _build(part, definitions) for key, part in parts.items()}

    def accept(value: Any) -> bool:
        if isinstance(value, dict):
            for key, item in value.items():
                check = accepts.get(key)
                if check is not None and not check(item):
                    return False
        return True

    return accept


def _additional_properties(allowed: Any, schema: Schema, _definitions: Schema) -> Accept:
    if allowed is not False:
        raise ValueError("additionalProperties other than false are not understood")
    known: AbstractSet[str] = schema.get("properties", {}).keys()
    return lambda value: not isinstance(value, dict) or value.keys() <= known


def _required(keys: Any, _schema: Schema, _definitions: Schema) -> Accept:
    wanted = frozenset(keys)
    return lambda value: not isinstance(value, dict) or value.keys() >= wanted


def _items(part: Any, _schema: Schema, definitions: Schema) -> Accept:
    accepts = _build(part, definitions)
    return lambda value: not isinstance(value, list) or all(map(accepts, value))


def _max_items(most: Any, _schema: Schema, _definitions: Schema) -> Accept:
    return lambda value: not isinstance(value, list) or len(value) <= most


def _pattern(pattern: Any, _schema: Schema, _definitions: Schema) -> Accept:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _enum(choices: Any, _schema: Schema, _definitions: Schema) -> Accept:
    if not all(isinstance(choice, str) for choice in choices):
        raise ValueError("an enum of anything but text is not understood")  # 1 and true are equal in Python
    return lambda value: value in choices


def _minimum(least: Any, _schema: Schema, _definitions: Schema) -> Accept:
    return lambda value: not _is_integer(value) or value >= least


def _maximum(most: Any, _schema: Schema, _definitions: Schema) -> Accept:
    return lambda value: not _is_integer(value) or value <= most


def _any_of(branches: Any, _schema: Schema, definitions: Schema) -> Accept:
    accepts = [_build(branch, definitions) for branch in branches]
    return lambda value: any(accept(value) for accept in accepts)


_KEYWORDS: Mapping[str, Callable[[Any, Schema, Schema], Accept]] = {
    "$ref": _ref,
    "additionalProperties": _additional_properties,
    "anyOf": _any_of,
    "enum": _enum,
    "items": _items,
    "maxItems": _max_items,
    "maximum": _maximum,
    "minimum": _minimum,
    "pattern": _pattern,
    "properties": _properties,
    "required": _required,
    "type": _type,
}
