"""The documented quotas, and what the answers tell about them."""

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.emulator.clock import EmulatedClock
from reconciler.emulator.faults.quotas import Quotas, resource_units
from reconciler.emulator.protocol.error_responses import ErrorResponse
from reconciler.emulator.protocol.wire import GraphRequest
from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.tenant import ANA, ROOT


class Hands(EmulatedClock):
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1000.0

    def seconds(self) -> float:
        """Tell where the hands stand."""
        return self.at


def _request(method: str = "PATCH", path: str = "/users/1", query: str = "") -> GraphRequest:
    return GraphRequest(method=method, path=path, query=query, headers={}, body=b"", root=ROOT)


def _admitted(quotas: Quotas, request: GraphRequest) -> bool:
    try:
        quotas.charge(request, app_id="app", tenant_id="tenant")
    except ErrorResponse:
        return False
    return True


def _burst(quotas: Quotas, request: GraphRequest) -> int:
    """Count how many go through at once."""
    count = 0
    while _admitted(quotas, request):
        count += 1
    return count


@pytest.mark.parametrize(
    ("request_", "users", "limit", "per_second"),
    [
        (_request(), 1000, 3000, 20),
        (_request("POST", "/invitations"), 1000, 150, 30),
        (_request("GET", "/users", "$select=id&$top=999"), 10, 3500, 350),
        (_request("GET", "/users", "$select=id&$top=999"), 300, 5000, 500),
        (_request("GET", "/users", "$select=id&$top=999"), 1000, 8000, 800),
    ],
)
def test_documented_limits(request_: GraphRequest, users: int, limit: int, per_second: int) -> None:
    """Each bucket starts full and fills evenly, as documented for the size of the tenant."""
    clock = Hands()
    quotas = Quotas({}, users=users, clock=clock)
    assert _burst(quotas, request_) == limit
    clock.at += 1
    assert abs(_burst(quotas, request_) - per_second) <= 1
    clock.at += 10_000
    assert _burst(quotas, request_) == limit


@pytest.mark.parametrize(("are_writes", "left"), [(True, 2), (False, 5)])
def test_invitations_may_be_writes(are_writes: bool, left: int) -> None:  # noqa: FBT001  a parameter of the test
    """Whether an invitation spends the write quota too is not documented, so it can be chosen."""
    document = {"writes": {"limit": 5, "per": 10}, "invitationsAreWrites": are_writes}
    quotas = Quotas(document, users=10, clock=Hands())
    for _ in range(3):
        assert _admitted(quotas, _request("POST", "/invitations"))
    assert _burst(quotas, _request()) == left


def test_the_tenant_has_a_write_quota_of_its_own() -> None:
    """The quota of all applications together binds when it is the smaller one."""
    quotas = Quotas({"tenantWrites": {"limit": 2, "per": 10}}, users=10, clock=Hands())
    assert _burst(quotas, _request()) == 2


def test_headers_warn_and_throttle() -> None:
    """From 0.8 of a quota the answers warn; a refused request takes nothing and says how long to wait."""
    clock = Hands()
    quotas = Quotas({"writes": {"limit": 10, "per": 20}}, users=10, clock=clock)
    seen = [quotas.charge(_request(), app_id="app", tenant_id="tenant") for _ in range(10)]
    assert [headers.get("x-ms-throttle-limit-percentage") for headers in seen[6:]] == [
        None,
        "0.80",
        "0.90",
        "1.00",
    ]
    assert {headers["x-ms-resource-unit"] for headers in seen} == {"1"}
    for _ in range(2):
        with pytest.raises(ErrorResponse) as refused:
            quotas.charge(_request(), app_id="app", tenant_id="tenant")
    assert refused.value.status == 429
    assert refused.value.headers == {
        "Retry-After": "2",
        "x-ms-throttle-scope": "Tenant_Application/Write/app/tenant",
        "x-ms-throttle-information": "WriteLimitExceeded",
        "x-ms-throttle-limit-percentage": "1.17",
    }
    clock.at += 2
    assert _burst(quotas, _request()) == 1


def test_the_percentage_tells_how_much_is_refused() -> None:
    """Above 1 it is the share of the last ten seconds' requests that were refused, 1.8 at most."""
    clock = Hands()
    quotas = Quotas({"writes": {"limit": 5, "per": 5}}, users=10, clock=clock)
    told = []
    for asked in (10, 10, 5):
        for _ in range(asked):
            try:
                headers: Mapping[str, str] = quotas.charge(_request(), app_id="app", tenant_id="tenant")
            except ErrorResponse as refused:
                headers = refused.headers
        told.append(headers["x-ms-throttle-limit-percentage"])
    assert told == ["1.50", "1.75", "1.80"]
    clock.at += 11
    assert "x-ms-throttle-limit-percentage" not in quotas.charge(_request(), app_id="app", tenant_id="tenant")


@pytest.mark.parametrize(("filled", "at_once"), [(0, 0), (40, 4), (100, 10)])
def test_buckets_may_start_used(filled: int, at_once: int) -> None:
    """`filled` is the percentage every bucket starts with; from there it fills as usual."""
    clock = Hands()
    quotas = Quotas({"filled": filled, "writes": {"limit": 10, "per": 20}}, users=10, clock=clock)
    assert _burst(quotas, _request()) == at_once
    clock.at += 2
    assert _burst(quotas, _request()) == 1
    assert _burst(
        Quotas({"filled": filled}, users=10, clock=clock), _request("GET", "/users", "$select=id")
    ) == (3500 * filled // 100)


def test_a_fault_plan_says_how_full_the_quotas_are(plant: Plant) -> None:
    """In a tenant that has just been busy the first write too many is throttled."""
    tenant = plant(faults={"quotas": {"filled": 0}})
    assert tenant.patch(ANA, displayName="A").status == 429


@pytest.mark.parametrize(
    ("method", "path", "query", "units"),
    [
        ("GET", "/users", "", 2),
        ("GET", "/users", "$select=id", 1),
        ("GET", "/users", "$select=id&$top=5", 1),
        ("GET", "/users/1", "", 1),
        ("GET", "/users/1", "$expand=manager", 2),
        ("GET", "/users/1/memberOf", "", 2),
        ("GET", "/groups/1/members", "", 3),
        ("GET", "/groups/1/transitiveMembers", "$select=id", 4),
        ("GET", "/groups/1/transitiveMembers", "$select=id&$top=10", 3),
        ("PATCH", "/users/1", "", 1),
    ],
)
def test_prices(method: str, path: str, query: str, units: int) -> None:
    """Requests cost the documented resource units, never less than one."""
    assert resource_units(_request(method, path, query)) == units


def test_throttled_requests_are_not_carried_out(plant: Plant) -> None:
    """With quotas on, a request too many is 429 and changes nothing, also inside a batch."""
    document: dict[str, Any] = {"quotas": {"writes": {"limit": 1, "per": 1000}}}
    tenant = plant(faults=document)
    assert tenant.patch(ANA, displayName="A").headers["x-ms-resource-unit"] == "1"
    item = {
        "id": "1",
        "method": "PATCH",
        "url": f"/users/{ANA}",
        "headers": {"Content-Type": "application/json"},
        "body": {"displayName": "B"},
    }
    answer = tenant.send("POST", "/$batch", {"requests": [item]})
    assert answer.status == 200
    [inner] = answer.body["responses"]
    assert (inner["status"], inner["body"]["error"]["code"]) == (429, "TooManyRequests")
    assert int(inner["headers"]["Retry-After"]) > 900
    assert len(tenant.history()) == 1
    assert tenant.get(f"/users/{ANA}").status == 200
