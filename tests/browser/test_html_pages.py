"""The HTML pages in a real browser. Skipped where there is no Chromium."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model import GuardRail
from reconciler.render import html
from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from tests.browser.chromium import BINARY, Page, browser
from tests.support.guard_rails import loosened_rails, refusal_of
from tests.support.plans import (
    blocked_of,
    change_of,
    large_plan,
    mixed_report,
    plan_of,
    reset_of,
    small_plan,
)

pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no chromium on this machine: apt-get install chromium"
)

VISIBLE = "[...document.querySelectorAll('tbody tr')].filter(row => row.getClientRects().length)"
NAMES = f"{VISIBLE}.map(row => row.querySelector('.name').textContent)"
SAID = "document.querySelector('output').textContent"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def load(page: Page, tmp_path: Path) -> Iterator[Page]:
    """Give the browser with the small plan loaded, and look afterwards whether it complained."""
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    page.show()
    page.complaints.clear()
    open_page(page, html.plan(plan_view(small_plan())), tmp_path)
    yield page
    assert page.complaints == []


def open_page(page: Page, text: str, folder: Path) -> None:
    target = folder / "page.html"
    target.write_text(text, encoding="utf-8")
    page.load(target)


def test_clicking_a_heading_sorts_up_and_down_and_says_so(load: Page) -> None:
    """A heading sorts its table by its column, numbers by value, and tells people and screen readers."""
    load.click("#changes-here + table th:nth-child(4) button")
    assert load.evaluate(NAMES)[:3] == ["Bo Hansen", "Eve Moneypenny", "Ana Souza"]
    assert load.evaluate("document.querySelector('th:nth-child(4)').getAttribute('aria-sort')") == "ascending"
    load.click("#changes-here + table th:nth-child(4) button")
    assert load.evaluate(NAMES)[:3] == ["Ana Souza", "Eve Moneypenny", "Bo Hansen"]
    assert load.evaluate("document.querySelectorAll('[aria-sort]').length") == 1
    assert load.evaluate(SAID) == "4 of 4 rows, sorted by To, descending"


def test_typing_filters_all_tables(load: Page) -> None:
    """Rows that lack one of the words disappear, with the tables they leave empty."""
    load.click("input[name=words]")
    load.type("FABRIKAM.example redeem")
    assert load.evaluate(NAMES) == ["Bo Hansen"]
    assert load.evaluate(SAID) == "1 of 4 rows"
    assert load.evaluate("document.querySelector('#blocked-here').getClientRects().length") == 0


def test_choosing_a_kind_filters(load: Page) -> None:
    """The list of kinds shows one kind, the blocked, or those with a warning."""
    for kind, expected in (("reset", ["Bo Hansen"]), ("blocked", ["Max Admin"]), ("warned", ["Ana Souza"])):
        load.evaluate(
            f"document.querySelector('select').value = '{kind}';"
            "document.querySelector('select').dispatchEvent(new Event('input', {bubbles: true}))"
        )
        assert load.evaluate(NAMES) == expected


def test_a_page_without_javascript_shows_all_rows_and_no_dead_controls(load: Page, tmp_path: Path) -> None:
    """With scripts switched off the page is complete, and offers nothing that would not work."""
    load.call("Emulation.setScriptExecutionDisabled", value=True)
    open_page(load, html.plan(plan_view(small_plan())), tmp_path)
    assert len(load.evaluate(NAMES)) == 4
    assert load.evaluate("document.querySelector('.controls').getClientRects().length") == 0
    assert load.evaluate("document.querySelectorAll('th button').length") == 0


def test_two_thousand_changes_can_be_sorted_and_filtered(load: Page, tmp_path: Path) -> None:
    """A long plan answers to the same clicks and keys, and sorts numbers by value."""
    open_page(load, html.plan(plan_view(large_plan(2_000))), tmp_path)
    load.click("#changes-here + table th:nth-child(2) button")
    assert load.evaluate(NAMES)[:3] == ["Guest 0 Ångström", "Guest 1 Ångström", "Guest 2 Ångström"]
    load.click("input[name=words]")
    load.type("guest1999@")
    assert load.evaluate(SAID) == "1 of 2200 rows, sorted by Who, ascending"


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_follows_the_colour_scheme(load: Page, dark: bool) -> None:  # noqa: FBT001
    """The background is light or dark as the reader's system asks, and text stands out from it."""
    load.show(dark=dark)
    paper, ink = (
        sum(load.evaluate(f"getComputedStyle(document.body).{one}.match(/\\d+/g).slice(0, 3).map(Number)"))
        for one in ("backgroundColor", "color")
    )
    assert (paper < 3 * 64) is dark
    assert abs(paper - ink) > 3 * 128


@pytest.mark.parametrize("width", [320, 800, 1000, 1160, 1280])
def test_nothing_runs_off_the_side(load: Page, tmp_path: Path, width: int) -> None:
    """No window is too narrow: long names and addresses are broken, and nobody has to scroll sideways."""
    load.show(width=width)
    after = "n" * 200 + "@new.example"
    sent = reset_of(after, message="m" * 500, redirect_url=f"https://evil.example/{'x' * 500}")
    long = change_of(name="N" * 200, before="o" * 200 + "@old.example", after=after, reset=sent)
    plan = plan_of(long, blocked=[blocked_of()], refusals=[refusal_of()])
    rails = (*loosened_rails(), GuardRail(field="f" * 200, before="b" * 200, after="a" * 200))
    open_page(load, html.plan(plan_view(replace(plan, guard_rails=rails))), tmp_path)
    assert load.evaluate("document.documentElement.scrollWidth") <= width


def test_paper_shows_all_rows_and_no_controls(load: Page) -> None:
    """In print there is nothing to click on, and every row."""
    load.show(media="print")
    assert len(load.evaluate(NAMES)) == 4
    assert load.evaluate("document.querySelector('.controls').getClientRects().length") == 0


def test_a_report_page_works_alike(load: Page, tmp_path: Path) -> None:
    """Outcomes are sorted and filtered by the same controls."""
    open_page(load, html.report(report_view(mixed_report())), tmp_path)
    load.click("input[name=words]")
    load.type("holds-role")
    assert load.evaluate(SAID) == "1 of 8 rows"
