"""The first checks of a document from outside: JSON, a supported version, the published schema."""

from typing import Any, Final, NoReturn

from reconciler import bounded_json
from reconciler.errors import UnusablePlan
from reconciler.rules import Rule
from reconciler.schemas import violations

FORMAT_VERSION = "1.1"
"""The version of all documents. The major number changes when readers of the old form would misread it."""

LARGEST_DOCUMENT: Final = 64 * 1024 * 1024
"""Most bytes of a document that is read: a plan of 40,000 changes has about as many."""

SUPPORTED_MAJOR = "1"
"""Reports of this major version can be read, whatever keys their minor version adds."""

_UNREADABLE: Final = {"plan": Rule.UNREADABLE_PLAN, "report": Rule.UNREADABLE_REPORT}
_INVALID: Final = {"plan": Rule.INVALID_PLAN, "report": Rule.INVALID_REPORT}


def open_document(data: bytes, kind: str) -> dict[str, Any]:
    """Parse a document that should be a `plan` or a `report`.

    Raises `UnusablePlan` when it is too large, is no JSON, breaks its schema, or has an unsupported version:
    for a report another major one, for a plan any other one.
    """
    document = _parse(data, kind)
    _check_version(document, kind)
    for violation in violations(kind, document):
        place = "/".join(str(step) for step in violation.path)
        refuse(kind, _INVALID[kind], f"at /{place[:200]}: {violation.message}")
    content: dict[str, Any] = document
    return content


def refuse(kind: str, rule: Rule, message: str, hint: str = "") -> NoReturn:
    """Refuse a document as a whole."""
    raise UnusablePlan(
        f"the {kind} file cannot be used: {message}",
        rule=rule,
        hint=hint or f"make the {kind} again with this version of reconciler",
    )


def _parse(data: bytes, kind: str) -> Any:
    if len(data) > LARGEST_DOCUMENT:
        refuse(kind, _UNREADABLE[kind], f"it has more than {LARGEST_DOCUMENT // 1024**2} MiB")
    try:
        return bounded_json.parse(data, pairs=_unique)
    except ValueError:
        message = f"it is not a JSON document of at most {bounded_json.MAX_VALUES:,} values"
        refuse(kind, _UNREADABLE[kind], message)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: two readers could use different values of it."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key stands twice")
    return content


def _check_version(document: Any, kind: str) -> None:
    """Check the version before the schema, which a newer form may break for good reason."""
    version = document.get("formatVersion") if isinstance(document, dict) else None
    if not isinstance(version, str):
        return
    if kind == "plan":
        # A document that approves changes is never read if its form is not understood entirely.
        if version != FORMAT_VERSION:
            refuse(
                kind,
                Rule.UNSUPPORTED_PLAN,
                f"its format version is {version[:20]}, and this version of reconciler reads "
                f"{FORMAT_VERSION} alone: plan again",
            )
    elif version.partition(".")[0] != SUPPORTED_MAJOR:
        refuse(
            kind,
            Rule.NEWER_REPORT,
            f"its format version is {version[:20]}, and this version of reconciler reads {SUPPORTED_MAJOR}.x",
            f"use the version of reconciler that made the {kind}, or make it again",
        )
