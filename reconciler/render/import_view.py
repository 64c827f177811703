"""What an import found as it is shown: users by rule with the remedy of each, hints, files and counts.

Nothing here is escaped.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.importing import Addition, Finding, Hint, Import
from reconciler.model import ObjectId, TenantId
from reconciler.render.wording import count_of, emulator_notice
from reconciler.rules import Rule

SHOWN: Final = 10
"""Most users of one rule, and most files, that are named on the screen."""

_LEFT_OUT: Final[Mapping[Rule, str]] = {
    Rule.NO_MAIL: "Write the entry by hand with the address the guest should sign in with; plan shows the "
    "change.",
    Rule.ADDRESS: "Write the entry by hand with an address that Microsoft takes in an invitation; plan shows "
    "the change.",
    Rule.DUPLICATE_ADDRESS: "Decide whose address it is: write that entry by hand, and have the others' "
    "addresses changed in the directory.",
    Rule.NOT_B2B: "Nothing to do: these users were never invited, and sign in with accounts of the tenant.",
    Rule.ON_PREMISES_SYNCED: "Nothing to do here: their addresses are changed where they come from.",
    Rule.HALF_DONE: "Declare the guest by hand with the address in mail, and apply: that finishes the "
    "change. Never delete the marker by hand.",
    Rule.ODD_GUEST: "Put the user right in the Entra admin center, or use a version of reconciler that knows "
    "this shape.",
}
"""The remedy for each rule that leaves a user out, in the order of display."""

_LIMITED: Final[Mapping[Rule, str]] = {
    Rule.HOLDS_ROLE: "Before a change of address: have the role removed for that time.",
    Rule.GUEST_DISABLED: "Before a change of address: have the account enabled.",
    Rule.MANAGEMENT_RESTRICTED: "Before a change of address: have the guest taken out of the unit for that "
    "time.",
}

_HINTS: Final[Mapping[Rule, str]] = {
    Rule.NAME_ALTERED: "Put the display name right in the directory, or name in the file.",
    Rule.ALTERNATES_LEFT_OUT: "To have the whole list declared, write alternateEmails by hand; plan shows "
    "what that changes.",
    # The longest list, and the one that matters most, comes last, where it stands on the screen.
    Rule.MAY_SIGN_IN_AS: "Their mail may have been edited by hand and never reset. Ask the person, or look "
    "at the sign-in log, before you reset.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportGroup:
    """The users with the same rule, at least one."""

    title: str
    advice: str

    rows: tuple[tuple[str, str], ...]
    """Who it is, and the message; `SHOWN` at most."""

    more: str | None
    """That there are others; `None` when all are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportView:
    """An import for the screen."""

    emulator: str | None
    tenant_id: TenantId
    groups: tuple[ImportGroup, ...]
    hints: tuple[ImportGroup, ...]

    not_checked: tuple[str, ...]
    """The checks that could not be made, a sentence each."""

    files: tuple[str, ...]
    """`SHOWN` at most, and how many more there are."""

    headline: str
    counts: str


def import_view(done: Import) -> ImportView:
    """Build the view of an import."""
    found, added = done.found, len(done.found.entries)
    would = "would be " if done.dry_run else ""
    return ImportView(
        emulator=emulator_notice(done.cloud),
        tenant_id=done.tenant_id,
        groups=(
            *_groups(found.left_out, _LEFT_OUT, "Left out"),
            *_groups(found.limited, _LIMITED, "Added, but cannot be changed now"),
        ),
        hints=tuple(_groups(found.hints, _HINTS, "Look at these")),
        not_checked=tuple(
            f"{missed.check} not checked: {missed.reason}"
            + (f"; grant {missed.permission}" if missed.permission else "")
            for missed in done.not_checked
        ),
        files=tuple(_files(done.additions)),
        headline=f"{count_of(added, 'guest')} {would}added to {count_of(len(done.additions), 'file')}"
        if added
        else "0 added: no file was touched",
        counts=f"{count_of(found.total, 'guest')}: {len(found.written)} written, {len(found.limited)} "
        f"written but limited, {len(found.declared)} declared already, {len(found.left_out)} left out",
    )


def _groups(
    findings: Iterable[Finding | Hint], advice: Mapping[Rule, str], title: str
) -> Iterable[ImportGroup]:
    """Yield the groups in the order of `advice`, which has every rule that occurs."""
    by_rule: defaultdict[Rule | None, list[Finding | Hint]] = defaultdict(list)
    for one in findings:
        by_rule[one.rule].append(one)
    for rule, remedy in advice.items():
        members = by_rule.pop(rule, [])
        if members:
            yield ImportGroup(
                title=f"{title}: {rule} ({len(members)})",
                advice=remedy,
                rows=tuple((_who(one.id, one.name, one.email), one.message) for one in members[:SHOWN]),
                more=_more(len(members)),
            )
    if by_rule:
        raise ValueError(f"no remedy for {sorted(map(str, by_rule))}")


def _who(guest: ObjectId, name: str | None, email: str | None) -> str:
    return " ".join([guest, *([name] if name else ()), *([f"<{email}>"] if email else ())])


def _files(additions: Sequence[Addition]) -> Iterable[str]:
    for addition in additions[:SHOWN]:
        new = " (new)" if addition.before is None else ""
        yield f"{addition.file}{new}: {count_of(len(addition.ids), 'guest')} added"
    if len(additions) > SHOWN:
        yield f"and {count_of(len(additions) - SHOWN, 'more file', 'more files')}, see --report"


def _more(count: int) -> str | None:
    return f"and {count - SHOWN} more, see --report" if count > SHOWN else None
