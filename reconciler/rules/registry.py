"""All descriptions together."""

from types import MappingProxyType
from typing import Final

from reconciler.rules.applying import APPLYING
from reconciler.rules.commands import COMMANDS
from reconciler.rules.description import Table
from reconciler.rules.directory import DIRECTORY
from reconciler.rules.editing import EDITING
from reconciler.rules.planning import PLANNING
from reconciler.rules.tree import PROBLEMS

REGISTRY: Final[Table] = MappingProxyType(
    {**PROBLEMS, **PLANNING, **APPLYING, **DIRECTORY, **COMMANDS, **EDITING}
)
"""By rule; a test holds that every rule is described, and by one table only."""
