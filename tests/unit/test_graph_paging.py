"""Links to further pages stay where they belong, and a listing is whole or unread."""

import pytest

from reconciler.errors import UnexpectedAnswer
from reconciler.graph.paging import all_rows
from reconciler.graph.responses import Answer
from reconciler.graph.unavailable import Unavailable
from tests.support.scripted_graph import Reply, refusal
from tests.support.scripted_graph.session import get, in_turn, page, session_with


async def test_link_to_the_next_page_is_followed_as_it_is() -> None:
    """A nextLink is sent byte for byte, whatever it is encoded like."""
    link = "/v1.0/users?$skiptoken=a%2Bb'c&$top=999"
    async with session_with(lambda _: Reply(body={"value": []})) as (directory, session):
        checked = session.next_link(page(directory.root + link), what="users")
        assert checked is not None
        await session.get_url(checked, what="users")
        assert isinstance(await session.try_url(checked, what="users"), Answer)
    assert [request.target for request in directory.requests] == [link, link]


async def test_last_page_has_no_link() -> None:
    """Without a link, and with one that is null, a listing has ended."""
    async with session_with(lambda _: Reply()) as (_, session):
        assert session.next_link({"value": []}, what="users") is None
        assert session.next_link(page(None), what="users") is None


@pytest.mark.parametrize(
    "link",
    [
        "{root}@evil.example/v1.0/users",
        "https://evil.example/v1.0/users",
        "{root}0/v1.0/users",
        "//127.0.0.1/v1.0/users",
        "{root}/beta/users",
        "{root}/v1.0/../beta/users",
        "{root}/v1.0/%2e%2e/beta/users",
        "{root}/v1.0",
        "{root}/v1.0users",
        "{root}/v1.0/users\ud800",
        "{root}/v1.0/users\n",
        "/v1.0/users",
        "http://[::1/v1.0/users",
        "",
    ],
)
async def test_link_that_leads_away_is_refused_where_it_stands(link: str) -> None:
    """A nextLink to another scheme, host, port, user or version is an error, followed or not."""
    async with session_with(lambda _: Reply(body={"value": []})) as (directory, session):
        with pytest.raises(UnexpectedAnswer, match="another place"):
            session.next_link(page(link.format(root=directory.root)), what="users")
    assert directory.requests == []


async def test_pages_are_read_to_the_last_one() -> None:
    """Rows of all pages are collected, over an empty page too."""
    async with session_with(lambda _: Reply()) as (directory, session):
        link = f"{directory.root}/v1.0/next"
        directory.answer = in_turn(
            Reply(body={"value": [{"id": 1}], "@odata.nextLink": link + "?1"}),
            Reply(body={"value": [], "@odata.nextLink": link + "?2"}),
            Reply(body={"value": [{"id": 2}]}),
        )
        assert await all_rows(session, await get(session), what="things") == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("page", "flaw"),
    [
        (Reply(body=[]), "is not a JSON object"),
        (Reply(body=b"{"), "is not a JSON object"),
        (Reply(body={}), "has no list of objects"),
        (Reply(body={"value": [1]}), "has no list of objects"),
        (Reply(body={"value": [], "@odata.nextLink": 7}), "has a link to the next page that is none"),
    ],
)
async def test_page_of_an_unknown_shape_is_an_error_that_names_it(page: Reply, flaw: str) -> None:
    """A page that is not as documented ends the reading and says what was wrong with it."""
    async with session_with(lambda _: page) as (_, session):
        with pytest.raises(UnexpectedAnswer, match=f"about things {flaw}"):
            await all_rows(session, await get(session), what="things")


async def test_pages_that_lead_in_a_circle_are_an_error() -> None:
    """A nextLink that was followed before ends the reading."""
    async with session_with(lambda _: Reply()) as (directory, session):
        circle = {"value": [], "@odata.nextLink": f"{directory.root}/v1.0/next"}
        directory.answer = lambda _: Reply(body=circle)
        with pytest.raises(UnexpectedAnswer, match="circle"):
            await all_rows(session, await get(session), what="things")


@pytest.mark.parametrize("best_effort", [False, True])
async def test_listing_with_a_page_that_is_refused_is_unread(*, best_effort: bool) -> None:
    """A part of a listing is never used: one refused page leaves the whole of it unread."""
    async with session_with(lambda _: Reply()) as (directory, session):
        first = Reply(body={"value": [{"id": 1}], "@odata.nextLink": f"{directory.root}/v1.0/next"})
        directory.answer = in_turn(first, refusal(400))
        listing = await all_rows(session, await get(session), what="things", best_effort=best_effort)
        assert isinstance(listing, Unavailable)
        assert listing.status == 400
