"""The command line: argv and environment to options, the wiring, and the exit codes.

Must not hold rules about guests or about Graph, and must not import a command's module before that command is
called: `reconciler --help` and `reconciler validate` stay fast that way.
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from reconciler import __version__
from reconciler.cli.desired_option import TREE
from reconciler.errors import EXIT_INTERRUPTED, EXIT_USAGE, ReconcilerError
from reconciler.process import early_signals, end_loading

_COMMANDS = {
    "init": "Write the first files of a repository of your own.",
    "import": "Declare the guests of a tenant as they are.",
    "validate": "Check the desired tree offline.",
    "set-email": "Declare other addresses: of one guest, a list, or a domain.",
    "prune": "Remove entries of guests who are gone from the tenant.",
    "plan": "Show what would change; cannot write to the directory.",
    "apply": "Carry a plan out.",
    "compare": "Show what approved plans allow of a fresh one.",
    "render": "Show a saved plan or report in another form.",
    "github": "What the workflows do on GitHub: comments, approvals, the drift issue.",
    "emulator": "Serve the embedded Graph emulator on loopback.",
    "demo": "Run the whole story against the embedded emulator.",
}
"""Each command with its line in `--help`; its module is imported when it is called."""

_MODULES = {"import": "import_tenant"}
"""The modules that cannot be named like their command, with underscores."""


def _module_of(command: str) -> str:
    return f"reconciler.cli.{_MODULES.get(command, command.replace('-', '_'))}"


_ANSWER_SIGNALS = frozenset({"apply", "emulator"})
"""Commands that handle signals themselves, including a signal that arrived before they began."""


class _LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(_module_of(cmd_name)).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{_module_of(cmd_name)}.command is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:  # click compares with commands that are imported
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=_COMMANDS, ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: reconciler --desired desired plan --out plan.json",
)
@click.option(
    "--desired",
    type=TREE,
    default=Path("desired"),
    show_default=True,
    metavar="DIR",
    help="The desired tree: a folder with tenant.yaml at its root. Understood after COMMAND too.",
)
@click.version_option(__version__, prog_name="reconciler")
@click.pass_context
def root(ctx: click.Context, desired: Path) -> None:  # noqa: ARG001 - each command asks for it itself
    """Keep the sign-in addresses of Microsoft Entra B2B guests as git declares them."""
    end_loading()  # the module of the command that was named has been imported by now
    if ctx.invoked_subcommand not in _ANSWER_SIGNALS:
        early_signals.interrupt()


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, as described in `errors.py` and each command's help.

    An error that is no `ReconcilerError` is a bug and passes through, with its traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A console that cannot print a character must not end a run that has written to the directory.
            reconfigure(errors="backslashreplace")
    try:
        outcome = root.main(args=arguments, prog_name="reconciler", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except ReconcilerError as error:
        _show(error)
        return error.exit_code
    return outcome if isinstance(outcome, int) else 0


def _show(error: ReconcilerError) -> None:
    from reconciler.cli.console import show_error  # noqa: PLC0415 - rich is not needed where nothing fails

    show_error(error)
