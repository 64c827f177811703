"""Plans, reports and problems as JSON documents: other programs rely on these forms.

Converts values to values; callers read and write files.
"""

from reconciler.documents.imports import import_to_json
from reconciler.documents.opening import FORMAT_VERSION, LARGEST_DOCUMENT
from reconciler.documents.reading import plan_from_json
from reconciler.documents.reports import report_from_json
from reconciler.documents.writing import (
    approval_to_json,
    dump,
    plan_to_json,
    problems_to_json,
    report_to_json,
)

__all__ = [
    "FORMAT_VERSION",
    "LARGEST_DOCUMENT",
    "approval_to_json",
    "dump",
    "import_to_json",
    "plan_from_json",
    "plan_to_json",
    "problems_to_json",
    "report_from_json",
    "report_to_json",
]
