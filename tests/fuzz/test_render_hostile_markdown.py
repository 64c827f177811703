import re
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.guard.approval import approve
from reconciler.model import Plan, Report, ResetRedemption
from reconciler.render import escape, markdown
from reconciler.render.approval_view import approval_view
from reconciler.render.guard_rail_view import raise_block
from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from tests.support import hostile
from tests.support.guard_rails import refusal_of

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])

OURS = {"text", "code_inline", "strong_open", "strong_close"}

# What GitHub looks for in text that is not code: mentions, references, addresses, links, emoji, commits.
LINKED = re.compile(r"[@#<>\[\]*_~`\\|$&/]|www\.|:\S|\w\.\w|GH-\d|[0-9a-fA-F]{7}")


def cells_of(text: str) -> list[list[Token]]:
    """Give the cells of each row of a page's tables, after checking that nothing else came of the data."""
    rows: list[list[Token]] = []
    in_cell = False
    for token in PARSER.parse(text):
        if token.type == "html_block":
            assert (
                token.content.strip()
                .split("\n")[0]
                .startswith(("<!-- m -->", "<details><summary>", "</details>"))
            )
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in {"td_open", "td_close"}:
            in_cell = token.type == "td_open"
        elif token.type == "inline":
            check_inline(token)
            if in_cell:
                rows[-1].append(token)
        elif token.type == "fence":
            assert token.content == raise_block([refusal_of()])
        else:
            assert token.type.split("_")[0] in {"paragraph", "table", "thead", "tbody", "tr", "th"}, token
    return [row for row in rows if row]


def check_inline(token: Token) -> None:
    for child in token.children or []:
        if child.type == "html_inline":
            assert child.content == "<br>"
        else:
            assert child.type in OURS, child
        if child.type == "text":
            assert not LINKED.search(child.content), child.content


def codes(token: Token) -> list[str]:
    return [child.content for child in token.children or [] if child.type == "code_inline"]


def shown(value: str) -> str:
    """Tell how a value looks inside its code span."""
    spelled = re.sub("`{3,}", lambda run: "<U+0060>" * len(run.group()), escape.visible(value))
    return spelled.replace("\\|", "\\<U+007C>")


@given(st.lists(hostile.text, min_size=2, max_size=4))
@example(["\\|", "`" * 100])
@example(["| --- |", "`|`"])
def test_every_value_stays_in_its_cell_and_reads_as_it_is(values: list[str]) -> None:
    """A row has as many cells as values, and each cell is one code span with the value's visible text."""
    head = f"{'| x ' * len(values)}|\n{'| --- ' * len(values)}|\n"
    page = head + f"| {' | '.join(map(escape.markdown_cell, values))} |\n"
    (row,) = cells_of(page)
    assert [codes(cell) for cell in row] == [[shown(value)] for value in values]
    assert all(len(cell.children or []) == 1 for cell in row)


@given(hostile.text, hostile.text)
def test_every_sentence_stays_in_its_cell_and_links_nothing(left: str, right: str) -> None:
    """Two sentences give two cells in which nothing outside of code could become a link or markup."""
    row_text = f"| a {escape.markdown_sentence(left)} | a {escape.markdown_sentence(right)} |"
    page = f"| x | x |\n| --- | --- |\n{row_text}\n"
    (row,) = cells_of(page)
    assert len(row) == 2


@given(hostile.plans())
def test_a_plan_keeps_its_shape_whatever_strangers_wrote(plan: Plan) -> None:
    """The comment of a plan has the rows and cells it would have for tame names, and nothing live in them."""
    for page in (
        markdown.plan(plan_view(plan), marker="m", elsewhere="there"),
        markdown.drift(plan_view(plan), marker="m", elsewhere="there"),
    ):
        rows = cells_of(page)
        assert [len(row) for row in rows] == [4, 4, 2, *[3] * 4, 3, 2, *[2] * 4, *[5] * 4]
        assert codes(rows[3][0])[0] == shown(plan.changes[0].display_name or "")
        sent = plan.changes[0].actions[1]
        assert isinstance(sent, ResetRedemption)
        found = codes(rows[3][2])[1:]
        values = (sent.invitation.message, sent.invitation.cc, sent.invitation.redirect_url)
        assert found == [shown(str(value)) for value in values]


@given(hostile.reports())
def test_a_report_keeps_its_shape_whatever_strangers_wrote(report: Report) -> None:
    """The comment of a report has the rows and cells it would have for tame names."""
    assert {
        len(row) for row in cells_of(markdown.report(report_view(report), marker="m", elsewhere="there"))
    } == {2}
    assert len(cells_of(markdown.report(report_view(report), marker="m", elsewhere="there"))) == 4


@given(hostile.compared_plans())
def test_a_compared_plan_keeps_its_shape_whatever_strangers_wrote(plan: Plan) -> None:
    """Revisions, drift and guests who were let go add no row, no cell and nothing live."""
    rows = cells_of(markdown.plan(plan_view(plan), marker="m", elsewhere="there"))
    assert [len(row) for row in rows] == [4, 4, 2, 3, 3, 2, 2, 5, 3, 3]
    assert codes(rows[4][0])[0] == shown(plan.no_longer_declared[0].name or "")


@given(hostile.plans())
def test_what_is_approved_keeps_its_shape_whatever_strangers_wrote(plan: Plan) -> None:
    """What would run and what would not is a row each."""
    found = approve(plan, [replace(plan, changes=plan.changes[:1])])
    rows = cells_of(markdown.approval(approval_view(plan, found), elsewhere="there"))
    assert [len(row) for row in rows] == [3, 2, 2, 2, 2, 2], "the last one is the warning of the plan"
