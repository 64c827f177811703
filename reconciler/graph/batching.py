"""Many GETs in one request.

The SDK's own batch is not usable: it gives no bodies back, renames ids and misspells `dependsOn`.
Source of the rules: https://learn.microsoft.com/graph/json-batching
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import httpx
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from reconciler.graph.answers import Answer, unexpected
from reconciler.graph.retrying import Setback, Trouble
from reconciler.graph.unread import Unread
from reconciler.graph.wire import Build

BATCH_SIZE = 20
"""Most requests in a batch."""

_FAILING = frozenset({500, 502, 503, 504})
_LATER = _FAILING | {424, 429}


class Batch:
    """Up to twenty GETs that go out together, until each has an answer that is final."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        what: str,
        heed: Callable[[Answer], None],
        best_effort: bool = False,
    ) -> None:
        """Ask these URLs; `heed` gets each item's answer, for what it tells about quotas.

        With `best_effort` any refusal of the whole batch is each item's answer, else only that of access.
        """
        self._heed = heed
        self._what = what
        self._best_effort = best_effort
        self._waiting = {str(number): url for number, url in enumerate(urls)}
        self._answers: dict[str, Answer] = {}
        self._troubles: dict[str, Answer] = {}

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs that still wait for an answer."""
        return tuple(self._waiting.values())

    async def attempt(self, send: Callable[[Build], Awaitable[Answer]]) -> tuple[Answer, ...]:
        """Send what still waits for an answer; give all answers in the order of the URLs.

        Raises `Setback` with the longest wait any item was given while some have to be sent again,
        `UnexpectedAnswer` when the answers do not fit the questions.
        """
        answer = await send(self._request)
        # An older text of the documentation says that throttled items make the whole answer a 424.
        if answer.status in {200, 424}:
            fresh = self._opened(answer)
        elif answer.status == 403 or self._best_effort:
            fresh = dict.fromkeys(self._waiting, answer)
        else:
            raise unexpected(self._what, f"came with status {answer.status} for a whole batch")
        for key, item in fresh.items():
            self._heed(item)
            if item.status in _LATER:
                self._troubles[key] = item
            else:
                self._answers[key] = item
                del self._waiting[key]
        if self._waiting:
            again = [fresh[key] for key in self._waiting]
            waits = [item.retry_after for item in again if item.retry_after is not None]
            statuses = sorted({item.status for item in again})
            raise Setback(
                f"it answered parts of a batch with status {', '.join(map(str, statuses))}",
                trouble=Trouble.FAILED if set(statuses) & _FAILING else Trouble.THROTTLED,
                retry_after=max(waits, default=None),
            )
        return tuple(self._answers[key] for key in sorted(self._answers, key=int))

    def so_far(self, otherwise: Unread) -> tuple[Answer | Unread, ...]:
        """Give what there is when patience has ended, in the order of the URLs.

        What was asked in vain is told by the last trouble with it, or `otherwise` when there was no answer.
        """
        told: dict[str, Answer | Unread] = dict(self._answers)
        for key in self._waiting:
            trouble = self._troubles.get(key)
            told[key] = otherwise if trouble is None else Unread.of(trouble)
        return tuple(told[key] for key in sorted(told, key=int))

    def _request(self) -> RequestInformation:
        items = [
            {"id": key, "method": "GET", "url": url, "headers": {"Accept": "application/json"}}
            for key, url in self._waiting.items()
        ]
        info = RequestInformation(Method.POST, "{+baseurl}/$batch", {})
        info.headers.try_add("Accept", "application/json")
        info.set_stream_content(json.dumps({"requests": items}).encode(), "application/json")
        return info

    def _opened(self, answer: Answer) -> dict[str, Answer]:
        rows = answer.document(self._what).get("responses")
        if not isinstance(rows, list):
            raise unexpected(self._what, "has no list of responses")
        opened: dict[str, Answer] = {}
        for row in rows:
            key, item = self._item(row)
            if key in opened or key not in self._waiting:
                raise unexpected(self._what, "answers a question of a batch twice, or one nobody asked")
            opened[key] = item
        if len(opened) != len(self._waiting):
            raise unexpected(self._what, "leaves out a question of a batch")
        return opened

    def _item(self, row: Any) -> tuple[str, Answer]:
        match row:
            case {"id": str(key), "status": int(status)}:
                headers: Mapping[str, Any] = row.get("headers") or {}
            case _:
                raise unexpected(self._what, "holds a part of a batch without id or status")
        return key, Answer(
            status=status,
            headers=httpx.Headers({name: str(value) for name, value in headers.items()}),
            body=row.get("body"),
        )
