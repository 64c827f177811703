"""The control surface over a real socket, by its own client."""

from collections.abc import Iterator

import httpx
import pytest

from reconciler.emulator.server import serve
from tests.contract.emulator.served import Served, serving
from tests.contract.emulator.tenant import ANA, BO, MARA

NEW = "ana@newco.example"


@pytest.fixture
def served() -> Iterator[Served]:
    """Serve the usual tenant."""
    with serving(pimLicensed=False) as served:
        yield served


def _reset(served: Served) -> None:
    served.graph.patch(f"/users/{ANA}", json={"otherMails": [NEW]}).raise_for_status()
    body = {
        "invitedUserEmailAddress": NEW,
        "inviteRedirectUrl": "https://myapps.microsoft.com",
        "invitedUser": {"id": ANA},
        "resetRedemption": True,
        "sendInvitationMessage": True,
    }
    served.graph.post("/invitations", json=body).raise_for_status()


def test_a_whole_story(served: Served) -> None:
    """Reset, message, redemption by its link, sign-in: each is seen through the control surface."""
    assert served.control.sign_in("ana@fabrikam.example").result == "signed-in"
    _reset(served)
    assert served.control.truth()[ANA].account is None
    assert served.control.truth()[ANA].has_live_link
    [message] = served.control.messages()
    assert (message.guest, message.to, message.cc, message.language, message.text) == (
        ANA, NEW, (), "en-US", None,
    )  # fmt: skip
    assert served.control.redeem(message.redeem_url, NEW).result == "redeemed"
    ana = served.control.truth()[ANA]
    assert (ana.account, ana.state, ana.has_live_link, ana.could_redeem) == (NEW, "Accepted", False, ())
    assert [entry.operation for entry in served.control.history()] == ["patch", "reset", "redeem"]


def test_requests_are_recorded_in_order(served: Served) -> None:
    """The record shows method, path, status and application; bodies when asked for; it can be emptied."""
    _reset(served)
    patch, post = served.control.requests()
    assert (patch.method, patch.url, patch.status, patch.parent) == ("PATCH", f"/v1.0/users/{ANA}", 204, None)
    assert (post.method, post.url, post.status, post.request_body) == ("POST", "/v1.0/invitations", 201, None)
    assert patch.app_id == post.app_id is not None
    full = served.control.requests(bodies=True)[1]
    assert full.request_body["invitedUserEmailAddress"] == NEW
    assert full.response_body["status"] == "PendingAcceptance"
    assert full.request_headers["user-agent"].startswith("python-httpx")
    assert full.response_headers["request-id"]
    served.control.forget_requests()
    assert served.control.requests() == []
    served.control.set_switches(recordBodies=False)
    _reset(served)
    assert [entry.request_body for entry in served.control.requests(bodies=True)] == [None, None]


def test_the_tenant_goes_back_to_its_seed(served: Served) -> None:
    """A reset of the tenant undoes everything, the switches to where they were at the start."""
    _reset(served)
    served.control.set_switches(staleProxiesKept=False, pimLicensed=True)
    served.control.reset()
    assert served.control.truth()[ANA].account == "ana@fabrikam.example"
    assert (served.control.messages(), served.control.history(), served.control.requests()) == ([], [], [])
    switches = served.control.switches()
    assert (switches["staleProxiesKept"], switches["pimLicensed"]) == (True, False)


def test_another_administrator(served: Served) -> None:
    """Users can be edited past the rules, added and deleted; each is in the history."""
    served.control.edit_user(ANA, {"mail": "bo@fabrikam.example", "account": "x@x.example"})
    assert served.control.truth()[ANA].account == "x@x.example"
    carl = served.control.add_user({"email": "carl@fabrikam.example", "state": "PendingAcceptance"})
    nils = served.control.add_user({"userPrincipalName": "nils@contoso.example"})
    served.control.delete_user(BO)
    assert served.control.truth().keys() == {ANA, carl}
    assert served.graph.get(f"/users/{nils}").status_code == 200
    assert served.graph.get(f"/users/{BO}").status_code == 404
    assert served.graph.get(f"/directory/deletedItems/{BO}").status_code == 200
    operations = [entry.operation for entry in served.control.history()]
    assert operations == ["edit", "create", "create", "delete"]


def test_the_truth_is_about_guests(served: Served) -> None:
    """Members are not among the truths."""
    assert MARA not in served.control.truth()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/redeem", {"account": "x"}),
        ("POST", "/sign-in", {"account": 3}),
        ("POST", "/sign-in", [1]),
        ("PATCH", "/switches", {"nonsense": 1}),
        ("PATCH", f"/users/{'0' * 8}", {}),
        ("POST", "/users", {}),
        ("PUT", "/faults", {"nonsense": 1}),
        ("GET", "/paused?wait=long", None),
        ("GET", "/nonsense", None),
    ],
)
def test_wrong_requests_are_refused(served: Served, method: str, path: str, body: object) -> None:
    """What the control surface does not understand is a 4xx."""
    answer = httpx.request(method, f"{served.root}/_emulator{path}", json=body, trust_env=False)
    assert 400 <= answer.status_code < 500


def test_a_body_that_is_no_json_is_refused(served: Served) -> None:
    """Broken JSON is a 400."""
    answer = httpx.post(
        f"{served.root}/_emulator/sign-in",
        content=b"{",
        headers={"Content-Type": "application/json"},
        trust_env=False,
    )
    assert answer.status_code == 400


def test_the_client_says_what_was_refused(served: Served) -> None:
    """The client raises with the emulator's reason."""
    with pytest.raises(ValueError, match="nonsense"):
        served.control.set_switches(nonsense=True)


def test_links_point_at_the_host_the_caller_used(served: Served) -> None:
    """The nextLink has the host of the request, whatever name the caller has for this machine."""
    link = served.graph.get("/users?$top=1", headers={"Host": "localhost:1"}).json()["@odata.nextLink"]
    assert link.startswith("http://localhost:1/v1.0/users?")


def test_a_port_that_is_taken_is_an_error(served: Served) -> None:
    """Serving on a port in use raises and leaves nothing open."""
    port = httpx.URL(served.root).port
    assert port is not None
    with pytest.raises(OSError, match="in use"), serve(None, port=port):
        pass
