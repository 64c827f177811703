"""`reconciler demo`: the whole sequence against the embedded emulator, by the commands a user would type."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from reconciler.cli import console
from reconciler.emulator.control.client import ControlClient, GuestTruth
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import load_seed
from reconciler.errors import EXIT_DONE, EXIT_INCOMPLETE
from reconciler.render import escape
from reconciler.sample import SAMPLE_TREE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """The folder and the emulator of the demo."""

    folder: Path
    root: str

    def type(self, *arguments: str) -> int:
        """Run the command as its own process, print its output, and return its exit code."""
        _say(f"\n$ reconciler {' '.join(arguments)}")
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.folder,
            env={**os.environ, "RECONCILER_GRAPH_URL": self.root, "RECONCILER_GRAPH_TOKEN": "emulator"},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        _say(f"(exit code {done.returncode})")
        return done.returncode


@click.command(
    "demo",
    short_help="Run the whole story against the embedded emulator.",
    epilog="Example: reconciler demo",
)
def command() -> int:
    """Run the whole story in a temporary folder: validate, plan, apply, redeem, plan again.

    A sample tenant with four guests whose sign-in has to change, served by the embedded emulator;
    nothing outside that folder is read or written.

    Exit codes: 0 the story ended as it should, 7 it did not.
    """
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as temporary:
        folder = Path(temporary)
        shutil.copytree(SAMPLE_TREE, folder / "desired")
        seed = load_seed(folder / "desired" / "emulator.yaml")
        with serve(None, seed=seed) as emulator, ControlClient(emulator.root) as control:
            _say(f"A sample tree and an emulated tenant in {folder}; the commands, and what they say:")
            good = _tell(_Stage(folder=folder, root=emulator.root), control)
    return EXIT_DONE if good else EXIT_INCOMPLETE


def _tell(stage: _Stage, control: ControlClient) -> bool:
    before = control.truth()
    codes = [
        stage.type("validate"),
        stage.type("plan", "--out", "plan.json"),
        stage.type("apply", "--plan", "plan.json", "--report", "report.json", "--journal", "journal.jsonl"),
    ]
    kept = _show_record(before, control)
    _redeem(before, control)
    codes.append(stage.type("plan", "--detailed-exitcode"))
    good = kept and codes == [EXIT_DONE] * len(codes)
    _say(
        "\nThe plan shows no change: the directory is as declared."
        if good
        else "\nThe story did not end as it should: see above."
    )
    return good


def _show_record(before: Mapping[str, GuestTruth], control: ControlClient) -> bool:
    """Print from the tenant's own record each guest's state; return whether all kept their access."""
    after = control.truth()
    history = control.history()
    _say("\nWhat the tenant itself recorded:")
    touched = {write.id for write in history}
    all_kept = True
    for guest, was in before.items():
        now = after[guest]
        if guest not in touched:
            continue
        kept = _possessions(was) == _possessions(now)
        all_kept = all_kept and kept
        resets = sum(write.operation == "reset" for write in history if write.id == guest)
        _say(f"  {was.display_name}: {was.mail} -> {now.mail}; resets: {resets}")
        _say(f"    groups {', '.join(now.groups)}; apps {', '.join(now.app_role_assignments)}")
        _say(f"    same id, user principal name, groups and apps as before: {'yes' if kept else 'NO'}")
    _say(f"  {len(before) - len(touched)} other guests: not touched")
    return all_kept


def _possessions(guest: GuestTruth) -> tuple[object, ...]:
    return guest.id, guest.user_principal_name, guest.groups, guest.app_role_assignments


def _redeem(before: Mapping[str, GuestTruth], control: ControlClient) -> None:
    """Redeem the link of each invited person, and then try to sign in with the former addresses."""
    _say("\nThe people at the new addresses follow the link they were sent:")
    for message in control.messages():
        came = control.redeem(message.redeem_url, message.to)
        _say(f"  {message.to}: {came.result}")
    _say("The former ones open an app:")
    for guest, now in control.truth().items():
        former = before[guest].mail
        if former is not None and former != now.mail:
            came = control.sign_in(former)
            _say(f"  {former}: {came.result} ({came.reason})")


def _say(line: str) -> None:
    console.result(escape.terminal(line) if not line.startswith("\n") else "\n" + escape.terminal(line[1:]))
    sys.stdout.flush()
