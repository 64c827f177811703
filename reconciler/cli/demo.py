"""`reconciler demo`: the whole story against the embedded emulator, by the commands a user would type."""

import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path

import click

from reconciler.cli.demo_stage import Stage, say
from reconciler.cli.demo_story import tell
from reconciler.cli.output_files import empty_folder
from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import load_seed
from reconciler.errors import EXIT_DONE, EXIT_INCOMPLETE
from reconciler.sample import SAMPLE_TREE
from reconciler.schemas import PUBLISHED


@click.command(
    "demo",
    short_help="Run the whole story against the embedded emulator.",
    epilog="Example: reconciler demo --keep reconciler-demo",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Tell it in this new or empty folder, and leave there what it wrote: tree, plans, report, journal."
    "  [default: a temporary folder, which goes]",
)
def command(*, keep: Path | None) -> int:
    """Tell the whole story by the commands a user would type, with what they print.

    Four people get another sign-in, a job is killed and heals, they redeem; then a pull request, a guest who
    was changed after the review, and a run that is refused.

    The sample tenant is served by the embedded emulator; nothing outside of one folder is written.

    Exit codes: 0 the story ended as it should; 2 the folder cannot be used; 7 the story did not.
    """
    if keep is not None:
        empty_folder(keep)
    with (
        tempfile.TemporaryDirectory(prefix="reconciler-demo-") if keep is None else nullcontext(keep) as name
    ):
        folder = Path(name).resolve()
        shutil.copytree(SAMPLE_TREE, folder / "desired")
        shutil.copytree(PUBLISHED, folder / "schemas")  # to which the first line of each file points
        seed = load_seed(folder / "desired" / "emulator.yaml")
        with serve(None, seed=seed) as emulator, ControlClient(emulator.root) as tenant:
            say(f"A sample tree and an emulated tenant in {folder}; the commands, and what they say:")
            good = tell(Stage(folder=folder, root=emulator.root, tenant=tenant))
    say("\nThe story ended as it should." if good else "\nThe story did not end as it should: see above.")
    if keep is not None:
        say(f"What it wrote is in {keep}; the tenant is gone with the emulator.")
    return EXIT_DONE if good else EXIT_INCOMPLETE
