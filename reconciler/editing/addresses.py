"""Gives entries of a tree new addresses: what stands against it, and the changes of files that do it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.desired.changes import FileChange
from reconciler.desired.document import Path
from reconciler.desired.survey import EntryKey, Survey
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
    path: Path
    """The value inside the entry that it is about."""

    rule: Rule
    message: str


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


def objections(survey: Survey, wanted: Sequence[NewValues]) -> Iterator[Objection]:
    """Find the addresses that cannot be declared: refused by Graph, or held by another entry afterwards."""
    new: dict[str, list[tuple[NewValues, Path, str]]] = defaultdict(list)
    given_up: set[str] = set()
    for each in wanted:
        entry = survey.entry(each.key)
        for path, text in _addresses(each):
            given_up.add(_at(entry, path).lower())
            new[text.lower()].append((each, path, text))
            flaw = address_flaw(text)
            if flaw is not None:
                yield _objection(each, path, Rule.ADDRESS, f"{quoted(text)} cannot be used: {flaw}")
            elif spells_marker(text):
                message = f"{quoted(text)} reads as the marker of an unfinished change"
                yield _objection(each, path, Rule.MARKER_ADDRESS, message)
    for address, takers in new.items():
        (first, first_path, _), *others = takers
        stands = None if address in given_up else _holder(survey, address)
        if stands is not None:
            yield from _held(survey, takers, stands)
        for each, path, text in others:
            message = f"{quoted(text)} is given to {_place(survey, first, first_path)} too"
            yield _objection(each, path, Rule.DUPLICATE_ADDRESS, message)


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


def _holder(survey: Survey, text: str) -> tuple[EntryKey, Path] | None:
    if text in survey.emails:
        return survey.emails[text], EMAIL
    if text in survey.alternates:
        key, number = survey.alternates[text]
        return key, ("alternateEmails", number)
    return None


def _held(
    survey: Survey,
    takers: Iterable[tuple[NewValues, Path, str]],
    stands: tuple[EntryKey, Path],
) -> Iterator[Objection]:
    key, path = stands
    line, column = survey.position(key, path)
    for each, place, text in takers:
        rule = Rule.DUPLICATE_ADDRESS
        message = f"{quoted(text)} stands already at {key.file}:{line}:{column}"
        if key == each.key:
            rule, message = Rule.EMAIL_IN_ALTERNATES, f"{message}, among the same guest's addresses"
        yield _objection(each, place, rule, message)


def _place(survey: Survey, wanted: NewValues, path: Path) -> str:
    line, column = survey.position(wanted.key, path)
    row = f", on line {wanted.row} of the list" if wanted.row else ""
    return f"{wanted.key.file}:{line}:{column}{row}"


def _objection(wanted: NewValues, path: Path, rule: Rule, message: str) -> Objection:
    return Objection(wanted=wanted, path=path, rule=rule, message=message)
