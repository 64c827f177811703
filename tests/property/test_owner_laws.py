"""However a tenant was looked at, the owners of an address are those that a look at every object gives."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import event, given
from hypothesis import strategies as st

from reconciler.emulator.odata.filters import parse_filter
from reconciler.emulator.odata.projection import CONTACT, GROUP, USER
from reconciler.graph.owners import find_owners
from reconciler.graph.sessions import connect
from reconciler.model import AddressUse, EmailAddress, FoundOwners, OwnerKind
from tests.support.plans import guest_id
from tests.support.scripted_graph import Reply, Request, Tokens, refusal, scripted_graph
from tests.support.scripted_graph.clock import Clock
from tests.support.scripted_graph.tenant import EXPIRED, Graph, addressed, rows, user
from tests.support.worlds import LAW

TYPES = {"users": USER, "groups": GROUP, "contacts": CONTACT}
SINGLE = {"mail": AddressUse.MAIL, "userPrincipalName": AddressUse.USER_PRINCIPAL_NAME}

Holding = tuple[str, str, OwnerKind, AddressUse, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A tenant, what is asked of it, and how it answers."""

    objects: Mapping[str, Sequence[dict[str, Any]]]
    addresses: Sequence[EmailAddress]
    page: int
    """Rows on a page of a listing."""

    listing_breaks: bool
    """Whether every page but the first is refused."""

    refuses_or: bool
    """Whether a filter with more than one operand is refused."""


def texts(number: int) -> st.SearchStrategy[str]:
    """Give one of the first addresses asked about, or another one, in any case."""
    known = [f"o'hara+{index}&#%@new.example" for index in range(number)]
    return st.sampled_from(
        [spelt for text in (*known, "other@new.example") for spelt in (text, text.upper(), text.title())]
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Make tenants on either side of every border between asking and listing."""
    count = draw(st.sampled_from([1, 4, 61, 130]))
    some = texts(min(count, 6))
    proxies = st.lists(st.builds(str.__add__, st.sampled_from(["smtp:", "SMTP:", "x500:"]), some), max_size=3)
    few = {"mail": st.none() | some, "proxyAddresses": proxies, "displayName": st.none() | st.just("Name")}
    kind = {"creationType": st.sampled_from(["Invitation", None]), "externalUserState": st.none()}
    people = st.fixed_dictionaries(
        {**few, **kind, "userPrincipalName": some, "otherMails": st.lists(some, max_size=2)}
    )
    others = st.fixed_dictionaries(few)
    fillers = draw(st.sampled_from([0, 60]))
    numbers = iter(range(1, 1000))
    objects = {
        "users": [
            *(user(next(numbers), **each) for each in draw(st.lists(people, max_size=4))),
            *(user(next(numbers)) for _ in range(fillers)),
        ],
        **{
            path: [addressed(guest_id(next(numbers)), **each) for each in draw(st.lists(others, max_size=3))]
            for path in ("groups", "contacts")
        },
    }
    return World(
        objects={path: draw(st.permutations(values)) for path, values in objects.items()},
        addresses=[
            EmailAddress(
                draw(st.sampled_from([f"o'hara+{index}&#%@new.example", f"O'Hara+{index}&#%@New.example"]))
            )
            for index in range(count)
        ],
        page=draw(st.sampled_from([1, 3, 100])),
        listing_breaks=draw(st.booleans()),
        refuses_or=draw(st.booleans()),
    )


def served(world: World) -> Graph:
    """Answer plain filters and listings about the objects of a tenant, page by page."""

    def answer(request: Request) -> Reply:
        path, text = request.path.removeprefix("/"), request.query.get("$filter")
        start = int(request.query.get("$skiptoken", "0"))
        if text is None and start and world.listing_breaks:
            return EXPIRED
        if text is not None and world.refuses_or and " or " in text:
            return refusal(400)
        found = world.objects[path]
        if text is not None:
            condition = parse_filter(text, of=TYPES[path])
            found = [each for each in found if condition.matches(each)]
        if len(found) <= start + world.page:
            return rows(*found[start:])
        more = f"/{path}?$skiptoken={start + world.page}" + (
            "" if text is None else f"&$filter={quote(text)}"
        )
        return graph.page(more, *found[start : start + world.page])

    graph = Graph(answers=dict.fromkeys(("/users", "/groups", "/contacts"), answer))
    return graph


def held(world: World) -> set[Holding]:
    """Look at every property of every object."""
    wanted = {address.text.lower() for address in world.addresses}
    found: set[Holding] = set()
    for path, objects in world.objects.items():
        for each in objects:
            if path == "users":
                kind = OwnerKind.GUEST if each["creationType"] else OwnerKind.MEMBER
            else:
                kind = OwnerKind.GROUP if path == "groups" else OwnerKind.CONTACT
            entries = [(text, use, False) for name, use in SINGLE.items() if (text := each.get(name))]
            entries += [(text, AddressUse.OTHER_MAILS, False) for text in each.get("otherMails", ())]
            primaries = [text[5:].lower() for text in each["proxyAddresses"] if text.startswith("SMTP:")]
            entries += [
                (text[5:], AddressUse.PROXY_ADDRESSES, text[5:].lower() in primaries)
                for text in each["proxyAddresses"]
                if text.lower().startswith("smtp:")
            ]
            found |= {
                (text.lower(), each["id"], kind, use, primary)
                for text, use, primary in entries
                if text.lower() in wanted
            }
    return found


async def look(world: World) -> FoundOwners:
    """Let the product look, and note whether it asked or listed."""
    graph = served(world)
    async with scripted_graph(graph) as directory:
        graph.directory = directory
        async with connect(directory.root, Tokens(), options=Clock().options) as session:
            found = await find_owners(session, world.addresses)
        asked = any(request.path == "/$batch" for request in directory.requests)
        listed = any(request.path != "/$batch" for request in directory.requests)
    event(f"asked: {asked}, listed: {listed}")
    return found


@LAW
@given(worlds())
def test_owners_are_those_a_look_at_every_object_gives(world: World) -> None:
    """By questions, by listings, by both or in parts: the same owners, whatever the case, nothing unread."""
    found = asyncio.run(look(world))
    assert found.not_checked == ()
    assert set(found.owners) == set(world.addresses)
    assert {
        (address.key, owner.id, owner.kind, owner.use, owner.primary)
        for address, owners in found.owners.items()
        for owner in owners
    } == held(world)
    assert sum(map(len, found.owners.values())) == len(held(world))
