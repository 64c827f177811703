"""Converts what an import found to JSON, in the form of `import.schema.json`."""

from collections.abc import Mapping
from typing import Any

from reconciler import __version__
from reconciler.importing import Finding, Hint, Import
from reconciler.model import ObjectId

FORMAT_VERSION = "1.0"
"""Of `import.schema.json`: the second number rises when a key is added."""


def import_to_json(done: Import) -> dict[str, Any]:
    """Convert an import: its four lists add up to the users that it is about."""
    found = done.found
    files = {guest: addition.file for addition in done.additions for guest in addition.ids}
    return {
        "formatVersion": FORMAT_VERSION,
        "tool": f"reconciler {__version__}",
        "tenantId": done.tenant_id,
        "cloud": done.cloud.value,
        "dryRun": done.dry_run,
        "summary": {
            "guests": found.total,
            "written": len(found.written),
            "limited": len(found.limited),
            "leftOut": len(found.left_out),
            "alreadyDeclared": len(found.declared),
        },
        "written": [_finding(one, files) for one in found.written],
        "limited": [_finding(one, files) for one in found.limited],
        "leftOut": [_finding(one, files) for one in found.left_out],
        "alreadyDeclared": [_finding(one, files) for one in found.declared],
        "hints": [_row(hint, hint.message) for hint in found.hints],
        "files": [
            {"file": addition.file, "new": addition.before is None, "added": len(addition.ids)}
            for addition in done.additions
        ],
        "notChecked": [
            {"check": missed.check, "permission": missed.permission, "reason": missed.reason}
            for missed in done.not_checked
        ],
    }


def _finding(one: Finding, files: Mapping[ObjectId, str]) -> dict[str, Any]:
    return _row(one, one.message or f"added to {files[one.id]}")


def _row(one: Finding | Hint, message: str) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "email": one.email, "rule": one.rule, "message": message}
