"""The pinned requirements can be installed by every pip that a supported Python brings along."""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def pins(file: Path) -> dict[str, Requirement]:
    """Read the pinned requirements, by name."""
    lines = [line for line in file.read_text().splitlines() if "==" in line and not line.startswith(" ")]
    found = [Requirement(line.removesuffix("\\")) for line in lines]
    return {canonicalize_name(pin.name): pin for pin in found}


def demands(pin: Requirement) -> Iterator[Requirement]:
    """Give what a pinned distribution asks for with extras, as far as it is installed here."""
    try:
        asked = metadata.requires(pin.name) or []
    except metadata.PackageNotFoundError:
        return
    for each in map(Requirement, asked):
        wanted = any(
            each.marker is None or each.marker.evaluate({"extra": extra}) for extra in ("", *pin.extras)
        )
        if each.extras and wanted:
            yield each


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_extras_are_pinned_where_they_are_asked_for(name: str) -> None:
    """Older pips take `coverage[toml]` for another package than `coverage`, and then miss its pin."""
    pinned = pins(REQUIREMENTS / name)
    demanded = [(pin.name, demand) for pin in pinned.values() for demand in demands(pin)]
    missing = [
        f"{by} asks for {demand}"
        for by, demand in demanded
        if not demand.extras <= pinned[canonicalize_name(demand.name)].extras
    ]
    assert demanded
    assert missing == []
