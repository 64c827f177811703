"""What goes wrong: each fault, seen by the client, by the record and by the truth."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from reconciler.emulator.clock import EmulatedClock
from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.faults.matching import Faults, RequestOrigin, matches
from reconciler.emulator.faults.plan import fault_plan
from reconciler.emulator.pipeline import ConnectionBroken
from reconciler.emulator.protocol.wire import GraphRequest
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.tenant import ANA, BO, ROOT, SEED, Tenant

NEW = "ana@newco.example"


@contextmanager
def _served(rules: Any = (), **more: Any) -> Iterator[tuple[httpx.Client, ControlClient]]:
    with (
        serve(None, seed=Seed(document=SEED), faults=fault_plan({"rules": list(rules), **more})) as emulator,
        httpx.Client(
            base_url=f"{emulator.root}/v1.0", headers={"Authorization": "Bearer emulator"}, trust_env=False
        ) as graph,
        ControlClient(emulator.root) as control,
    ):
        yield graph, control


def _request(method: str = "GET", path: str = "/users", query: str = "", body: bytes = b"") -> GraphRequest:
    return GraphRequest(method=method, path=path, query=query, headers={}, body=body, root=ROOT)


@pytest.mark.parametrize(("where", "writes"), [("before", 0), ("after", 1)])
def test_a_cut_connection(where: str, writes: int) -> None:
    """A cut connection answers nothing; the request was carried out only when cut after."""
    with _served([{"on": "PATCH /users/*", "do": "cut", "where": where, "at": 1}]) as (graph, control):
        with pytest.raises(httpx.RemoteProtocolError):
            graph.patch(f"/users/{ANA}", json={"displayName": "A"})
        assert len(control.history()) == writes
        [entry] = control.requests()
        assert entry.fault == f"cut {where}"
        assert entry.status == (204 if writes else None)
        assert graph.patch(f"/users/{ANA}", json={"displayName": "A"}).status_code == 204


@pytest.mark.parametrize(("where", "writes"), [("before", 0), ("after", 1)])
def test_a_lost_answer(where: str, writes: int) -> None:
    """A hanging request is never answered; the client gives up by itself."""
    with _served([{"on": "PATCH", "do": "hang", "where": where, "at": 1}]) as (graph, control):
        with pytest.raises(httpx.ReadTimeout):
            graph.patch(f"/users/{ANA}", json={"displayName": "A"}, timeout=0.3)
        assert len(control.history()) == writes
        assert control.met() == [1]


def test_nobody_is_left_hanging_at_the_end() -> None:
    """When the emulator ends, whoever waits for an answer is cut off."""
    broken: list[Exception] = []

    def ask(graph: httpx.Client) -> None:
        try:
            graph.get("/users", timeout=None)
        except httpx.TransportError as error:
            broken.append(error)

    rules = [{"on": "GET /users", "do": "hang"}]
    with httpx.Client(headers={"Authorization": "Bearer emulator"}, trust_env=False) as graph:
        with (
            serve(None, faults=fault_plan({"rules": rules})) as emulator,
            ControlClient(emulator.root) as control,
        ):
            graph.base_url = httpx.URL(f"{emulator.root}/v1.0")
            thread = threading.Thread(target=ask, args=(graph,))
            thread.start()
            while control.met() != [1]:
                pass
        thread.join()
    assert len(broken) == 1


def test_a_cut_body() -> None:
    """An answer that breaks off in the middle was carried out; without a body there is nothing to begin."""
    with _served([{"do": "cut-body"}]) as (graph, control):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            graph.get("/users")
        with pytest.raises(httpx.RemoteProtocolError):
            graph.patch(f"/users/{ANA}", json={"displayName": "A"})
        assert [entry.status for entry in control.requests()] == [200, 204]
        assert len(control.history()) == 1


@pytest.mark.parametrize(
    ("rule", "status", "code", "retry_after"),
    [
        ({"do": "fail"}, 503, "ServiceUnavailable", None),
        ({"do": "fail", "status": 429}, 429, "TooManyRequests", "1"),
        ({"do": "fail", "status": 429, "retryAfter": 7}, 429, "TooManyRequests", "7"),
        ({"do": "fail", "status": 418, "code": "Teapot", "message": "short"}, 418, "Teapot", None),
        ({"do": "fail", "status": 507}, 507, "UnknownError", None),
        ({"do": "deny"}, 403, "Authorization_RequestDenied", None),
        ({"do": "expire-token"}, 401, "InvalidAuthenticationToken", None),
    ],
)
@pytest.mark.parametrize("where", ["before", "after"])
def test_failures(
    plant: Plant, rule: dict[str, Any], status: int, code: str, retry_after: str | None, where: str
) -> None:
    """A failure answers with its status in Graph's form; after means that it was carried out all the same."""
    tenant = plant(faults={"rules": [{**rule, "where": where}]})
    answer = tenant.patch(ANA, displayName="A")
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers.get("Retry-After") == retry_after
    assert answer.headers["request-id"]
    assert len(tenant.history()) == (where == "after")
    assert tenant.requests()[0]["fault"] == f"{rule['do']} {where}"


def test_page_tokens_expire(plant: Plant) -> None:
    """Links to a next page can be refused as expired; the first page never is."""
    rule = {"on": "reads", "do": "expire-page-token", "at": 2}
    tenant = plant({"generate": {"guests": 4}}, faults={"rules": [rule]})
    second = tenant.get("/users?$top=1").body["@odata.nextLink"].removeprefix(ROOT)
    third = tenant.get(second).body["@odata.nextLink"].removeprefix(ROOT)
    assert tenant.get(third).code == "Directory_ExpiredPageToken"
    assert tenant.get(third).status == 200


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"at": 2}, [2]),
        ({"at": 2, "times": 3}, [2, 3, 4]),
        ({"times": 2}, [1, 2]),
        ({"chance": 0}, []),
    ],
)
def test_which_of_the_requests(rule: dict[str, int], struck: list[int]) -> None:
    """`at` and `times` choose among the requests a rule meets; without them it is every one."""
    faults = Faults(fault_plan({"rules": [{"do": "fail", **rule}]}))
    found = [n for n in range(1, 6) if faults.match(_request(), RequestOrigin.SINGLE)]
    assert found == struck
    assert faults.met == [5]


def test_dice_are_the_same_each_time() -> None:
    """Chance follows the seed: the same plan strikes the same requests."""
    plan = fault_plan({"seed": 7, "rules": [{"do": "fail", "chance": 50}]})
    runs = []
    for _ in range(2):
        faults = Faults(plan)
        runs.append([bool(faults.match(_request(), RequestOrigin.SINGLE)) for _ in range(40)])
    assert runs[0] == runs[1]
    assert 5 < sum(runs[0]) < 35


@pytest.mark.parametrize(
    ("on", "request_", "way", "expected"),
    [
        ("any", _request(), RequestOrigin.SINGLE, True),
        ("any", _request("POST", "/$batch"), RequestOrigin.ENVELOPE, True),
        ("any", _request(), RequestOrigin.ITEM, False),
        ("reads", _request(), RequestOrigin.ITEM, True),
        ("reads", _request("POST", "/$batch"), RequestOrigin.ENVELOPE, False),
        ("reads", _request("PATCH", "/users/1"), RequestOrigin.SINGLE, False),
        ("writes", _request("POST", "/invitations"), RequestOrigin.SINGLE, True),
        ("writes", _request("POST", "/$batch"), RequestOrigin.ENVELOPE, False),
        ("PATCH", _request("PATCH", "/users/1"), RequestOrigin.SINGLE, True),
        ("POST", _request("POST", "/$batch"), RequestOrigin.ENVELOPE, False),
        ("POST /$batch", _request("POST", "/$batch"), RequestOrigin.ENVELOPE, True),
        ("GET /users/*", _request("GET", "/users/1"), RequestOrigin.ITEM, True),
        ("GET /users/*", _request("GET", "/users"), RequestOrigin.SINGLE, False),
        ("GET /users/*", _request("GET", "/groups/1"), RequestOrigin.SINGLE, False),
    ],
)
def test_which_requests_a_rule_is_about(
    on: str, request_: GraphRequest, way: RequestOrigin, *, expected: bool
) -> None:
    """Rules can be about what is on the wire, about reads or writes in batches too, or about a path."""
    assert matches(on, request_, way) is expected


def test_a_rule_can_ask_for_a_property(plant: Plant) -> None:
    """`has` tells the update of `mail` from the one of `otherMails`."""
    tenant = plant(faults={"rules": [{"on": "PATCH", "has": "mail", "do": "fail"}]})
    assert tenant.patch(ANA, otherMails=[]).status == 204
    assert tenant.patch(ANA, mail=NEW).status == 503


def test_faults_strike_inside_batches(plant: Plant) -> None:
    """An item of a batch can fail on its own."""
    tenant = plant(faults={"rules": [{"on": "GET /users/*", "do": "fail", "status": 429, "at": 2}]})
    items = [{"id": str(n), "method": "GET", "url": f"/users/{ANA}"} for n in range(3)]
    answer = tenant.send("POST", "/$batch", {"requests": items})
    answers = {item["id"]: item for item in answer.body["responses"]}
    assert [answers[str(n)]["status"] for n in range(3)] == [200, 429, 200]
    assert answers["1"]["headers"]["Retry-After"] == "1"


def test_a_cut_inside_a_batch_cuts_the_batch(plant: Plant) -> None:
    """What breaks the connection of an item breaks that of the whole batch."""
    tenant = plant(faults={"rules": [{"on": "reads", "do": "cut"}]})
    with pytest.raises(ConnectionBroken):
        tenant.send("POST", "/$batch", {"requests": [{"id": "1", "method": "GET", "url": "/users"}]})


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("carry_out", [True, False])
def test_a_request_is_held_until_resumed(where: str, *, carry_out: bool) -> None:
    """A held request is announced, and goes on when resumed; one held before can be dropped instead."""
    answers: list[object] = []

    def write(graph: httpx.Client) -> None:
        try:
            answers.append(graph.patch(f"/users/{ANA}", json={"displayName": "A"}).status_code)
        except httpx.RemoteProtocolError:
            answers.append("cut")

    with _served([{"on": "any", "at": 2, "do": "pause", "where": where}]) as (graph, control):
        graph.get(f"/users/{ANA}")
        thread = threading.Thread(target=write, args=(graph,))
        thread.start()
        [held] = control.paused(wait=30)
        assert held == {"number": 1, "method": "PATCH", "path": f"/users/{ANA}", "where": where}
        assert len(control.history()) == (where == "after")
        assert answers == []
        control.resume(carry_out=carry_out)
        thread.join()
        done = carry_out or where == "after"
        assert answers == [204 if done else "cut"]
        assert len(control.history()) == done
        assert control.paused() == []
        assert control.requests()[-1].fault == (None if done else "dropped")


def test_a_new_plan_lets_go_of_what_is_held() -> None:
    """Another fault plan resumes what the old one held, and starts counting anew."""
    with _served([{"do": "pause"}]) as (graph, control):
        thread = threading.Thread(target=graph.get, args=("/users",))
        thread.start()
        assert control.paused(wait=30)
        control.set_faults({})
        thread.join()
        assert control.met() == []


def test_nobody_is_held_at_the_end() -> None:
    """A held request is dropped when the emulator ends."""
    with httpx.Client(headers={"Authorization": "Bearer emulator"}, trust_env=False) as graph:
        answers: list[str] = []

        def write() -> None:
            with pytest.raises(httpx.TransportError):
                graph.get("/users")
            answers.append("cut")

        with _served([{"do": "pause"}]) as (served, control):
            graph.base_url = served.base_url
            thread = threading.Thread(target=write)
            thread.start()
            assert control.paused(wait=30)
        thread.join()
    assert answers == ["cut"]


def test_late_replicas(plant: Plant) -> None:
    """Reads and the invitation service hear of a write later; the write itself happened at once."""
    tenant = plant(faults={"replication": {"reads": 600_000, "invitations": 600_000}})
    tenant.patch(ANA, mail=NEW, otherMails=[NEW])
    assert tenant.truth(ANA)["mail"] == NEW
    assert tenant.user(ANA)["mail"] == "ana@fabrikam.example"
    assert tenant.user(BO)["mail"] == "bo@fabrikam.example"
    for filtered, found in (("ana@fabrikam.example", [ANA]), (NEW, [])):
        assert tenant.get(f"/users?$filter=mail eq '{filtered}'").ids == found
    assert tenant.reset(ANA, NEW).status == 400
    tenant.gateway.set_faults(fault_plan({"replication": {"reads": 600_000}}))
    assert tenant.reset(ANA, NEW).status == 201
    assert tenant.user(ANA)["externalUserState"] == "Accepted"
    tenant.gateway.set_faults(fault_plan({}))
    assert tenant.user(ANA)["externalUserState"] == "PendingAcceptance"


def test_a_late_replica_shows_the_oldest_it_may(plant: Plant) -> None:
    """Several writes within the lag are all unseen; listing pages stay in order."""
    tenant = plant({**SEED, "generate": {"guests": 3}}, faults={"replication": {"reads": 600_000}})
    ids = tenant.get("/users").ids
    for name in ("one", "two"):
        tenant.patch(ANA, displayName=name)
        tenant.patch(BO, displayName=name)
    listed = tenant.get("/users?$select=id,displayName").body["value"]
    assert [entry["id"] for entry in listed] == ids
    assert [entry["displayName"] for entry in listed][:2] == ["Ana", "Bo"]
    second = tenant.get("/users?$top=1").body["@odata.nextLink"].removeprefix(ROOT)
    assert tenant.get(second).ids == ids[1:2]


def test_a_new_guest_is_late_too(plant: Plant) -> None:
    """A guest who was just invited is not found yet, not listed, and unknown to the invitation service."""
    tenant = plant(faults={"replication": {"reads": 600_000, "invitations": 600_000}})
    created = tenant.invite(NEW).body["invitedUser"]["id"]
    assert tenant.get(f"/users/{created}").status == 404
    assert created not in tenant.get("/users").ids
    assert tenant.reset(created, NEW).status == 404


def test_replicas_may_be_current(plant: Plant) -> None:
    """With current replicas among them, reads go stale and come back."""
    tenant = plant(faults={"replication": {"reads": 600_000, "current": 50}})
    tenant.patch(ANA, mail=NEW)
    assert {tenant.user(ANA)["mail"] for _ in range(40)} == {"ana@fabrikam.example", NEW}


def test_latency_is_emulated_time() -> None:
    """Latency follows the first entry that matches, with its spread; items of a batch take none."""
    latency = [{"on": "POST /invitations", "milliseconds": 300, "spread": 100}, {"milliseconds": 50}]
    faults = Faults(fault_plan({"latency": latency}))
    for _ in range(20):
        assert 0.2 <= faults.latency(_request("POST", "/invitations"), RequestOrigin.SINGLE) <= 0.4
    assert faults.latency(_request(), RequestOrigin.SINGLE) == 0.05
    assert faults.latency(_request(), RequestOrigin.ITEM) == 0
    assert Faults(fault_plan({})).latency(_request(), RequestOrigin.SINGLE) == 0


def test_the_clock_can_be_sped_up() -> None:
    """On a faster clock an emulated second takes less real time."""
    clock = EmulatedClock(speed=100)
    assert clock.real(5) == 0.05
    before = clock.seconds()
    asyncio.run(clock.sleep(1))
    assert clock.seconds() - before >= 1


def test_a_plan_sets_the_speed(tenant: Tenant) -> None:
    """The speed of the plan is the clock's from then on."""
    tenant.gateway.set_faults(fault_plan({"speed": 5, "latency": [{"milliseconds": 5}]}))
    assert tenant.gateway.clock.speed == 5
    assert tenant.get("/users").status == 200
