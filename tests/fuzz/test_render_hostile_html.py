from dataclasses import replace

from hypothesis import given

from reconciler.model import Change, Note, Origin, Plan, Report
from reconciler.render import escape, html
from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from reconciler.rules import OtherRule
from tests.support import hostile
from tests.support.elements import Element, elements_of
from tests.support.plans import (
    LINGERS,
    blocked_of,
    change_of,
    gone_of,
    others_of,
    outcome_of,
    plan_of,
    report_of,
    reset_of,
    rest_of,
    restored_of,
)

TWO = ["x@new.example", "y@new.example"]


def moved(odd: Note) -> Change:
    """Make a change with a value in every place that may hold one."""
    sent = reset_of("ana@newco.example", cc="a@b.example", message="m", redirect_url="https://c.example")
    return change_of(1, others=["x@y.example"], warnings=[LINGERS, odd], reset=sent)


def outline(found: list[Element]) -> list[tuple[str, dict[str, str | None]]]:
    """Tell the elements and attributes of a page; an address may be broken after each of its signs."""
    return [(one.tag, one.attributes) for one in found if one.tag != "wbr"]


def names(found: list[Element]) -> list[str]:
    return [one.text for one in found if one.attributes.get("class") == "name"]


@given(hostile.plans())
def test_a_plan_page_has_the_elements_of_a_tame_one(plan: Plan) -> None:
    """Whatever strangers wrote adds no element and no attribute, and names read as they are."""
    odd = plan.warnings[0]
    changes = [moved(odd), others_of(2, after=TWO), restored_of(3), rest_of(4)]
    tame = replace(
        plan_of(*changes, blocked=[blocked_of()], warnings=[odd], refusals=[hostile.refused(odd)]),
        guard_rails=hostile.rails_of(*"abcdef"),
    )
    wild = elements_of(html.plan(plan_view(plan)))
    assert outline(wild) == outline(elements_of(html.plan(plan_view(tame))))
    first, second, third, fourth = plan.changes
    expected = [row.display_name for row in (first, fourth, second, third)]
    expected += [row.display_name for row in plan.blocked]
    assert names(wild) == [escape.visible(name or "") for name in expected]


@given(hostile.reports())
def test_a_report_page_has_the_elements_of_a_tame_one(report: Report) -> None:
    """Whatever strangers wrote adds no element and no attribute, and names read as they are."""
    wild = elements_of(html.report(report_view(report)))
    outcomes = [
        outcome_of(n, one.outcome, rule=OtherRule("r"), message="m") for n, one in enumerate(report.outcomes)
    ]
    odd = Note(rule=OtherRule("r"), message="m")
    tame = replace(report_of(*outcomes, refusals=[odd], exit_code=7), warnings=(odd,), commit="c0ffee")
    assert outline(wild) == outline(elements_of(html.report(report_view(tame))))
    assert names(wild) == [escape.visible(one.display_name or "") for one in report.outcomes]


@given(hostile.compared_plans())
def test_a_compared_plan_page_has_the_elements_of_a_tame_one(plan: Plan) -> None:
    """Revisions, drift and guests who were let go add no element and no attribute."""
    odd = plan.warnings[0]
    here, drift = Origin.THIS_CHANGE, Origin.ELSEWHERE
    changes = [
        replace(moved(odd), origin=here),
        replace(others_of(2, after=TWO), origin=drift),
    ]
    blocked = replace(blocked_of(), origin=drift)
    tame = replace(
        plan_of(*changes, blocked=[blocked], warnings=[odd], refusals=[hostile.refused(odd)]),
        since="main",
        no_longer_declared=(gone_of(),),
        guard_rails=hostile.rails_of(*"abcdef"),
    )
    wild = elements_of(html.plan(plan_view(plan)))
    assert outline(wild) == outline(elements_of(html.plan(plan_view(tame))))
    assert names(wild)[1] == escape.visible(plan.no_longer_declared[0].name or "")
