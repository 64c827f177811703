"""Renders problems as SARIF 2.1.0, which GitHub code scanning and editors read.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and, for the properties that GitHub
reads,
https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.model import Problem
from reconciler.render.escape import visible

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def problems(shown: Sequence[Problem], *, folder: str, version: str) -> str:
    """Render problems as a SARIF log with one run.

    `folder` is the desired tree relative to the repository's root, `version` the product's own.
    """
    rules = sorted({one.rule for one in shown})
    run = {
        "tool": {
            "driver": {
                "name": "reconciler",
                "version": version,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, rules.index(one.rule), folder) for one in shown],
    }
    # Escaped to ASCII, so that no value holds a control character or a change of direction.
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: str) -> Mapping[str, Any]:
    return {
        "id": rule,
        "shortDescription": {"text": rule.replace("-", " ")},
        "defaultConfiguration": {"level": "error"},
    }


def _result(one: Problem, index: int, folder: str) -> Mapping[str, Any]:
    path = one.file if folder in {"", "."} else f"{folder.rstrip('/')}/{one.file}"
    return {
        "ruleId": one.rule,
        "ruleIndex": index,
        "level": "error",
        "message": {"text": f"{_literal(one.message)}; {_literal(one.hint)}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(path, errors="replace")},
                    "region": {"startLine": one.line, "startColumn": one.column},
                }
            }
        ],
        # Without the line, so that a problem keeps its identity when lines above it are added or removed.
        "partialFingerprints": {"problem/v1": _fingerprint(path, one.rule, one.message)},
    }


def _literal(text: str) -> str:
    """Escape brackets and braces, which would be read as links and placeholders (SARIF 3.11.5 and 3.11.6)."""
    escaped = visible(text).replace("{", "{{").replace("}", "}}")
    return escaped.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="backslashreplace")).hexdigest()
