"""A narrow client for GitHub's REST API: JSON in and out, lists page by page, one kind of download.

Knows nothing about comments or plans. Never shows the token, nor any part of an answer's body, in an error. A
POST is sent again only when GitHub answers that it was not executed.

Sources: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api,
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api and
https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

import httpx

from reconciler import bounded_json
from reconciler.certificates import REMEDY, chosen_certificates, distrust
from reconciler.errors import GitHubError
from reconciler.rules import Rule

_SECONDS: Final = 30.0
_ATTEMPTS: Final = 4

_LONGEST_PAUSE: Final = 60.0
"""Seconds; a request asked to wait longer fails instead, and the job can be run again."""

LARGEST_ANSWER: Final = 32 * 1024 * 1024
"""Most bytes of an answer once it is unpacked. A page of a hundred workflow runs has about two million."""

LARGEST_DOWNLOAD: Final = 64 * 1024 * 1024
"""Most bytes of a download. A plan for 100,000 changes, zipped, has a tenth of that."""

_REPEATABLE: Final = frozenset({"GET", "PATCH"})
_GONE_STATUS: Final = frozenset({404, 410})

_DENIED = "give the job the permission that docs/setup-github.md names for this step"
_EXPIRED = "give the step a token that is valid now: `env: GITHUB_TOKEN: ${{ github.token }}`"
_GONE = "look on GitHub whether it is still there"
_ILL = "run the job again, or look at https://www.githubstatus.com"


class GitHub:
    """One session with the REST API. Use it as a context manager."""

    def __init__(
        self,
        *,
        api: str,
        token: str,
        trust_env: bool = True,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a session.

        `api` is the root without a slash at its end, which the caller has checked to be safe for the token.
        With `trust_env` the proxies of the environment are used. `pause` waits that many seconds. Raises
        `UsageError` when the environment names certificates that cannot be used.
        """
        verify = chosen_certificates() or True
        self._root = httpx.URL(api)
        self._pause = pause
        self._viewer: int | None = None
        self._http = httpx.Client(
            timeout=_SECONDS,
            trust_env=trust_env,
            verify=verify,
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "reconciler",
            },
        )
        # The storage service that an artifact is downloaded from must not receive the token.
        self._bare = httpx.Client(timeout=_SECONDS, trust_env=trust_env, verify=verify)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        self._bare.close()

    def get(self, path: str, **query: str | int) -> Any:
        """Read one document. `path` begins with a slash. Raises `GitHubError`."""
        return _json(self._checked("GET", self._url(path).copy_merge_params(query)))

    def pages(self, path: str, **query: str | int) -> Iterator[Any]:
        """Read a list page by page, each page unchanged. Raises `GitHubError`, also for a foreign link."""
        url: httpx.URL | None = self._url(path).copy_merge_params({"per_page": 100, **query})
        while url is not None:
            answer = self._checked("GET", url)
            yield _json(answer)
            url = self._next(answer)

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Send one document, with POST or PATCH, and return the answer. Raises `GitHubError`."""
        return _json(self._checked(method, self._url(path), body))

    def viewer(self) -> int:
        """Return the id of the account that writes with this token: a person, or the bot of an application.

        Only GraphQL tells that for every kind of token; `GET /user` refuses those of applications, among them
        the token of a workflow. Raises `GitHubError`.

        Sources: https://docs.github.com/graphql/reference/queries#viewer and
        https://docs.github.com/enterprise-server/graphql/guides/forming-calls-with-graphql
        """
        if self._viewer is None:
            self._viewer = self._ask_viewer()
        return self._viewer

    def _ask_viewer(self) -> int:
        # GitHub Enterprise Server has /api/v3 and /api/graphql, github.com / and /graphql.
        root = self._root.path.rstrip("/").removesuffix("/v3")
        url = self._root.copy_with(path=f"{root}/graphql")
        asked = {"query": "query { viewer { databaseId } }"}
        answer = _json(_accepted(self._send("POST", url, asked, repeatable=True), url.path))
        with shape("the account of the token"):
            return int(answer["data"]["viewer"]["databaseId"])

    def download(self, path: str, *, largest: int = LARGEST_DOWNLOAD) -> bytes:
        """Fetch a file that GitHub redirects to another host for.

        Raises `GitHubError`, also when the file has more than `largest` bytes.
        """
        answer = self._send("GET", self._url(path))
        if answer.status_code not in {301, 302, 303, 307, 308}:
            _accepted(answer, path)
            raise _odd(path, f"status {answer.status_code} instead of the place of a file")
        try:
            place = httpx.URL(answer.headers["location"])
        except (KeyError, httpx.InvalidURL):
            raise _odd(path, "no place of a file") from None
        if place.userinfo or (place.scheme, place.host) not in {("https", place.host), self._host()}:
            raise _odd(path, "a place that cannot be trusted")
        return self._fetch(place, path, largest)

    def _url(self, path: str) -> httpx.URL:
        return self._root.copy_with(path=self._root.path.rstrip("/") + path)

    def _host(self) -> tuple[str, str]:
        return self._root.scheme, self._root.host

    def _next(self, answer: httpx.Response) -> httpx.URL | None:
        link = answer.links.get("next")
        if link is None:
            return None
        try:
            url = httpx.URL(link["url"])
        except httpx.InvalidURL:
            raise _odd(answer.url.path, "a broken link to the next page") from None
        if url.userinfo or (url.scheme, url.host, url.port) != (
            self._root.scheme,
            self._root.host,
            self._root.port,
        ):
            raise _odd(answer.url.path, "a link to the next page that leads to another host")
        return url

    def _checked(self, method: str, url: httpx.URL, body: Mapping[str, Any] | None = None) -> httpx.Response:
        return _accepted(self._send(method, url, body), url.path)

    def _send(
        self,
        method: str,
        url: httpx.URL,
        body: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = False,
    ) -> httpx.Response:
        """Send, and send again where that is safe, until there is a final answer."""
        repeatable = repeatable or method in _REPEATABLE
        attempt = 0
        while True:
            attempt += 1
            last = attempt == _ATTEMPTS
            try:
                answer = self._request(method, url, body)
            except httpx.RequestError as error:  # of transport, or of an encoding that is broken
                _require_trust(error, url)
                if last or (not repeatable and not isinstance(error, httpx.ConnectError)):
                    raise GitHubError(
                        f"GitHub did not answer ({type(error).__name__})",
                        rule=Rule.GITHUB_UNREACHABLE,
                        hint=_ILL,
                    ) from None
                self._pause(_growing(attempt))
                continue
            wait = _wait(answer, attempt, repeatable=repeatable)
            if last or wait is None:
                return answer
            self._pause(wait)

    def _request(self, method: str, url: httpx.URL, body: Mapping[str, Any] | None) -> httpx.Response:
        """Send once, and read an answer as far as it is of a sensible size."""
        with self._http.stream(method, url, json=body) as answer:
            content = bytearray()
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    raise _odd(url.path, f"more than {LARGEST_ANSWER} bytes")
        headers = [
            (name, value) for name, value in answer.headers.multi_items() if name != "content-encoding"
        ]
        return httpx.Response(
            answer.status_code, headers=headers, content=bytes(content), request=answer.request
        )

    def _fetch(self, place: httpx.URL, path: str, largest: int) -> bytes:
        try:
            with self._bare.stream("GET", place) as answer:
                if answer.status_code in _GONE_STATUS:
                    raise _gone(path, answer.status_code)
                if answer.status_code != 200:
                    raise _odd(path, f"a place that answers with status {answer.status_code}")
                content = bytearray()
                for chunk in answer.iter_bytes():
                    content += chunk
                    if len(content) > largest:
                        raise GitHubError(
                            f"the file behind {path} has more than {largest} bytes",
                            rule=Rule.GITHUB_TOO_LARGE,
                            hint="look at what the run has kept",
                        )
        except httpx.RequestError as error:  # of transport, or of an encoding that is broken
            _require_trust(error, place)
            raise GitHubError(
                f"the file behind {path} could not be fetched ({type(error).__name__})",
                rule=Rule.GITHUB_UNREACHABLE,
                hint=_ILL,
            ) from None
        return bytes(content)


@contextmanager
def shape(what: str) -> Iterator[None]:
    """Raise `GitHubError` naming `what` for an unexpected shape of an answer.

    Only for a block that does nothing but read values of an answer.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GitHubError(
            f"GitHub described {what} in a way that nobody documented ({type(error).__name__})",
            rule=Rule.GITHUB_UNEXPECTED,
            hint=_ILL,
        ) from error


def _require_trust(error: httpx.RequestError, url: httpx.URL) -> None:
    """Raise `GitHubError` when a connection failed for the server's certificate: no retry changes that."""
    reason = distrust(error)
    if reason is not None:
        raise GitHubError(
            f"the certificate with which {url.host} answered is not trusted ({reason})",
            rule=Rule.UNTRUSTED_CERTIFICATE,
            hint=REMEDY,
        ) from None


def _growing(attempt: int) -> float:
    return float(2 ** (attempt - 1))


def _wait(answer: httpx.Response, attempt: int, *, repeatable: bool) -> float | None:
    """Return the seconds to wait before sending again; `None`: this answer is final.

    GitHub reports an exceeded rate limit by 429, or by 403 with one of two headers; neither request was
    executed.
    """
    after = answer.headers.get("retry-after", "")
    limited = answer.status_code == 429 or (
        answer.status_code == 403 and (after or answer.headers.get("x-ratelimit-remaining") == "0")
    )
    if not limited and not (repeatable and answer.status_code >= 500):
        return None
    wait = float(after) if after.isdecimal() else _growing(attempt)
    return wait if wait <= _LONGEST_PAUSE else None


def _accepted(answer: httpx.Response, path: str) -> httpx.Response:
    if answer.is_success:
        return answer
    if answer.status_code in {401, 403}:
        raise GitHubError(
            f"GitHub refused {answer.request.method} {path} ({answer.status_code})",
            rule=Rule.GITHUB_DENIED,
            hint=_DENIED if answer.status_code == 403 else _EXPIRED,
        )
    if answer.status_code in _GONE_STATUS:
        raise _gone(path, answer.status_code)
    raise _odd(path, f"status {answer.status_code}")


def _json(answer: httpx.Response) -> Any:
    try:
        return bounded_json.parse(answer.content)
    except ValueError:
        raise _odd(answer.url.path, "something that is no JSON") from None


def _gone(path: str, status: int) -> GitHubError:
    # GitHub also hides in this way what the token may not see.
    return GitHubError(
        f"GitHub has no {path}, or hides it ({status})", rule=Rule.GITHUB_NOT_FOUND, hint=_GONE
    )


def _odd(path: str, what: str) -> GitHubError:
    return GitHubError(f"GitHub answered {path} with {what}", rule=Rule.GITHUB_UNEXPECTED, hint=_ILL)
