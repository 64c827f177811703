"""`reconciler import`: read the tenant, sort its guests, add entries, show.

Holds only a reader of the directory, so it cannot write there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, assert_never, get_args

import click

from reconciler.cli import console
from reconciler.cli.collection import without_collection
from reconciler.cli.desired_option import desired_option
from reconciler.cli.endpoint import endpoint
from reconciler.cli.format_option import format_option
from reconciler.cli.output_files import check_writable, clear, write_whole
from reconciler.cli.path_conflicts import check_outside_tree
from reconciler.cli.read_progress import read_progress
from reconciler.cli.signals import run_until_signal
from reconciler.cli.tree_changes import check_unchanged, diff_of, not_editable, write_changes
from reconciler.clock import SystemClock
from reconciler.desired import Tree, load, read_tree
from reconciler.desired.changes import FileChange, load_changed
from reconciler.desired.loading import MAX_ENTRIES
from reconciler.desired.tree import MAX_FILES, MAX_TREE_BYTES, is_declaring
from reconciler.documents import dump, import_to_json
from reconciler.editing import CannotEdit, append_entries
from reconciler.errors import EXIT_DONE, InvalidDesired, Refused
from reconciler.graph.reader import open_tenant_reader
from reconciler.importing import (
    Addition,
    Candidate,
    Grouping,
    Import,
    Selection,
    Sorted,
    candidate,
    new_file,
    place,
    sort_out,
)
from reconciler.model import Desired, NotChecked, ObjectId, RedemptionState, TenantReader, address_flaw
from reconciler.render import import_text
from reconciler.render.import_view import import_view
from reconciler.rules import Rule

_Format = Literal["text", "json"]

_STATES = {"accepted": RedemptionState.ACCEPTED, "pending": RedemptionState.PENDING}

_SCHEMA = "schemas/guests.schema.json"
"""Where `init` puts the schema of the files, beside the tree."""


def _domains(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> frozenset[str]:
    """Check the domains of the command line, and return them in lower case."""
    for value in values:
        if "." not in value or address_flaw(f"a@{value}") is not None:
            raise click.BadParameter(
                f"{value!r} is no domain: give what stands after the @, as fabrikam.example"
            )
    return frozenset(value.lower() for value in values)


@click.command(
    "import",
    short_help="Declare the guests of a tenant as they are.",
    epilog="Example: reconciler import --report import.json",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The tree that entries are added to; it has a tenant.yaml. Default: the tree of --desired.",
)
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="D",
    callback=_domains,
    help="Only guests with a mail in exactly this domain. May be given several times.",
)
@click.option(
    "--state", type=click.Choice(list(_STATES)), help="Only guests who have redeemed, or who have not yet."
)
@click.option(
    "--group-by",
    "grouping",
    type=click.Choice([grouping.value for grouping in Grouping]),
    default=Grouping.DOMAIN.value,
    show_default=True,
    help="Which guests share a file: those of a domain, or all.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the JSON document with every guest; an older file is removed first.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the changes of the files as a unified diff, and write none of them.",
)
@format_option(get_args(_Format))
@desired_option
def command(
    *,
    desired: Path,
    out: Path | None,
    domains: frozenset[str],
    state: str | None,
    grouping: str,
    report: Path | None,
    dry_run: bool,
    format_: _Format,
) -> int:
    """Add an entry for every guest of the tenant whom the tree does not declare, as the directory has them.

    Planning right after shows no change. Guests who cannot be declared are listed with the reason.
    Sends nothing but GET requests. Files that stand in the tree keep every byte; all files are written
    or none.

    Exit codes: 0 imported, also when there was nobody to add; 2 wrong usage; 3 the tree is invalid, or a
    file cannot be added to; 5 the live tenant is another one, or the tree would become too large; 6 the
    directory cannot be read.
    """
    root = desired if out is None else out
    _prepare(report, root)
    selection = Selection(domains=domains, state=None if state is None else _STATES[state])
    with without_collection():
        done, changes = _import(root, selection, Grouping(grouping), dry_run=dry_run)
    if report is not None:
        write_whole(report, dump(import_to_json(done)))
    _show(done, diff_of(root, changes) if dry_run else b"", format_)
    return EXIT_DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Users:
    """The users of the tenant as far as an import needs them."""

    candidates: Sequence[Candidate]
    role_holders: dict[ObjectId, str]
    not_checked: tuple[NotChecked, ...]


def _load(tree: Tree) -> Desired:
    """Validate the tree; one that is not begun yet is named with the command that begins it."""
    try:
        return load(tree, now=datetime.now(UTC))
    except InvalidDesired as error:
        begin = "create the tree: reconciler init; or name the folder of an existing one: --out DIR"
        raise InvalidDesired(
            tuple(
                replace(problem, hint=begin)
                if problem.rule in {Rule.NO_TREE, Rule.MISSING_TENANT}
                else problem
                for problem in error.problems
            )
        ) from error


async def _read(desired: Desired, root: Path) -> _Users:
    with endpoint(desired, root) as found:
        async with open_tenant_reader(found.root, found.tokens) as reader:
            return await _read_tenant(reader, desired)


async def _read_tenant(reader: TenantReader, desired: Desired) -> _Users:
    await reader.read_tenant(desired.tenant_id)
    with read_progress(SystemClock()) as progress:
        listed = await reader.list_guests(candidate, progress=progress)
        roles = await reader.find_roles(listed.users.keys())
    return _Users(
        candidates=tuple(listed.users.values()),
        role_holders=dict(roles.holders),
        not_checked=tuple(sorted({*listed.not_checked, *roles.not_checked})),
    )


def _head(root: Path) -> str:
    """Return the line that makes editors check a new file, if the schema stands beside the tree."""
    schema = root.absolute().parent / _SCHEMA
    if not schema.is_file():
        return ""
    return f"# yaml-language-server: $schema=../../{_SCHEMA}\n"


def _changes(additions: Sequence[Addition], *, head: str) -> list[FileChange]:
    """Return the files with their new entries. Raises `RejectedChange` for one that cannot be added to."""
    changes = []
    for addition in additions:
        try:
            after = (
                new_file(addition.blocks, head=head)
                if addition.before is None
                else append_entries(addition.before, addition.blocks)
            )
        except CannotEdit as error:
            raise not_editable(addition.file, error) from error
        changes.append(FileChange(file=addition.file, before=addition.before, after=after))
    return changes


def _import(
    root: Path, selection: Selection, grouping: Grouping, *, dry_run: bool
) -> tuple[Import, list[FileChange]]:
    """Read the tree and the tenant, and write the changed files unless it is a dry run."""
    tree = read_tree(root)
    declared = _load(tree)
    users = run_until_signal(lambda: _read(declared, root))
    found = sort_out(users.candidates, role_holders=users.role_holders, desired=declared, selection=selection)
    additions = place(found.entries, tree.files, grouping=grouping)
    changes = _changes(additions, head=_head(root))
    _validate(found, declared, tree, changes)
    if not dry_run:
        # Reading a large tenant takes minutes, in which others edit the tree.
        check_unchanged(root, tree)
        write_changes(root, changes)
    done = Import(
        tenant_id=declared.tenant_id,
        cloud=declared.cloud,
        found=found,
        additions=additions,
        not_checked=users.not_checked,
        dry_run=dry_run,
    )
    return done, changes


def _prepare(report: Path | None, root: Path) -> None:
    """Check that the report can be written, and remove an older one: a killed run must leave none."""
    if report is not None:
        check_outside_tree({"--report": report}, root)
        check_writable(report)
        clear(report)


def _validate(found: Sorted, desired: Desired, tree: Tree, changes: Sequence[FileChange]) -> None:
    """Check the tree as it would be. Raises `Refused` for its size, `RejectedChange` for a problem in it."""
    files = {file: data for file, data in tree.files.items() if is_declaring(file)}
    files |= {change.file: change.after for change in changes}
    counts = {
        "guests": (len(desired.guests) + len(found.entries), MAX_ENTRIES),
        "files": (len(files), MAX_FILES),
        "bytes": (sum(map(len, files.values())), MAX_TREE_BYTES),
    }
    for what, (count, most) in counts.items():
        if count > most:
            raise Refused(
                f"the tree would have {count} {what}, and {most} can be read: nothing was written",
                rule=Rule.IMPORT_TOO_LARGE,
                hint="import some of the domains (--domain), or all guests in few files (--group-by none)",
            )
    if changes:
        load_changed(tree, changes, now=datetime.now(UTC))


def _show(done: Import, diff: bytes, format_: _Format) -> None:
    """Print the result; the diff of `--dry-run` is the result as text, and the summary goes to stderr."""
    match format_:
        case "json":
            console.emulator_notice(done.cloud)
            console.result(dump(import_to_json(done)))
        case "text":
            summary = import_text.render(import_view(done), width=console.width(), colour=console.colour())
            if done.dry_run:
                console.block(summary.rstrip("\n"))
            console.result(diff.decode() if done.dry_run else summary)
        case _ as unknown:
            assert_never(unknown)
