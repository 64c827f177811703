"""Who is given a token by the emulated tenant, and which tokens it takes back."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import jwt
import pytest

from reconciler.emulator.identity.applications import Application, FederatedCredential, applications_from
from reconciler.emulator.identity.stored_tokens import tokens_of
from reconciler.emulator.identity.tokens import (
    ASSERTION_TYPE,
    GRAPH_ROOTS,
    Bearer,
    Grant,
    SignInRefused,
    TokenRefused,
    TokenService,
)
from reconciler.emulator.tenant.seed import Seed, plant
from reconciler.emulator.tenant.store import Store

TENANT = "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10"
CLIENT = "0c3e5a7b-1111-4222-8333-444455556666"
ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = "repo:contoso/guests:pull_request"
NOW = 1_000_000

APPLICATION = Application(
    name="plan",
    client_id=CLIENT,
    secret="a secret",
    federated=(FederatedCredential(issuer=ISSUER, subject=SUBJECT),),
    permissions=("User.Read.All",),
)
BY_SECRET = {
    "grant_type": "client_credentials",
    "client_id": CLIENT,
    "client_secret": "a secret",
    "scope": "https://graph.microsoft.com/.default",
}


def _service(application: Application = APPLICATION) -> TokenService:
    return TokenService(tenant_id=TENANT, applications=[application], lifetime=600, now=lambda: float(NOW))


def _code(answer: Grant | SignInRefused) -> tuple[int, str, int]:
    assert isinstance(answer, SignInRefused)
    return answer.status, answer.error, answer.code


def _by_assertion(**changes: object) -> Mapping[str, str]:
    claims = {
        "iss": ISSUER,
        "sub": SUBJECT,
        "aud": "api://AzureADTokenExchange",
        "nbf": NOW - 5,
        "exp": NOW + 300,
        **changes,
    }
    form = {name: value for name, value in BY_SECRET.items() if name != "client_secret"}
    assertion = jwt.encode({k: v for k, v in claims.items() if v is not None}, "k" * 32, algorithm="HS256")
    return {**form, "client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}


@pytest.mark.parametrize("root", GRAPH_ROOTS)
def test_a_secret_earns_a_token_that_is_taken_back(root: str) -> None:
    """The right secret gives a token for each cloud's Graph, and Graph reads the permissions in it."""
    tokens = _service()
    answer = tokens.sign_in(TENANT.upper(), {**BY_SECRET, "scope": f"{root}/.default"})
    assert isinstance(answer, Grant)
    assert answer.expires_in == 600
    assert tokens.inspect(answer.token) == Bearer(client_id=CLIENT, permissions=frozenset({"User.Read.All"}))


def test_a_token_says_what_entras_say() -> None:
    """The claims that clients look at are those Entra gives an application."""
    claims = jwt.decode(_service().issue(APPLICATION), options={"verify_signature": False})
    assert {name: claims[name] for name in ("aud", "appid", "idtyp", "roles", "tid", "exp", "iat")} == {
        "aud": "https://graph.microsoft.com",
        "appid": CLIENT,
        "idtyp": "app",
        "roles": ["User.Read.All"],
        "tid": TENANT,
        "exp": NOW + 600,
        "iat": NOW,
    }
    assert "scp" not in claims


def test_an_assertion_that_matches_earns_a_token() -> None:
    """An assertion whose issuer, subject and audience are registered is enough."""
    assert isinstance(_service().sign_in(TENANT, _by_assertion()), Grant)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sub": "repo:contoso/guests:environment:production"}, 700213),
        ({"sub": SUBJECT.upper()}, 7002138),
        ({"sub": None}, 700213),
        ({"iss": f"{ISSUER}/"}, 700211),
        ({"aud": "api://AzureADTokenExchangeChina"}, 700212),
        ({"aud": ["api://AzureADTokenExchange"]}, 700212),
        ({"exp": NOW}, 700024),
        ({"exp": None}, 700024),
        ({"exp": "soon"}, 700024),
        ({"nbf": NOW + 1}, 700024),
    ],
)
def test_an_assertion_that_differs_in_anything_is_refused(changes: dict[str, object], code: int) -> None:
    """Issuer, subject and audience are compared byte by byte, and the time counts."""
    assert _code(_service().sign_in(TENANT, _by_assertion(**changes))) == (401, "invalid_client", code)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_secret": "another"}, (401, "invalid_client", 7000215)),
        ({"client_secret": ""}, (401, "invalid_client", 7000218)),
        ({"client_id": TENANT}, (400, "unauthorized_client", 700016)),
        ({"client_id": ""}, (400, "unauthorized_client", 700016)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"scope": "https://graph.microsoft.com/User.Read.All"}, (400, "invalid_scope", 1002012)),
        ({"scope": "https://vault.azure.net/.default"}, (400, "invalid_resource", 500011)),
        (
            {"client_assertion": "x.y.z", "client_assertion_type": ASSERTION_TYPE},
            (401, "invalid_client", 50027),
        ),
        ({"client_assertion": "x.y.z"}, (400, "invalid_request", 900144)),
    ],
)
def test_a_wrong_request_is_refused_as_entra_does(
    changes: dict[str, str], expected: tuple[int, str, int]
) -> None:
    """Each wrong field has the status, the error and the number Entra answers with."""
    assert _code(_service().sign_in(TENANT, {**BY_SECRET, **changes})) == expected


def test_another_tenant_is_not_found() -> None:
    """A tenant that is not the emulated one does not exist."""
    assert _code(_service().sign_in("common", BY_SECRET)) == (400, "invalid_request", 90002)


def test_an_application_without_trust_takes_no_assertion() -> None:
    """Without federated credentials an assertion has a refusal of its own, and so has a missing secret."""
    bare = Application(name="bare", client_id=CLIENT)
    assert _code(_service(bare).sign_in(TENANT, _by_assertion()))[2] == 70021
    assert _code(_service(bare).sign_in(TENANT, BY_SECRET))[2] == 7000215


def test_an_expired_secret_is_told_from_a_wrong_one() -> None:
    """The right secret after its end is refused as expired."""
    old = Application(name="old", client_id=CLIENT, secret="a secret", secret_expired=True)
    assert _code(_service(old).sign_in(TENANT, BY_SECRET))[2] == 7000222


def test_a_token_of_another_key_is_refused() -> None:
    """A token signed elsewhere, cut short, or of no known shape is not taken."""
    tokens = _service()
    foreign = _service().issue(APPLICATION)
    for token in (foreign, tokens.issue(APPLICATION)[:-4], "no token", "a.b.c"):
        assert isinstance(tokens.inspect(token), TokenRefused)


def test_a_token_for_something_else_is_refused() -> None:
    """A token whose audience or tenant is another one is not taken by Graph."""
    key = b"k" * 32
    tokens = TokenService(tenant_id=TENANT, applications=(), key=key)
    other = TokenService(tenant_id=CLIENT, applications=(), key=key)
    for token in (
        tokens.issue(APPLICATION, audience="https://vault.azure.net"),
        other.issue(APPLICATION),
    ):
        answer = tokens.inspect(token)
        assert answer == TokenRefused(message="Access token validation failure. Invalid audience.")


def test_processes_that_share_a_key_share_tokens() -> None:
    """With the same key, a token of one service is taken by another."""
    first, second = (TokenService(tenant_id=TENANT, applications=(), key=b"k" * 32) for _ in range(2))
    assert isinstance(second.inspect(first.issue(APPLICATION)), Bearer)


def test_applications_are_read_from_a_seed() -> None:
    """A seed's entry may leave out everything but name and client id."""
    assert applications_from(
        [
            {"name": "bare", "clientId": CLIENT.upper()},
            {
                "name": "full",
                "clientId": CLIENT,
                "secret": "s",
                "secretExpired": True,
                "permissions": ["User.ReadWrite.All", "User.Invite.All"],
                "federated": [{"issuer": ISSUER, "subject": SUBJECT}],
            },
        ]
    ) == (
        Application(name="bare", client_id=CLIENT),
        Application(
            name="full",
            client_id=CLIENT,
            secret="s",
            secret_expired=True,
            federated=(FederatedCredential(issuer=ISSUER, subject=SUBJECT),),
            permissions=("User.Invite.All", "User.ReadWrite.All"),
        ),
    )


def test_a_stored_tenant_keeps_its_tokens(tmp_path: Path) -> None:
    """A token issued before the emulator was stopped is taken after it was started again."""
    document = {
        "tenant": {"id": TENANT},
        "applications": [{"name": "plan", "clientId": CLIENT, "secret": "a secret"}],
    }
    with closing(Store(tmp_path / "state.db")) as store:
        with store.transaction():
            plant(store, Seed(document=document))
        answer = tokens_of(store).sign_in(TENANT, BY_SECRET)
    assert isinstance(answer, Grant)
    with closing(Store(tmp_path / "state.db")) as store:
        found = tokens_of(store, lifetime=60).inspect(answer.token)
    assert found == Bearer(client_id=CLIENT, permissions=frozenset())
