"""Every request of a real run, and every answer of the emulator, held against Microsoft's own description."""

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import yaml
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from reconciler.emulator.control.client import ControlClient, RecordedRequest
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from reconciler.graph.requests import USER_FIELDS
from reconciler.graph.writer import open_directory
from reconciler.model import (
    Done,
    EmailAddress,
    Failed,
    Invitation,
    Marker,
    NotSent,
    ObjectId,
    ResetRedemption,
    UserUpdate,
    Write,
    WriteAnswer,
)
from reconciler.observation import observe
from tests.support.directory import declared, desired
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import Tokens, granted

SLICE = Path(__file__).with_name("graph-openapi-slice.yaml")

NOT_DESCRIBED = {
    ("POST", "/$batch"),
    ("GET", "/groups"),
    ("GET", "/groups/{id}/transitiveMembers"),
    ("GET", "/contacts"),
    ("GET", "/directory/deletedItems/{id}"),
}
"""What is asked of Graph beyond the description: whoever adds an endpoint has to think about it here."""

USER = "#/components/schemas/microsoft.graph.user"

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Description:
    """Microsoft's description of the endpoints in use."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.paths: dict[str, Any] = document["paths"]
        self._document = _without_catch_all(document)
        resource: Resource[Any] = DRAFT4.create_resource(self._document)
        self._registry: Registry[Any] = Registry().with_resource("urn:graph", resource)

    def operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        """Find the operation of a concrete path below the version root."""
        for template, methods in self.paths.items():
            if re.fullmatch(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(template)), path):
                operation: Mapping[str, Any] | None = methods.get(method.lower())
                return operation
        return None

    def response(self, operation: Mapping[str, Any], status: int) -> Mapping[str, Any]:
        """Find what an operation says about a status."""
        responses = operation["responses"]
        chosen = responses.get(str(status)) or responses.get(f"{status // 100}XX") or responses["default"]
        found: Mapping[str, Any] = self.resolved(chosen)
        return found

    def flaws(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        """Name everything in which a value departs from a schema, undescribed properties included."""
        absolute = _absolute(schema)
        validator = OAS30Validator(absolute, registry=self._registry, format_checker=oas30_format_checker)
        broken = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
        return broken + [f"{path}: not described" for path in self._unknown(schema, value, "$")]

    def resolved(self, node: Any) -> Any:
        """Follow a reference within the document."""
        while isinstance(node, dict) and "$ref" in node:
            parts = node["$ref"].removeprefix("#/").split("/")
            node = functools.reduce(lambda inner, part: inner[part], parts, self._document)
        return node

    def _unknown(self, schema: Any, value: Any, path: str) -> Iterator[str]:
        if isinstance(value, list):
            items = self._merged(schema).get("items", {})
            for number, entry in enumerate(value):
                yield from self._unknown(items, entry, f"{path}[{number}]")
        elif isinstance(value, dict):
            said = self._said_type(value)
            properties = self._merged(schema if said is None else said).get("properties")
            for name, inner in value.items():
                if properties is None or "@odata." in name:
                    continue
                if name not in properties:
                    yield f"{path}.{name}"
                else:
                    yield from self._unknown(properties[name], inner, f"{path}.{name}")

    def _said_type(self, value: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Give the schema of the type an object says it is; an empty one when that is not described."""
        said = value.get("@odata.type")
        if said is None:
            return None
        found: Mapping[str, Any] = self._document["components"]["schemas"].get(said.removeprefix("#"), {})
        return found

    def _merged(self, schema: Any) -> dict[str, Any]:
        """Give properties and items of a schema with those it inherits."""
        node = self.resolved(schema)
        merged: dict[str, Any] = {name: node[name] for name in ("properties", "items") if name in node}
        for part in (*node.get("allOf", ()), *node.get("anyOf", ())):
            inherited = self._merged(part)
            merged.setdefault("items", inherited.get("items", {}))
            if "properties" in inherited:
                merged["properties"] = {**inherited["properties"], **merged.get("properties", {})}
        return merged


def _without_catch_all(node: Any) -> Any:
    """Leave out `additionalProperties`.

    The description says of each part of an inheritance that all other properties are objects, which
    taken at its word forbids every inherited text. What is not described is looked for apart.
    """
    if isinstance(node, dict):
        return {
            name: _without_catch_all(inner) for name, inner in node.items() if name != "additionalProperties"
        }
    if isinstance(node, list):
        return [_without_catch_all(inner) for inner in node]
    return node


def _absolute(node: Any) -> Any:
    """Point the references of a piece at the whole."""
    if isinstance(node, dict):
        return {
            name: f"urn:graph{inner}" if name == "$ref" else _absolute(inner) for name, inner in node.items()
        }
    if isinstance(node, list):
        return [_absolute(inner) for inner in node]
    return node


SEED: dict[str, Any] = {
    "tenant": {"id": TENANT, "verifiedDomains": ["contoso.example"]},
    "guests": [
        {"id": guest_id(1), "name": "Ana", "email": "ana@old.example", "groups": ["Reviewers"]},
        {"id": guest_id(2), "email": "paul@old.example", "state": "PendingAcceptance"},
        {"id": guest_id(3), "email": "otto@old.example"},
    ],
    "members": [{"userPrincipalName": "mara@contoso.example"}],
    "groups": [{"name": "Reviewers", "mail": "team@contoso.example"}],
    "roles": [
        {"role": "Reports Reader", "holder": "otto@old.example"},
        {"role": "Reports Reader", "holder": "Reviewers", "eligible": True},
    ],
    "contacts": [{"name": "Desk", "mail": "desk@partner.example"}],
    "generate": {"guests": 1200},
}


def invite(email: str, *, message: str | None = None) -> ResetRedemption:
    return ResetRedemption(
        email=EmailAddress(email),
        invitation=Invitation(
            send_message=True,
            language="en-US",
            redirect_url="https://myapps.microsoft.com",
            cc=EmailAddress("sponsor@contoso.example"),
            message=message,
        ),
    )


async def live_through_everything(root: str) -> None:
    """Observe by listing and by id, write each write, and be refused in every way there is."""
    few = desired(*(declared(number, f"new{number}@newco.example") for number in (1, 2, 3, 99)))
    many = desired(*(declared(number, f"new{number}@newco.example") for number in range(1, 40)))
    async with open_directory(root, Tokens("emulator")) as (reader, writer):
        for tree in (few, many):
            await observe(reader, tree)
        await reader.read_guest(guest_id(1))
        await reader.read_guest(guest_id(99))
        new, old = EmailAddress("ana@newco.example"), EmailAddress("ana@old.example")
        ana, otto = guest_id(2), guest_id(3)
        marker = Marker(seconds=1, nonce="0a1b2c3d", digits="0123456789abcdef", domain="reconciler.invalid")

        async def perform(guest: ObjectId, write: Write) -> WriteAnswer | NotSent:
            return await writer.perform(guest, write, client_request_id="1", permit=granted)

        done = [
            await perform(ana, UserUpdate(mail=None, other_mails=(new, old))),
            await perform(ana, UserUpdate(mail=new, other_mails=(new,), marker=marker)),
            await perform(ana, invite("ana@newco.example")),
            await perform(ana, UserUpdate(mail=new, other_mails=(new,))),
            await perform(ana, invite("ana@newco.example", message="Hello")),
        ]
        assert all(isinstance(answer, Done) for answer in done)
        refused = [
            await perform(otto, UserUpdate(mail=None, other_mails=(new,))),
            await perform(ana, UserUpdate(mail=EmailAddress("otto@old.example"), other_mails=())),
            await perform(guest_id(99), UserUpdate(mail=None, other_mails=(new,))),
            await perform(ana, invite("nobody@newco.example")),
            await perform(otto, invite("otto@old.example")),
        ]
        assert all(isinstance(answer, Failed) for answer in refused)


@pytest.fixture(scope="module")
def description() -> Description:
    return Description(yaml.load(SLICE.read_bytes(), yaml.CSafeLoader))


@pytest.fixture
async def run() -> list[RecordedRequest]:
    with serve(None, seed=Seed(document=SEED)) as emulator, ControlClient(emulator.root) as control:
        await live_through_everything(emulator.root)
        return control.requests(bodies=True)


def path_of(request: RecordedRequest) -> str:
    return unquote(urlsplit(request.url).path).removeprefix("/v1.0")


async def test_every_endpoint_in_use_is_described_or_thought_about(
    description: Description, run: list[RecordedRequest]
) -> None:
    """An endpoint that the description lacks is named in this module, and none is named for nothing."""
    undescribed = {
        (request.method, _GUID.sub("{id}", path_of(request)))
        for request in run
        if description.operation(request.method, path_of(request)) is None
    }
    assert undescribed == NOT_DESCRIBED


async def test_requests_are_as_described(description: Description, run: list[RecordedRequest]) -> None:
    """Query parameters, selected properties and bodies of our requests are ones Graph describes."""
    flaws = []
    for request in run:
        operation = description.operation(request.method, path_of(request))
        if operation is None:
            continue
        known = {description.resolved(parameter)["name"] for parameter in operation.get("parameters", ())}
        query = parse_qsl(urlsplit(request.url).query)
        flaws += [f"{request.url}: {name}" for name, _ in query if name not in known | {"$skiptoken"}]
        if request.request_body is not None:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            flaws += [f"{request.url} {flaw}" for flaw in description.flaws(schema, request.request_body)]
    assert flaws == []


async def test_answers_are_as_described(description: Description, run: list[RecordedRequest]) -> None:
    """The emulator answers with bodies Graph describes, successes and errors, alone and in batches."""
    flaws = []
    checked: set[int | None] = set()
    for request in run:
        operation = description.operation(request.method, path_of(request))
        if operation is None or request.status is None or request.status == 204:
            continue
        described = description.response(operation, request.status)
        schema = described["content"]["application/json"]["schema"]
        flaws += [
            f"{request.method} {request.url} {request.status} {flaw}"
            for flaw in description.flaws(schema, request.response_body)
        ]
        checked.add(request.status)
    assert flaws == []
    assert checked >= {200, 201, 400, 403, 404}


def test_selected_properties_are_described(description: Description) -> None:
    """Each property that is asked for by name is one that Graph describes."""
    flaws = description.flaws({"$ref": USER}, dict.fromkeys(USER_FIELDS))
    assert [flaw for flaw in flaws if flaw.endswith("not described")] == []


def test_departures_are_found(description: Description) -> None:
    """The check itself sees wrong types, undescribed properties and inherited ones."""
    schema = {"$ref": USER}
    assert description.flaws(schema, {"mail": 7})
    assert description.flaws(schema, {"emial": "a@b.example"}) == ["$.emial: not described"]
    assert description.flaws(schema, {"identities": [{"isuer": "mail"}]}) == [
        "$.identities[0].isuer: not described"
    ]
    assert description.flaws(schema, {"id": guest_id(1), "mail": None, "@odata.context": "x"}) == []
