"""`python -m tests.reference`: write docs/rules.md from the registry of rules."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from reconciler.rules import Rule
from reconciler.rules.description import Description, Severity, Where
from reconciler.rules.registry import REGISTRY

PAGE: Final = Path(__file__).parents[1] / "docs" / "rules.md"

_HEAD = """\
# Rules

Every id that an output names as the cause of something, what it means, and what to do. Look for the id with
your browser's search. The message beside it is about the case at hand, and knows more than this page.

Written from `reconciler/rules/` with `python -m tests.reference`; a test holds that it is whole.

| where you read it | look under |
|---|---|
| `validate`: `file:line:column: ID: …` | [Problems](#problems) |
| `Error: ID: …` on stderr | [Refusals](#refusals), [Errors](#errors) |
| `refusals` of a plan or a report | [Refusals](#refusals), [Stops](#stops), [Errors](#errors) |
| `blocked` of a plan, or the outcome `blocked` | [Blocks](#blocks) |
| another outcome of a guest | [Outcomes](#outcomes), [Stops](#stops), [Blocks](#blocks), [Errors](#errors) |
| `warnings` of a plan or a report | [Warnings](#warnings) |

Programs may branch on an id: none is renamed, and its meaning stays. Messages change. What a rule can be
besides is named under *also*. `render` and `github` show what `plan` and `apply` have found, whatever the
column says. What the emulator says of its own files (`emulator-seed`, `emulator-faults`, `unknown-name`) is
not listed.
"""

_SECTIONS: Final[Mapping[Severity, tuple[str, str]]] = {
    Severity.PROBLEM: (
        "Problems",
        """\
The desired tree is invalid: exit code 3. Nothing is planned before all are corrected.""",
    ),
    Severity.REFUSAL: (
        "Refusals",
        """\
The command is refused as a whole: exit code 5. Nothing was written. A plan shows under `refusals` what would
make `apply` refuse it.""",
    ),
    Severity.ERROR: (
        "Errors",
        """\
The command cannot go on: exit code 2 when it was called wrongly or cannot have its files, 6 when the
directory or GitHub cannot be used. `apply` has written nothing then. One that comes when guests are under
way, such as a sign-in that is refused, stands beside their outcomes.""",
    ),
    Severity.BLOCK: (
        "Blocks",
        """\
A declared guest is not as declared, and is not changed. One who breaks several rules shows the gravest, and
the message names the others.""",
    ),
    Severity.STOP: (
        "Stops",
        """\
An apply starts no other guest, finishes those whose reset was sent, and ends with 7 where nothing else is
said. The reason stands in the report, and beside the outcome of every guest who was left.""",
    ),
    Severity.OUTCOME: (
        "Outcomes",
        """\
Why a guest ended as the report says; most come with `failed`.""",
    ),
    Severity.WARNING: (
        "Warnings",
        """\
Nothing is stopped. Read them before you approve.""",
    ),
}


def page() -> str:
    """Return the page as it should be."""
    return "\n".join((_HEAD, *(_section(severity) for severity in Severity)))


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    return 0


def _section(severity: Severity) -> str:
    title, introduction = _SECTIONS[severity]
    rules = {rule: REGISTRY[rule] for rule in sorted(Rule) if REGISTRY[rule].severities[0] is severity}
    columns = {"rule": [f"`{rule}`" for rule in rules]}
    places = {told.where for told in rules.values()}
    if len(places) == 1:
        introduction += f" In {_commands(places.pop())}."
    else:
        columns["in"] = [_commands(told.where) for told in rules.values()]
    if any(len(told.severities) > 1 for told in rules.values()):
        columns["also"] = [_also(told) for told in rules.values()]
    columns["means"] = [_cell(told.meaning) for told in rules.values()]
    columns["what to do"] = [_cell(told.remedy) for told in rules.values()]
    rows = [columns, ("---" for _ in columns), *zip(*columns.values(), strict=True)]
    return f"## {title}\n\n{introduction}\n\n" + "".join(map(_row, rows))


def _commands(where: Iterable[Where]) -> str:
    named = tuple(where)
    return "any command" if named == tuple(Where) else ", ".join(f"`{command}`" for command in named)


def _also(told: Description) -> str:
    return ", ".join(told.severities[1:])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.exit(main())
