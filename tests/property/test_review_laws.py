"""What reviewers are shown: all of the change under review, whole and in order, whatever was written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.model import (
    AddOtherMail,
    Change,
    ChangeKind,
    ClearMarker,
    EmailAddress,
    Origin,
    Plan,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)
from reconciler.render import html, markdown, text
from reconciler.render.escape import markdown_cell, terminal, visible
from reconciler.render.markdown_page import LIMIT
from reconciler.render.plan_view import plan_view
from tests.support import hostile
from tests.support.elements import elements_of
from tests.support.plans import again_of, change_of, guest_id, others_of, plan_of, reset_of, restored_of

ADDRESSES = st.builds(
    lambda local, length: f"{local}{'-long' * length}@new.example",
    # With <br> in an address, lines could not be told from each other here by splitting alone.
    hostile.text.map(lambda text: text.replace("<br>", "")),
    st.integers(0, 45),
)


@st.composite
def rows(draw: st.DrawFn, number: int) -> Change:
    """Make a change of any kind with many or few addresses."""
    had, wants = (draw(st.lists(ADDRESSES, max_size=30)) for _ in range(2))
    kind = draw(st.sampled_from(["moved", "others", "again", "restored"]))
    name, origin = draw(hostile.text), draw(st.sampled_from([None, *Origin]))
    if kind == "again":
        return replace(again_of(number, others=had), display_name=name, origin=origin)
    if kind == "restored":
        return replace(restored_of(number), display_name=name, origin=origin)
    if kind == "others":
        return replace(others_of(number, before=had, after=wants), display_name=name, origin=origin)
    after = "next-" + draw(ADDRESSES)
    sent = reset_of(after, message=draw(hostile.text) * draw(st.integers(1, 400)))
    change = change_of(number, name=name, after=after, others=wants, reset=sent)
    held = replace(change.precondition, other_mails=tuple(sorted(map(EmailAddress, had))))
    return replace(change, precondition=held, origin=origin)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Make a plan of one or many changes, small and large."""
    count = draw(st.integers(1, 6))
    changes = [draw(rows(number)) for number in range(count)]
    copies = draw(st.integers(1, 8))
    return plan_of(
        *(
            replace(change, id=guest_id(number + count * copy))
            for copy in range(copies)
            for number, change in enumerate(changes)
        )
    )


def before_and_after(change: Change) -> tuple[set[str], set[str]]:
    """Compute which addresses stand on the object, apart from the product's own way to do so."""
    had = {str(address).lower() for address in change.precondition.other_mails}
    mail = {str(change.precondition.mail).lower()}
    has = had | mail
    for action in change.actions:
        match action:
            case SetMail(email=email, other_mails=final) | ClearMarker(email=email, other_mails=final):
                has = {str(address).lower() for address in (email, *final)}
            case SetOtherMails(other_mails=final):
                has = mail | {str(address).lower() for address in final}
            case AddOtherMail(email=email) | ResetRedemption(email=email):
                has |= {str(email).lower()}
    return had | mail, has


def rank(change: Change) -> int:
    """Compute the place of a change among the four that the design names."""
    before, after = before_and_after(change)
    if change.kind is ChangeKind.CHANGE_EMAIL:
        return 0
    return 1 if change.resets else 2 if after - before else 3


def is_own(change: Change) -> bool:
    return change.origin is not Origin.ELSEWHERE


def table_of(pages: tuple[str, ...], title: str) -> Iterator[list[str]]:
    """Give the cells of each row of a table, over all the pages it takes."""
    for page in pages:
        for part in re.split(r"^(?=\*\*|<details>)", page, flags=re.MULTILINE):
            if part.startswith((f"**{title}**", f"**{title} (continued)**")):
                for line in part.split("\n")[4:]:
                    if line.startswith("| "):
                        yield re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |"))


def by_guest(pages: tuple[str, ...], column: int) -> Mapping[str, list[str]]:
    """Collect the lines about each guest in a column of the table of changes, in the order of the rows."""
    found: dict[str, list[str]] = {}
    for cells in table_of(pages, "Changes, the riskiest first"):
        found.setdefault(cells[0].rpartition("<br>")[2], []).extend(cells[column].split("<br>"))
    return found


@given(plans())
@example(plan_of(*(others_of(n, after=[f"a{n}-{k}@x.example" for k in range(250)]) for n in range(12))))
def test_each_change_is_shown_whole_and_in_order_on_pages_that_fit(plan: Plan) -> None:
    """Nothing of this change is counted away: each row, each address that comes or goes, riskiest first."""
    pages = markdown.plan_pages(plan_view(plan), marker="m", elsewhere="there")
    assert all(len(page.encode("utf-16-le")) // 2 <= LIMIT for page in pages)
    found = by_guest(pages, 1)
    own = {markdown_cell(change.id): change for change in plan.changes if is_own(change)}
    assert found.keys() == own.keys()
    ranks = [rank(own[guest]) for guest in found]
    assert ranks == sorted(ranks)
    for guest, change in own.items():
        before, after = before_and_after(change)
        for sign, addresses in (("+", after - before), ("-", before - after)):
            signed = [line.lower() for line in found[guest] if line.startswith(f"{sign} ")]
            assert sorted(signed) == sorted(
                f"{sign} {markdown_cell(address)}".lower() for address in addresses
            )


@given(plans())
def test_text_and_page_show_the_same_rows_in_the_same_order(plan: Plan) -> None:
    """Whatever form a reviewer reads, every address that comes or goes stands there."""
    view = plan_view(plan)
    lines = [line.strip() for line in text.plan(view, width=100_000, colour=False).split("\n")]
    elements = elements_of(html.plan(view))
    ids = [one.text for one in elements if one.attributes.get("class") == "id" and len(one.text) == 36]
    expected = [change.id for group in (view.own, view.drift) for change in group.changes]
    assert ids == expected
    assert [line.split()[1] for line in lines if line.startswith("id  ")] == expected
    shown = [one.text for one in elements if one.attributes.get("class") in {"added", "removed"}]
    signed = [
        f"{sign} {address}"
        for group in (view.own, view.drift)
        for change in group.changes
        for sign, addresses in (("+", change.added), ("\u2212", change.lost))
        for address in addresses
    ]
    assert shown == [visible(one) for one in signed]
    assert {terminal(one.replace("\u2212", "-")).strip() for one in signed} <= set(lines)


@given(st.integers(1, 30_000), st.sampled_from(["", "\u202e", "`", "|"]))
def test_a_value_longer_than_a_page_goes_on_where_it_was_cut(words: int, odd: str) -> None:
    """The text of a message stands there whole, in order, however long it is."""
    message = " ".join(f"{odd}word{number}" for number in range(words))
    plan = plan_of(change_of(reset=reset_of("ana@newco.example", message=message)))
    pages = markdown.plan_pages(plan_view(plan), marker="m", elsewhere="there")
    assert all(len(page) <= LIMIT for page in pages)
    (said,) = (" ".join(lines) for lines in by_guest(pages, 2).values())
    read = re.sub(r"[^0-9a-z]", "", re.sub(r"u\+[0-9a-f]{4}", "", said.lower()))
    assert "".join(f"word{number}" for number in range(words)) in read
