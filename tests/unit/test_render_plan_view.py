"""Whose change it is, in every rendering."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest

from reconciler.model import Note, Plan
from reconciler.render import html, markdown, text, workflow_commands
from reconciler.render.plan_view import plan_view
from reconciler.rules import Rule
from tests.support.elements import elements_of
from tests.support.plans import blocked_of, change_of, compared_plan, gone_of, plan_of, small_plan

NAMES = ("Ana Souza", "Bea Blocked", "Di Drift", "Bo Hansen", "Max Admin", "Gil Gone")


def as_text(plan: Plan) -> str:
    return text.plan(plan_view(plan), width=200, colour=False)


def as_markdown(plan: Plan) -> str:
    return markdown.plan(plan_view(plan), marker="m", elsewhere="the file")


def as_page(plan: Plan) -> str:
    markup = re.sub(r"<(style|script)>.*?</\1>", "", html.plan(plan_view(plan)), flags=re.DOTALL)
    return unescape(re.sub("<[^>]*>", "", markup))


RENDERINGS = pytest.mark.parametrize("render", [as_text, as_markdown, as_page])


@RENDERINGS
def test_rows_of_this_change_come_first_and_drift_behind_them(render: Callable[[Plan], str]) -> None:
    """A reviewer reads what they are asked about, then who is let go, then what else is different."""
    shown = render(compared_plan())
    places = [shown.index(name) for name in NAMES]
    assert places[:2] == sorted(places[:2])
    assert max(places[:2]) < places[5] < min(places[2:5])
    assert re.search(
        r"1 guest to change, .*, 1 blocked; not of this change: 2 to change and 1 blocked\.", shown
    )
    assert "Merging approves none of them" in shown


@RENDERINGS
def test_without_a_base_nothing_is_said_of_whose_change_it_is(render: Callable[[Plan], str]) -> None:
    """A plan of the whole tree by hand looks as if there were no such thing."""
    shown = render(small_plan()).lower()
    for word in ("of this change", "no longer declared", "partial"):
        assert word not in shown


@RENDERINGS
def test_when_only_drift_is_left_that_is_said_first(render: Callable[[Plan], str]) -> None:
    """A pull request that changes no guest says so before it lists others' drift."""
    plan = compared_plan()
    drift = replace(plan, changes=plan.changes[1:], blocked=())
    shown = render(drift)
    assert "Nothing to change here; not of this change: 2 to change." in shown
    assert "Of this change" not in shown
    blocked = render(replace(plan, changes=(), blocked=plan.blocked[1:]))
    assert "Nothing to change here; not of this change: 1 blocked." in blocked


@RENDERINGS
def test_who_is_declared_no_longer_is_told_once_with_what_is_left(render: Callable[[Plan], str]) -> None:
    """The section says more than the warning, which is left out."""
    shown = render(compared_plan())
    assert shown.count("the entry is gone") == 0
    assert "gil@old.example" in shown
    assert "deleted" in shown
    quiet = render(plan_of(blocked=[], unchanged=3))
    assert "No longer declared" not in quiet
    assert "No longer declared" in render(replace(plan_of(unchanged=3), no_longer_declared=(gone_of(),)))


@RENDERINGS
def test_a_partial_plan_says_so_before_anything_else(render: Callable[[Plan], str]) -> None:
    """Nobody mistakes a quick look for the whole plan."""
    plan = replace(plan_of(change_of(1), unchanged=0), since="origin/main")
    shown = render(plan)
    assert shown.index("PARTIAL") < shown.index("1 guest to change")
    assert "approves nothing" in shown
    assert "1 entry" in shown.replace("`", "")
    assert "2 entries" in render(replace(plan_of(unchanged=2), since="main")).replace("`", "")


def test_drift_is_folded_in_markdown() -> None:
    """The comment shows this pull request's rows; the rest has to be opened."""
    shown = as_markdown(compared_plan())
    folded = shown.index("<details><summary>Not of this change: 2 to change and 1 blocked.")
    assert shown.index("Ana Souza") < folded < shown.index("Di Drift")
    assert "<details><summary>Blocked, not of this change</summary>" in shown


def test_each_table_of_the_page_has_an_id_of_its_own() -> None:
    """Headings label their own tables."""
    ids = [
        one.attributes["id"]
        for one in elements_of(html.plan(plan_view(compared_plan())))
        if "id" in one.attributes
    ]
    assert len(ids) == len(set(ids)) == 5


def test_annotations_leave_drift_alone_but_for_a_notice_of_who_is_blocked() -> None:
    """A pull request is not red for guests whose lines it does not show."""
    shown = workflow_commands.plan(plan_view(compared_plan()), folder="desired")
    levels = [line.split(" ")[0] for line in shown.splitlines() if "is blocked" in line]
    assert levels == ["::error", "::notice"]
    assert "Di Drift" not in shown
    assert "no-longer-declared" in shown
    assert blocked_of().rule in shown


@RENDERINGS
def test_what_a_whole_company_shares_is_told_once(render: Callable[[Plan], str]) -> None:
    """When a partner changes its name, the odd rows still stand out; a single guest is told in the row."""
    unseen = Note(rule=Rule.UNSEEN_DOMAIN, message="nobody has an address there yet")
    odd = Note(rule=Rule.GUEST_DISABLED, message="the account is disabled")
    rows = [change_of(n, name=f"Guest {n}", warnings=[unseen]) for n in range(40)]
    rows[30] = change_of(30, name="Oda Odd", warnings=[unseen, odd])
    shown = render(plan_of(*rows))
    assert shown.count("nobody has an address there yet") == 1
    assert shown.count("the account is disabled") == 1
    assert render(plan_of(*rows[:3])).count("nobody has an address there yet") == 3


def test_rows_with_a_warning_of_their_own_come_before_those_with_a_shared_one() -> None:
    """Among changes of address: odd ones, those to an unseen domain, the others."""
    unseen = Note(rule=Rule.UNSEEN_DOMAIN, message="nobody has it")
    odd = Note(rule=Rule.GUEST_DISABLED, message="it is disabled")
    plan = plan_of(
        change_of(1, name="Pia Plain"),
        change_of(2, name="Una Unseen", warnings=[unseen]),
        change_of(3, name="Oda Odd", warnings=[odd]),
    )
    shown = as_markdown(plan)
    assert shown.index("Oda Odd") < shown.index("Una Unseen") < shown.index("Pia Plain")


def test_annotations_tell_once_what_a_whole_company_shares() -> None:
    """GitHub shows ten warnings, which must not all be the same one."""
    unseen = Note(rule=Rule.UNSEEN_DOMAIN, message="no guest has an address in newco.example")
    shown = workflow_commands.plan(
        plan_view(plan_of(*(change_of(n, warnings=[unseen]) for n in range(40)))), folder="desired"
    )
    assert shown.count("unseen-domain") == 1
