"""`reconciler init`: write the first files of a repository of one's own."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

import click
from click.core import ParameterSource

from reconciler.cli import console
from reconciler.cli.format_option import format_option
from reconciler.cli.init_options import chosen
from reconciler.cli.tree_changes import diff_of, write_changes
from reconciler.desired import load
from reconciler.desired.changes import FileChange
from reconciler.desired.tree import Tree, read_tree
from reconciler.documents import dump
from reconciler.errors import EXIT_DONE, UsageError
from reconciler.model import Cloud
from reconciler.render.wording import count_of
from reconciler.rules import Rule
from reconciler.sample import SAMPLE_TENANT, SAMPLE_TREE
from reconciler.scaffold import CI, OWNED, Choices, PackageData, new_files
from reconciler.schemas import PUBLISHED

_Format = Literal["text", "json"]

_TREE: Final = "desired"
_YAML: Final = (".yaml", ".yml")


@click.command(
    "init",
    short_help="Write the first files of a repository of your own.",
    epilog="Example: reconciler init guests --tenant 7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10 --ci none",
)
@click.argument("folder", metavar="[DIR]", default=Path(), type=click.Path(path_type=Path, file_okay=False))
@click.option("--tenant", metavar="GUID", help="The id of the Entra tenant; asked for in a terminal.")
@click.option(
    "--cloud", type=click.Choice([cloud.value for cloud in Cloud]), help="Of the tenant.  [default: global]"
)
@click.option(
    "--ci",
    type=click.Choice([ci.value for ci in CI]),
    default=CI.NONE.value,
    show_default=True,
    help="The system that plans pull requests and applies what is merged.",
)
@click.option(
    "--uses",
    metavar="OWNER/REPO@COMMIT",
    help="The product's repository on GitHub, and the 40 digits of the commit that the CI files run.",
)
@click.option("--admins", metavar="OWNER", help="Reviews everything: the first line of CODEOWNERS.")
@click.option("--guest-owners", metavar="OWNER", help="Reviews guests' entries instead of --admins.")
@click.option(
    "--emulator",
    is_flag=True,
    help="Write the sample, with a tenant in the embedded emulator; --tenant gives it another id.",
)
@click.option("--dry-run", is_flag=True, help="Print a diff for git apply, and write nothing.")
@format_option(get_args(_Format))
@click.pass_context
def command(ctx: click.Context, /, *, folder: Path, dry_run: bool, format_: _Format, **options: Any) -> int:
    """Write the first files of a repository of your own into DIR, or the working directory.

    A desired tree that declares nobody yet, the schemas for editors, what git must ignore, a README for the
    people who will change addresses, and for a CI system its files and CODEOWNERS. No code of the product,
    and no request to anything.

    Exit codes: 0 written, 2 wrong usage, or one of the files is there already.
    """
    if ctx.find_root().get_parameter_source("desired") is not ParameterSource.DEFAULT:
        raise UsageError(
            "--desired has no effect here: the tree becomes DIR/desired",
            rule=Rule.OPTION_CONFLICT,
            hint="leave --desired out, and name the folder: reconciler init DIR",
        )
    choices = chosen(**options, terminal=sys.stdin.isatty())
    files = new_files(choices, _package_data())
    _check_free(folder, files)
    _check_valid(files)
    if not dry_run:
        with _existing(folder):
            write_changes(folder, files)
    _show(folder, choices, files, dry_run=dry_run, as_json=format_ == "json")
    return EXIT_DONE


def _package_data() -> PackageData:
    return PackageData(
        schemas={path.name: path.read_bytes() for path in PUBLISHED.glob("*.json")},
        sample={
            path.relative_to(SAMPLE_TREE).as_posix(): path.read_bytes()
            for path in SAMPLE_TREE.rglob("*")
            if path.suffix in _YAML
        },
        sample_tenant=SAMPLE_TENANT,
    )


def _check_free(folder: Path, files: Sequence[FileChange]) -> None:
    """Raise `UsageError` with everything that stands where a file would be written, or belongs to a tree."""
    owners = any(change.file.endswith("CODEOWNERS") for change in files)
    taken = sorted(
        {name for change in files for name in _in_the_way(folder, change.file)}
        | set(_tree_files(folder))
        | set(_other_owners(folder) if owners else ())
    )
    if taken:
        raise UsageError(
            f"nothing was written, because {'this is' if len(taken) == 1 else 'these are'} there already: "
            f"{', '.join(taken)}",
            rule=Rule.TARGET_EXISTS,
            hint="name a new folder, as in: reconciler init NEW, and take from there what you need",
        )


def _in_the_way(folder: Path, file: str) -> Iterator[str]:
    """Yield the file if it exists, or what is no folder on the way to it: a link leads elsewhere."""
    *parents, _ = parts = file.split("/")
    for depth in range(1, len(parents) + 1):
        parent = folder.joinpath(*parts[:depth])
        if os.path.lexists(parent) and (parent.is_symlink() or not parent.is_dir()):
            yield "/".join(parts[:depth])
            return
    if os.path.lexists(folder / file):
        yield file


def _tree_files(folder: Path) -> Iterator[str]:
    """Yield the files of a tree that is there: it would declare more than what is written."""
    tree = read_tree(folder / _TREE)
    yield from (f"{_TREE}/{file}" for file in tree.files)
    yield from (f"{_TREE}/{one.file}" for one in tree.problems if one.rule is not Rule.NO_TREE)


def _other_owners(folder: Path) -> Iterator[str]:
    """Yield files of owners elsewhere: GitHub and GitLab take the first of these places, and no other."""
    places = ("CODEOWNERS", "docs/CODEOWNERS", *(f".{ci}/CODEOWNERS" for ci in OWNED))
    yield from (place for place in places if os.path.lexists(folder / place))


def _check_valid(files: Sequence[FileChange]) -> None:
    """Validate the tree as `validate` will. Raises `InvalidDesired`, which the choices leave no way to."""
    tree = {
        change.file.removeprefix(f"{_TREE}/"): change.after
        for change in files
        if change.file.startswith(f"{_TREE}/")
    }
    load(Tree(files=dict(sorted(tree.items()))), now=datetime.now(UTC))


@contextmanager
def _existing(folder: Path) -> Iterator[None]:
    """Make the folder, with those above it; an error takes away again what was made."""
    made: list[Path] = []
    try:
        for each in (*reversed(folder.parents), folder):
            if not each.is_dir():
                each.mkdir()
                made.append(each)
        yield
    except BaseException as error:
        for each in reversed(made):
            with suppress(OSError):
                each.rmdir()
        if isinstance(error, OSError):
            reason = "something else is there" if isinstance(error, FileExistsError) else error.strerror
            raise UsageError(
                f"the folder {folder} cannot be made: {reason}",
                rule=Rule.FILE_UNUSABLE,
                hint="name a folder that can be written; nothing was written",
            ) from error
        raise


def _show(
    folder: Path, choices: Choices, files: Sequence[FileChange], *, dry_run: bool, as_json: bool
) -> None:
    to_do = _to_do(choices)
    next_command = "reconciler plan" if choices.tenant is None else "reconciler import"
    diff = diff_of(folder, files).decode() if dry_run else None
    if as_json:
        document: dict[str, Any] = {
            "files": [change.file for change in files],
            "written": not dry_run,
            "toDo": to_do,
            "next": next_command,
        }
        console.result(dump(document if diff is None else {**document, "diff": diff}))
    else:
        names = "".join(f"{change.file}\n" for change in files)
        console.result(names if diff is None else diff)
    for line in to_do:
        console.notice(f"To do: {line}.")
    if dry_run:
        console.notice(f"Nothing was written: {count_of(len(files), 'file')} would be.")
        return
    console.notice(f"{count_of(len(files), 'file')} written. Next, in the folder {folder}:")
    console.notice(next_command)


def _to_do(choices: Choices) -> list[str]:
    to_do = []
    if choices.tenant is not None and choices.cloud is Cloud.EMULATOR:
        to_do.append(
            "run an emulator and name it in RECONCILER_GRAPH_URL, or begin again with --emulator, "
            "which writes a sample tenant: there is no desired/emulator.yaml to make one from"
        )
    if choices.owners is None and choices.ci in OWNED:
        to_do.append(
            f"put your owners into .{choices.ci}/CODEOWNERS, or begin again with --admins: "
            "nobody has to review anything yet"
        )
    return to_do
