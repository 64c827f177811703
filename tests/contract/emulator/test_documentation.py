"""The documentation names everything there is."""

import re
from pathlib import Path

from reconciler.emulator.app import make_app
from reconciler.emulator.faults.fault import FaultKind
from reconciler.emulator.tenant.switches import Switches
from reconciler.schemas import load_schema
from tests.contract.emulator.tenant import Tenant

TEXT = (Path(__file__).parents[3] / "docs" / "emulator.md").read_text(encoding="utf-8")
SCHEMA = load_schema("emulator-faults")


def test_every_switch_is_documented_with_its_default() -> None:
    """Each switch stands in a table, with the default it has."""
    for name, default in Switches().to_json().items():
        shown = {True: "true", False: "false"}.get(default, default) if default != [] else "none"
        pattern = rf"`{name}` (\| `?{shown}`? \||\({shown}\))"
        assert re.search(pattern, TEXT), name


def test_every_fault_is_documented() -> None:
    """Each key of a fault plan, of its rules, and each thing a rule can do, is named."""
    names = [*SCHEMA["properties"], *SCHEMA["$defs"]["rule"]["properties"], *FaultKind]
    assert [name for name in names if not re.search(rf"`{name}`|^{name}:", TEXT, re.MULTILINE)] == []


def test_every_section_of_a_seed_is_documented() -> None:
    """Each section of a seed is named."""
    assert [name for name in load_schema("emulator")["properties"] if f"| `{name}` |" not in TEXT] == []


def test_every_control_route_is_documented(tenant: Tenant) -> None:
    """Each path of the control surface is named."""
    paths = [getattr(route, "path", "") for route in make_app(tenant.gateway).routes]
    assert [path for path in paths if path.startswith("/_emulator") and path not in TEXT] == []
