"""`$batch`: one answer for each item, joined by id."""

from typing import Any

import pytest

from tests.contract.emulator.tenant import ANA, BO, Answer, Tenant


def _send(tenant: Tenant, items: Any) -> Answer:
    return tenant.send("POST", "/$batch", {"requests": items})


def _get(number: int, path: str = f"/users/{ANA}?$select=id") -> dict[str, Any]:
    return {"id": str(number), "method": "GET", "url": path}


def test_each_item_has_its_own_answer(tenant: Tenant) -> None:
    """A batch is 200 whatever its items are; each has its status, headers and body under its id."""
    answer = _send(tenant, [_get(1), _get(2, "/users/nobody"), _get(3, f"users/{BO}?%24select=id")])
    assert answer.status == 200
    by_id = {item["id"]: item for item in answer.body["responses"]}
    assert {key: item["status"] for key, item in by_id.items()} == {"1": 200, "2": 404, "3": 200}
    assert by_id["1"]["body"]["id"] == ANA
    assert by_id["3"]["body"]["id"] == BO
    assert by_id["2"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert "request-id" in by_id["2"]["headers"]


def test_answers_come_in_another_order(tenant: Tenant) -> None:
    """The order of answers is not the order of requests, and the same each time."""
    orders = [
        [item["id"] for item in _send(tenant, [_get(n) for n in range(20)]).body["responses"]]
        for _ in range(2)
    ]
    assert orders[0] == orders[1] != [str(n) for n in range(20)]
    assert sorted(orders[0]) == sorted(str(n) for n in range(20))


def test_writes_work_in_a_batch(tenant: Tenant) -> None:
    """An item with a body is carried out like the same request alone, and the record names its batch."""
    headers = {"Content-Type": "application/json"}
    item = {
        "id": "a",
        "method": "PATCH",
        "url": f"/users/{ANA}",
        "headers": headers,
        "body": {"displayName": "A"},
    }
    answer = _send(tenant, [item])
    assert answer.body["responses"][0]["status"] == 204
    assert "body" not in answer.body["responses"][0]
    envelope, recorded = tenant.requests()
    assert (envelope["url"], envelope["status"]) == ("/v1.0/$batch", 200)
    assert (recorded["parent"], recorded["method"], recorded["status"]) == (envelope["n"], "PATCH", 204)


def test_a_body_needs_its_content_type(tenant: Tenant) -> None:
    """An item with a body and no content type is refused on its own."""
    answer = _send(tenant, [{"id": "a", "method": "PATCH", "url": f"/users/{ANA}", "body": {}}])
    assert answer.body["responses"][0]["status"] == 415


def test_what_depends_on_a_failure_fails(tenant: Tenant) -> None:
    """An item whose dependency failed is 424 and not carried out; one whose dependency worked is."""
    headers = {"content-type": "application/json"}
    write = {"method": "PATCH", "url": f"/users/{ANA}", "headers": headers, "body": {"displayName": "A"}}
    items = [
        _get(1, "/users/nobody"),
        {"id": "2", **write, "dependsOn": ["1"]},
        _get(3),
        {"id": "4", **write, "dependsOn": ["3"]},
    ]
    answer = _send(tenant, items)
    assert {item["id"]: item["status"] for item in answer.body["responses"]} == {
        "1": 404, "2": 424, "3": 200, "4": 204,
    }  # fmt: skip
    assert len(tenant.history()) == 1


@pytest.mark.parametrize(
    "items",
    [
        None,
        [],
        ["x"],
        [{"id": "1", "url": "/users"}],
        [_get(n) for n in range(21)],
        [{**_get(1), "id": "a"}, {**_get(2), "id": "A"}],
        [{**_get(1), "dependsOn": ["2"]}, _get(2)],
        [{**_get(1), "dependsOn": 2}],
        [{**_get(1), "headers": "x"}],
    ],
)
def test_malformed_batches_are_refused_whole(tenant: Tenant, items: Any) -> None:
    """Too many items, ids that differ only in case, or a shape that is none: 400 for the batch."""
    answer = _send(tenant, items)
    assert (answer.status, answer.code) == (400, "BadRequest")


def test_a_batch_needs_the_token_too(tenant: Tenant) -> None:
    """Without the token the whole batch is 401."""
    body = {"requests": [_get(1)]}
    answer = tenant.send("POST", "/$batch", body, headers={"authorization": "Bearer x"})
    assert answer.status == 401
