"""`POST /$batch`: up to twenty requests in one, each with an answer of its own.

Source: https://learn.microsoft.com/graph/json-batching
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.protocol.error_responses import bad_request
from reconciler.emulator.protocol.wire import GraphRequest, GraphResponse

_MAX_ITEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One request of a batch."""

    id: str
    request: GraphRequest
    depends_on: tuple[str, ...]


def read_batch(envelope: GraphRequest) -> list[BatchItem]:
    """Parse a batch into its items. Raises `ErrorResponse` when the batch as a whole is malformed."""
    listed = envelope.json_object().get("requests")
    if not isinstance(listed, list) or not listed:
        raise bad_request("Invalid batch payload format.")
    if len(listed) > _MAX_ITEMS:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {_MAX_ITEMS}.")
    items: list[BatchItem] = []
    seen: dict[str, str] = {}
    for entry in listed:
        item = _read_item(entry, envelope, seen)
        if item.id.lower() in seen:
            raise bad_request(f"Duplicate request id '{item.id}' in batch.")
        seen[item.id.lower()] = item.id
        items.append(item)
    return items


def join_answers(items: Sequence[BatchItem], answers: Mapping[str, GraphResponse]) -> GraphResponse:
    """Build the answer of a batch from those of its items, in an order clients must not rely on."""
    responses = [_written(item.id, answers[item.id]) for item in items]
    # Deterministic shuffle: seeded with the batch's ids.
    random.Random("|".join(item.id for item in items)).shuffle(responses)  # noqa: S311  no secret
    return GraphResponse.of({"responses": responses})


def _read_item(entry: Any, envelope: GraphRequest, seen: Mapping[str, str]) -> BatchItem:
    if not isinstance(entry, dict):
        raise bad_request("Invalid batch payload format.")
    item_id, method, url = entry.get("id"), entry.get("method"), entry.get("url")
    if not (isinstance(item_id, str) and item_id and isinstance(method, str) and isinstance(url, str)):
        raise bad_request("Invalid batch payload format: every request needs id, method and url.")
    headers, depends_on = entry.get("headers") or {}, entry.get("dependsOn") or []
    if not isinstance(headers, dict) or not isinstance(depends_on, list):
        raise bad_request("Invalid batch payload format.")
    if not all(isinstance(other, str) and other.lower() in seen for other in depends_on):
        raise bad_request(f"Request '{item_id}' depends on a request that does not come before it.")
    path, _, query = url.partition("?")
    body = entry.get("body")
    return BatchItem(
        id=item_id,
        depends_on=tuple(seen[other.lower()] for other in depends_on),
        request=GraphRequest(
            method=method.upper(),
            path=path if path.startswith("/") else f"/{path}",
            query=query,
            headers={name.lower(): str(value) for name, value in headers.items()},
            body=b"" if body is None else json.dumps(body).encode(),
            root=envelope.root,
        ),
    )


def _written(item_id: str, response: GraphResponse) -> dict[str, Any]:
    answer: dict[str, Any] = {"id": item_id, "status": response.status, "headers": dict(response.headers)}
    if response.content:
        answer["body"] = json.loads(response.json_text)
    return answer
