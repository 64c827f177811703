"""Shows what `set-email` changed, as text or as a JSON document."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.cli import console
from reconciler.cli.limit_raise import raise_block, raise_place, replaced_raise
from reconciler.cli.set_email_request import Wanted
from reconciler.desired.survey import Survey
from reconciler.documents import dump
from reconciler.editing.addresses import NewValues
from reconciler.render.escape import terminal
from reconciler.render.wording import count_of

_MOST_NAMED: Final = 20
"""Most guests that the text names one by one; of more it names the files. JSON names all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readdressed:
    """The result of a call."""

    survey: Survey
    """The tree as it was before."""

    wanted: Wanted

    files: tuple[str, ...]
    """The changed files, relative to the tree."""

    limit_raise: Mapping[str, Any] | None
    """The raise without which the limits refuse so many changes."""

    raise_written: bool
    raise_asked: bool

    diff: bytes | None
    """For a dry run, which writes nothing."""


def show(result: Readdressed, *, as_json: bool) -> None:
    """Print the result; the diff of a dry run comes alone to stdout, as a program may read it."""
    if as_json:
        console.result(dump(_document(result)))
        return
    text = "\n".join(terminal(line) for line in _lines(result))
    if result.diff is None:
        console.result(text)
        return
    console.result_bytes(result.diff)
    console.block(text)


def _lines(result: Readdressed) -> Iterator[str]:
    wanted = result.wanted
    if len(wanted.changes) <= _MOST_NAMED:
        yield from (_line(result.survey, each) for each in wanted.changes)
    else:
        files = Counter(each.key.file for each in wanted.changes)
        yield f"{count_of(len(wanted.changes), 'entry', 'entries')} in {count_of(len(files), 'file')}:"
        yield from (f"  {file}: {count}" for file, count in sorted(files.items()))
    would = "would change" if result.diff is not None else "changed"
    yield f"{count_of(len(wanted.changes), 'guest')} {would}, {wanted.already} already declared."
    if wanted.alternates_left:
        left = count_of(wanted.alternates_left, "alternate address", "alternate addresses")
        yield f"Left in the old domain, and people can sign in with them: {left} (see --alternates)."
    if wanted.unknown_domain is not None:
        like = f"; similar: {', '.join(wanted.similar_domains)}" if wanted.similar_domains else ""
        yield f"No entry has an address in {wanted.unknown_domain}{like}."
    yield from _about_raise(result)


def _line(survey: Survey, each: NewValues) -> str:
    entry = survey.entry(each.key)
    parts = []
    if each.email is not None:
        parts.append(f"{entry['email']} -> {each.email}")
    parts += [f"{entry['alternateEmails'][place]} -> {text}" for place, text in each.alternates.items()]
    if each.reset_after is not None:
        parts.append(f"resetAfter {each.reset_after}")
    return f"{entry['id']} {entry.get('name', '')}".rstrip() + f" ({each.key.file}): {', '.join(parts)}"


def _about_raise(result: Readdressed) -> Iterator[str]:
    if result.limit_raise is None:
        if result.raise_asked and result.wanted.changes:
            yield "The limits allow these changes, so no raise was written."
        elif result.raise_asked:
            yield "No raise was written: the plan says how many changes wait, with the raise that they need."
        return
    yield ""
    if result.raise_written:
        yield "The limits do not allow so many changes; tenant.yaml gets this raise, for its reviewers:"
        replaced = replaced_raise(result.survey)
        if replaced is not None:
            yield f"(it takes the place of the one {replaced})"
    else:
        place = raise_place(result.survey)
        yield f"The limits do not allow so many changes. Put this {place};"
        yield "or give --raise-until DAY and --reason TEXT, which write it there:"
    yield ""
    yield from raise_block(result.survey, result.limit_raise).splitlines()


def _document(result: Readdressed) -> dict[str, Any]:
    document = {
        "changed": [_change(result.survey, each) for each in result.wanted.changes],
        "alreadyDeclared": result.wanted.already,
        "alternatesLeft": result.wanted.alternates_left,
        "files": list(result.files),
        "written": result.diff is None and bool(result.files),
        "raise": None if result.limit_raise is None else dict(result.limit_raise),
        "raiseWritten": result.raise_written and result.diff is None,
    }
    return document if result.diff is None else {**document, "diff": result.diff.decode()}


def _change(survey: Survey, each: NewValues) -> dict[str, Any]:
    entry = survey.entry(each.key)
    return {
        "id": entry["id"].lower(),
        "name": entry.get("name"),
        "file": each.key.file,
        "from": entry["email"],
        "to": entry["email"] if each.email is None else each.email,
        "alternates": [
            {"from": entry["alternateEmails"][place], "to": text} for place, text in each.alternates.items()
        ],
        "resetAfter": each.reset_after,
    }
