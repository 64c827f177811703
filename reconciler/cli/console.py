"""stderr: errors, notices and progress. stdout belongs to results alone."""

import errno
import os
import shutil
import sys
from typing import TextIO

import click

from reconciler.errors import InvalidDesired, ReconcilerError, UsageError
from reconciler.model import Cloud
from reconciler.render import escape, text, wording
from reconciler.rules import Rule

_LOG_WIDTH = 100


def width() -> int:
    """Return the columns of the terminal; 100 where the output goes to a file or a CI log."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _LOG_WIDTH


def colour() -> bool:
    """Return whether stdout is a terminal that supports colour.

    Source: https://no-color.org
    """
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def result(output: str) -> None:
    """Write a command's result to stdout; an empty one writes nothing.

    A reader that has ended (`reconciler plan | head`) is no error. Raises `UsageError` when stdout cannot be
    written, because then the result is lost.
    """
    result_bytes(output if output.endswith("\n") or not output else output + "\n")


def result_bytes(output: str | bytes) -> None:
    """Write a result as `result` does, without adding a line end; bytes go out as they are."""
    try:
        click.echo(output, nl=False, color=True)
    except OSError as error:
        _silence(sys.stdout)
        if error.errno != errno.EPIPE:
            raise UsageError(
                f"the result cannot be written to stdout: {error.strerror}",
                rule=Rule.STDOUT_UNUSABLE,
                hint="send stdout to a place that takes it, and run the command again",
            ) from error


def notice(message: str) -> None:
    """Print one line to stderr that is not the result."""
    block(escape.terminal(message))


def block(rendered: str) -> None:
    """Print rendered text to stderr that is not the result.

    Raises nothing: a closed stderr must not stop a run that has a guest half done.
    """
    try:
        click.echo(rendered, err=True)
    except OSError:
        _silence(sys.stderr)


def _silence(stream: TextIO) -> None:
    """Forward a broken stream to the null device, for writes at exit too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def emulator_notice(cloud: Cloud) -> None:
    """Print that a result, which is data without a place for it, is not about a real tenant."""
    found = wording.emulator_notice(cloud)
    if found is not None:
        notice(found)


def show_error(error: ReconcilerError) -> None:
    """Print an error with its remedy; for several problems, each of them."""
    if isinstance(error, InvalidDesired):
        block(text.problems(error.problems).rstrip("\n"))
        notice(f"Error: {error.message}")
        return
    notice(f"Error: {error.rule}: {error.message}")
    if error.hint:
        notice(f"What to do: {error.hint}")
