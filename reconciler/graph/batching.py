"""Many GETs in one request.

The SDK's own batch is not usable: it returns no bodies, renames ids and misspells `dependsOn`. Source of the
rules: https://learn.microsoft.com/graph/json-batching
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import httpx
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from reconciler.graph.read_retries import TRANSIENT_STATUSES, ReadFailure, TransientError
from reconciler.graph.responses import Answer, unexpected
from reconciler.graph.transport import BuildRequest
from reconciler.graph.unavailable import Unavailable

BATCH_SIZE = 20
"""Most requests in a batch."""

_THROTTLED = frozenset({424, 429})
OPENED = frozenset({200, 424})
"""Statuses of a whole batch with which its items count.

An older text of the documentation says that throttled items make the whole answer a 424.
"""


class Batch:
    """Up to twenty GETs that are sent together until each has a final answer."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        what: str,
        observe: Callable[[Answer], None],
        best_effort: bool = False,
    ) -> None:
        """Prepare a batch of these URLs; `observe` receives each item's answer, for its quota headers.

        With `best_effort` any refusal of the whole batch counts as each item's answer, else only a denied
        access.
        """
        self._observe = observe
        self._what = what
        self._best_effort = best_effort
        self._waiting = {str(number): url for number, url in enumerate(urls)}
        self._answers: dict[str, Answer] = {}
        self._troubles: dict[str, Answer] = {}

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs that still wait for an answer."""
        return tuple(self._waiting.values())

    async def attempt(self, send: Callable[[BuildRequest], Awaitable[Answer]]) -> tuple[Answer, ...]:
        """Send the URLs without a final answer; return all answers in the order of the URLs.

        Raises `TransientError` with the longest wait of any item while some have to be sent again,
        `UnexpectedAnswer` when the answers do not match the requests.
        """
        answer = await send(lambda: request(self._waiting))
        if answer.status in OPENED:
            fresh = opened(answer, self._waiting, what=self._what)
        elif answer.status == 403 or self._best_effort:
            fresh = dict.fromkeys(self._waiting, answer)
        else:
            raise unexpected(self._what, f"came with status {answer.status} for a whole batch")
        for key, item in fresh.items():
            self._observe(item)
            if item.status in TRANSIENT_STATUSES | _THROTTLED or item.is_foreign:
                self._troubles[key] = item
            else:
                self._answers[key] = item
                del self._waiting[key]
        if self._waiting:
            again = [fresh[key] for key in self._waiting]
            waits = [item.retry_after for item in again if item.retry_after is not None]
            statuses = sorted({item.status for item in again})
            raise TransientError(
                f"it answered parts of a batch with status {', '.join(map(str, statuses))}",
                failure=ReadFailure.THROTTLED if _THROTTLED.issuperset(statuses) else ReadFailure.FAILED,
                retry_after=max(waits, default=None),
            )
        return tuple(self._answers[key] for key in sorted(self._answers, key=int))

    def so_far(self, otherwise: Unavailable) -> tuple[Answer | Unavailable, ...]:
        """Return the answers there are when the retry policy has ended, in the order of the URLs.

        A URL without a final answer has its last failure, or `otherwise` when there was no answer.
        """
        told: dict[str, Answer | Unavailable] = dict(self._answers)
        for key in self._waiting:
            failure = self._troubles.get(key)
            told[key] = otherwise if failure is None else Unavailable.of(failure)
        return tuple(told[key] for key in sorted(told, key=int))


def request(urls: Mapping[str, str]) -> RequestInformation:
    """Build a batch of GETs from URLs relative to the version root, by the ids of their items."""
    items = [
        {"id": key, "method": "GET", "url": url, "headers": {"Accept": "application/json"}}
        for key, url in urls.items()
    ]
    info = RequestInformation(Method.POST, "{+baseurl}/$batch", {})
    info.headers.try_add("Accept", "application/json")
    info.set_stream_content(json.dumps({"requests": items}).encode(), "application/json")
    return info


def opened(answer: Answer, asked: Collection[str], *, what: str) -> dict[str, Answer]:
    """Return the answer of each item of a batch by its id, in any order.

    Raises `UnexpectedAnswer` when the answers do not match the requests `asked`.
    """
    rows = answer.document(what).get("responses")
    if not isinstance(rows, list):
        raise unexpected(what, "has no list of responses")
    items: dict[str, Answer] = {}
    for row in rows:
        key, item = _item(row, answer, what=what)
        if key in items or key not in asked:
            raise unexpected(what, "answers a question of a batch twice, or one nobody asked")
        items[key] = item
    if len(items) != len(asked):
        raise unexpected(what, "leaves out a question of a batch")
    return items


def _item(row: Any, answer: Answer, *, what: str) -> tuple[str, Answer]:
    match row:
        case {"id": str(key), "status": int(status)} if not isinstance(status, bool):
            headers = row.get("headers") or {}
        case _:
            raise unexpected(what, "holds a part of a batch without id or status")
    try:
        own = httpx.Headers({name: str(value) for name, value in headers.items()})
    except (AttributeError, UnicodeError):
        raise unexpected(what, "holds a part of a batch with headers that are none") from None
    # An item is as old as its batch: a `Retry-After` that is a date is measured from the batch's `Date`.
    own.setdefault("date", answer.headers.get("date", ""))
    return key, Answer(status=status, headers=own, body=row.get("body"))
