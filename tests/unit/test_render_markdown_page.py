"""Content laid out on one page, or on as many as it needs."""

from dataclasses import replace

import pytest

from reconciler.guard.approval import approve
from reconciler.model import Origin
from reconciler.render import markdown
from reconciler.render.approval_view import approval_view
from reconciler.render.markdown_page import LIMIT, Table, page, page_marker, pages
from reconciler.render.plan_view import plan_view
from tests.support.plans import change_of, guest_id, large_plan, plan_of


def table(
    *rows: tuple[list[str], ...], title: str = "Rows", folded: bool = False, aside: bool = False
) -> Table:
    columns = tuple(f"c{number}" for number in range(len(rows[0])))
    return Table(title=title, columns=columns, rows=rows, count=len(rows), folded=folded, is_aside=aside)


def laid_out(*parts: str | Table, limit: int = 1_000, most: int | None = None) -> tuple[str, ...]:
    return pages(
        marker="m", head=["**HEAD**"], parts=parts, tail=["tail"], elsewhere="there", limit=limit, most=most
    )


@pytest.mark.parametrize("count", [0, 19, 20, 200, 2_000])
def test_a_plan_of_any_size_is_shown_whole(count: int) -> None:
    """Each page fits, none is numbered in vain, and each change has its row on one of them."""
    shown = markdown.plan_pages(plan_view(large_plan(count)), marker="m", elsewhere="there")
    assert all(len(one.encode("utf-16-le")) // 2 <= LIMIT for one in shown)
    assert "more: see" not in "".join(shown)
    for number in range(count):
        assert sum(one.count(f"<br>`{guest_id(number)}` | `guest{number}@") for one in shown) == 1
    assert ("**Page 1 of" in shown[0]) is (len(shown) > 1)
    (whole,) = [markdown.plan(plan_view(large_plan(count)), marker="m", elsewhere="there")]
    assert "**Page " not in whole


def test_every_page_begins_and_ends_alike_and_says_which_it_is() -> None:
    """Each comment can be found by a marker of its own, and read without the others."""
    shown = laid_out("first", table(*((["x" * 100],) for _ in range(30)), folded=True))
    assert len(shown) > 3
    for number, one in enumerate(shown, start=1):
        assert one.startswith(f"<!-- {page_marker('m', number)} -->\n\n**HEAD**\n\n")
        assert f"**Page {number} of {len(shown)}.**\n" in one
        assert one.endswith("\n\ntail\n\n")
        assert one.count("<details>") == one.count("</details>") == 1
        assert len(one) <= 1_000
    assert "<summary>Rows</summary>" in shown[0]
    assert "<summary>Rows (continued)</summary>" in shown[1]
    assert "".join(shown).count("x" * 100) == 30


def test_a_paragraph_goes_on_the_next_page_when_it_does_not_fit() -> None:
    """Nothing is cut in the middle."""
    first, second = laid_out(table((["x" * 500],)), "p" * 400)
    assert "x" * 500 in first
    assert "p" * 400 in second


def test_a_row_that_is_too_long_goes_on_and_the_rows_behind_it_follow() -> None:
    """It ends neither its table nor the page, and each of its parts says whose row it is."""
    long = [f"line {number:02} {'y' * 80}" for number in range(30)]
    shown = laid_out(table((["name", "id"], long), (["next"], ["z"])))
    assert all(len(one) <= 1_000 for one in shown)
    whole = "".join(shown)
    places = [whole.index(line) for line in long]
    assert places == sorted(places)
    rows = [line for line in whole.splitlines() if "line " in line]
    assert rows[0].startswith("| name<br>id | ")
    assert all(row.startswith("| id | ") for row in rows[1:])
    assert whole.index("| next | z |") > places[-1]


def test_a_long_name_is_not_repeated_on_further_pages() -> None:
    """Where the label itself would fill a page, a short one takes its place."""
    name = ["n" * 2_500]
    shown = laid_out(table((name, ["v" * 3_000, "w" * 3_000])), limit=6_000)
    assert all(len(one) <= 6_000 for one in shown)
    assert "".join(shown).count(name[0]) == 1
    assert "| (continued) | " in "".join(shown)


def test_asides_fill_one_page_together_and_are_counted_from_there() -> None:
    """Drift is not under review: where there is much of it, reviewers are told how much."""
    rows = [(["d" * 100],) for _ in range(40)]
    shown = laid_out(
        table((["own"],)), table(*rows, aside=True), table(*rows, title="Other", folded=True, aside=True)
    )
    assert len(shown) <= 3
    assert all(len(one) <= 1_000 for one in shown)
    placed = "".join(shown).count("d" * 100)
    assert 5 <= placed < 10
    assert f"\n{40 - placed} more: see there.\n" in "".join(shown)
    assert "\n40 more: see there.\n" in shown[-1]


def test_with_a_most_of_pages_each_says_that_there_are_more() -> None:
    """Nobody takes the first pages for all of them."""
    rows = table(*((["x" * 100],) for _ in range(30)))
    few = laid_out(rows, most=2)
    assert len(few) == 2
    assert all("There are more: see there." in one for one in few)
    assert laid_out(rows, most=100) == laid_out(rows)


def test_on_a_single_page_a_row_that_does_not_fit_is_left_out_alone() -> None:
    """The rows behind it are shown."""
    rows = table((["a"],), (["b" * 900],), (["c"],))
    shown = page(head=[], tables=[rows], tail=[], elsewhere="there", limit=600)
    assert "| a |\n| c |\n" in shown
    assert "\n1 more: see there.\n" in shown


def test_a_summary_is_whole_unless_github_would_show_nothing_of_it() -> None:
    """More than a mebibyte is refused as a whole, so then the riskiest are shown, and that there are more."""
    fitting, large = plan_view(large_plan(2_000)), plan_view(large_plan(4_000))
    assert markdown.plan_summary(fitting, marker="m", elsewhere="there") == markdown.plan(
        fitting, marker="m", elsewhere="there"
    )
    shown = markdown.plan_summary(large, marker="m", elsewhere="there")
    assert len(shown.encode()) <= markdown.SUMMARY_LIMIT
    assert "There are more: see there." in shown


def test_what_is_approved_is_shown_whole_and_what_is_not_behind_it() -> None:
    """The reviewers of the environment see each row that would run, the riskiest first."""
    big = large_plan(1_500)
    drifted = plan_of(
        *(replace(one, origin=Origin.ELSEWHERE) for one in big.changes[1_000:]), *big.changes[:1_000]
    )
    shown = markdown.approval(approval_view(big, approve(big, [drifted])), elsewhere="there")
    for number in range(1_000):
        assert shown.count(f"<br>`{guest_id(number)}` | `guest{number}@fabrikam.example` → ") == 1
    assert "more: see" not in shown
    assert shown.index("**Would run**") < shown.index("**Would not run**")
    many = plan_of(*(change_of(n, name="\u202e" * 200) for n in range(1_000)))
    shown = markdown.approval(approval_view(many, approve(many, [many])), elsewhere="there")
    assert len(shown.encode()) <= markdown.SUMMARY_LIMIT
    assert "There are more: see there." in shown


def test_a_drift_issue_is_the_first_page() -> None:
    """An issue has one body; it says that there is more."""
    shown = markdown.drift(plan_view(large_plan(2_000)), marker="m", elsewhere="there")
    assert len(shown) <= LIMIT
    assert "There are more: see there." in shown
