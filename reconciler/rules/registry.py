"""All descriptions together."""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from reconciler.rules.applying import APPLYING
from reconciler.rules.commands import COMMANDS
from reconciler.rules.description import Table, Where
from reconciler.rules.directory import DIRECTORY
from reconciler.rules.editing import EDITING
from reconciler.rules.importing import ALSO_IN_IMPORT, IMPORTING
from reconciler.rules.planning import PLANNING
from reconciler.rules.scaffolding import SCAFFOLDING
from reconciler.rules.tree import PROBLEMS

_ALL: Final[Table] = {
    **PROBLEMS,
    **PLANNING,
    **APPLYING,
    **DIRECTORY,
    **COMMANDS,
    **EDITING,
    **IMPORTING,
    **SCAFFOLDING,
}


def _with_import(where: tuple[Where, ...]) -> tuple[Where, ...]:
    return tuple(command for command in Where if command is Where.IMPORT or command in where)


REGISTRY: Final[Table] = MappingProxyType(
    {
        rule: replace(told, where=_with_import(told.where)) if rule in ALSO_IN_IMPORT else told
        for rule, told in _ALL.items()
    }
)
"""By rule; a test holds that every rule is described, and by one table only."""
