"""`reconciler emulator`: serve the embedded Graph emulator on loopback."""

import threading
from pathlib import Path

import click

from reconciler.cli import console
from reconciler.cli.desired_option import desired_option
from reconciler.cli.signals import handled_signals
from reconciler.emulator.faults.plan import load_faults
from reconciler.emulator.server import RunningEmulator, serve
from reconciler.emulator.tenant.seed import load_seed
from reconciler.errors import UsageError
from reconciler.rules import Rule


@click.command(
    "emulator",
    short_help="Serve the embedded Graph emulator on loopback.",
    epilog="Example: reconciler emulator --seed desired/emulator.yaml --port 8400",
)
@click.option(
    "--seed",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What a new tenant starts with; default: emulator.yaml of the desired tree, if there is one.",
)
@click.option(
    "--port",
    type=click.IntRange(min=0, max=65535),
    default=8400,
    show_default=True,
    metavar="N",
    help="The loopback port; 0 takes a free one.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep the tenant in this file, and go on from it next time; default: in memory only.",
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Misbehave as this file says: latency, throttling, lost answers and more.",
)
@click.option(
    "--certificates",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also issue tokens to the seed's applications, over TLS; FILE gets the certificate to trust.",
)
@desired_option
def command(
    desired: Path,
    *,
    seed: Path | None,
    port: int,
    state: Path | None,
    faults: Path | None,
    certificates: Path | None,
) -> int:
    """Serve a tenant that obeys Graph's rules, on loopback, until interrupted.

    The first line on stdout is the root to put into RECONCILER_GRAPH_URL. The bearer token
    `emulator` opens everything; docs/emulator.md describes the seed, the faults
    and the control surface.

    Exit codes: 0 stopped by SIGINT, SIGTERM or SIGHUP; 2 the port or the state cannot be used; 3 the seed
    or the faults are invalid.
    """
    source = seed or _seed_of(desired)
    _check_state(state)
    stop = threading.Event()
    try:
        with (
            handled_signals() as signals,
            serve(
                state,
                seed=load_seed(source) if source else None,
                port=port,
                faults=load_faults(faults) if faults else None,
                certificates=certificates,
            ) as emulator,
        ):
            signals.answer(stop.set)
            _announce(emulator, certificates)
            stop.wait()
    except OSError as error:
        raise UsageError(
            f"the emulator cannot serve on port {port} with these files: {error.strerror}",
            rule=Rule.EMULATOR_UNUSABLE,
            hint="choose another --port (0 takes a free one), and files in a folder that can be written",
        ) from error
    return 0


def _seed_of(desired: Path) -> Path | None:
    """Return the seed in the desired tree, if there is one."""
    usual = desired / "emulator.yaml"
    return usual if usual.exists() else None


def _check_state(state: Path | None) -> None:
    """Refuse a state that is no plain file. Raises `UsageError`."""
    if state is not None and state.exists() and not state.is_file():
        raise UsageError(
            f"{state} cannot be used as the emulator's state: it is no plain file",
            rule=Rule.EMULATOR_STATE,
            hint="name a file that can be written, or leave --state away: then the tenant lives in memory",
        )


def _announce(emulator: RunningEmulator, certificates: Path | None) -> None:
    """Print the root for programs on stdout, and how to use it for people on stderr."""
    console.result(emulator.root)
    console.notice(f"Serving on {emulator.root}; stop with Ctrl+C. In another shell:")
    console.notice(f"  RECONCILER_GRAPH_URL={emulator.root} reconciler plan")
    if emulator.authority is not None:
        console.notice(f"Issuing tokens on {emulator.authority}, trusted by {certificates}.")
