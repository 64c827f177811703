"""`reconciler validate`: check the desired tree offline."""

from pathlib import Path

import click

from reconciler.cli import screen
from reconciler.cli.tree import load_tree
from reconciler.documents import dump, problems_to_json
from reconciler.errors import EXIT_DONE, InvalidDesired
from reconciler.model import Problem
from reconciler.render import github, text


@click.command(
    "validate",
    short_help="Check the desired tree offline.",
    epilog="Example: reconciler --desired desired validate --format json",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="How problems are shown: lines, a JSON document, or annotations of a GitHub workflow.",
)
@click.pass_obj
def command(desired: Path, *, format_: str) -> int:
    """Check the desired tree offline: every problem with its file, line, column and remedy.

    \b
    Exit codes: 0 valid, 3 invalid.
    """
    problems: tuple[Problem, ...] = ()
    exit_code = EXIT_DONE
    try:
        guests = len(load_tree(desired).guests)
    except InvalidDesired as error:
        problems, exit_code = error.problems, error.exit_code
        screen.notice(f"{error.message[0].upper()}{error.message[1:]}.")
    else:
        screen.notice(
            f"The desired state is valid: {guests} declared {'guest' if guests == 1 else 'guests'}."
        )
    screen.result(_show(problems, format_, folder=desired))
    return exit_code


def _show(problems: tuple[Problem, ...], format_: str, *, folder: Path) -> str:
    match format_:
        case "json":
            return dump(problems_to_json(problems))
        case "github":
            return github.problems(problems, folder=folder.as_posix())
        case _:
            return text.problems(problems)
