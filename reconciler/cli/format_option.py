"""The option `--format` of the commands that print a result in several forms."""

from collections.abc import Callable, Sequence
from typing import Any

import click


def format_option(
    formats: Sequence[str], *, meaning: str = "What is printed."
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Build the option for `formats`, which include `text`, the default; its parameter is `format_`."""
    return click.option(
        "--format", "format_", type=click.Choice(formats), default="text", show_default=True, help=meaning
    )
