"""Reads fault plans: documents of the shape that `schemas/emulator-faults.schema.json` describes.

Durations are in milliseconds of the emulator's clock, which `speed` accelerates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.emulator.files import read_file
from reconciler.rules import OtherRule
from reconciler.schemas import violations

SCHEMA = "emulator-faults"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """The faults to play. `load_faults` makes one from a file, `fault_plan` from a document."""

    document: Mapping[str, Any]
    """Fits the schema; `{}` is a network that never fails."""


def load_faults(path: Path) -> FaultPlan:
    """Read a fault plan from a YAML or JSON file.

    Raises `InvalidFile` with every problem of the file, `UsageError` when it cannot be read.
    """
    checked = read_file(path, what="the fault plan", rule=OtherRule("emulator-faults"), schema=SCHEMA)
    return FaultPlan(document=checked.document.value)


def fault_plan(document: Mapping[str, Any]) -> FaultPlan:
    """Build a fault plan from a document. Raises `ValueError` when it does not fit the schema."""
    for violation in violations(SCHEMA, document):
        place = "/".join(map(str, violation.path)) or "the document"
        raise ValueError(f"{place}: {violation.message}")
    return FaultPlan(document=document)
