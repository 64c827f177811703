"""The pinned requirements can be installed by every pip that a supported Python brings along."""

import re
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


FILES = ["build.txt", "dev.txt", "emulator.txt", "runtime.txt"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_names_no_place(name: str) -> None:
    """Each pin has hashes, and nothing says where it was found: an index of somebody's own serves as well."""
    text = (REQUIREMENTS / name).read_text()
    assert not re.search(r"https?:|file:|--(index|extra-index|find-links|trusted)|/opt/|/home/|/work/", text)
    pinned = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert pinned
    assert [one.splitlines()[0] for one in pinned if "--hash=sha256:" not in one] == []


def test_files_that_are_installed_together_agree() -> None:
    """A package has one version, whatever of the product is installed."""
    versions: dict[str, set[str]] = {}
    for name in FILES:
        for package, pin in pins(REQUIREMENTS / name).items():
            versions.setdefault(package, set()).add(str(pin.specifier))
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_no_server_stands_beside_the_writing_token() -> None:
    """What serves the emulator is installed for the emulator alone."""
    servers = {"starlette", "trustme", "uvicorn"}
    assert servers.isdisjoint(pins(REQUIREMENTS / "runtime.txt"))
    assert servers <= pins(REQUIREMENTS / "emulator.txt").keys()


@pytest.mark.parametrize("name", ["runtime.txt", "emulator.txt", "dev.txt"])
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
