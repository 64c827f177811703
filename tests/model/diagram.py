"""`python -m tests.model.diagram`: draw docs/apply-machine.md from the table of moves."""

import ast
import inspect
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from reconciler.apply import steps
from reconciler.apply.steps import LEAVES_WHEN_DRAINING, MOVES, Phase

PAGE: Final = Path(__file__).parents[2] / "docs" / "apply-machine.md"

_HEAD = """\
# How one guest goes through an apply

Drawn from `MOVES` in `reconciler/apply/steps.py` with `python -m tests.model.diagram`; a test holds that it
is true, and that each way is taken. To stay in a phase is no way: it means to read or send again.

"""

_MODEL = """
## Checked with a model

`make model` explores all that can happen to one guest around these rules: replicas that lag, two runs that
are killed, answers that are lost, a portal, another tool, another administrator, both persons, git. Planner,
approval and machine are the product's own. `python -m tests.model PREFIX` explores single scenarios, and
prints a shortest trace of whatever it finds. `make test` explores smaller bounds, and careless versions of
the rules in which a violation must be found.

What Graph cannot show remains, and each of these holes is found too:

- **H1** Somebody writes to the guest, or redeems, between our read and our write, or too shortly before that
  read to show: Graph has no ETag, so their write is overwritten, or missed. Nothing can show it.
- **H2** A marker is removed by hand, or `mail` is set to the declared address by hand: the plan is empty,
  and nobody was reset. Never delete a marker.
- **H3** Another tool resets to a kept address after our last write, or too shortly before it to show. The
  plan warns of `kept-address`.
- **H4** `already-applied`, and somebody else holds the link or the account. The report says that it is not
  known who does.
- **H5** Somebody redeems by opening an app with an address of `otherMails`. Plan and report name what is
  kept there.
- **H6** Two runs at once, or reads that do not settle: a second reset. Let one apply run at a time.
- **H7** Two runs of two trees: one resets between the other's last read and its last write. Let one apply
  run at a time.
"""


def page() -> str:
    """Return the page as it should be."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{phase}" as {_name(phase)}' for phase in Phase if _name(phase) != phase]
    lines.append(f"    [*] --> {_name(Phase.PREDECESSOR)}")
    lines.append(f"    [*] --> {_name(Phase.ADMISSION)}")
    for start, ends in MOVES.items():
        lines += [f"    {_name(start)} --> {_name(end)}" for end in Phase if end in ends]
    lines += [f"    {_name(Phase.DONE)} --> [*]", "```", ""]
    lines += ["| phase | what it means | left when the run drains |", "|---|---|---|"]
    meanings = _docstrings()
    for phase in Phase:
        leaves = "yes" if phase in LEAVES_WHEN_DRAINING else ""
        lines.append(f"| `{phase}` | {meanings[phase.name]} | {leaves} |")
    return _HEAD + "\n".join(lines) + "\n" + _MODEL


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def _name(phase: Phase) -> str:
    """Return a name that Mermaid takes."""
    return phase.replace("-", "_")


def _docstrings() -> Mapping[str, str]:
    """Return what stands below each phase in the source."""
    (tree,) = ast.parse(inspect.getsource(steps.Phase)).body
    assert isinstance(tree, ast.ClassDef)
    found = dict.fromkeys(Phase.__members__, "Has a result.")
    for name, text in pairwise(tree.body):
        match name, text:
            case ast.Assign(targets=[ast.Name(id=phase)]), ast.Expr(value=ast.Constant(value=str() as said)):
                found[phase] = " ".join(said.split())
            case _:
                continue
    return found


if __name__ == "__main__":
    sys.exit(main())
