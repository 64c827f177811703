"""Laws of the planner, whatever is declared and whatever the directory holds."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents import dump, plan_from_json, plan_to_json
from reconciler.model import ChangeKind, Desired, EmailAddress, Live, ObjectId, Plan, ResetRedemption, Source
from reconciler.plan import make_plan, questions
from reconciler.plan.difference import find_difference
from tests.support.plans import NOW, TENANT
from tests.support.worlds import LAW, after, directories, in_other_letters, trees, with_guests

T = TypeVar("T")


@LAW
@given(trees(), directories())
def test_every_declared_guest_ends_in_exactly_one_place(tree: Desired, found: Live) -> None:
    """Declared is changes, blocked and unchanged, each guest once: silence is impossible."""
    plan = make_plan(tree, found, NOW)
    named = [*(change.id for change in plan.changes), *(blocked.id for blocked in plan.blocked)]
    summary = plan.summary
    assert len(named) == len(set(named)) == summary.changes + summary.blocked
    assert summary.declared == len(tree.guests) == len(named) + summary.unchanged
    assert set(named) <= {entry.id for entry in tree.guests}


@LAW
@given(trees(), directories(), st.randoms(use_true_random=False))
def test_the_order_of_files_pages_and_lists_changes_nothing(
    tree: Desired, found: Live, chance: random.Random
) -> None:
    """Same input, same bytes out."""

    def shuffled(items: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(chance.sample(items, len(items)))

    policy = replace(tree.policy, protected=shuffled(tree.policy.protected))
    mixed_tree = replace(tree, guests=shuffled(tree.guests), policy=policy)
    mixed = replace(
        found,
        guests={
            key: replace(
                found.guests[key],
                other_mails=shuffled(found.guests[key].other_mails),
                proxy_addresses=shuffled(found.guests[key].proxy_addresses),
            )
            for key in shuffled(tuple(found.guests))
        },
        owners={key: shuffled(found.owners[key]) for key in shuffled(tuple(found.owners))},
        not_checked=shuffled(found.not_checked),
    )
    plain, other = (
        dump(plan_to_json(make_plan(*world, NOW))) for world in ((tree, found), (mixed_tree, mixed))
    )
    assert plain == other
    assert questions(tree, found.guests) == questions(mixed_tree, mixed.guests)


@LAW
@given(trees(), directories(calm=True))
def test_a_plan_that_is_carried_out_is_not_planned_again(tree: Desired, found: Live) -> None:
    """Converged means that planning again yields no change for whoever was changed."""
    plan = make_plan(tree, found, NOW)
    done = with_guests(found, (after(found.guests[change.id], change.actions) for change in plan.changes))
    again = make_plan(tree, done, NOW + timedelta(hours=1))
    named = {*(change.id for change in again.changes), *(blocked.id for blocked in again.blocked)}
    assert named.isdisjoint({change.id for change in plan.changes})


@LAW
@given(trees(), directories(calm=True))
def test_a_change_cut_short_anywhere_is_seen_by_the_next_plan(tree: Desired, found: Live) -> None:
    """Every proper prefix of the actions leaves the guest differing, and of the same kind.

    Where several markers kept what is seen of a guest from counting, it counts once they are replaced.
    """
    plan = make_plan(tree, found, NOW)
    for change in plan.changes:
        kinds = {change.kind}
        if len(found.guests[change.id].markers) > 1:
            kinds.add(ChangeKind.RESTORE_MAIL)
        for length in range(len(change.actions)):
            half = with_guests(found, [after(found.guests[change.id], change.actions[:length])])
            again = make_plan(tree, half, NOW + timedelta(hours=1))
            assert {each.id: each.kind for each in again.changes}[change.id] in kinds


@LAW
@given(trees(), directories(calm=True), trees(), directories())
def test_a_guest_left_after_the_reset_is_said_to_be_half_done(
    tree: Desired, found: Live, other_tree: Desired, other: Live
) -> None:
    """Whatever has come in the way since, the plan says who is locked out, on their row or of the plan."""
    changes = [
        change for change in make_plan(tree, found, NOW).changes if change.kind is ChangeKind.CHANGE_EMAIL
    ]
    half = with_guests(found, (after(found.guests[change.id], change.actions[:2]) for change in changes))
    in_the_way = replace(other, guests=half.guests)
    again = make_plan(replace(tree, policy=other_tree.policy), in_the_way, NOW + timedelta(hours=1))
    said = {change.id for change in again.changes if "half-done" in {note.rule for note in change.warnings}}
    said |= {blocked.id for blocked in again.blocked if _names(again, "half-done", blocked.id)}
    assert {change.id for change in changes} <= said


def _names(plan: Plan, rule: str, guest: ObjectId) -> bool:
    """Tell whether a warning of the plan names a guest."""
    return any(note.rule == rule and note.message.startswith(guest) for note in plan.warnings)


@LAW
@given(trees(), directories())
def test_who_is_as_declared_is_left_alone(tree: Desired, found: Live) -> None:
    """Nothing is planned for a guest whose addresses are the declared ones, who is unmarked and not due."""
    plan = make_plan(tree, found, NOW)
    changed = {change.id for change in plan.changes}
    for entry in tree.guests:
        guest = found.guests.get(entry.id)
        rest = None if entry.alternate_emails is None else {entry.email, *entry.alternate_emails}
        as_declared = guest and guest.mail == entry.email and not guest.markers
        if guest and as_declared and rest in (None, set(guest.other_mails)):
            due = entry.reset_after and guest.state_changed_at and guest.state_changed_at < entry.reset_after
            assert due or entry.id not in changed


@LAW
@given(trees(), directories())
def test_a_change_touches_only_what_it_must(tree: Desired, found: Live) -> None:
    """Foreign addresses leave otherMails only where the list is declared or mail is replaced."""
    entries = {entry.id: entry for entry in tree.guests}
    for change in make_plan(tree, found, NOW).changes:
        entry, guest = entries[change.id], found.guests[change.id]
        done = after(guest, change.actions)
        assert entry.email in done.other_mails
        if entry.alternate_emails is not None:
            assert set(done.other_mails) == {entry.email, *entry.alternate_emails}
        else:
            assert set(guest.other_mails) - set(done.other_mails) <= {guest.mail}
        if change.kind in {ChangeKind.RESET, ChangeKind.OTHER_MAILS}:
            assert done.mail == guest.mail
        assert not done.markers


@LAW
@given(trees(), directories())
def test_an_address_on_the_object_is_sent_as_it_stands(tree: Desired, found: Live) -> None:
    """No write changes the spelling of an address, and PATCH and POST agree to the letter."""
    for change in make_plan(tree, found, NOW).changes:
        guest = found.guests[change.id]
        live = {address.text for address in (*guest.other_mails, guest.mail) if address is not None}
        sent: set[EmailAddress] = set()
        for action in change.actions:
            sent |= set(getattr(action, "other_mails", ()))
            sent |= {action.email} if hasattr(action, "email") else set()
        written = {address.text for address in sent}
        assert len({text.lower() for text in written}) == len(written)
        assert {text for text in written if text.lower() in {each.lower() for each in live}} <= live


@LAW
@given(trees(), directories())
def test_whoever_waits_comes_after_whom_it_waits_for(tree: Desired, found: Live) -> None:
    """Apply can start changes in the order of the plan and never finds a missing first."""
    seen = set()
    for change in make_plan(tree, found, NOW).changes:
        assert change.waits_for is None or change.waits_for in seen
        seen.add(change.id)


@LAW
@given(trees(), directories(), st.integers(0, 10_000))
def test_digests_do_not_depend_on_day_or_place(tree: Desired, found: Live, hours: int) -> None:
    """The same work has the same digest on the pull request and after the merge."""
    free = replace(tree, guests=tuple(replace(entry, hold=None) for entry in tree.guests))
    moved = replace(
        free,
        guests=tuple(
            replace(entry, source=Source(file="else.yaml", line=hours + 1)) for entry in free.guests
        ),
    )
    now, later = make_plan(free, found, NOW), make_plan(moved, found, NOW + timedelta(hours=hours))
    assert now.digest == later.digest
    assert [change.digest for change in now.changes] == [change.digest for change in later.changes]


@LAW
@given(trees(), directories())
def test_no_digest_depends_on_the_case_of_an_address(tree: Desired, found: Live) -> None:
    """What the directory or the tree spells in other letters is the same work."""
    loud = replace(
        tree,
        guests=tuple(
            replace(
                entry,
                email=EmailAddress(entry.email.text.swapcase()),
                alternate_emails=None
                if entry.alternate_emails is None
                else tuple(EmailAddress(each.text.swapcase()) for each in entry.alternate_emails),
            )
            for entry in tree.guests
        ),
    )
    digests = {
        make_plan(one, other, NOW).digest
        for one in (tree, loud)
        for other in (found, in_other_letters(found))
    }
    assert len(digests) == 1


@LAW
@given(trees(), directories())
def test_a_guest_with_a_marker_is_never_as_declared(tree: Desired, found: Live) -> None:
    """Whoever carries one is changed or blocked, and the plan says that a change is not finished."""
    plan = make_plan(tree, found, NOW)
    marked = {
        entry.id for entry in tree.guests if entry.id in found.guests and found.guests[entry.id].markers
    }
    changed = {change.id for change in plan.changes}
    assert marked <= changed | {blocked.id for blocked in plan.blocked}
    for change in plan.changes:
        assert ("half-done" in {note.rule for note in change.warnings}) >= (change.id in marked)
    assert all(_names(plan, "half-done", guest) for guest in marked - changed)
    left = {guest.id for guest in found.guests.values() if guest.markers} | {*found.markers_left}
    assert ("marker-left" in {note.rule for note in plan.warnings}) is bool(
        left - {entry.id for entry in tree.guests}
    )


@LAW
@given(trees(), directories())
def test_a_marker_is_never_an_address(tree: Desired, found: Live) -> None:
    """Neither what is written nor what is shown to differ holds one."""
    for change in make_plan(tree, found, NOW).changes:
        assert "pending-" not in repr((change.fields, change.actions, change.fallback, change.reason))
        assert "pending-" not in repr((change.warnings, change.precondition.other_mails))


@LAW
@given(trees(), directories())
def test_what_writes_a_marker_takes_it_away_last(tree: Desired, found: Live) -> None:
    """No change leaves a marker, and what is resumed is what the guest's only marker says."""
    for change in make_plan(tree, found, NOW).changes:
        names = [action.name for action in change.actions]
        guest = found.guests[change.id]
        assert (
            (names[0] == "SetMail")
            is (names[-1] == "ClearMarker")
            is bool(change.kind in {ChangeKind.CHANGE_EMAIL, ChangeKind.RESTORE_MAIL})
        )
        assert names.count("SetMail") == names.count("ClearMarker")
        assert change.precondition.marker == guest.marker
        if change.resumes is not None:
            assert guest.marker is not None
            assert change.resumes == guest.marker.digits == change.marker_digits
            assert names[-1] == "ClearMarker"
            assert guest.mail == after(guest, change.actions).mail
        assert (change.fallback is not None) is (change.kind is ChangeKind.RESTORE_MAIL)


@LAW
@given(trees(), directories())
def test_nobody_is_spared_a_reset_without_being_seen_to_sign_in(tree: Desired, found: Live) -> None:
    """Another address comes into mail without a reset only where the guest signs in with it already."""
    for change in make_plan(tree, found, NOW).changes:
        done = after(found.guests[change.id], change.actions)
        if not change.resets and (done.mail != change.precondition.mail or found.guests[change.id].markers):
            assert change.fallback is not None
            assert found.guests[change.id].signs_in_with(change.fallback.email)
            assert done.mail == change.fallback.email


@LAW
@given(trees(), directories())
def test_all_that_is_planned_was_asked_about(tree: Desired, found: Live) -> None:
    """Whatever address a change gains or invites is among the questions."""
    asked = set(questions(tree, found.guests))
    for change in make_plan(tree, found, NOW).changes:
        guest = found.guests[change.id]
        gained = {*after(guest, change.actions).other_mails} - {*guest.other_mails, guest.mail}
        invited = {action.email for action in change.actions if isinstance(action, ResetRedemption)}
        assert gained | invited <= asked


@LAW
@given(trees(), directories())
def test_a_change_gains_what_its_guest_lacks(tree: Desired, found: Live) -> None:
    """Apply asks about the same addresses as the planner did, and finds them in the plan itself."""
    entries = {entry.id: entry for entry in tree.guests}
    for change in make_plan(tree, found, NOW).changes:
        difference = find_difference(entries[change.id], found.guests[change.id])
        assert difference is not None
        assert [each.text for each in change.gains] == [each.text for each in difference.added]


@LAW
@given(trees(), directories())
def test_a_plan_survives_its_document(tree: Desired, found: Live) -> None:
    """Writing and reading a plan gives the same plan, and the same bytes again."""
    plan = make_plan(tree, found, NOW)
    text = dump(plan_to_json(plan))
    again = plan_from_json(text.encode(), tenant=TENANT)
    assert again == plan
    assert dump(plan_to_json(again)) == text
