"""`python -m tests.house`: draw the rooms of the code into docs/architecture.md, from the contracts."""

import ast
import configparser
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "architecture.md"
PACKAGE: Final = ROOT / "reconciler"

BEGIN: Final = "<!-- drawn by `python -m tests.house`: begin -->\n"
END: Final = "<!-- drawn by `python -m tests.house`: end -->\n"

_CONTRACTS: Final = configparser.ConfigParser(interpolation=None)
_CONTRACTS.read_string((ROOT / ".importlinter").read_text(encoding="utf-8"))

_LAYERS: Final = _CONTRACTS["importlinter:layers"]
_CORE: Final = frozenset(
    name.removeprefix("reconciler.") for name in _CONTRACTS["importlinter:pure"]["source_modules"].split()
)

_READING: Final = """
A room may import from the layers below its own, and from nothing beside or above it. Rounded rooms are the
pure core: they take values and return values. `__main__` starts the command and stands outside of the layers.

The libraries are those that a room imports. One that stands in a single row is imported nowhere else.
"""


def drawing() -> str:
    """Return what stands between the two marks of the page."""
    return f"{_flowchart()}{_READING}\n{_table()}\n{_borders()}"


def drawn(page: str) -> str:
    """Return a page with the drawing of today between its marks. Raises `ValueError` without the marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the page has no marks to draw between")
    return f"{before}{begin}\n{drawing()}\n{end}{after}"


def layers() -> tuple[tuple[str, ...], ...]:
    """Return the rooms of each layer, the highest layer first, as the contract has them."""
    lines = _LAYERS["layers"].split("\n")
    return tuple(
        tuple(room.strip() for room in line.replace(":", "|").split("|")) for line in lines if line.strip()
    )


def outside() -> frozenset[str]:
    """Return the rooms that the contract leaves out."""
    return frozenset(_LAYERS["exhaustive_ignores"].split())


def rooms() -> Mapping[str, Path]:
    """Return every top-level package and module with the file that its docstring stands in, sorted."""
    packages = {path.parent.name: path for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem: path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"}
    return dict(sorted((packages | modules).items()))


def main() -> int:
    """Write the page."""
    page = drawn(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    return 0


def _flowchart() -> str:
    lines = ["```mermaid", "flowchart TB"]
    names = [f"layer{number}" for number, _ in enumerate(layers(), start=1)]
    for name, held in zip(names, layers(), strict=True):
        lines.append(f'    subgraph {name}[" "]')
        lines += [f"        {_node(room)}" for room in held]
        lines.append("    end")
    lines += [f"    {' --> '.join(names)}", "```"]
    return "\n".join((*lines, ""))


def _node(room: str) -> str:
    """Return a room as Mermaid takes it; its id has a prefix, since `graph` is a word of Mermaid's own."""
    return f"room_{room}({room})" if room in _CORE else f"room_{room}[{room}]"


def _table() -> str:
    order = [*sorted(outside()), *(room for held in layers() for room in held)]
    files = rooms()
    rows = [("room", "is for", "libraries"), ("---", "---", "---")]
    for room in order:
        link = f"[`{room}`](../{files[room].relative_to(ROOT).as_posix()})"
        libraries = ", ".join(f"`{name}`" for name in sorted(_libraries(files[room])))
        rows.append((link, _purpose(files[room]), libraries))
    return "".join(_row(cells) for cells in rows)


def _borders() -> str:
    named = [section["name"] for name, section in _CONTRACTS.items() if name.startswith("importlinter:")]
    return "What [.importlinter](../.importlinter) states, and `make lint` checks:\n\n" + "".join(
        f"- {name}\n" for name in named
    )


def _purpose(file: Path) -> str:
    """Return the first sentence of a docstring, in one line."""
    told = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    words = " ".join(told.partition("\n\n")[0].split())
    sentence, _, _ = words.partition(". ")
    return sentence.removesuffix(".") + "."


def _libraries(file: Path) -> frozenset[str]:
    """Return what a room imports that is neither Python's nor the product's own."""
    files = file.parent.rglob("*.py") if file.name == "__init__.py" else (file,)
    trees = (ast.parse(each.read_text(encoding="utf-8")) for each in files)
    found = frozenset[str]().union(*map(_imported, trees))
    return found - sys.stdlib_module_names - {PACKAGE.name}


def _imported(tree: ast.AST) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {each.name.partition(".")[0] for each in names}
            case ast.ImportFrom(module=str() as module, level=0):
                found.add(module.partition(".")[0])
            case _:
                continue
    return frozenset(found)


def _row(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |\n"


if __name__ == "__main__":
    sys.exit(main())
