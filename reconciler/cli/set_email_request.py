"""The request of a call of `set-email`, and which entries it gives which addresses."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from reconciler.cli.address_rows import AddressRow, name_of, parse_rows, read_rows, row_problem
from reconciler.cli.who import Found, find_who
from reconciler.desired.problems import problem
from reconciler.desired.survey import EntryKey, Survey
from reconciler.editing.addresses import NewValues, differing, objections
from reconciler.errors import RejectedChange, UsageError
from reconciler.model import Problem, format_instant
from reconciler.rules import Rule

_DOMAIN: Final = re.compile(
    r"(?=.{4,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call: a guest, a list, or a domain."""

    who: str | None = None
    email: str | None = None
    reset: bool = False
    rows: Path | None = None
    """The file of a list."""

    domain: str | None = None
    to: str | None = None
    alternates: bool = False

    raise_until: date | None = None
    reason: str | None = None
    """Of the raise, given together with its last day."""

    @property
    def call(self) -> str:
        """The call as the reason of a raise names it."""
        if self.rows is not None:
            return f"set-email --from {Path(name_of(self.rows)).name}"
        if self.domain is not None:
            return f"set-email --domain {self.domain} --to {self.to}"
        return f"set-email {self.who}"

    def check(self) -> None:
        """Raise `UsageError` when arguments and options do not fit together."""
        ways = [self.who is not None, self.rows is not None, self.domain is not None]
        fits = (
            sum(ways) == 1
            and (self.domain is None) == (self.to is None)
            and (self.who is not None or (self.email is None and not self.reset))
            and (self.who is None or self.email is not None or self.reset)
            and (self.domain is not None or not self.alternates)
        )
        if not fits:
            raise UsageError(
                "the arguments and options of set-email do not fit together",
                rule=Rule.SET_EMAIL_FORM,
                hint="give WHO and EMAIL, and --reset if wanted; or WHO --reset; or --from FILE; or "
                "--domain OLD --to NEW, and --alternates if wanted",
            )
        for domain in (self.domain, self.to):
            if domain is not None and not _DOMAIN.fullmatch(domain):
                raise _no_domain(f"{domain!r} is no domain name")
        if self.domain is not None and self.domain.lower() == (self.to or "").lower():
            raise _no_domain(f"--domain and --to are both {self.domain!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request changes."""

    changes: tuple[NewValues, ...]
    """Only entries that differ from what is asked for."""

    already: int
    """Entries that declare already what is asked for."""

    alternates_left: int = 0
    """Alternate addresses of the old domain that stay."""

    unknown_domain: str | None = None
    """The old domain, when no entry has an address in it."""

    similar_domains: tuple[str, ...] = ()
    """Domains of entries that are spelled like it."""


def wanted(request: Request, survey: Survey, root: Path) -> Wanted:
    """Find the entries that a request changes.

    Raises `UsageError` for a guest who is not declared, and `RejectedChange` with everything that stands
    against the new addresses, for a list with every bad row.
    """
    problems: list[Problem] = []
    left, unknown = 0, None
    if request.rows is not None:
        name = name_of(request.rows)
        rows, problems = parse_rows(read_rows(request.rows), name)
        named = find_who(survey, [row.who for row in rows], root=root)
        asked, unusable = _of_rows(survey, rows, named, name)
        problems += unusable
    elif request.domain is not None:
        asked = list(_of_domain(survey, request))
        left = 0 if request.alternates else _alternates_of(survey, request.domain)
        unknown = request.domain if not asked and not left else None
    else:
        asked = [_of_guest(survey, request, root)]
    changes = [change for change in (differing(survey, each) for each in asked) if change is not None]
    problems += _objections(survey, changes, request)
    if problems:
        raise RejectedChange(tuple(sorted(set(problems))))
    return Wanted(
        changes=tuple(changes),
        already=len(asked) - len(changes),
        alternates_left=left,
        unknown_domain=unknown,
        similar_domains=() if unknown is None else _domains_like(survey, unknown),
    )


def _domains_like(survey: Survey, domain: str) -> tuple[str, ...]:
    known = {address.rpartition("@")[2] for address in (*survey.emails, *survey.alternates)}
    return tuple(difflib.get_close_matches(domain.lower(), sorted(known)))


def _of_guest(survey: Survey, request: Request, root: Path) -> NewValues:
    who = request.who or ""
    key = find_who(survey, [who], root=root).one(who, moves_to=request.email)
    reset = format_instant(survey.now.replace(microsecond=0)) if request.reset else None
    return NewValues(key=key, email=request.email, reset_after=reset)


def _of_rows(
    survey: Survey, rows: Sequence[AddressRow], found: Found, name: str
) -> tuple[list[NewValues], list[Problem]]:
    """Return what the rows ask for, and the problems of those that name no entry, or one once more."""
    problems: list[Problem] = []
    named: dict[EntryKey, int] = {}
    asked: list[NewValues] = []
    for row in rows:
        rule, message, hint = found.trouble(row.who, moves_to=row.email)
        if rule is not None:
            problems.append(row_problem(name, row.line, rule, message, hint=hint))
            continue
        key = found.entries[row.who][0]
        first = named.setdefault(key, row.line)
        if first != row.line:
            message = f"line {first} is about the same guest, {survey.entry(key)['id']}"
            problems.append(row_problem(name, row.line, Rule.GIVEN_TWICE, message))
            continue
        asked.append(NewValues(key=key, email=row.email, row=row.line))
    return asked, problems


def _of_domain(survey: Survey, request: Request) -> Iterator[NewValues]:
    ending = f"@{request.domain}".lower()
    for file, entries in survey.files.items():
        for number, entry in enumerate(entries):
            email = _moved(entry["email"], ending, request)
            alternates = {}
            if request.alternates and "alternateEmails" in entry:
                moved = (_moved(text, ending, request) for text in entry["alternateEmails"])
                alternates = {place: text for place, text in enumerate(moved) if text is not None}
            if email is not None or alternates:
                yield NewValues(key=EntryKey(file, number), email=email, alternates=alternates)


def _moved(address: str, ending: str, request: Request) -> str | None:
    if not address.lower().endswith(ending):
        return None
    return f"{address[: -len(ending)]}@{request.to}"


def _alternates_of(survey: Survey, domain: str) -> int:
    ending = f"@{domain}".lower()
    return sum(address.endswith(ending) for address in survey.alternates)


def _objections(survey: Survey, changes: Sequence[NewValues], request: Request) -> Iterable[Problem]:
    for each in objections(survey, changes):
        if request.rows is not None:
            yield row_problem(name_of(request.rows), each.wanted.row, each.rule, each.message)
        else:
            yield problem(each.wanted.key.file, each.position, each.rule, each.message)


def _no_domain(message: str) -> UsageError:
    return UsageError(
        message,
        rule=Rule.DOMAIN_FORM,
        hint="give two different domain names such as fabrikam.example, without @",
    )
