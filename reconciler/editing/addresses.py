"""Gives entries of a tree new addresses: what stands against it, and the changes of files that do it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.desired.changes import FileChange
from reconciler.desired.document import Path, Position
from reconciler.desired.survey import EntryKey, Place, Survey
from reconciler.desired.tree import TENANT_FILE
from reconciler.desired.values import spells_marker
from reconciler.editing.layout import CannotEdit
from reconciler.editing.spelling import Verbatim
from reconciler.editing.values import Assignment, assigned, replaced_texts
from reconciler.editing.verifying import Edited
from reconciler.model import address_flaw
from reconciler.rules import Rule
from reconciler.schemas import quoted

EMAIL: Final = ("email",)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewValues:
    """What one entry is to declare from now on."""

    key: EntryKey

    email: str | None = None
    """`None` leaves it as it is."""

    alternates: Mapping[int, str] = field(default_factory=dict)
    """Number in `alternateEmails` to the new address there."""

    reset_after: str | None = None

    row: int = 0
    """The line of the list that asks for it; 0 when it comes from no list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A reason for which new values cannot be declared."""

    wanted: NewValues

    position: Position
    """Line and column of the value in the entry's file that it is about."""

    rule: Rule
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """An objection before the positions are known, which are looked up together."""

    wanted: NewValues
    path: Path
    rule: Rule

    before: str
    """The message up to the other place, or all of it."""

    other: Place | None = None
    after: str = ""


def differing(survey: Survey, wanted: NewValues) -> NewValues | None:
    """Return what of new values differs from the entry, without regard to case; `None` for nothing."""
    entry = survey.entry(wanted.key)
    email = wanted.email
    if email is not None and email.lower() == entry["email"].lower():
        email = None
    alternates = {
        number: text
        for number, text in wanted.alternates.items()
        if text.lower() != entry["alternateEmails"][number].lower()
    }
    if email is None and not alternates and wanted.reset_after is None:
        return None
    return NewValues(
        key=wanted.key,
        email=email,
        alternates=alternates,
        reset_after=wanted.reset_after,
        row=wanted.row,
    )


def objections(survey: Survey, wanted: Sequence[NewValues]) -> list[Objection]:
    """Find the addresses that cannot be declared: refused by Graph, or held by another entry afterwards."""
    findings = list(_findings(survey, wanted))
    others = (each.other for each in findings if each.other is not None)
    positions = survey.positions({*map(_own_place, findings), *others})
    return [_objection(each, positions) for each in findings]


def _findings(survey: Survey, wanted: Sequence[NewValues]) -> Iterator[_Finding]:
    new: dict[str, list[tuple[NewValues, Path, str]]] = defaultdict(list)
    given_up: set[str] = set()
    for each in wanted:
        entry = survey.entry(each.key)
        for path, text in _addresses(each):
            given_up.add(_at(entry, path).lower())
            new[text.lower()].append((each, path, text))
            flaw = address_flaw(text)
            if flaw is not None:
                message = f"{quoted(text)} cannot be used: {flaw}"
                yield _Finding(wanted=each, path=path, rule=Rule.ADDRESS, before=message)
            elif spells_marker(text):
                message = f"{quoted(text)} reads as the marker of an unfinished change"
                yield _Finding(wanted=each, path=path, rule=Rule.MARKER_ADDRESS, before=message)
    for address, takers in new.items():
        stands = None if address in given_up else _holder(survey, address)
        if stands is not None:
            yield from (_held(*taker, stands) for taker in takers)
        (first, first_path, _), *others = takers
        row = f", on line {first.row} of the list" if first.row else ""
        for each, path, text in others:
            yield _Finding(
                wanted=each,
                path=path,
                rule=Rule.DUPLICATE_ADDRESS,
                before=f"{quoted(text)} is given to ",
                other=Place(first.key, first_path),
                after=f"{row} too",
            )


def file_changes(
    survey: Survey, wanted: Iterable[NewValues], *, tenant: Iterable[Assignment] = ()
) -> list[tuple[FileChange, Edited]]:
    """Build the edits of the entries' files, and of `tenant.yaml`; not validated yet. Raises `CannotEdit`."""
    by_file: dict[str, list[NewValues]] = defaultdict(list)
    for each in wanted:
        by_file[each.key.file].append(each)
    edits = [(file, _edited_guests(survey, file, each)) for file, each in by_file.items()]
    of_tenant = list(tenant)
    if of_tenant:
        edits.append((TENANT_FILE, _edited(survey, TENANT_FILE, of_tenant, before=survey.tenant_value)))
    return [
        (FileChange(file=file, before=survey.tree.files[file], after=edited.data), edited)
        for file, edited in edits
    ]


def _edited_guests(survey: Survey, file: str, wanted: Sequence[NewValues]) -> Edited:
    before = {"guests": survey.files[file]}
    assignments = [assignment for each in wanted for assignment in _assignments(each)]
    edited = None
    if all(assignment.path[2:] == EMAIL for assignment in assignments):
        starts = [survey.email_starts[file][each.key.number] for each in wanted]
        edited = replaced_texts(survey.tree.files[file], starts, assignments, before=before)
    return edited or _edited(survey, file, assignments, before=before)


def _edited(survey: Survey, file: str, assignments: list[Assignment], *, before: Any) -> Edited:
    try:
        return assigned(survey.tree.files[file], assignments, before=before)
    except CannotEdit as error:
        raise error.of(file) from error


def _assignments(wanted: NewValues) -> Iterator[Assignment]:
    path = ("guests", wanted.key.number)
    for inner, text in _addresses(wanted):
        yield Assignment(path=(*path, *inner), value=text)
    if wanted.reset_after is not None:
        yield Assignment(path=(*path, "resetAfter"), value=Verbatim(wanted.reset_after), after="email")


def _addresses(wanted: NewValues) -> Iterator[tuple[Path, str]]:
    if wanted.email is not None:
        yield EMAIL, wanted.email
    for number, text in wanted.alternates.items():
        yield ("alternateEmails", number), text


def _at(entry: Mapping[str, Any], path: Path) -> str:
    value: Any = entry
    for step in path:
        value = value[step]
    return str(value)


def _holder(survey: Survey, text: str) -> Place | None:
    if text in survey.emails:
        return Place(survey.emails[text], EMAIL)
    if text in survey.alternates:
        key, number = survey.alternates[text]
        return Place(key, ("alternateEmails", number))
    return None


def _held(wanted: NewValues, path: Path, text: str, stands: Place) -> _Finding:
    own = stands.key == wanted.key
    return _Finding(
        wanted=wanted,
        path=path,
        rule=Rule.EMAIL_IN_ALTERNATES if own else Rule.DUPLICATE_ADDRESS,
        before=f"{quoted(text)} stands already at ",
        other=stands,
        after=", among the same guest's addresses" if own else "",
    )


def _own_place(finding: _Finding) -> Place:
    return Place(finding.wanted.key, finding.path)


def _objection(finding: _Finding, positions: Mapping[Place, Position]) -> Objection:
    there = ""
    if finding.other is not None:
        line, column = positions[finding.other]
        there = f"{finding.other.key.file}:{line}:{column}"
    return Objection(
        wanted=finding.wanted,
        position=positions[_own_place(finding)],
        rule=finding.rule,
        message=f"{finding.before}{there}{finding.after}",
    )
