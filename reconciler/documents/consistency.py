"""The checks of a plan beyond its schema: its rows agree, and the parts of each row agree.

An editor of a plan can recompute its digests, so a digest alone proves nothing about its content.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.model import (
    Action,
    AddOtherMail,
    Change,
    ChangeKind,
    ClearMarker,
    EmailAddress,
    FieldChange,
    Plan,
    ResetRedemption,
    SetMail,
    SetOtherMails,
    parse_marker,
)
from reconciler.plan.compare import before_and_after, changed_fields, in_order

_SEQUENCES: Final[dict[ChangeKind, frozenset[tuple[type[Action], ...]]]] = {
    ChangeKind.CHANGE_EMAIL: frozenset({(SetMail, ResetRedemption, ClearMarker)}),
    ChangeKind.RESTORE_MAIL: frozenset({(SetMail, ClearMarker)}),
    ChangeKind.RESET: frozenset(
        {(ResetRedemption,), (AddOtherMail, ResetRedemption), (SetOtherMails, ResetRedemption)}
    ),
    ChangeKind.OTHER_MAILS: frozenset(
        {
            (SetOtherMails,),
            (ResetRedemption, SetOtherMails),
            (AddOtherMail, ResetRedemption, SetOtherMails),
        }
    ),
}
"""The sequences of actions of each kind: no other is ever planned."""

_WITH_MARKER: Final = frozenset({ChangeKind.CHANGE_EMAIL, ChangeKind.RESTORE_MAIL})


def contradiction(plan: Plan) -> str | None:
    """Return the first contradiction in a plan, without a full stop; `None` when there is none."""
    return next(_contradictions(plan), None)


def _contradictions(plan: Plan) -> Iterator[str]:
    rows = Counter([*(change.id for change in plan.changes), *(blocked.id for blocked in plan.blocked)])
    yield from (f"{guest} stands there more than once" for guest, count in rows.items() if count > 1)
    yield from _about_counts(plan)
    yield from _about_waiting(plan)
    for change, fields in zip(
        plan.changes, changed_fields([before_and_after(one) for one in plan.changes]), strict=True
    ):
        yield from (f"in the change of {change.id}, {what}" for what in _about_change(change, fields))


def _about_counts(plan: Plan) -> Iterator[str]:
    """Check the counts of a whole plan; a partial one is never more than shown."""
    summary = plan.summary
    if plan.since is not None:
        return
    if (summary.changes, summary.blocked) != (len(plan.changes), len(plan.blocked)):
        yield "the summary counts other changes or blocked guests than there are"
    if summary.declared != summary.changes + summary.blocked + summary.unchanged:
        yield "the summary does not add up to the declared guests"


def _about_waiting(plan: Plan) -> Iterator[str]:
    """Check that each waiting guest comes after its predecessor, so that no guests wait in a circle.

    A partial plan may omit the row of the predecessor.
    """
    rows = {change.id for change in plan.changes}
    earlier = set()
    for change in plan.changes:
        first = change.waits_for
        if first is not None and first not in earlier and (first in rows or plan.since is None):
            yield f"{change.id} waits for {first}, whose change does not come before it"
        earlier.add(change.id)


def _about_change(change: Change, fields: tuple[FieldChange, ...]) -> Iterator[str]:
    """Check a change, whose actions alter the `fields` of the precondition."""
    if tuple(map(type, change.actions)) in _SEQUENCES[change.kind]:
        yield from _about_addresses(change)
        yield from _about_lists(change)
        yield from _about_marker(change)
        if change.fields != fields:
            yield "the fields are not what the actions make of the precondition"
    else:
        names = ", ".join(action.name for action in change.actions) or "none"
        yield f"the actions do not fit the kind {change.kind}: {names}"


def _about_addresses(change: Change) -> Iterator[str]:
    """Check that the actions have one address and one list, which contains it."""
    own = change.precondition.mail
    if own is None and change.kind not in _WITH_MARKER:
        yield f"a change of kind {change.kind} is for a guest without mail"
    named = {own.key} if own is not None and change.kind not in _WITH_MARKER else set()
    lists: set[tuple[str, ...]] = set()
    actions = change.actions if change.fallback is None else (*change.actions, change.fallback)
    for action in actions:
        if not isinstance(action, SetOtherMails):
            named.add(action.email.key)
        if isinstance(action, SetMail | ClearMarker | SetOtherMails):
            lists.add(tuple(address.key for address in action.other_mails))
    if len(named) != 1:
        yield "the actions are not all for one address"
    if len(lists) > 1:
        yield "the actions write different lists"
    if any(not named <= set(listed) for listed in lists):
        yield "the list that is written lacks the guest's address"
    if any(parse_marker(address) for address in _addresses(change, actions)):
        yield "a marker stands where an address is expected"


def _about_lists(change: Change) -> Iterator[str]:
    """Check that each list stands in its one canonical form."""
    for action in change.actions:
        if isinstance(action, SetMail | ClearMarker | SetOtherMails):
            keys = [address.key for address in action.other_mails]
            if keys != sorted({*keys}):
                yield "a list that is written is not sorted, or holds an address twice"
    if change.precondition.other_mails != in_order(change.precondition.other_mails):
        yield "the otherMails of the precondition are not sorted"


def _about_marker(change: Change) -> Iterator[str]:
    marker, writes = change.precondition.marker, change.kind in _WITH_MARKER
    if change.precondition.markers and not writes:
        yield f"a marker stands on the guest, which a change of kind {change.kind} would not take away"
    keeps_mail = all(field.field != "mail" for field in change.fields)
    if change.resumes != (marker.digits if marker is not None and keeps_mail and writes else None):
        yield "what it resumes is not what the marker on the guest says"
    if (change.fallback is None) is (change.kind is ChangeKind.RESTORE_MAIL):
        yield f"a fallback belongs to {ChangeKind.RESTORE_MAIL}, and to no other kind"


def _addresses(change: Change, actions: Iterable[Action]) -> Iterator[EmailAddress]:
    yield from change.precondition.other_mails
    if change.precondition.mail is not None:
        yield change.precondition.mail
    for action in actions:
        if not isinstance(action, SetOtherMails):
            yield action.email
        if isinstance(action, SetMail | ClearMarker | SetOtherMails):
            yield from action.other_mails
