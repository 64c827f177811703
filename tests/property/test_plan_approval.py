"""Laws of approval: a plan file allows what it names, and nothing else."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.guard.approval import approve, approve_all
from reconciler.model import Desired, Live, Outcome, Plan, Policy
from reconciler.plan import make_plan
from tests.support.plans import NOW, marker_of
from tests.support.worlds import LAW, after, directories, trees, with_guests

LATER = NOW + timedelta(hours=1)
FREE = st.just(Policy())


@LAW
@given(trees(), directories(), directories(), st.data())
def test_nothing_runs_that_the_new_plan_does_not_hold_or_no_file_names(
    tree: Desired, now: Live, then: Live, data: st.DataObject
) -> None:
    """Work comes from the new plan, its record from a file, and every guest is told about once."""
    plan = make_plan(tree, now, NOW)
    whole = [make_plan(data.draw(trees()), then, LATER), make_plan(tree, then, NOW)]
    files = data.draw(st.lists(st.sampled_from(whole), max_size=2))
    approval = approve(plan, files)
    recorded = [change for file in files for change in file.changes]
    for work in approval.work:
        assert work.recorded in recorded
        assert work.planned is None or work.planned in plan.changes
        assert work.planned is None or work.planned.id == work.recorded.id
    told = [*(work.recorded.id for work in approval.work), *(each.id for each in approval.outcomes)]
    assert len(told) == len(set(told))
    assert set(told) == {
        *(change.id for change in (*plan.changes, *recorded)),
        *(blocked.id for blocked in plan.blocked),
    }


@LAW
@given(trees(), directories(), directories())
def test_the_order_of_files_does_not_matter(tree: Desired, now: Live, then: Live) -> None:
    """Approved is the union, so nobody has to sort artifacts."""
    files = [make_plan(tree, then, NOW), make_plan(tree, now, LATER), make_plan(tree, then, LATER)]
    plan = make_plan(tree, now, LATER)
    assert approve(plan, files) == approve(plan, files[::-1])


@LAW
@given(trees(), directories())
def test_a_plan_approves_itself(tree: Desired, found: Live) -> None:
    """Without a difference between review and run, a file is as good as a person at the terminal."""
    plan = make_plan(tree, found, NOW)
    by_hand = approve_all(plan)
    dated = tuple(replace(work, approved_at=plan.created_at) for work in by_hand.work)
    assert approve(plan, [plan]) == replace(by_hand, work=dated)
    assert len(approve_all(plan).work) == plan.summary.changes


@LAW
@given(trees(policies=FREE), directories(calm=True), st.data())
def test_what_is_left_of_an_approved_change_is_approved(
    tree: Desired, found: Live, data: st.DataObject
) -> None:
    """However far an earlier run came, the same file lets the next one finish, judged by the same record."""
    file = make_plan(tree, found, NOW)
    halves = [
        after(
            found.guests[change.id],
            change.actions[: data.draw(st.integers(0, len(change.actions)))],
            marker=marker_of(change.marker_digits),
        )
        for change in file.changes
    ]
    plan: Plan = make_plan(tree, with_guests(found, halves), LATER)
    approval = approve(plan, [file])
    records = {change.id: change for change in file.changes}
    assert {work.recorded.id: work.recorded for work in approval.work}.items() >= {
        guest: record for guest, record in records.items() if guest not in _refused(plan)
    }.items()
    assert Outcome.STALE not in {outcome.outcome for outcome in approval.outcomes}


def _refused(plan: Plan) -> set[str]:
    return {blocked.id for blocked in plan.blocked}


@LAW
@given(trees(), directories())
def test_a_file_without_changes_allows_nothing(tree: Desired, found: Live) -> None:
    """An empty approval runs nothing, and says of each change that it was not approved."""
    plan = make_plan(tree, found, NOW)
    approval = approve(plan, [replace(plan, changes=())])
    assert approval.work == ()
    assert len(approval.outcomes) == len(plan.changes) + len(plan.blocked)
