"""Loosened guard rails and exceeded limits in words, in every form."""

from dataclasses import replace
from datetime import date

import pytest
import yaml

from reconciler.model import GuardRail, Plan, SuggestedRaise
from reconciler.render import html, markdown, text, workflow_commands
from reconciler.render.guard_rail_view import guard_rail_view, raise_block
from reconciler.render.plan_view import GUARD_RAILS, PlanView, plan_view
from tests.support.elements import elements_of
from tests.support.guard_rails import loosened_rails, refusal_of
from tests.support.plans import change_of, guest_id, plan_of

BLOCK = """\
# in tenant.yaml
policy:
  raise:
    maxChanges: 40
    until: 2026-10-08
    reason: <why so many>
"""


def plan() -> Plan:
    return replace(plan_of(change_of(1), refusals=[refusal_of()]), guard_rails=loosened_rails())


@pytest.fixture
def view() -> PlanView:
    """Build the view of a plan with loosened guard rails that apply would refuse."""
    return plan_view(plan())


def test_a_value_is_shown_as_it_was_and_is_and_a_list_by_its_difference() -> None:
    """A reviewer need not compare two lists, and reads that an empty one allows everything."""
    assert [guard_rail_view(one).difference for one in loosened_rails()] == [
        ("was 20", "is 5000"),
        ("is (none)", "- evil.example"),
        ("+ b.example",),
        ("was true", "is false"),
        ("was until 2026-12-31: on leave", "is (none)"),
    ]
    emptied = GuardRail(field="policy.allowedDomains", before=("a.example",), after=())
    assert guard_rail_view(emptied).difference == ("is (none: every domain is allowed)", "- a.example")


def test_the_raise_is_yaml_that_lacks_only_the_reason(view: PlanView) -> None:
    """What is copied is the whole block, with the numbers, for this file."""
    assert view.raise_block == BLOCK
    assert yaml.safe_load(BLOCK)["policy"]["raise"]["maxChanges"] == 40
    percentage = SuggestedRaise(max_changes=None, max_change_percent=12, until=date(2026, 10, 8))
    percent = raise_block([replace(refusal_of(), suggested_raise=percentage)])
    assert "    maxChangePercent: 12\n" in (percent or "")
    assert "maxChanges:" not in (percent or "")
    assert raise_block([replace(refusal_of(), suggested_raise=None)]) is None
    assert plan_view(plan_of()).raise_block is None


def test_guard_rails_come_before_refusals_and_those_before_the_rows(view: PlanView) -> None:
    """What is loosened is read first in the comment and on the page."""
    for shown in (
        markdown.plan_pages(view, marker="m", elsewhere="x")[0],
        html.plan(view).partition("</style>")[2],
    ):
        places = [shown.index(words) for words in (GUARD_RAILS, "40 guests would be reset", "Ana Souza")]
        assert places == sorted(places)
    shown = text.plan(view, width=100, colour=False)
    assert shown.index(GUARD_RAILS) < shown.index("Ana Souza") < shown.index("40 guests would be reset")


def test_the_raise_can_be_copied_from_every_form(view: PlanView) -> None:
    """A fence in Markdown, preformatted on the page, indented in text: each holds the block line by line."""
    assert f"\n```yaml\n{BLOCK}```\n" in markdown.plan(view, marker="m", elsewhere="x")
    (block,) = [one for one in elements_of(html.plan(view)) if one.tag == "pre"]
    assert block.text.strip("\n") == BLOCK.strip("\n")
    indented = "".join(f"    {line}\n" for line in BLOCK.splitlines())
    assert indented in text.plan(view, width=100, colour=False)


def test_each_guard_rail_is_a_row_with_its_difference(view: PlanView) -> None:
    """Numbers as they were and are, lists as what is added and what is removed."""
    shown = markdown.plan(view, marker="m", elsewhere="x")
    assert "| `policy.maxChanges` | 20 | 5000 |  |\n" in shown
    assert "| `policy.deniedDomains` |  | (none) | - `evil.example` |\n" in shown
    assert "| `policy.allowedDomains` |  |  | + `b.example` |\n" in shown
    rails = next(one for one in elements_of(html.plan(view)) if one.attributes.get("class") == "rails")
    assert "policy.maxChanges" in rails.text
    assert "is 5000" in rails.text
    assert "- evil.example" in text.plan(view, width=100, colour=False)


def test_guard_rails_are_warnings_in_the_diff(view: PlanView) -> None:
    """They stand on tenant.yaml, and a hold where its guest is declared if the plan shows the line."""
    lines = workflow_commands.plan(view, folder="desired").splitlines()
    warnings = [line for line in lines if "title=guard-rail" in line]
    assert warnings[0] == (
        "::warning file=desired/tenant.yaml,title=guard-rail::"
        "Guard rails changed here: policy.maxChanges%0Awas 20%0Ais 5000"
    )
    assert warnings[-1].startswith("::warning file=desired/guests/fabrikam.yaml,line=4,title=guard-rail::")
    away = replace(plan(), guard_rails=(GuardRail(field=f"{guest_id(7)}.hold", before="x", after=None),))
    shown = workflow_commands.plan(plan_view(away), folder="desired")
    assert f"::warning title=guard-rail::Guard rails changed here: {guest_id(7)}.hold%0A" in shown
