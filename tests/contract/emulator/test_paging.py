"""Pages and the links between them: opaque, bound to their query, and not always tidy."""

import base64
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from reconciler.emulator.faults.plan import fault_plan
from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.tenant import ROOT, SEED, Tenant

ROLES = "/roleManagement/directory/roleAssignments"
QUERY = "/users?$filter=userType eq 'Guest'&$select=id&$top=2"


@pytest.fixture
def many(plant: Plant) -> Tenant:
    """Give a tenant with seven guests, who all hold a role."""
    guests = [{"email": f"g{number}@fabrikam.example"} for number in range(7)]
    roles = [{"role": "Reports Reader", "holder": guest["email"]} for guest in guests]
    return plant({**SEED, "guests": guests, "roles": roles})


def _pages(tenant: Tenant, path: str) -> list[list[str]]:
    """Follow the links to the end; give what each page held."""
    pages = []
    link = path
    while link:
        answer = tenant.get(link.removeprefix(ROOT))
        assert answer.status == 200
        pages.append(answer.ids)
        link = answer.body.get("@odata.nextLink", "")
    return pages


def _token(link: str) -> str:
    return urlsplit(link).query.removeprefix("$skiptoken=")


@pytest.mark.parametrize("path", [QUERY, f"{ROLES}?$top=2&$expand=principal"])
def test_a_link_tells_nothing(many: Tenant, path: str) -> None:
    """A nextLink has one parameter, and nothing of the query or the place can be read from it."""
    link = many.get(path).body["@odata.nextLink"]
    assert link.startswith(f"{ROOT}{path.partition('?')[0]}?$skiptoken=")
    token = _token(link)
    assert "&" not in token
    for readable in (token.encode(), base64.urlsafe_b64decode(token)):
        assert not [word for word in (b"expand", b"select", b"users", b"roleManagement") if word in readable]


def test_a_link_goes_on_with_its_query(many: Tenant) -> None:
    """The next page is filtered, picked and cut as the first one was."""
    first = many.get(QUERY)
    second = many.get(first.body["@odata.nextLink"].removeprefix(ROOT))
    assert second.body["@odata.context"] == first.body["@odata.context"]
    assert [entry.keys() for entry in second.body["value"]] == [{"id"}, {"id"}]
    assert [len(page) for page in _pages(many, QUERY)] == [2, 2, 2, 1]


@pytest.mark.parametrize("more", ["$top=2", "$select=id", "$filter=userType eq 'Guest'", "$nonsense=1"])
def test_a_link_takes_no_more_options(many: Tenant, more: str) -> None:
    """A token with company is refused, even if the company is the query's own."""
    link = many.get(QUERY).body["@odata.nextLink"].removeprefix(ROOT)
    assert many.get(f"{link}&{more}").code == "Directory_ExpiredPageToken"


@pytest.mark.parametrize("path", ["/groups", "/contacts", ROLES, "/organization", "/users/nobody"])
def test_a_link_is_of_one_path(many: Tenant, path: str) -> None:
    """A token is refused on every other path."""
    token = _token(many.get(QUERY).body["@odata.nextLink"])
    answer = many.get(f"{path}?$skiptoken={token}")
    assert (answer.status, answer.code) == (400, "Directory_ExpiredPageToken")


def test_an_altered_link_is_refused(many: Tenant, plant: Plant) -> None:
    """A token of which a letter was changed, or of another tenant, is refused."""
    link = many.get(QUERY).body["@odata.nextLink"].removeprefix(ROOT)
    place = link.index("$skiptoken=") + 30
    altered = f"{link[:place]}{'A' if link[place] != 'A' else 'B'}{link[place + 1 :]}"
    assert many.get(altered).code == "Directory_ExpiredPageToken"
    assert plant().get(link).code == "Directory_ExpiredPageToken"


def test_the_price_of_a_page_is_that_of_its_query(plant: Plant) -> None:
    """A page costs the resource units of the query the link stands for."""
    tenant = plant({"generate": {"guests": 5}}, faults={"quotas": {}})
    whole = tenant.get("/users?$top=30")
    assert whole.headers["x-ms-resource-unit"] == "2"
    first = tenant.get("/users?$top=2&$select=id")
    onward = tenant.get(first.body["@odata.nextLink"].removeprefix(ROOT))
    assert first.headers["x-ms-resource-unit"] == onward.headers["x-ms-resource-unit"] == "1"


@pytest.mark.parametrize("path", [QUERY, f"{ROLES}?$top=2"])
def test_a_page_may_be_empty(many: Tenant, path: str) -> None:
    """A page without rows leads to the one that has them; always emptied, a listing still ends."""
    calm = _pages(many, path)
    many.gateway.set_faults(fault_plan({"rules": [{"on": "reads", "do": "empty-page"}]}))
    assert _pages(many, path) == [rows for page in calm for rows in ([], page)]
    many.gateway.set_faults(fault_plan({"rules": [{"on": "reads", "do": "empty-page", "at": 2}]}))
    assert _pages(many, path) == [calm[0], [], *calm[1:]]
    assert many.requests()[-1]["fault"] is None
    assert "empty-page after" in {entry["fault"] for entry in many.requests()}


def test_only_pages_can_be_odd(many: Tenant) -> None:
    """A rule about pages leaves writes and single objects alone."""
    [user] = many.get("/users?$top=1").ids
    many.gateway.set_faults(fault_plan({"rules": [{"do": "empty-page"}, {"do": "repeat-row"}]}))
    assert many.patch(user, displayName="A").status == 204
    assert many.get(f"/users/{user}").body["displayName"] == "A"
    assert many.gateway.faults.met == [1, 1]


@pytest.mark.parametrize("path", ["/users?$top=3", f"{ROLES}?$top=3"])
def test_a_row_may_come_twice(many: Tenant, path: str) -> None:
    """The last row of a page stands on the next one again; nothing is missed, and the listing ends."""
    calm = [row for page in _pages(many, path) for row in page]
    many.gateway.set_faults(fault_plan({"rules": [{"on": "reads", "do": "repeat-row"}]}))
    pages = _pages(many, path)
    assert all(page[-1] == following[0] for page, following in pairwise(pages))
    assert list(dict.fromkeys(row for page in pages for row in page)) == calm
    many.gateway.set_faults(fault_plan({"rules": [{"on": "reads", "do": "repeat-row", "at": 1}]}))
    first, second, third = _pages(many, path)
    assert first[-1] == second[0]
    assert second[-1] not in third
