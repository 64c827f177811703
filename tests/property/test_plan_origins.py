"""Laws of origins: what a merge approves, and what a partial plan says."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.guard.approval import approve
from reconciler.model import (
    Change,
    ChangeKind,
    Desired,
    Guest,
    Identity,
    Live,
    Origin,
    Outcome,
    RedemptionState,
    SetMail,
)
from reconciler.plan import Baseline, make_plan
from reconciler.rules import Rule
from tests.support.plans import NOW
from tests.support.worlds import LAW, after, directories, trees, with_guests


@LAW
@given(trees(), trees(), directories())
def test_a_base_changes_nothing_but_origins_and_who_is_named_gone(
    tree: Desired, before: Desired, found: Live
) -> None:
    """The work, its digests and its order are the same with a base as without."""
    bare, compared = make_plan(tree, found, NOW), make_plan(tree, found, NOW, base=against(before, tree))
    assert all(row.origin is not None for row in compared.changes)
    assert all(row.origin is not None for row in compared.blocked)
    assert tuple(map(without_base, compared.changes)) == bare.changes
    assert tuple(replace(row, origin=None) for row in compared.blocked) == bare.blocked
    assert (compared.digest, compared.summary) == (bare.digest, bare.summary)
    gone = [one.id for one in compared.no_longer_declared]
    assert gone == sorted({entry.id for entry in before.guests} - {entry.id for entry in tree.guests})


def without_base(row: Change) -> Change:
    """Give a row without what only a base can tell."""
    warnings = tuple(note for note in row.warnings if note.rule != Rule.WAS_BLOCKED)
    return replace(row, origin=None, invitation_changed=None, warnings=warnings)


@LAW
@given(trees(), trees(), directories())
def test_only_a_loosened_guard_rail_lets_through_what_the_base_would_block(
    tree: Desired, before: Desired, found: Live
) -> None:
    """No change that the base would have blocked comes without the guard rail that was loosened for it."""
    plan = make_plan(tree, found, NOW, base=against(before, tree))
    warned = any(note.rule == Rule.WAS_BLOCKED for row in plan.changes for note in row.warnings)
    assert plan.guard_rails or not warned
    assert make_plan(tree, found, NOW, base=against(tree, tree)).guard_rails == ()


@LAW
@given(trees(), trees(), directories())
def test_drift_is_not_approved_by_a_plan_that_calls_it_this_change(
    tree: Desired, before: Desired, found: Live
) -> None:
    """Where a run plans against a base of its own, an approved row can only narrow what that run changes."""
    forged = make_plan(tree, found, NOW)
    own = make_plan(tree, found, NOW, base=against(before, tree))
    approval = approve(own, [forged])
    running = {work.planned.id for work in approval.work if work.planned is not None}
    assert running <= {row.id for row in own.changes if row.origin is Origin.THIS_CHANGE}
    told = {outcome.id: outcome.outcome for outcome in approval.outcomes}
    for row in own.changes:
        if row.origin is Origin.ELSEWHERE:
            assert told[row.id] is Outcome.NOT_APPROVED


@LAW
@given(trees(), directories())
def test_a_merge_that_declares_nothing_new_approves_nothing(tree: Desired, found: Live) -> None:
    """Whatever drifted, a pull request that left the entries alone resets nobody."""
    plan = make_plan(tree, found, NOW)
    for base in (against(tree, tree), Baseline.unknown()):
        approval = approve(plan, [make_plan(tree, found, NOW, base=base)])
        assert approval.work == ()
        told = {outcome.outcome for outcome in approval.outcomes}
        assert told <= {Outcome.NOT_APPROVED, Outcome.BLOCKED}


@LAW
@given(trees(), trees(), directories())
def test_what_a_merge_approves_is_what_its_change_declared(
    tree: Desired, before: Desired, found: Live
) -> None:
    """Everybody who would run is of this change, and everybody of this change runs or waits for drift."""
    file = make_plan(tree, found, NOW, base=against(before, tree))
    approval = approve(make_plan(tree, found, NOW), [file])
    ours = {row.id for row in file.changes if row.origin is Origin.THIS_CHANGE}
    running = {work.recorded.id for work in approval.work}
    assert running <= ours
    waiting = {one.id for one in approval.outcomes if one.outcome is Outcome.NOT_ATTEMPTED}
    assert ours == running | waiting


@LAW
@given(trees(), trees(), directories())
def test_a_partial_plan_says_of_its_rows_what_the_whole_one_says(
    tree: Desired, before: Desired, found: Live
) -> None:
    """A quick look leaves rows out; it never tells another story."""
    base = against(before, tree)
    whole, partial = (make_plan(tree, found, NOW, base=base, since=since) for since in (None, "main"))
    changed = base.changed(tree)
    assert partial.changes == tuple(row for row in whole.changes if row.id in changed)
    assert partial.blocked == tuple(row for row in whole.blocked if row.id in changed)
    assert partial.no_longer_declared == whole.no_longer_declared
    assert set(partial.warnings) <= set(whole.warnings)
    counts = partial.summary
    assert counts.declared == len(changed) == counts.changes + counts.blocked + counts.unchanged


@LAW
@given(trees(), directories(calm=True), st.sets(st.sampled_from(["mail", "ExternalAzureAD"])))
def test_a_change_taken_back_after_somebody_redeemed_is_never_silent(
    tree: Desired, found: Live, issuers: set[str]
) -> None:
    """Whoever redeemed half way is shown, guessed at, or has to redeem anew."""
    moving = {
        change.id: change
        for change in make_plan(tree, found, NOW).changes
        if change.kind is ChangeKind.CHANGE_EMAIL
        and change.precondition.mail is not None
        and "mail" in {field.field for field in change.fields}
    }
    redeemed = with_guests(found, (_redeemed(found.guests[each], moving[each], issuers) for each in moving))
    back = replace(
        tree,
        guests=tuple(
            replace(entry, email=found.guests[entry.id].mail or entry.email, alternate_emails=None)
            if entry.id in moving
            else entry
            for entry in tree.guests
        ),
    )
    plan = make_plan(back, redeemed, NOW, base=against(tree, back))
    reset = {change.id for change in plan.changes if change.resets} | {each.id for each in plan.blocked}
    for each in moving.keys() - reset:
        rules = {note.rule for note in plan.warnings if note.message.startswith(each)}
        assert rules & {"may-have-redeemed", "identity-differs"}


def _redeemed(found: Guest, change: Change, issuers: set[str]) -> Guest:
    """Let the person at the new address redeem between the reset and the last write."""
    half = after(found, change.actions[:-1])
    new = next(action.email for action in change.actions if isinstance(action, SetMail))
    identities = tuple(
        Identity(
            sign_in_type="federated",
            issuer=issuer,
            issuer_assigned_id=new.text if issuer == "mail" else None,
        )
        for issuer in sorted(issuers)
    )
    return replace(half, state=RedemptionState.ACCEPTED, identities=identities)


def against(before: Desired, tree: Desired) -> Baseline:
    return Baseline.of(before, desired=tree)
