"""Laws of the warning that an undo would be blocked, by planning the undo."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model import (
    Change,
    ChangeKind,
    Desired,
    EmailAddress,
    Guest,
    Live,
    Plan,
    Policy,
    ProxyAddress,
)
from reconciler.plan import make_plan
from tests.support.plans import NOW
from tests.support.worlds import LAW, after, directories, trees, with_guests

MORE = settings(LAW, max_examples=150)


@st.composite
def shared(draw: st.DrawFn) -> tuple[Desired, Live]:
    """Give another guest an address that the plan takes from somebody's `mail`, in any of its places."""
    tree = draw(trees(policies=st.just(Policy())))
    found = draw(directories(calm=True))
    moving = [one for one in make_plan(tree, found, NOW).changes if one.kind is ChangeKind.CHANGE_EMAIL]
    leaving = [one for one in moving if one.precondition.mail is not None]
    if not leaving:
        return tree, found
    change = draw(st.sampled_from(leaving))
    address = change.precondition.mail
    assert address is not None
    exact = {entry.id for entry in tree.guests if entry.alternate_emails is not None} - {change.id}
    others = found.guests.keys() - {change.id}
    holder = found.guests[draw(st.sampled_from(sorted((exact if draw(st.booleans()) else None) or others)))]
    if draw(st.booleans()):
        holder = replace(holder, other_mails=tuple(sorted({*holder.other_mails, address})))
    else:
        proxy = ProxyAddress(address=address, primary=draw(st.booleans()))
        holder = replace(holder, proxy_addresses=(*holder.proxy_addresses, proxy))
    return tree, with_guests(found, [holder])


def warned_of_undo(plan: Plan) -> Iterator[Change]:
    """Give the changes that are said to have no undo."""
    for change in plan.changes:
        if any(note.rule == "undo-blocked" for note in change.warnings):
            yield change


def carried_out(plan: Plan, found: Live) -> Live:
    """Give the directory after the plan, in which no secondary address has left `proxyAddresses`."""
    done = []
    for change in plan.changes:
        before = found.guests[change.id]
        guest = after(before, change.actions)
        # What was the primary one because it was in `mail` goes with it: so the plan takes it to be.
        left = {one for one in before.proxy_addresses if one.primary and one.address == before.mail}
        kept = {one.address for one in {*before.proxy_addresses} - left}
        kept -= {one.address for one in guest.proxy_addresses}
        secondary = (ProxyAddress(address=address, primary=False) for address in sorted(kept))
        done.append(replace(guest, proxy_addresses=(*guest.proxy_addresses, *secondary)))
    return with_guests(found, done)


def reverted(tree: Desired, change: Change) -> Desired | None:
    """Declare what stood on one guest before, as `git revert` does; `None` where the tree has that twice."""
    before = change.precondition.mail
    assert before is not None
    entries = []
    for entry in tree.guests:
        if entry.id == change.id:
            others = entry.alternate_emails
            left = None if others is None else tuple(one for one in others if one != before)
            entries.append(replace(entry, email=before, alternate_emails=left))
        elif before == entry.email or before in (entry.alternate_emails or ()):
            return None
        else:
            entries.append(entry)
    return replace(tree, guests=tuple(entries))


@MORE
@given(shared())
def test_an_undo_that_is_said_to_be_blocked_is_blocked(world: tuple[Desired, Live]) -> None:
    """Carry the plan out and plan the undo: whoever holds the old address is in its way."""
    tree, found = world
    plan = make_plan(tree, found, NOW)
    for change in warned_of_undo(plan):
        back = reverted(tree, change)
        if back is None:
            continue
        undo = make_plan(back, carried_out(plan, found), NOW + timedelta(hours=1))
        said = {blocked.id: f"{blocked.rule} {blocked.message}" for blocked in undo.blocked}
        assert "address-in-use" in said[change.id] or "address-cycle" in said[change.id]


def holds(guest: Guest, address: EmailAddress) -> bool:
    """Tell whether another guest could not get an address because this one has it."""
    names = {guest.mail, *guest.other_mails, *(one.address for one in guest.proxy_addresses)}
    if guest.user_principal_name is not None:
        names.add(EmailAddress(guest.user_principal_name))
    return guest.is_b2b and address in names


@MORE
@given(shared())
def test_whoever_holds_an_old_address_before_and_after_is_told_of(world: tuple[Desired, Live]) -> None:
    """No guest of the plan who keeps an address that another one gives up goes unsaid."""
    tree, found = world
    plan = make_plan(tree, found, NOW)
    done = carried_out(plan, found)
    for change in plan.changes:
        before = change.precondition.mail
        if change.kind is not ChangeKind.CHANGE_EMAIL or before is None or before == _after(done, change):
            continue
        said = " ".join(note.message for note in change.warnings if note.rule == "undo-blocked")
        for key, guest in found.guests.items():
            keeps = key != change.id and holds(guest, before) and holds(done.guests[key], before)
            assert not keeps or key in said


def _after(done: Live, change: Change) -> EmailAddress | None:
    return done.guests[change.id].mail
