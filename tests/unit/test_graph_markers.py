"""Markers among `otherMails` are told from addresses, in whatever domain they were written."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jwt
import pytest

from reconciler.documents import dump, plan_from_json, plan_to_json
from reconciler.model import ClearMarker, Desired, EmailAddress, Guest, Live, Marker, ObjectId
from reconciler.observation import observe
from reconciler.plan import make_plan
from tests.support.directory import NOW, declared, desired
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import Reply
from tests.support.scripted_graph.tenant import FORBIDDEN, Graph, quiet, reading, rows, user

INITIAL = "contoso.onmicrosoft.com"
OWN = "pending.contoso.example"
LOCAL = "pending-1780000000-0a1b2c3d-0123456789abcdef"


def marker(domain: str = "reconciler.invalid", local: str = LOCAL) -> Marker:
    """Make the marker that stands as `local` at this domain."""
    _, seconds, nonce, digits = local.split("-")
    return Marker(seconds=int(seconds), nonce=nonce, digits=digits, domain=domain)


def tenant(*people: dict[str, Any], domains: Sequence[dict[str, Any]] | None = None) -> Graph:
    """Make a tenant with these users and verified domains, among which is the initial one."""
    shown = [
        {"name": "contoso.example", "isInitial": False},
        {"name": "Contoso.onmicrosoft.com", "isInitial": True},
    ]
    organization = {"id": TENANT, "verifiedDomains": shown if domains is None else domains}
    graph = quiet(_users=rows(*people), _organization=rows(organization))
    for person in people:
        graph.answers[f"/users/{person['id']}"] = Reply(body=person)
    return graph


def tree(*numbers: int, **changes: Any) -> Desired:
    """Declare these guests as they are."""
    return replace(
        desired(*(declared(number, f"guest{number}@old.example") for number in numbers)), **changes
    )


async def observed(graph: Graph, entries: Desired) -> Live:
    async with reading(graph) as reader:
        return await observe(reader, entries)


async def read(graph: Graph, key: ObjectId, entries: Desired | None = None) -> Guest:
    """Read one guest, after observing if there are entries."""
    async with reading(graph) as reader:
        if entries is not None:
            await observe(reader, entries)
        found = await reader.read_guest(key)
    assert found is not None
    return found


def texts(addresses: Sequence[EmailAddress]) -> list[str]:
    return [address.text for address in addresses]


@pytest.mark.parametrize("domain", ["reconciler.invalid", INITIAL, OWN, "x.reconciler.invalid", "x.example"])
async def test_marker_is_no_address_wherever_the_guest_is_read(domain: str) -> None:
    """In the listing, by id and alone, a marker in any domain stands among the markers only."""
    person = user(1, otherMails=["b@old.example", f"Pending{LOCAL[7:]}@{domain.upper()}", "A@old.example"])
    graph = tenant(person)
    entries = tree(1, marker_domain=OWN)
    listed = (await observed(graph, entries)).guests[guest_id(1)]
    graph.answers["/users"] = rows()
    by_id = (await observed(graph, entries)).guests[guest_id(1)]
    alone = await read(graph, guest_id(1), entries)
    for found in (listed, by_id, alone):
        assert found.markers == (marker(domain),)
        assert texts(found.other_mails) == ["A@old.example", "b@old.example"]


async def test_reader_that_has_not_observed_knows_markers() -> None:
    """A marker is known as one before the tenant and the tree are."""
    found = await read(tenant(user(1, otherMails=[str(marker(OWN))])), guest_id(1))
    assert (found.markers, found.other_mails) == ((marker(OWN),), ())


@pytest.mark.parametrize(
    "text",
    [
        f"x{LOCAL}@reconciler.invalid",
        "pending-1780000000-0a1b2c3d-0123456789abcde@reconciler.invalid",
        "ana@reconciler.invalid",
        LOCAL,
        "reconciler.invalid",
        "",
    ],
)
async def test_what_is_no_marker_of_ours_is_an_address(text: str) -> None:
    """Another form is an address like any other, shown and kept as one."""
    found = (await observed(tenant(user(1, otherMails=[text])), tree(1))).guests[guest_id(1)]
    assert (texts(found.other_mails), found.markers) == ([text], ())


async def test_a_marker_of_a_domain_that_was_removed_is_still_planned_away() -> None:
    """With markerDomain gone from the tree the change is open, and its plan can be read back from a file."""
    person = user(1, otherMails=["guest1@old.example", str(marker(OWN))])
    entries = tree(1)
    plan = make_plan(entries, await observed(tenant(person), entries), NOW)
    (change,) = plan.changes
    assert change.precondition.markers == (marker(OWN),)
    assert isinstance(change.actions[-1], ClearMarker)
    assert plan_from_json(dump(plan_to_json(plan)).encode(), tenant=entries.tenant_id) == plan


async def test_several_markers_are_sorted_and_each_stands_once() -> None:
    """Two markers are both reported; one that stands there in two spellings is one."""
    later = LOCAL.replace("1780000000", "1790000000")
    values = [
        f"{later}@reconciler.invalid",
        f"{LOCAL}@reconciler.invalid",
        f"{LOCAL.upper()}@reconciler.invalid",
    ]
    found = (await observed(tenant(user(1, otherMails=values)), tree(1))).guests[guest_id(1)]
    assert found.markers == (marker(), marker(local=later))
    assert found.marker is None


async def test_addresses_that_stand_twice_are_reported_as_they_are() -> None:
    """Telling markers from addresses changes nothing about the addresses."""
    values = ["a@old.example", "a@old.example", "A@old.example"]
    found = (await observed(tenant(user(1, otherMails=values)), tree(1))).guests[guest_id(1)]
    assert sorted(texts(found.other_mails)) == sorted(values)


async def test_markers_on_guests_nobody_declared_are_found() -> None:
    """Listed B2B users with a marker who are not declared are named, sorted; nobody else is."""
    marked = [str(marker())]
    people = (
        user(4, otherMails=["x@old.example", str(marker(INITIAL))]),
        user(3, otherMails=marked),
        user(1, otherMails=marked),
        user(5, otherMails=marked, creationType=None, externalUserState=None),
        user(6, otherMails=[f"{LOCAL}@elsewhere.example"]),
        user(10, otherMails=[f"x{LOCAL}@reconciler.invalid"]),
        user(9),
    )
    graph = tenant(*people)
    # The owners of an address are a question of its own, which nobody here is an answer to.
    graph.answers["/users"] = lambda request: (
        rows(*people) if "userType" in request.query.get("$filter", "") else rows()
    )
    live = await observed(graph, tree(1))
    assert live.markers_left == (guest_id(3), guest_id(4), guest_id(6))
    assert live.initial_domain == INITIAL


async def test_rows_of_another_shape_hide_no_marker() -> None:
    """An undeclared user whose `otherMails` are odd keeps nobody else's marker from being found."""
    people = (
        user(1),
        user(3, otherMails=[str(marker())]),
        user(7, otherMails=[7, None]),
        user(8, otherMails="odd"),
    )
    assert (await observed(tenant(*people), tree(1))).markers_left == (guest_id(3),)


async def test_undeclared_guest_who_is_asked_for_is_named_too() -> None:
    """Asking for a guest does not declare them; declaring one who is not asked for does."""
    graph = tenant(*(user(number, otherMails=[str(marker())]) for number in (1, 2, 3)))
    async with reading(graph) as reader:
        live = await observe(reader, tree(1, 2), only=[guest_id(1)], also=[guest_id(3)])
    assert live.markers_left == (guest_id(3),)
    assert live.guests[guest_id(3)].markers == (marker(),)


@pytest.mark.parametrize(
    "domains",
    [
        [],
        [{"name": "contoso.example"}],
        [{"name": "contoso.example", "isInitial": "yes"}],
        [{"name": name, "isInitial": True} for name in ("a.onmicrosoft.com", "b.onmicrosoft.com")],
    ],
)
async def test_initial_domain_that_is_not_said_is_unknown(domains: list[dict[str, Any]]) -> None:
    """Unless exactly one domain is the initial one, there is none to be known."""
    live = await observed(tenant(user(1), domains=domains), tree(1))
    assert live.initial_domain is None
    assert live.verified_domains == frozenset(domain["name"] for domain in domains)


async def test_initial_domain_that_may_not_be_read_is_unknown() -> None:
    """Without the permission to read the tenant, markers are known all the same."""
    graph = tenant(user(1, otherMails=[str(marker(INITIAL))]))
    graph.answers["/organization"] = FORBIDDEN
    async with reading(graph, jwt.encode({"tid": TENANT}, "a secret that is long enough for it")) as reader:
        live = await observe(reader, tree(1))
    assert live.initial_domain is None
    assert live.guests[guest_id(1)].markers == (marker(INITIAL),)
