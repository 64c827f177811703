"""Checks one file against its schema: bytes to data that conforms, or to problems with positions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Self

from reconciler.desired.document import Digits, Document, Path
from reconciler.desired.problems import problem
from reconciler.desired.reader import MAX_PROBLEMS, read
from reconciler.desired.type_remedies import type_remedy
from reconciler.desired.values import Breach
from reconciler.model import Problem, address_flaw
from reconciler.rules import Rule
from reconciler.schemas import Violation, load_schema, quoted, violations

_LONGEST_NUMBER = 18
"""Longest run of digits that becomes a number; every limit of the schemas is far below."""

_LONGEST_TYPO = 40
"""Longest text, in characters, that is compared with the known keys and values, all of which are shorter."""

_RULES = {
    "additionalProperties": Rule.UNKNOWN_KEY,
    "required": Rule.MISSING_KEY,
    "anyOf": Rule.MISSING_KEY,
    "enum": Rule.NOT_ALLOWED,
    "pattern": Rule.WRONG_FORM,
    "minimum": Rule.OUT_OF_RANGE,
    "maximum": Rule.OUT_OF_RANGE,
    "maxItems": Rule.TOO_MANY_ITEMS,
}
"""JSON Schema keyword to rule; every other keyword is `wrong-type`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """One file after reading and checking it against its schema."""

    file: str
    """Path relative to the desired tree, with forward slashes."""

    document: Document

    problems: tuple[Problem, ...]
    """Unsorted. If empty, `value` conforms to the schema."""

    @property
    def value(self) -> Any:
        """The content of the file, as far as it was read; None when reading had to stop."""
        return self.document.value if self.document.whole else None

    def problem(self, path: Path, rule: Rule, message: str) -> Problem:
        """Make a problem of the value at `path`."""
        return problem(self.file, self.document.position(path), rule, message)

    def with_violations(self, breaches: Iterable[Breach]) -> Self:
        """Add the violations that rules beyond the schema found."""
        found = tuple(bounded(self.problem(*breach) for breach in breaches))
        return replace(self, problems=self.problems + found) if found else self


def check(file: str, data: bytes, schema: str) -> CheckedFile:
    """Read a file and check it against the published schema called `schema`, such as `guests`.

    Unquoted digits become numbers where the schema wants numbers. Never raises for the content of the file.
    """
    document = read(data)
    problems = [problem(file, flaw.position, flaw.rule, flaw.message) for flaw in document.flaws]
    if document.whole:
        if document.has_digits:
            root = load_schema(schema)
            _set_numbers(document.value, root, root.get("$defs", {}))
        # A flaw of the YAML is not reported again as a value of the wrong type.
        told = {(known.line, known.column) for known in problems}
        found = bounded(_told_by_schema(file, document, schema))
        problems += [item for item in found if (item.line, item.column) not in told]
    return CheckedFile(file=file, document=document, problems=tuple(problems))


def bounded(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield problems, up to `MAX_PROBLEMS` of them; one more says that there are more."""
    for number, item in enumerate(problems):
        if number == MAX_PROBLEMS:
            message = f"there are more than {MAX_PROBLEMS} problems of this kind"
            yield problem(item.file, (item.line, item.column), Rule.TOO_MANY_PROBLEMS, message)
            return
        yield item


def _told_by_schema(file: str, document: Document, schema: str) -> Iterator[Problem]:
    for violation in violations(schema, document.value):
        position = document.position(violation.path, on_key=violation.on_key)
        rule, message = _RULES.get(violation.keyword, Rule.WRONG_TYPE), violation.message
        if (violation.keyword, violation.format) == ("pattern", "email"):
            text = _value_at(document.value, violation.path)
            rule, message = Rule.ADDRESS, f"{quoted(text)} cannot be used: {address_flaw(text) or message}"
        yield problem(file, position, rule, message, hint=_remedy(violation, document.value, schema))


def _value_at(root: Any, path: Path) -> Any:
    for step in path:
        root = root[step]
    return root


def _remedy(violation: Violation, root: Any, schema: str) -> str | None:
    """Return a better remedy than the rule's own, if there is one."""
    if violation.types:
        return type_remedy(schema, violation.path, violation.types, _value_at(root, violation.path))
    return _did_you_mean(violation, root)


def _did_you_mean(violation: Violation, root: Any) -> str | None:
    """Return a hint when the offending text looks like one of the choices."""
    if not violation.choices:
        return None
    written = violation.path[-1] if violation.on_key else _value_at(root, violation.path)
    if not isinstance(written, str) or len(written) > _LONGEST_TYPO:
        return None
    spellings = {choice.lower(): choice for choice in violation.choices}
    close = get_close_matches(written.lower(), spellings, n=1)
    return f"did you mean {spellings[close[0]]!r}?" if close else None


def _set_numbers(value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
    """Replace in place the digits where the schema wants a number, as deep as the schema is."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        parts = [(key, properties[key]) for key in value if key in properties]
    elif isinstance(value, list) and "items" in schema:
        parts = [(index, schema["items"]) for index in range(len(value))]
    else:
        return
    for place, declared in parts:
        part = declared
        if "$ref" in declared:
            part = definitions[declared["$ref"].rpartition("/")[2]]
        item = value[place]
        if isinstance(item, Digits):
            if _wants_number(part) and len(item) <= _LONGEST_NUMBER:
                value[place] = int(item)
        else:
            _set_numbers(item, part, definitions)


def _wants_number(schema: Mapping[str, Any]) -> bool:
    declared = schema.get("type", ())
    types = {declared} if isinstance(declared, str) else {*declared}
    return not types.isdisjoint({"integer", "number"})
