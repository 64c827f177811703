"""Sorts the users of a tenant into those who get an entry, those declared already, and those left out.

Every user ends in exactly one list, whatever the order in which they come.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.desired.guests import MOST_ALTERNATES
from reconciler.importing.candidates import Candidate, unusable
from reconciler.model import (
    Desired,
    DesiredGuest,
    EmailAddress,
    Note,
    ObjectId,
    RedemptionState,
    format_instant,
)
from reconciler.plan.sign_in_hints import SignInHint
from reconciler.rules import Rule

_NAMED: Final = 5
"""Most ids that a message names."""

_NO_MAIL: Final = Note(rule=Rule.NO_MAIL, message="the guest has no mail, and so no address to declare")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The users that an import is about."""

    domains: frozenset[str] = frozenset()
    """Lower case; the users with a `mail` in exactly one of these. Empty: all users."""

    state: RedemptionState | None = None
    """`None`: users in any state."""

    def includes(self, user: Candidate) -> bool:
        """Return whether the import is about a user."""
        if self.state is not None and user.state is not self.state:
            return False
        return not self.domains or (user.mail is not None and user.mail.domain in self.domains)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A user in one of the lists."""

    id: ObjectId
    name: str | None
    email: str | None

    rule: Rule | None
    """`None` for a guest who is written, and can be changed."""

    message: str
    """The cause, as a sentence; empty without a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something about a guest who is written that a person should look at. Nothing acts on it."""

    id: ObjectId
    name: str | None
    email: str
    rule: Rule
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """An entry to be written."""

    id: ObjectId

    domain: str
    """That of the address, lower case."""

    name: str | None
    email: str

    alternates: tuple[str, ...]
    """For `alternateEmails`, sorted; empty where the entry does not declare it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Every user that the import is about, in exactly one of the four lists; each list sorted by id."""

    written: tuple[Finding, ...]
    limited: tuple[Finding, ...]
    """Written too, but a rule keeps them from being changed now."""

    left_out: tuple[Finding, ...]
    declared: tuple[Finding, ...]
    """Guests whom the tree declares already."""

    hints: tuple[Hint, ...]
    """Sorted by rule and id."""

    entries: tuple[NewEntry, ...]
    """One for each guest of `written` and `limited`, sorted by id."""

    @property
    def total(self) -> int:
        """The number of users that the import is about."""
        return sum(map(len, (self.written, self.limited, self.left_out, self.declared)))


def sort_out(
    users: Iterable[Candidate],
    *,
    role_holders: Mapping[ObjectId, str],
    desired: Desired,
    selection: Selection,
) -> Sorted:
    """Sort the users of a tenant; `desired` is the tree that the entries are added to.

    `users` are all of the tenant, selected or not: an address is left out whoever else has it.
    """
    known = sorted(users, key=lambda user: user.id)
    claims = _Claims(known, desired)
    lists = _Lists()
    for user in known:
        if selection.includes(user):
            lists.add(user, claims, role_holders.get(user.id))
    return Sorted(
        written=tuple(lists.written),
        limited=tuple(lists.limited),
        left_out=tuple(lists.left_out),
        declared=tuple(lists.declared),
        hints=tuple(sorted(lists.hints, key=lambda hint: (hint.rule, hint.id, hint.message))),
        entries=tuple(lists.entries),
    )


class _Lists:
    """The lists as far as users have been sorted."""

    def __init__(self) -> None:
        self.written: list[Finding] = []
        self.limited: list[Finding] = []
        self.left_out: list[Finding] = []
        self.declared: list[Finding] = []
        self.hints: list[Hint] = []
        self.entries: list[NewEntry] = []

    def add(self, user: Candidate, claims: "_Claims", role: str | None) -> None:
        """Add a user to exactly one list; `role` says how the user holds a role."""
        entry = claims.entries.get(user.id)
        fault = user.fault or claims.duplicate(user)
        if entry is not None:
            self.declared.append(_finding(user, [_already(entry)]))
        elif fault is not None:
            self.left_out.append(_finding(user, [fault]))
        elif user.mail is None:
            self.left_out.append(_finding(user, [_NO_MAIL]))
        else:
            alternates, reasons = claims.alternates(user)
            self.entries.append(_entry(user, user.mail, alternates))
            self.hints += _hints(user, user.mail, reasons)
            limits = [*_role(role), *user.limits]
            (self.limited if limits else self.written).append(_finding(user, limits))


class _Claims:
    """The addresses of all guests, and those that the tree declares: none may be declared twice."""

    def __init__(self, users: Sequence[Candidate], desired: Desired) -> None:
        self.entries = {entry.id: entry for entry in desired.guests}
        self._declared: dict[str, DesiredGuest] = {
            address.key: entry
            for entry in desired.guests
            for address in (entry.email, *(entry.alternate_emails or ()))
        }
        self._mails: defaultdict[str, list[ObjectId]] = defaultdict(list)
        self._rests: Counter[str] = Counter()
        for user in users:
            if user.is_b2b:
                if user.mail is not None:
                    self._mails[user.mail.key].append(user.id)
                self._rests.update(address.key for address in user.rest)

    def duplicate(self, user: Candidate) -> Note | None:
        """Return why the address of a user cannot be declared, because somebody else has it too."""
        if user.mail is None:
            return None
        entry = self._declared.get(user.mail.key)
        if entry is not None:
            return Note(
                rule=Rule.DUPLICATE_ADDRESS,
                message=f"the tree declares this address for {entry.id} "
                f"({entry.source.file}:{entry.source.line})",
            )
        others = [other for other in self._mails[user.mail.key] if other != user.id]
        if not others:
            return None
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        return Note(
            rule=Rule.DUPLICATE_ADDRESS,
            message=f"the same mail as {', '.join(others[:_NAMED])}{more}, and none of them is chosen",
        )

    def alternates(self, user: Candidate) -> tuple[tuple[EmailAddress, ...], list[str]]:
        """Return the addresses to declare as `alternateEmails`, or none and the reasons.

        Declared are all or none, because the list is exact.
        """
        reasons = []
        if user.rest and not user.lists_mail:
            reasons.append("otherMails lacks mail itself, and declaring the others would add it")
        if len(user.rest) > MOST_ALTERNATES:
            reasons.append(f"there are {len(user.rest)}, and an entry takes {MOST_ALTERNATES}")
        for address in user.rest:
            flaw = unusable(address)
            if flaw is not None:
                reasons.append(f"{address} cannot be declared: {flaw}")
            elif self._mails.get(address.key):
                reasons.append(f"{address} is the mail of {self._mails[address.key][0]}")
            elif self._rests[address.key] > 1:
                reasons.append(f"{address} is in otherMails of another guest too")
            elif address.key in self._declared:
                reasons.append(f"the tree declares {address} for {self._declared[address.key].id}")
        return ((), reasons) if reasons else (user.rest, [])


def _entry(user: Candidate, mail: EmailAddress, alternates: Iterable[EmailAddress]) -> NewEntry:
    return NewEntry(
        id=user.id,
        domain=mail.domain,
        name=user.name,
        email=mail.text,
        alternates=tuple(address.text for address in alternates),
    )


def _hints(user: Candidate, mail: EmailAddress, reasons: Sequence[str]) -> list[Hint]:
    notes = []
    if user.hint is not None:
        notes.append(_sign_in(user.id, mail, user.hint))
    if reasons:
        more = f"; and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
        notes.append(
            Note(
                rule=Rule.ALTERNATES_LEFT_OUT,
                message=f"alternateEmails is not declared ({'; '.join(reasons[:_NAMED])}{more}), so the "
                f"other values of otherMails stay as they are, and can sign in",
            )
        )
    if user.name is not None and not _is_text(user.name):
        notes.append(
            Note(
                rule=Rule.NAME_ALTERED,
                message="the display name holds half of a surrogate pair, which no file can hold: name has "
                "U+FFFD in its place",
            )
        )
    return [
        Hint(id=user.id, name=user.name, email=mail.text, rule=Rule(note.rule), message=note.message)
        for note in notes
    ]


def _sign_in(guest: ObjectId, mail: EmailAddress, hint: SignInHint) -> Note:
    if hint.reset_after is None:
        remedy = (
            "if so, reset the guest by hand: the directory does not say when this guest redeemed, so "
            "resetAfter would reset at every run"
        )
    else:
        remedy = (
            f"if so, reset the guest: reconciler set-email {guest} --reset, or the line resetAfter: "
            f"{format_instant(hint.reset_after)} in the entry"
        )
    return Note(
        rule=Rule.MAY_SIGN_IN_AS,
        message=f"may still sign in as {hint.address}, not as {mail}: {hint.evidence}; {remedy}",
    )


def _finding(user: Candidate, notes: Sequence[Note]) -> Finding:
    return Finding(
        id=user.id,
        name=user.name,
        email=None if user.mail is None else user.mail.text,
        rule=Rule(notes[0].rule) if notes else None,
        message="; ".join(note.message for note in notes),
    )


def _already(entry: DesiredGuest) -> Note:
    return Note(
        rule=Rule.ALREADY_DECLARED, message=f"declared at {entry.source.file}:{entry.source.line} already"
    )


def _role(how: str | None) -> list[Note]:
    if how is None:
        return []
    return [Note(rule=Rule.HOLDS_ROLE, message=f"the guest holds a directory role ({how})")]


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
