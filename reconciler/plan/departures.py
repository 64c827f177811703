"""Guests whose entries were removed since the base: the state they are left in, and the warning about it."""

from collections.abc import Iterable

from reconciler.model import DesiredGuest, Live, NoLongerDeclared, Note, Whereabouts
from reconciler.plan.notices import naming
from reconciler.rules import Rule


def departures(entries: Iterable[DesiredGuest], live: Live) -> tuple[NoLongerDeclared, ...]:
    """Return for each removed entry the live state of its guest, in the order of the entries."""
    return tuple(_departure(entry, live) for entry in entries)


def about_departure(departed: NoLongerDeclared, live: Live) -> Note:
    """Warn that removing an entry removes nothing else."""
    left = _left(departed, unread=departed.id in live.odd)
    gone = Note(rule=Rule.NO_LONGER_DECLARED, message=f"the entry is gone, and {left}")
    return naming(departed.id, departed.name, gone)


def _departure(entry: DesiredGuest, live: Live) -> NoLongerDeclared:
    guest = live.guests.get(entry.id)
    if guest is not None or entry.id in live.odd:
        found = Whereabouts.LIVE
    else:
        found = Whereabouts.DELETED if entry.id in live.deleted else Whereabouts.NOT_FOUND
    return NoLongerDeclared(
        id=entry.id,
        name=entry.name,
        email=entry.email,
        found=found,
        mail=guest.mail if guest else None,
        state=guest.state if guest else None,
    )


def _left(departed: NoLongerDeclared, *, unread: bool) -> str:
    if departed.found is Whereabouts.DELETED:
        return "the user is deleted already: nothing is left to do"
    if departed.found is Whereabouts.NOT_FOUND:
        return "no user has this object id: nothing is left to do"
    mail = departed.mail or "empty"
    state = f" ({departed.state})" if departed.state else ""
    shown = "" if unread else f", with mail {mail}{state}"
    return (
        f"the guest stays as they are{shown}: nobody looks after this guest any more; "
        "to take the access away, delete or disable the guest"
    )
