import base64
import hashlib
from dataclasses import replace

from reconciler.model import Cloud, Note, Outcome, Refusal
from reconciler.render import html
from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from reconciler.rules import Rule
from tests.support.elements import Element, elements_of
from tests.support.plans import (
    again_of,
    blocked_of,
    change_of,
    large_plan,
    mixed_report,
    others_of,
    outcome_of,
    plan_of,
    report_of,
    rest_of,
    restored_of,
    small_plan,
)


def of_class(page: str, name: str) -> list[Element]:
    return [one for one in elements_of(page) if name in (one.attributes.get("class") or "").split()]


def cells(page: str, label: str) -> list[str]:
    return [one.text.strip() for one in elements_of(page) if one.attributes.get("data-label") == label]


def test_a_plan_page_shows_every_change_without_any_script() -> None:
    """All rows are in the page as it is loaded, with who, from and to, the riskiest first."""
    page = html.plan(plan_view(small_plan()))
    assert [one.text for one in of_class(page, "name")] == [
        "Ana Souza",
        "Bo Hansen",
        "Eve Moneypenny",
        "Max Admin",
    ]
    assert cells(page, "From") == ["ana@old.example", "bo@fabrikam.example", "eve@fabrikam.example"]
    assert [one.split("\n")[0] for one in cells(page, "To")] == [
        "ana@newco.example",
        "(the same)",
        "(the same)",
    ]
    assert [one.text for one in of_class(page, "added")] == ["+ ana@newco.example"]
    assert [one.text for one in of_class(page, "removed")] == [
        "\u2212 ana@old.example",
        "\u2212 eve@private.example",
    ]
    assert "No message is sent, and no redeem link is kept" in cells(page, "What will happen")[1]
    assert "domain-look-alike: newc0.example looks like" in cells(page, "What will happen")[0]
    assert "remove the role assignment" in cells(page, "Why, and what to do")[0]
    assert "guests/fabrikam.yaml:4" in cells(page, "Who")[0]


def test_a_page_loads_nothing_and_runs_nothing_but_its_own() -> None:
    """The policy forbids everything but the one style and the one script in the page, by their hashes."""
    for page in (html.plan(plan_view(small_plan())), html.report(report_view(mixed_report()))):
        found = elements_of(page)
        (policy,) = [one for one in found if one.attributes.get("http-equiv") == "Content-Security-Policy"]
        allowed = policy.attributes["content"] or ""
        for tag in ("style", "script"):
            (element,) = [one for one in found if one.tag == tag]
            digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in allowed
        assert allowed.startswith("default-src 'none';")
        assert not [one for one in found if {"src", "href", "style", "onclick"} & set(one.attributes)]


def test_columns_have_headings_and_tables_have_names() -> None:
    """Each heading says that it heads a column, and each table is named by the heading above it."""
    found = elements_of(html.plan(plan_view(small_plan())))
    ids = {one.attributes.get("id") for one in found}
    assert all(one.attributes["scope"] == "col" for one in found if one.tag == "th")
    assert all(one.attributes["aria-labelledby"] in ids for one in found if one.tag == "table")


def test_controls_are_hidden_until_the_script_shows_them() -> None:
    """Without JavaScript nobody sees a control that does nothing."""
    (controls,) = of_class(html.plan(plan_view(small_plan())), "controls")
    assert "hidden" in controls.attributes


def test_output_about_the_emulator_says_so_first() -> None:
    """The first words of the page and of its title are EMULATOR when no real tenant is meant."""
    for page in (
        html.plan(plan_view(small_plan(cloud=Cloud.EMULATOR))),
        html.report(report_view(mixed_report(cloud=Cloud.EMULATOR))),
    ):
        body = next(one for one in elements_of(page) if one.tag == "body")
        title = next(one for one in elements_of(page) if one.tag == "title")
        assert body.text.strip().startswith("EMULATOR")
        assert title.text.startswith("EMULATOR")


def test_an_empty_plan_has_no_tables() -> None:
    """A converged tenant is a headline, and nothing to sort."""
    page = html.plan(plan_view(plan_of()))
    assert not [one for one in elements_of(page) if one.tag == "table"]
    assert "Nothing to change: 97 declared guests and the tenant agree." in page


def test_rows_are_ordered_by_risk() -> None:
    """New addresses come first, odd ones before others; then resets, then those that reset nobody."""
    odd = change_of(4, name="Odd", warnings=[Note(rule=Rule.GUEST_DISABLED, message="disabled")])
    page = html.plan(plan_view(plan_of(others_of(1), change_of(2), again_of(3), odd)))
    assert [one.text for one in of_class(page, "name")] == ["Odd", "Ana Souza", "Bo Hansen", "Eve Moneypenny"]


def test_a_long_plan_says_the_usual_once() -> None:
    """Rows of a long plan say only what is odd about them."""
    page = html.plan(plan_view(large_plan(200)))
    assert page.count("Unless a guest below says otherwise") == 1
    assert "Cannot sign in until they redeem." not in page


def test_refusals_warnings_and_incompleteness_stand_above_the_rows() -> None:
    """What speaks against applying a plan is read before its rows."""
    note = Refusal(rule=Rule.MAX_CHANGES, message="too many")
    page = html.plan(
        plan_view(
            plan_of(
                change_of(name=None), blocked=[blocked_of()], refusals=[note], warnings=[note], complete=False
            )
        )
    )
    table = page.index("<table")
    notices = ("Apply would refuse this plan", "<h2>Warnings</h2>", "INCOMPLETE", "max-changes")
    assert all(page.index(words) < table for words in notices)
    assert ">(no name)<" in page


def test_a_report_page_leads_with_those_who_need_somebody() -> None:
    """Guests are ordered by how much they need somebody, each with what to do."""
    page = html.report(report_view(mixed_report()))
    assert cells(page, "Outcome")[0] == "failed"
    assert cells(page, "Outcome")[-1] == "applied"
    assert cells(page, "What to do")[0].startswith("Put right what each message names")
    assert "ResetRedemption: failed" in cells(page, "What happened")[0]


def test_a_run_that_touched_nobody_still_has_a_page() -> None:
    """A refused run shows why; there is no table and no digest."""
    page = html.report(
        report_view(
            report_of(refusals=[Note(rule=Rule.WRONG_TENANT, message="another")], exit_code=5, digest=None)
        )
    )
    assert "wrong-tenant" in page
    assert "<table" not in page
    assert "sha256:" not in page


def test_a_message_without_rule_stands_alone() -> None:
    """An outcome that has something to say but no rule shows the sentence alone."""
    page = html.report(report_view(report_of(outcome_of(1, Outcome.APPLIED, message="sent twice"))))
    assert cells(page, "What happened") == ["sent twice"]


def test_a_report_page_says_what_its_run_could_not_see() -> None:
    """A missing check, the warnings of the run, and its commit stand on the page."""
    warnings = (Note(rule=Rule.NOT_CHECKED, message="roles not checked"),)
    page = html.report(
        report_view(replace(mixed_report(), complete=False, warnings=warnings, commit="c0ffee"))
    )
    assert any(one.text.startswith("INCOMPLETE") for one in of_class(page, "notice"))
    assert "roles not checked" in page
    assert [one.text for one in of_class(page, "digest")] == ["Commit c0ffee", "Plan sha256:aa"]
    assert "INCOMPLETE" not in html.report(report_view(mixed_report()))


def test_a_page_names_the_kind_of_every_change() -> None:
    """Mail put back is told from a new address, and can be filtered by its kind."""
    page = html.plan(plan_view(plan_of(restored_of(), rest_of())))
    assert cells(page, "Kind") == ["new address", "mail put back"]
    assert "Finishes change 0123456789abcdef" in cells(page, "What will happen")[0]
