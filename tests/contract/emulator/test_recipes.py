"""The tenants in trouble of the documentation, played as they stand there, and more of the fault language."""

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator.faults.plan import fault_plan, load_faults
from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.served import Served, serving
from tests.contract.emulator.tenant import ANA, BO

OLD, NEW = "ana@fabrikam.example", "ana@newco.example"
MARKER = "pending-1764493200-0a1b2c3d-0123456789abcdef@reconciler.invalid"
PAGE = (Path(__file__).parents[3] / "docs" / "emulator.md").read_text(encoding="utf-8")
RECIPES = [text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "rules:" in text]


Find = Callable[[str], Mapping[str, Any]]


@pytest.fixture
def recipe(tmp_path: Path) -> Find:
    """Find the one recipe that says something, and load it as `--faults` would."""

    def find(words: str) -> Mapping[str, Any]:
        [text] = [text for text in RECIPES if words in text]
        file = tmp_path / "faults.yaml"
        file.write_text(text, encoding="utf-8")
        return load_faults(file).document

    return find


@pytest.mark.parametrize("text", RECIPES, ids=lambda text: text.partition("\n")[0].strip("# ."))
def test_every_recipe_is_a_fault_plan(recipe: Find, text: str) -> None:
    """What the page offers to be pasted is taken."""
    assert recipe(text)["rules"]


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_an_update_answered_with_a_body(recipe: Find) -> None:
    """A PATCH is carried out and answered with 200 and a JSON body, where 204 is documented."""
    with serving(faults=recipe("where 204 is documented")) as served:
        answer = served.patch(ANA, mail=NEW)
        assert (answer.status_code, answer.json()) == (200, {"displayName": "Ana Ruiz"})
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["request-id"]
        assert len(answer.headers.get_list("Date")) == 1
        assert served.user(ANA, "mail") == {"mail": NEW}
        assert served.control.requests()[0].fault == "answer after"


def test_an_answer_keeps_to_what_it_changes(plant: Plant) -> None:
    """Without a status an empty success stays empty, and a refusal is never made a success."""
    tenant = plant(faults={"rules": [{"on": "writes", "do": "answer", "fields": {"a": "b"}}]})
    assert (tenant.patch(ANA, mail=NEW).status, tenant.patch(ANA, mail=NEW).body) == (204, None)
    tenant = plant(faults={"rules": [{"on": "writes", "do": "answer", "status": 202}]})
    assert tenant.patch(ANA, mail="none").status == 400
    assert (tenant.patch(ANA, mail=NEW).status, tenant.patch(ANA, mail=NEW).body) == (202, {})
    assert tenant.reset(ANA, NEW).status == 202


def test_replicas_that_do_not_know_a_guest_yet(recipe: Find) -> None:
    """One 404 in Graph's words for a read, an update and a reset; nothing happens, and the next one works."""
    with serving(faults=recipe("do not know a guest yet")) as served:
        passing = [served.graph.get(f"/users/{ANA}"), served.patch(ANA, mail=NEW), served.reset(ANA, OLD)]
        for answer in passing:
            assert _code(answer) == (404, "Request_ResourceNotFound")
            assert f"'{ANA}'" in answer.json()["error"]["message"]
        assert served.operations() == []
        assert served.graph.get(f"/users/{ANA}").status_code == 200
        assert served.patch(ANA, mail=NEW).status_code == 204
        assert served.reset(ANA, NEW).status_code == 201


def test_a_proxy_answers_instead_of_graph(recipe: Find) -> None:
    """No envelope and no request-id: a page for an update that never came, nothing for a reset that did."""
    with serving(faults=recipe("A proxy that answers")) as served:
        page = served.patch(ANA, displayName="A")
        assert (page.status_code, page.headers["Content-Type"]) == (403, "text/html; charset=utf-8")
        assert "<h1>403 Forbidden</h1>" in page.text
        assert served.operations() == []
        nothing = served.reset(ANA, OLD)
        assert (nothing.status_code, nothing.content) == (400, b"")
        assert served.operations() == ["reset"]
        assert not [answer for answer in (page, nothing) if "request-id" in answer.headers]
        first, second = served.control.requests(bodies=True)
        assert (first.status, first.response_body) == (403, page.text)
        assert (second.status, second.response_body["status"]) == (201, "PendingAcceptance")


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("form", ["html", "empty"])
@pytest.mark.parametrize("status", [200, 400, 404, 418, 429, 502, 599])
def test_a_proxy_answers_what_it_likes(plant: Plant, status: int, form: str, where: str) -> None:
    """Every status can come without an envelope, whether the request was carried out or not."""
    rule = {"on": "PATCH", "do": "fail", "status": status, "form": form, "where": where}
    tenant = plant(faults={"rules": [rule]})
    answer = tenant.gateway_answer("PATCH", f"/users/{ANA}", {"displayName": "A"})
    assert answer.status == status
    assert (b"<html>" in answer.content) is (form == "html")
    assert answer.headers.get("Retry-After") == ("1" if status == 429 else None)
    assert len(tenant.history()) == (where == "after")


def test_a_page_inside_a_batch_is_text(plant: Plant) -> None:
    """An item that is answered with a page bears it as a string, so that the batch stays JSON."""
    tenant = plant(faults={"rules": [{"on": "GET /users/*", "do": "fail", "status": 404, "form": "html"}]})
    items = [{"id": "1", "method": "GET", "url": f"/users/{ANA}"}]
    [item] = tenant.send("POST", "/$batch", {"requests": items}).body["responses"]
    assert item["status"] == 404
    assert item["body"].startswith("<html>")


def test_a_service_that_ignores_the_reset(recipe: Find) -> None:
    """The 201 names another user and no reset, and nobody was reset."""
    with serving(faults=recipe("ignores the reset")) as served:
        answer = served.reset(ANA, OLD)
        assert (answer.status_code, answer.json()["resetRedemption"]) == (201, False)
        assert answer.json()["invitedUser"]["id"] != ANA
        assert served.operations() == []
        assert served.control.truth()[ANA].account == OLD


def test_a_guest_in_conflict_with_itself(recipe: Find) -> None:
    """A refusal of a rule bears the details it is given, in Graph's shape."""
    with serving(faults=recipe("itself in conflict")) as served:
        answer = served.patch(ANA, otherMails=[NEW])
        assert _code(answer) == (400, "Request_BadRequest")
        assert answer.json()["error"]["details"] == [
            {"message": "", "code": "ObjectConflict", "target": "proxyAddresses"},
            {"message": "", "code": "ConflictingObjects", "target": f"User_{ANA}"},
        ]


def test_throttling_that_does_not_say_for_how_long(recipe: Find) -> None:
    """A 429 without Retry-After, three times, and then the update goes through."""
    with serving(faults=recipe("not told for how long")) as served:
        answers = [served.patch(ANA, displayName="A") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [429, 429, 429, 204]
        assert not [answer for answer in answers if "Retry-After" in answer.headers]


def test_a_tenant_that_takes_no_marker(recipe: Find) -> None:
    """Whatever its domain, a list with a marker is refused, and one without is taken."""
    with serving(faults=recipe("No marker is taken")) as served:
        for domain in ("reconciler.invalid", "contoso.onmicrosoft.com"):
            marker = MARKER.replace("reconciler.invalid", domain)
            assert served.patch(ANA, mail=NEW, otherMails=[NEW, marker]).status_code == 400
        assert served.patch(ANA, mail=NEW, otherMails=[NEW]).status_code == 204


def test_a_marker_that_cannot_be_taken_away(recipe: Find) -> None:
    """Of two updates of mail, the one without the marker alone is refused."""
    with serving(faults=recipe("takes a marker away is refused")) as served:
        assert served.patch(ANA, mail=NEW, otherMails=[NEW, MARKER]).status_code == 204
        assert _code(served.patch(ANA, mail=NEW, otherMails=[NEW])) == (403, "Authorization_RequestDenied")
        assert served.patch(ANA, displayName="A").status_code == 204


@pytest.mark.parametrize(
    ("rule", "body", "met"),
    [
        ({"has": "pending-*"}, ["pending-1-2-3@x.example"], True),
        ({"has": "pending-*"}, ["no-pending-1@x.example"], False),
        ({"has": "pending-*"}, ["pending", "-@x.example"], False),
        ({"has": "*@x.example"}, ["a@x.example"], True),
        ({"has": "a.b"}, ["axb"], False),
        ({"lacks": "a@x.example"}, ["a@x.example"], False),
        ({"lacks": "a@x.example"}, ["b@x.example"], True),
        ({"has": "otherMails", "lacks": "pending-*"}, ["pending-1"], False),
        ({"has": "otherMails", "lacks": "pending-*"}, ["a@x.example"], True),
    ],
)
def test_rules_choose_by_what_a_body_holds(
    plant: Plant, rule: dict[str, str], body: list[str], *, met: bool
) -> None:
    """`has` and `lacks` look for whole quoted words; a star stands for any run within one."""
    tenant = plant(faults={"rules": [{"on": "PATCH", "do": "fail", **rule}]})
    assert (tenant.patch(ANA, otherMails=body).status == 503) is met


def _give_up(served: Served, answers: list[object]) -> threading.Thread:
    def send() -> None:
        with httpx.Client(base_url=served.graph.base_url, headers=served.graph.headers) as impatient:
            body = {
                "invitedUserEmailAddress": OLD, "inviteRedirectUrl": "https://myapps.microsoft.com",
                "invitedUser": {"id": ANA}, "resetRedemption": True,
            }  # fmt: skip
            with pytest.raises(httpx.ReadTimeout):
                impatient.post("/invitations", json=body, timeout=0.2)
            answers.append("given up")

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_a_reset_that_is_carried_out_late(recipe: Find) -> None:
    """The client gives up and repeats; the first one is carried out after the second, and its link wins."""
    answers: list[object] = []
    with serving(faults=recipe("carried out 90 seconds late")) as served:
        _give_up(served, answers).join()
        assert (answers, served.operations()) == (["given up"], [])
        again = served.reset(ANA, OLD)
        assert (again.status_code, served.operations()) == (201, ["reset"])
        served.control.resume()
        while len(served.operations()) < 2:
            pass
        assert served.operations() == ["reset", "reset"]
        assert served.control.redeem(again.json()["inviteRedeemUrl"], OLD).result == "refused"


def test_a_delay_ends_by_itself(plant: Plant) -> None:
    """On the emulator's clock, before and after the request is carried out; then all is as usual."""
    for where in ("before", "after"):
        rule = {"on": "PATCH", "do": "delay", "milliseconds": 500, "where": where}
        tenant = plant(faults={"speed": 100, "rules": [rule]})
        assert tenant.patch(ANA, displayName="A").status == 204
        assert len(tenant.history()) == 1
        assert tenant.requests()[0]["fault"] is None


def test_a_delayed_request_can_be_dropped_or_outlived(recipe: Find) -> None:
    """Resumed without being carried out it never is; at the end of the emulator it is cut off."""
    answers: list[object] = []
    with serving(faults=recipe("carried out 90 seconds late")) as served:
        thread = _give_up(served, answers)
        assert served.control.paused(wait=30)[0]["path"] == "/invitations"
        thread.join()
        served.control.resume(carry_out=False)
        while served.control.paused():
            pass
        assert served.operations() == []
        assert served.control.requests()[-1].fault == "dropped"
        served.control.set_faults(recipe("carried out 90 seconds late"))
        _give_up(served, answers).join()
    assert answers == ["given up", "given up"]


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"do": "fail", "status": 200}, "status"),
        ({"do": "fail", "status": 399}, "status"),
        ({"do": "fail", "status": 200, "form": "graph"}, "status"),
        ({"do": "fail", "status": 204, "form": "html"}, "status"),
        ({"do": "fail", "status": 304, "form": "empty"}, "status"),
        ({"do": "fail", "form": "xml"}, "form"),
        ({"do": "fail", "retryAfter": "soon"}, "retryAfter"),
        ({"do": "fail", "details": [{"target": "mail"}]}, "details"),
        ({"do": "answer", "status": 204}, "status"),
        ({"do": "answer", "status": 404}, "status"),
        ({"do": "delay"}, ""),
        ({"do": "delay", "milliseconds": -1}, "milliseconds"),
    ],
)
def test_what_no_rule_can_do_is_refused(rule: dict[str, Any], place: str) -> None:
    """A plan that asks for an answer nobody could send is refused, with the place."""
    with pytest.raises(ValueError, match=f"^rules/0/?{place}"):
        fault_plan({"rules": [rule]})


@pytest.mark.parametrize(
    "rule",
    [
        {"do": "fail", "status": 200, "form": "html"},
        {"do": "fail", "form": "empty"},
        {"do": "fail", "status": 429, "retryAfter": None},
        {"do": "answer", "status": 202, "fields": {"invitedUser": {"id": BO}, "list": [1]}},
        {"do": "delay", "milliseconds": 0, "where": "after"},
    ],
)
def test_what_a_rule_can_do_is_taken(rule: dict[str, Any]) -> None:
    """The combinations that make sense are taken."""
    assert fault_plan({"rules": [rule]}).document["rules"] == [rule]
