"""A tenant whose answers a test writes by hand, path by path."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from reconciler.graph.owners import find_owners
from reconciler.graph.reader import GraphReader
from reconciler.graph.sessions import connect
from reconciler.model import EmailAddress, FoundOwners, Live
from reconciler.observation import observe
from tests.support.directory import declared, desired
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import TOKEN, Reply, Request, ScriptedGraph, Tokens, refusal, scripted_graph
from tests.support.scripted_graph.clock import Clock

GROUP, OTHER_GROUP, PERSON = guest_id(70), guest_id(71), guest_id(80)
FORBIDDEN = refusal(403, "Authorization_RequestDenied")
NOT_FOUND = refusal(404, "Request_ResourceNotFound")
EXPIRED = refusal(400, "Directory_ExpiredPageToken")

Answer = Reply | Callable[[Request], Reply]


def user(number: int, **fields: Any) -> dict[str, Any]:
    """Make the row of an invited guest, with these properties instead."""
    row: dict[str, Any] = {
        "id": guest_id(number),
        "userPrincipalName": f"guest{number}_old.example#EXT#@contoso.onmicrosoft.com",
        "displayName": f"Guest {number}",
        "userType": "Guest",
        "accountEnabled": True,
        "creationType": "Invitation",
        "externalUserState": "Accepted",
        "externalUserStateChangeDateTime": "2026-01-15T09:30:00Z",
        "mail": f"guest{number}@old.example",
        "otherMails": [f"guest{number}@old.example"],
        "proxyAddresses": [f"SMTP:guest{number}@old.example"],
        "identities": [],
        "onPremisesSyncEnabled": None,
    }
    return {**row, **fields}


def addressed(key: str, **fields: Any) -> dict[str, Any]:
    """Make the row of a group or contact, with these properties."""
    return {"id": key, "displayName": None, "mail": None, "proxyAddresses": [], **fields}


def rows(*values: object) -> Reply:
    """Make a page that is the last."""
    return Reply(body={"value": list(values)})


@dataclass(slots=True)
class Graph:
    """A directory made of answers by path; batches are taken apart. What is missing is not found."""

    answers: dict[str, Answer] = field(default_factory=dict)
    directory: ScriptedGraph | None = None

    def __call__(self, request: Request) -> Reply:
        """Answer a request or, one by one, the items of a batch."""
        if request.path != "/$batch":
            return self._one(request)
        items = [
            (item["id"], self._one(Request(method="GET", target=item["url"], headers={}, body=b"")))
            for item in request.json["requests"]
        ]
        return Reply(
            body={
                "responses": [{"id": key, "status": reply.status, "body": reply.body} for key, reply in items]
            }
        )

    def _one(self, request: Request) -> Reply:
        answer = self.answers.get(request.path, NOT_FOUND)
        return answer if isinstance(answer, Reply) else answer(request)

    def link(self, path: str) -> str:
        """Give an absolute link to a path."""
        assert self.directory is not None
        return f"{self.directory.root}/v1.0{path}"

    def page(self, path: str, *values: object) -> Reply:
        """Give a page that is followed by another."""
        return Reply(body={"value": list(values), "@odata.nextLink": self.link(path)})

    def asked(self, path: str) -> int:
        """Count the requests to a path, outside batches."""
        assert self.directory is not None
        return sum(request.path == path for request in self.directory.requests)


def quiet(**answers: Answer) -> Graph:
    """Make a tenant where nothing stands in the way, with these answers instead; `_` is a slash."""
    plain: dict[str, Answer] = {
        "/organization": rows({"id": TENANT, "displayName": "Contoso", "verifiedDomains": []}),
        "/policies/authorizationPolicy": Reply(body={"allowInvitesFrom": "everyone"}),
        "/roleManagement/directory/roleAssignments": rows(),
        "/roleManagement/directory/roleEligibilityScheduleInstances": rows(),
        "/users": rows(),
        "/groups": rows(),
        "/contacts": rows(),
    }
    return Graph(answers={**plain, **{name.replace("_", "/"): answer for name, answer in answers.items()}})


ASSIGNMENTS = "/roleManagement/directory/roleAssignments"
ELIGIBILITIES = "/roleManagement/directory/roleEligibilityScheduleInstances"
POLICY = "/policies/authorizationPolicy"


@contextlib.asynccontextmanager
async def reading(
    graph: Graph, token: str = TOKEN, *, clock: Clock | None = None
) -> AsyncIterator[GraphReader]:
    """Serve the tenant and read it, on a clock that never really waits."""
    async with scripted_graph(graph) as directory:
        graph.directory = directory
        async with connect(directory.root, Tokens(token), options=(clock or Clock()).options) as session:
            yield GraphReader(session)


async def owners_in(graph: Graph, *addresses: str) -> FoundOwners:
    """Look for the owners of addresses, on a clock that never really waits."""
    async with scripted_graph(graph) as directory:
        graph.directory = directory
        async with connect(directory.root, Tokens(), options=Clock().options) as session:
            return await find_owners(session, [EmailAddress(address) for address in addresses])


async def observe_guests(graph: Graph, *numbers: int, token: str = TOKEN, clock: Clock | None = None) -> Live:
    """Observe a tree that declares these guests as they are."""
    tree = desired(*(declared(number, f"guest{number}@old.example") for number in numbers))
    async with reading(graph, token, clock=clock) as reader:
        return await observe(reader, tree)
