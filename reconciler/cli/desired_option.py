"""The option `--desired` after a command's name, for each command that reads or names the tree.

It means the same as before the name. Both may be given, if they say the same.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

_Command = TypeVar("_Command", bound=Callable[..., Any])

TREE: Final = click.Path(path_type=Path)

NAME: Final = "desired"


def desired_option(function: _Command) -> _Command:
    """Add `--desired` to a command, whose function gets the tree as `desired`."""
    return click.option(
        f"--{NAME}",
        type=TREE,
        metavar="DIR",
        callback=_settle,
        help="The desired tree, as before the command's name.",
    )(function)


def _settle(ctx: click.Context, _: click.Parameter, after: Path | None) -> Path:
    """Return the tree that was named, or the default. Raises `click.UsageError` when two were named."""
    root = ctx.find_root()
    before: Path = root.params[NAME]
    if after is None:
        return before
    if root.get_parameter_source(NAME) is ParameterSource.COMMANDLINE and after != before:
        raise click.UsageError(
            f"--desired names {str(before)!r} before the command and {str(after)!r} after it: give it once.",
            ctx=ctx,
        )
    return after
