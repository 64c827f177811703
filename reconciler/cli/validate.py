"""`reconciler validate`: check the desired tree offline."""

from pathlib import Path
from typing import Literal, assert_never, get_args

import click

from reconciler import __version__
from reconciler.cli import actions_output, console
from reconciler.cli.desired_option import desired_option
from reconciler.cli.format_option import format_option
from reconciler.cli.loading import load_tree
from reconciler.documents import dump, problems_to_json
from reconciler.errors import EXIT_DONE, InvalidDesired
from reconciler.model import Problem
from reconciler.render import sarif, text, workflow_commands
from reconciler.render.wording import count_of

_Format = Literal["text", "json", "github", "sarif"]

_FORK = """
Thank you for this pull request. It comes from a fork, so its files were checked and nothing more: a fork
never gets to see the directory, and therefore has no plan. Somebody of this repository can put the commits
on a branch here, and the plan will follow.
"""


@click.command(
    "validate",
    short_help="Check the desired tree offline.",
    epilog="Example: reconciler --desired desired validate --format json",
)
@format_option(
    get_args(_Format),
    meaning="How problems are shown: lines, a JSON document, annotations of a GitHub workflow, or SARIF.",
)
@desired_option
def command(desired: Path, *, format_: _Format) -> int:
    """Check the desired tree offline: every problem with its file, line, column and remedy.

    Exit codes: 0 valid, 3 invalid.
    """
    problems: tuple[Problem, ...] = ()
    exit_code = EXIT_DONE
    try:
        guests = len(load_tree(desired).guests)
    except InvalidDesired as error:
        problems, exit_code = error.problems, error.exit_code
        verdict = f"{error.message[0].upper()}{error.message[1:]}."
    else:
        verdict = f"The desired state is valid: {count_of(guests, 'declared guest')}."
    console.notice(verdict)
    console.result(_show(problems, format_, tree=desired))
    if format_ == "github":
        # The runner removes annotations from the log, so the lines are printed too.
        if problems:
            console.block(text.problems(problems).rstrip("\n"))
        actions_output.summarise(f"{verdict}\n{_FORK if actions_output.from_fork() else ''}")
    return exit_code


def _show(problems: tuple[Problem, ...], format_: _Format, *, tree: Path) -> str:
    match format_:
        case "json":
            return dump(problems_to_json(problems))
        case "github":
            return workflow_commands.problems(problems, folder=actions_output.folder_of(tree))
        case "sarif":
            return sarif.problems(problems, folder=actions_output.folder_of(tree), version=__version__)
        case "text":
            return text.problems(problems)
        case _ as unknown:
            assert_never(unknown)
