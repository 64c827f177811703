"""The form in which a rule is described."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from reconciler.rules.ids import Rule


class Severity(StrEnum):
    """The effect of a rule where it appears."""

    PROBLEM = "problem"
    """The desired tree is invalid, so nothing is planned: exit code 3."""

    REFUSAL = "refusal"
    """The command is refused as a whole: exit code 5."""

    ERROR = "error"
    """The command cannot continue: exit code 2 or 6, or 3 for an invalid tree."""

    BLOCK = "block"
    """A declared guest is not changed."""

    STOP = "stop"
    """An apply starts no other guest, and reports the remaining ones."""

    OUTCOME = "outcome"
    """The reason of one guest's outcome in the report."""

    WARNING = "warning"
    """Stops nothing; the approver should read it first."""


class Where(StrEnum):
    """The commands in which a rule can appear."""

    INIT = "init"
    VALIDATE = "validate"
    IMPORT = "import"
    SET_EMAIL = "set-email"
    PRUNE = "prune"
    PLAN = "plan"
    COMPARE = "compare"
    APPLY = "apply"
    RENDER = "render"
    GITHUB = "github"
    EMULATOR = "emulator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The description of one rule for the reference."""

    severities: tuple[Severity, ...]
    """Its effects, the gravest first; the first one decides the section of `docs/rules.md`."""

    where: tuple[Where, ...]
    """The commands it can appear in, in the order of `Where`."""

    meaning: str
    """The meaning, as a sentence."""

    remedy: str
    """The remedy, in the form of a problem's hint: without a capital, and without a full stop."""


class Text(NamedTuple):
    """The words of a description."""

    meaning: str
    remedy: str


Table = Mapping[Rule, Description]


def described(
    severities: Severity | tuple[Severity, ...],
    where: Iterable[Where],
    rules: Mapping[Rule, Text],
) -> Table:
    """Build the descriptions of rules that do the same in the same commands, from the words of each."""
    does = (severities,) if isinstance(severities, Severity) else severities
    named = frozenset(where)
    commands = tuple(command for command in Where if command in named)
    return {
        rule: Description(severities=does, where=commands, meaning=text.meaning, remedy=text.remedy)
        for rule, text in rules.items()
    }
