"""Compiles a JSON Schema to a function that returns yes or no, many times faster than a full validator.

It understands the few keywords that the schemas of trees, plans and reports use, in the meaning of draft
2020-12, and refuses to be built from any other, so that a schema cannot grow past it unnoticed. It never
describes a violation: every value it does not accept is passed to jsonschema, which decides.
"""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

Accept = Callable[[Any], bool]
Schema = Mapping[str, Any]


def _is_integer(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer()  # 1.0 is a whole number in JSON Schema
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, Accept] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "null": lambda value: value is None,
}

# Keywords that address people and editors and constrain no value.
_NOTES = frozenset(
    {
        "$defs",
        "$id",
        "$schema",
        "default",
        "description",
        "errorMessage",
        "examples",
        "format",
        "patternErrorMessage",
        "title",
    }
)


def acceptance(schema: Schema, root: Schema | None = None) -> Accept:
    """Build the predicate for values that conform to `schema`, a part of `root` or a whole one.

    Values are made of dict, list, str, int, float, bool and None. Raises `ValueError` when the schema uses
    a keyword, or a use of one, that is not understood here.
    """
    return _build(schema, (root or schema).get("$defs", {}))


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
    if isinstance(name, list):
        accepts = [_type(each, _schema, _definitions) for each in name]
        return lambda value: any(accept(value) for accept in accepts)
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


def _min_items(least: Any, _schema: Schema, _definitions: Schema) -> Accept:
    return lambda value: not isinstance(value, list) or len(value) >= least


def _prefix_items(parts: Any, schema: Schema, definitions: Schema) -> Accept:
    if "items" in schema:
        raise ValueError("items beside prefixItems are not understood")
    accepts = [_build(part, definitions) for part in parts]
    return lambda value: (
        not isinstance(value, list) or all(accept(item) for accept, item in zip(accepts, value, strict=False))
    )


def _dependent_required(wanted: Any, _schema: Schema, _definitions: Schema) -> Accept:
    def accept(value: Any) -> bool:
        return not isinstance(value, dict) or all(
            value.keys() >= frozenset(others) for key, others in wanted.items() if key in value
        )

    return accept


def _pattern(pattern: Any, _schema: Schema, _definitions: Schema) -> Accept:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _enum(choices: Any, _schema: Schema, _definitions: Schema) -> Accept:
    if not all(isinstance(choice, str | bool | None) for choice in choices):
        raise ValueError("an enum of numbers is not understood")  # 1 and true are equal in Python
    return lambda value: isinstance(value, str | bool | None) and value in choices


def _minimum(least: Any, _schema: Schema, _definitions: Schema) -> Accept:
    return lambda value: not _is_number(value) or value >= least


def _maximum(most: Any, _schema: Schema, _definitions: Schema) -> Accept:
    return lambda value: not _is_number(value) or value <= most


def _any_of(branches: Any, _schema: Schema, definitions: Schema) -> Accept:
    accepts = [_build(branch, definitions) for branch in branches]
    return lambda value: any(accept(value) for accept in accepts)


def _all_branches(branches: Any, _schema: Schema, definitions: Schema) -> Accept:
    return _all_of(tuple(_build(branch, definitions) for branch in branches))


def _if(condition: Any, schema: Schema, definitions: Schema) -> Accept:
    if "else" in schema or "then" not in schema:
        raise ValueError("an if without then, or with else, is not understood")
    holds, then = _build(condition, definitions), _build(schema["then"], definitions)
    return lambda value: not holds(value) or then(value)


def _then(_part: Any, schema: Schema, _definitions: Schema) -> Accept:
    if "if" not in schema:
        raise ValueError("a then without if is not understood")
    return lambda _value: True


_KEYWORDS: Mapping[str, Callable[[Any, Schema, Schema], Accept]] = {
    "$ref": _ref,
    "additionalProperties": _additional_properties,
    "allOf": _all_branches,
    "anyOf": _any_of,
    "dependentRequired": _dependent_required,
    "enum": _enum,
    "if": _if,
    "items": _items,
    "maxItems": _max_items,
    "maximum": _maximum,
    "minItems": _min_items,
    "minimum": _minimum,
    "pattern": _pattern,
    "prefixItems": _prefix_items,
    "properties": _properties,
    "required": _required,
    "then": _then,
    "type": _type,
}
