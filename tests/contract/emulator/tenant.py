"""An emulated tenant in the process of the test, without a socket in between."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator.clock import EmulatedClock
from reconciler.emulator.control.record import history_of, messages_of, requests_of, truth_of
from reconciler.emulator.faults.plan import fault_plan
from reconciler.emulator.identity.auth import Authorizer, FixedTokenAuthorizer
from reconciler.emulator.pipeline import Pipeline
from reconciler.emulator.protocol.wire import GraphRequest, GraphResponse
from reconciler.emulator.tenant.redemption import SignIn, redeem, sign_in
from reconciler.emulator.tenant.seed import Seed, plant
from reconciler.emulator.tenant.store import Store
from reconciler.emulator.tenant.switches import switches_of

ANA = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
BO = "2c7b5a1d-9b1d-4e7f-8b62-6a4b4a2d8f12"
MARA = "5d0c1a2b-0000-4000-8000-00000000aaaa"
ROOT = "http://127.0.0.1:1/v1.0"
SINCE = "2024-03-05T08:41:17Z"

SEED: Mapping[str, Any] = {
    "tenant": {"verifiedDomains": ["contoso.example"]},
    "guests": [
        {"id": ANA, "name": "Ana", "email": "ana@fabrikam.example", "since": SINCE},
        {"id": BO, "name": "Bo", "email": "bo@fabrikam.example", "state": "PendingAcceptance"},
    ],
    "members": [{"id": MARA, "userPrincipalName": "mara@contoso.example"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Graph answered."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        """The text of an error."""
        return str(self.body["error"]["message"])

    @property
    def ids(self) -> list[str]:
        """The ids of a page."""
        return [item["id"] for item in self.body["value"]]


class Tenant:
    """A tenant planted from a seed, and Graph in front of it."""

    def __init__(
        self,
        document: Mapping[str, Any] = SEED,
        *,
        authorizer: Authorizer | None = None,
        faults: Mapping[str, Any] | None = None,
        **switches: Any,
    ) -> None:
        """Plant the seed; `switches` by their JSON names."""
        self.store = Store(None)
        with self.store.transaction():
            plant(self.store, Seed(document=document), switches=switches)
        self.gateway = Pipeline(
            self.store, authorizer or FixedTokenAuthorizer(), EmulatedClock(), fault_plan(faults or {})
        )
        self._loop = asyncio.Runner()

    def close(self) -> None:
        """Let go of loop and store."""
        self._loop.close()
        self.store.close()

    def send(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request; `path` may carry a query."""
        answer = self.gateway_answer(method, path, body, headers=headers)
        parsed = json.loads(answer.content) if answer.content else None
        return Answer(status=answer.status, body=parsed, headers=answer.headers)

    def gateway_answer(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> GraphResponse:
        """Send a request as `send` does, and take the answer whatever it is made of."""
        where, _, query = path.partition("?")
        given = {"authorization": "Bearer emulator"}
        if body is not None:
            given["content-type"] = "application/json"
        request = GraphRequest(
            method=method,
            path=where,
            query=query,
            headers={**given, **(headers or {})},
            body=b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            root=ROOT,
        )
        return self._loop.run(self.gateway.answer(request))

    def get(self, path: str, **headers: str) -> Answer:
        """Read; underscores in names of headers stand for hyphens."""
        return self.send(
            "GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    def patch(self, user: str, **changes: Any) -> Answer:
        """Update a user."""
        return self.send("PATCH", f"/users/{user}", changes)

    def reset(self, user: str, email: str, **more: Any) -> Answer:
        """Reset a guest's redemption."""
        return self.invite(email, invitedUser={"id": user}, resetRedemption=True, **more)

    def invite(self, email: str, **more: Any) -> Answer:
        """Invite somebody."""
        body = {"invitedUserEmailAddress": email, "inviteRedirectUrl": "https://myapps.microsoft.com"}
        return self.send("POST", "/invitations", {**body, **more})

    def user(self, user: str) -> dict[str, Any]:
        """Read the properties of a user that matter here."""
        names = "mail,otherMails,proxyAddresses,externalUserState,externalUserStateChangeDateTime,identities"
        answer = self.get(f"/users/{user}?$select={names}")
        assert answer.status == 200
        return dict(answer.body)

    def truth(self, user: str) -> dict[str, Any]:
        """Look behind Graph."""
        found = truth_of(self.store, switches_of(self.store))
        return next(entry for entry in found if entry["id"] == user)

    def redeem(self, link: str, account: str) -> SignIn:
        """Use a redeem link."""
        now = datetime.now(UTC)
        return redeem(self.store, switches_of(self.store), link=link, account=account, now=now)

    def sign_in(self, account: str) -> SignIn:
        """Open an app."""
        return sign_in(self.store, switches_of(self.store), account=account, now=datetime.now(UTC))

    def history(self) -> list[dict[str, Any]]:
        """Give the accepted writes."""
        return history_of(self.store)

    def messages(self) -> list[dict[str, Any]]:
        """Give the messages that were sent."""
        return messages_of(self.store)

    def requests(self) -> list[dict[str, Any]]:
        """Give the record of requests, with bodies."""
        return requests_of(self.store, bodies=True)
