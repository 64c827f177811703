"""`reconciler set-email`: declare other addresses, of one guest, of a list, or of a whole domain."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import click

from reconciler.cli.desired_option import desired_option
from reconciler.cli.format_option import format_option
from reconciler.cli.limit_raise import needed_raise, raise_assignment, raise_value, read_day
from reconciler.cli.set_email_output import Readdressed, show
from reconciler.cli.set_email_request import Request, Wanted, wanted
from reconciler.cli.tree_changes import carry_out, not_editable
from reconciler.desired import read_tree
from reconciler.desired.survey import Survey, survey
from reconciler.editing import CannotEdit
from reconciler.editing.addresses import file_changes
from reconciler.errors import EXIT_DONE, UsageError
from reconciler.rules import Rule

_Format = Literal["text", "json"]


@click.command(
    "set-email",
    short_help="Declare other addresses: of one guest, a list, or a domain.",
    epilog="Example: reconciler set-email --domain fabrikam.example --to newco.example --dry-run",
)
@click.argument("who", required=False)
@click.argument("email", required=False)
@click.option("--reset", is_flag=True, help="Also have the guest redeem again: write resetAfter as of now.")
@click.option(
    "--from",
    "rows",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="A CSV file with the header id,email or from,to, with commas or semicolons; - is stdin.",
)
@click.option("--domain", metavar="OLD", help="Every address of exactly this domain, sub-domains not.")
@click.option("--to", metavar="NEW", help="The domain in place of OLD; what stands before @ is kept.")
@click.option("--alternates", is_flag=True, help="With --domain: alternateEmails of that domain too.")
@click.option(
    "--raise-until",
    metavar="DAY",
    help="Write the raise of the limits that so many changes need into tenant.yaml, through this day (UTC).",
)
@click.option("--reason", metavar="TEXT", help="The reason that this raise gives its reviewers.")
@click.option("--dry-run", is_flag=True, help="Print a diff for git apply, and write nothing.")
@format_option(get_args(_Format))
@desired_option
def command(
    *,
    desired: Path,
    raise_until: str | None,
    dry_run: bool,
    format_: _Format,
    **request: Any,
) -> int:
    """Declare other addresses in the files of the tree; the directory is not changed.

    WHO is an object id, or a declared email, or else the live mail of a declared guest: only then the
    directory is asked. Every other byte of the files stays; all files are changed or none.

    Exit codes: 0 done, or declared already; 2 wrong usage, or a guest who is not declared; 3 the tree is or
    would be invalid, or rows of the list are bad; 5 a file changed meanwhile, or another tenant was asked.
    """
    now = datetime.now(UTC)
    if (raise_until is None) != (request["reason"] is None):
        raise UsageError(
            "--raise-until and --reason belong together", rule=Rule.RAISE_FORM, hint="give both, or none"
        )
    until = None if raise_until is None else read_day(raise_until, now)
    asked = Request(raise_until=until, **request)
    asked.check()
    found = survey(read_tree(desired), now=now)
    changes = wanted(asked, found, desired)
    show(_carry_out(asked, found, changes, desired, dry_run=dry_run), as_json=format_ == "json")
    return EXIT_DONE


def _carry_out(request: Request, found: Survey, changes: Wanted, root: Path, *, dry_run: bool) -> Readdressed:
    """Write the files, or only compute their diff."""
    # Whoever reads that a raise is needed asks for it by the same call: the files are changed by then.
    waiting = changes.already if request.raise_until is not None else 0
    suggested = needed_raise(found, len(changes.changes) + waiting)
    limit_raise = None
    if suggested is not None:
        reason = request.reason or request.call
        limit_raise = raise_value(suggested, until=request.raise_until, reason=reason)
    write_raise = limit_raise is not None and request.raise_until is not None
    try:
        edits = file_changes(
            found,
            changes.changes,
            tenant=[raise_assignment(found, limit_raise)] if limit_raise and write_raise else [],
        )
    except CannotEdit as error:
        raise not_editable(error.file, error) from error
    diff = carry_out(root, found, edits, dry_run=dry_run)
    return Readdressed(
        survey=found,
        wanted=changes,
        files=tuple(change.file for change, _ in edits),
        limit_raise=limit_raise,
        raise_written=write_raise,
        raise_asked=request.raise_until is not None,
        diff=diff,
    )
