"""`reconciler prune`: remove the entries of guests who are gone from the tenant."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import click

from reconciler.cli import console
from reconciler.cli.desired_option import desired_option
from reconciler.cli.endpoint import endpoint
from reconciler.cli.format_option import format_option
from reconciler.cli.signals import run_until_signal
from reconciler.cli.tree_changes import carry_out, not_editable
from reconciler.cli.who import find_who
from reconciler.desired import load, read_tree
from reconciler.desired.changes import FileChange
from reconciler.desired.survey import Survey, survey
from reconciler.documents import dump
from reconciler.editing import CannotEdit, Edited, removed
from reconciler.errors import EXIT_DONE, DirectoryError, Refused
from reconciler.graph.reader import open_reader
from reconciler.model import Desired, FoundGuests, ObjectId, format_instant
from reconciler.plan.gone import Gone, gone
from reconciler.render.escape import terminal
from reconciler.render.wording import count_of
from reconciler.rules import Rule

_Format = Literal["text", "json"]


@click.command(
    "prune",
    short_help="Remove entries of guests who are gone from the tenant.",
    epilog="Example: reconciler prune --deleted-days 30 --dry-run",
)
@click.argument("who", nargs=-1)
@click.option(
    "--deleted-days",
    type=click.IntRange(min=0, max=36_500),
    default=30,
    show_default=True,
    metavar="N",
    help="Keep entries of users who are deleted for no more than N days: they can be restored.",
)
@click.option(
    "--yes",
    is_flag=True,
    help="Remove them also when they are more than policy.maxChangePercent of all entries, or all of a file.",
)
@click.option("--dry-run", is_flag=True, help="Print a diff for git apply, and write nothing.")
@format_option(get_args(_Format))
@desired_option
def command(
    *, desired: Path, who: tuple[str, ...], deleted_days: int, yes: bool, dry_run: bool, format_: _Format
) -> int:
    """Remove the entries that a plan blocks as not-found, or as deleted for more than --deleted-days.

    With WHO, object ids or declared addresses, only these entries, and also when they are on hold or
    protected. The directory is read, never changed. Comment lines directly above an entry go with it.

    Exit codes: 0 removed, or nothing to remove; 2 wrong usage, or WHO is not declared; 3 the tree is invalid
    or cannot be edited; 5 too many without --yes, or another tenant; 6 a guest or the directory cannot be
    read.
    """
    now = datetime.now(UTC)
    files = read_tree(desired)
    found = survey(files, now=now)
    declared = load(files, now=now)
    named = _named(found, who, desired)
    live = run_until_signal(lambda: _read(declared, desired, named))
    rows = gone(declared.guests, live, policy=declared.policy, now=now, days=deleted_days, named=named)
    going = [row for row in rows if not row.kept]
    edits = _edits(found, going)
    too_many = None if yes else _too_many(found, going)
    diff = carry_out(desired, found, edits, dry_run=True) if dry_run or too_many else None
    if diff is None:
        carry_out(desired, found, edits, dry_run=False)
    console.emulator_notice(declared.cloud)
    for guest in sorted(named & live.guests.keys()):
        console.notice(f"{guest} is a user of the tenant, so its entry stays.")
    _show(rows, diff if dry_run else None, as_json=format_ == "json", written=diff is None and bool(going))
    if too_many is not None:
        raise too_many
    return EXIT_DONE


def _named(found: Survey, who: Sequence[str], root: Path) -> frozenset[ObjectId]:
    names = find_who(found, who, root=root)
    keys = [names.one(each) for each in who]
    return frozenset(ObjectId(found.entry(key)["id"].lower()) for key in keys)


async def _read(desired: Desired, tree: Path, named: Collection[ObjectId]) -> FoundGuests:
    """Read the declared guests. Raises `DirectoryError` when it is not certain of each where it is."""
    declared = frozenset(entry.id for entry in desired.guests)
    with endpoint(desired, tree) as place:
        async with open_reader(place.root, place.tokens) as reader:
            await reader.read_tenant(desired.tenant_id)
            found = await reader.find_guests(declared, wanted=named or declared, addresses=())
    for missed in found.not_checked:
        raise DirectoryError(
            f"the {missed.check} could not be read, so it is not known who is gone: {missed.reason}",
            rule=Rule.GUEST_NOT_READ,
            hint=f"grant the application {missed.permission}" if missed.permission else "prune again later",
        )
    for guest, property_ in found.odd.items():
        raise DirectoryError(
            f"the directory gives {property_} of {guest} in a shape that nobody documented",
            rule=Rule.GUEST_NOT_READ,
            hint="put the user right in the Entra admin center, or use a version that knows this shape",
        )
    return found


def _edits(found: Survey, going: Sequence[Gone]) -> list[tuple[FileChange, Edited]]:
    """Build the edits of the files of the entries that go."""
    indexes: dict[str, list[int]] = defaultdict(list)
    for row in going:
        key = found.ids[row.entry.id]
        indexes[key.file].append(key.number)
    edits = []
    for file, numbers in sorted(indexes.items()):
        data = found.tree.files[file]
        try:
            edited = removed(data, numbers, before={"guests": found.files[file]})
        except CannotEdit as error:
            raise not_editable(file, error) from error
        edits.append((FileChange(file=file, before=data, after=edited.data), edited))
    return edits


def _too_many(found: Survey, going: Sequence[Gone]) -> Refused | None:
    """Return the refusal of a removal that is more likely a mistake than a clean-up."""
    percent = found.tenant.policy.max_change_percent
    counts: dict[str, int] = defaultdict(int)
    for row in going:
        counts[row.entry.source.file] += 1
    emptied = sorted(file for file, count in counts.items() if count == len(found.files[file]))
    reasons = [f"all entries of {file} would go" for file in emptied]
    if len(going) * 100 > len(found.ids) * percent:
        reasons.insert(0, f"{len(going)} of {len(found.ids)} entries would go, {percent} % are allowed")
    if not reasons:
        return None
    return Refused(
        f"{'; '.join(reasons)}; nothing was written",
        rule=Rule.PRUNE_LIMIT,
        hint="look at the list; if these guests are really gone, repeat with --yes",
    )


def _show(rows: Sequence[Gone], diff: bytes | None, *, as_json: bool, written: bool) -> None:
    if as_json:
        document: dict[str, Any] = {
            "removed": [_row(row) for row in rows if not row.kept],
            "kept": [{**_row(row), "reason": row.kept} for row in rows if row.kept],
            "written": written,
        }
        console.result(dump(document if diff is None else {**document, "diff": diff.decode()}))
        return
    going = [row for row in rows if not row.kept]
    lines = [f"{_line(row)}: {row.rule}" for row in going]
    lines += [f"{_line(row)}: {row.rule}, stays: {row.kept}" for row in rows if row.kept]
    did = "removed" if written or not going else "would be removed"
    lines.append(f"{count_of(len(going), 'entry', 'entries')} {did}, {len(rows) - len(going)} kept.")
    text = "\n".join(map(terminal, lines))
    if diff is None:
        console.result(text)
        return
    console.result_bytes(diff)
    console.block(text)


def _line(row: Gone) -> str:
    entry = row.entry
    return (
        f"{entry.id} {entry.name or ''}".rstrip()
        + f" ({entry.email}, {entry.source.file}:{entry.source.line})"
    )


def _row(row: Gone) -> dict[str, Any]:
    return {
        "id": row.entry.id,
        "name": row.entry.name,
        "email": row.entry.email.text,
        "file": row.entry.source.file,
        "line": row.entry.source.line,
        "rule": row.rule.value,
        "deletedAt": None if row.deleted_at is None else format_instant(row.deleted_at),
    }
