"""A web page on the same machine can neither change nor read the emulated tenant."""

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.emulator.served import Served, serving
from tests.contract.emulator.tenant import ANA

SEED_USER = {"email": "eve@evil.example"}
EVIL = "https://evil.example"


@pytest.fixture
def served() -> Iterator[Served]:
    """Serve the usual tenant."""
    with serving() as served:
        yield served


@pytest.fixture
def browser(served: Served) -> Iterator[httpx.Client]:
    """Give a client that sends exactly the headers that it is told to."""
    with httpx.Client(base_url=served.root, trust_env=False) as client:
        yield client


def untouched(served: Served) -> bool:
    truth = served.control.truth()
    return set(truth) == {user for user in truth if user != "eve"} and not served.control.history()


@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost:1", "http://127.0.0.1", "file://"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_emulator/reset"),
        ("DELETE", f"/_emulator/users/{ANA}"),
        ("GET", "/_emulator/truth"),
        ("GET", "/_emulator/messages"),
        ("POST", f"/_emulator/users/{ANA}/reset"),
    ],
)
def test_a_page_of_another_origin_is_refused(
    served: Served, browser: httpx.Client, method: str, path: str, origin: str
) -> None:
    """A browser names the page's origin in every request that changes something."""
    answer = browser.request(method, path, headers={"Origin": origin})
    assert answer.status_code == 403
    assert untouched(served)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "[::1",
    ],
)
def test_a_name_that_resolves_to_loopback_is_refused(
    served: Served, browser: httpx.Client, host: str
) -> None:
    """Whoever lets a name of their own resolve to 127.0.0.1 reads nothing."""
    answer = browser.get("/_emulator/truth", headers={"Host": host})
    assert answer.status_code in {400, 421}
    assert "fabrikam" not in answer.text


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", ""],
)
def test_a_form_is_no_json(served: Served, browser: httpx.Client, kind: str) -> None:
    """These types of content a form of another site could send without being asked."""
    answer = browser.post(
        "/_emulator/users", headers={"Content-Type": kind}, content=b'{"email": "eve@evil.example"}'
    )
    assert answer.status_code == 415
    assert untouched(served)


def test_a_body_without_a_type_is_refused(served: Served, browser: httpx.Client) -> None:
    """A blob has no type, and needs no permission either."""
    answer = browser.post("/_emulator/users", content=b'{"email": "eve@evil.example"}')
    assert answer.status_code == 415
    assert untouched(served)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3:81", "localhost", "LOCALHOST:8080", "[::1]:80"])
def test_a_client_on_this_machine_is_served(served: Served, browser: httpx.Client, host: str) -> None:
    """Names of this machine are all the same, and a page that the emulator itself served may ask."""
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert browser.get("/_emulator/truth", headers=headers).status_code == 200
    answer = browser.post("/_emulator/users", headers=headers, json=SEED_USER)
    assert answer.status_code == 201


def test_a_body_nested_too_deep_is_a_bad_request(served: Served, browser: httpx.Client) -> None:
    """No body ends in a traceback."""
    answer = browser.post(
        "/_emulator/users", headers={"Content-Type": "application/json"}, content=b"[" * 100_000
    )
    assert answer.status_code == 400


def test_paths_of_graph_are_not_concerned(served: Served) -> None:
    """Graph's own paths need a token, which no page has."""
    answer = served.graph.get("/organization", headers={"Origin": EVIL, "Host": "graph.microsoft.example"})
    assert answer.status_code == 200
