"""GitHub's REST API as far as the product uses it, on loopback, over a real bare git repository.

Each token may do what the permissions of its job say, so a workflow that asks for too little fails here.

Sources: https://docs.github.com/rest and
https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#permissions
"""

import io
import json
import re
import subprocess
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.e2e.github_records import FORK, REPOSITORY, Answer, Artifact, Pull, Reply, Run

BOT = "github-actions[bot]"
__all__ = ["FORK", "REPOSITORY", "Answer", "Artifact", "GitHub", "Pull", "Reply", "Run", "github"]

_LEVELS = {"none": 0, "read": 1, "write": 2}


@dataclass(kw_only=True)
class GitHub:
    """What GitHub knows."""

    bare: Path
    root: str = ""
    page_size: int = 2
    """Small, so that every list takes several pages."""

    longest_list: int = 1000
    """Most runs that a list of them has on all its pages."""

    tokens: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """The permissions of each token."""

    people: dict[str, str] = field(default_factory=dict)
    """The login of each token that belongs to a person."""

    applications: dict[str, str] = field(default_factory=dict)
    """The login of each token of an application's installation; all other tokens are a workflow's."""

    gone: set[int] = field(default_factory=set)
    """Numbers of pull requests that are not there any more."""

    broken: dict[str, "Answer"] = field(default_factory=dict)
    """Answers given to each request whose target has this text in it, in place of the right ones."""

    pulls: dict[int, Pull] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Answer] = field(default_factory=list)
    """Answers given to the next requests in place of the right ones."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and target of each request."""

    unsigned: list[str] = field(default_factory=list)
    """Targets that were asked for without a token."""

    def comments_on(self, number: int) -> list[str]:
        """Give the bodies of the comments on a pull request or an issue."""
        return [one["body"] for one in self.comments if one["on"] == number]

    def start(
        self, workflow: str, *, event: str, branch: str, head: str, repository: str = REPOSITORY
    ) -> Run:
        """Begin a workflow run."""
        run = Run(
            id=1000 + len(self.runs),
            workflow=workflow,
            event=event,
            branch=branch,
            head=head,
            repository=repository,
        )
        self.runs.append(run)
        return run

    def upload(self, run: Run, name: str, files: Mapping[str, bytes]) -> None:
        """Keep files as an artifact; one of the same name is replaced."""
        self.artifacts = [one for one in self.artifacts if (one.run, one.name) != (run.id, name)]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path, content in files.items():
                zipped.writestr(path, content)
        self.artifacts.append(
            Artifact(id=500 + len(self.artifacts), run=run.id, name=name, content=archive.getvalue())
        )

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request."""
        self.requests.append((method, target))
        broken = [answer for text, answer in self.broken.items() if text in target]
        if self.faults or broken:
            return self.faults.pop(0) if self.faults else broken[0]
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            self.unsigned.append(target)
        if url.path.startswith("/storage/"):
            return Reply(body=self._artifact(int(url.path.rpartition("/")[2])).content)
        if token not in self.tokens:
            return Reply(status=401, body={"message": "Bad credentials"})
        if url.path == "/graphql":
            assert json.loads(body) == {"query": "query { viewer { databaseId } }"}
            return Reply(body={"data": {"viewer": {"databaseId": account_id(self._login(token))}}})
        path = url.path.removeprefix(f"/repos/{REPOSITORY}")
        for verb, pattern, permission, level, name in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and verb == method and path != url.path:
                if _LEVELS[self.tokens[token].get(permission, "none")] < _LEVELS[level]:
                    return Reply(status=403, body={"message": "Resource not accessible by integration"})
                content = json.loads(body) if body else {}
                found = getattr(self, name)(*match.groups(), query=query, body=content, token=token)
                return found if isinstance(found, Reply) else self._paged(found, url.path, query)
        return Reply(status=404, body={"message": "Not Found"})

    def _paged(self, found: Any, path: str, query: Mapping[str, str]) -> Reply:
        key = next((k for k in ("workflow_runs", "artifacts", "commits") if k in found), None)
        rows = found[key] if key else found
        if not isinstance(rows, list):
            return Reply(body=found)
        page = int(query.get("page", 1))
        shown = rows[(page - 1) * self.page_size : page * self.page_size]
        more = "&".join(f"{name}={value}" for name, value in query.items() if name != "page")
        link = {"Link": f'<{self.root}{path}?{more}&page={page + 1}>; rel="next"'}
        return Reply(
            body={**found, key: shown} if key else shown,
            headers=link if page * self.page_size < len(rows) else {},
        )

    def list_runs(self, workflow: str, *, query: Mapping[str, str], **_: Any) -> Any:
        """List the runs of a workflow, the newest first."""
        wanted = [
            {
                "id": run.id,
                "run_number": run.id,
                "head_sha": run.head,
                "head_branch": run.branch,
                "event": run.event,
                "conclusion": run.conclusion,
                "head_repository": {"full_name": run.repository},
                "pull_requests": self._open_pulls(run),
                "created_at": _instant(run.created_at),
                "updated_at": _instant(datetime.now(UTC)),
            }
            for run in reversed(self.runs)
            if run.workflow == workflow
            and query.get("branch", run.branch) == run.branch
            and query.get("event", run.event) == run.event
            and query.get("head_sha", run.head) == run.head
            and query.get("status", run.conclusion) == run.conclusion
        ]
        return {"total_count": len(wanted), "workflow_runs": wanted[: self.longest_list]}

    def list_artifacts(self, run: str, *, query: Mapping[str, str], **_: Any) -> Any:
        """List the artifacts of a run."""
        found = [
            {"id": one.id, "name": one.name, "expired": one.expired}
            for one in self.artifacts
            if one.run == int(run) and query.get("name", one.name) == one.name
        ]
        return {"total_count": len(found), "artifacts": found}

    def download(self, artifact: str, **_: Any) -> Any:
        """Say where an artifact is."""
        return Reply(status=302, headers={"Location": f"{self.root}/storage/{artifact}"})

    def _open_pulls(self, run: Run) -> list[dict[str, Any]]:
        """List the pull requests of a run: open ones of this repository that fit its commit or branch."""
        return [
            {"number": pull.number, "head": {"sha": pull.head}, "base": {"ref": pull.base}}
            for pull in self.pulls.values()
            if not pull.merged and not pull.closed and pull.repository == REPOSITORY == run.repository
            if pull.head == run.head or run.branch == f"change-{pull.number}"
        ]

    def compare(self, base: str, head: str, **_: Any) -> Any:
        """Say where a commit stands to another, and list the commits that one has and the other has not."""
        if not all(self._git("cat-file", "-e", f"{one}^{{commit}}") is not None for one in (base, head)):
            return Reply(status=404, body={"message": "Not Found"})
        new, old = self._new(base, head), self._new(head, base)
        status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
        commits = [{"sha": sha, "parents": [{"sha": one} for one in parents]} for sha, *parents in new]
        return {"status": status.get((bool(new), bool(old)), "identical"), "commits": commits}

    def branch(self, name: str, **_: Any) -> Any:
        """Describe a branch by its newest commit."""
        found = self._git("log", "-1", "--format=%H %cI", f"refs/heads/{unquote(name)}", "--")
        if found is None:
            return Reply(status=404, body={"message": "Branch not found"})
        commit, date = found.split()
        date = _instant(datetime.fromisoformat(date))
        return {"name": name, "commit": {"sha": commit, "commit": {"committer": {"date": date}}}}

    def pulls_of(self, commit: str, **_: Any) -> Any:
        """List the pull requests of a commit: the merged one that brought it, or open ones that hold it."""
        return [
            {
                "number": pull.number,
                "head": {"sha": pull.head},
                "base": {"ref": pull.base},
                "merged_at": "2026-11-20T09:00:00Z" if pull.merged else None,
            }
            for pull in self.pulls.values()
            if (commit in pull.commits if pull.merged else commit == pull.head)
        ]

    def list_comments(self, number: str, **_: Any) -> Any:
        """List the comments on a pull request or an issue."""
        return [one for one in self.comments if one["on"] == int(number)]

    def issue(self, number: str, **_: Any) -> Any:
        """Describe a pull request as the issue that it is too."""
        if int(number) in self.gone:
            return Reply(status=404, body={"message": "Not Found"})
        return {"number": int(number), "locked": self._locked(int(number))}

    def issue_events(self, number: str, **_: Any) -> Any:
        """List what has happened to a pull request."""
        pull = self.pulls.get(int(number))
        happened = [] if pull is None else pull.events
        return [{"event": name, "created_at": at} for name, at in happened]

    def _locked(self, number: int) -> bool:
        return number in self.pulls and self.pulls[number].locked

    def _login(self, token: str) -> str:
        return self.people.get(token) or self.applications.get(token, BOT)

    def add_comment(self, number: str, *, body: Mapping[str, Any], token: str, **_: Any) -> Any:
        """Write a comment."""
        if int(number) in self.gone:
            return Reply(status=404, body={"message": "Not Found"})
        if self._locked(int(number)):
            return Reply(status=403, body={"message": "Unable to create comment because issue is locked."})
        comment = {
            "id": 9000 + len(self.comments),
            "on": int(number),
            "user": account(self._login(token)),
            "body": body["body"],
            "html_url": f"https://github.example/{number}#{len(self.comments)}",
        }
        self.comments.append(comment)
        return Reply(status=201, body=comment)

    def edit_comment(self, comment: str, *, body: Mapping[str, Any], **_: Any) -> Any:
        """Write a comment anew."""
        found = next(one for one in self.comments if one["id"] == int(comment))
        found["body"] = body["body"]
        return Reply(body=found)

    def list_issues(self, *, query: Mapping[str, str], **_: Any) -> Any:
        """List issues that have a label."""
        return [one for one in reversed(self.issues) if query["labels"] in one["labels"]]

    def add_issue(self, *, body: Mapping[str, Any], token: str, **_: Any) -> Any:
        """Open an issue."""
        number = 7000 + len(self.issues)
        issue = {
            **body,
            "number": number,
            "state": "open",
            "user": account(self._login(token)),
            "html_url": f"https://github.example/{number}",
        }
        self.issues.append(issue)
        return Reply(status=201, body=issue)

    def edit_issue(self, number: str, *, body: Mapping[str, Any], **_: Any) -> Any:
        """Write an issue anew, close it or open it again."""
        issue = next(one for one in self.issues if one["number"] == int(number))
        issue.update(body)
        return Reply(body=issue)

    def _artifact(self, number: int) -> Artifact:
        return next(one for one in self.artifacts if one.id == number)

    def _new(self, base: str, head: str) -> Sequence[Sequence[str]]:
        """List the commits that one has and the other has not, each with its parents."""
        listed = self._git("rev-list", "--reverse", "--topo-order", "--parents", f"{base}..{head}")
        assert listed is not None
        return [line.split() for line in listed.splitlines()]

    def _git(self, *arguments: str) -> str | None:
        done = subprocess.run(
            ["git", "-C", self.bare, *arguments], check=False, capture_output=True, text=True
        )
        return None if done.returncode else done.stdout


def account(login: str) -> dict[str, Any]:
    """Describe the author of a comment or an issue."""
    return {"login": login, "id": account_id(login)}


def account_id(login: str) -> int:
    """Give the id of an account."""
    return zlib.crc32(login.encode())


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_ROUTES = (
    ("GET", r"/actions/workflows/([^/]+)/runs", "actions", "read", "list_runs"),
    ("GET", r"/actions/runs/(\d+)/artifacts", "actions", "read", "list_artifacts"),
    ("GET", r"/actions/artifacts/(\d+)/zip", "actions", "read", "download"),
    ("GET", r"/compare/([0-9a-f]+)\.\.\.([0-9a-f]+)", "contents", "read", "compare"),
    ("GET", r"/branches/(.+)", "contents", "read", "branch"),
    ("GET", r"/issues/(\d+)", "pull-requests", "read", "issue"),
    ("GET", r"/issues/(\d+)/events", "pull-requests", "read", "issue_events"),
    ("GET", r"/commits/([0-9a-f]+)/pulls", "pull-requests", "read", "pulls_of"),
    ("GET", r"/issues/([0-6]?\d{1,3})/comments", "pull-requests", "read", "list_comments"),
    ("POST", r"/issues/([0-6]?\d{1,3})/comments", "pull-requests", "write", "add_comment"),
    ("PATCH", r"/issues/comments/(\d+)", "pull-requests", "write", "edit_comment"),
    ("GET", r"/issues", "issues", "read", "list_issues"),
    ("POST", r"/issues", "issues", "write", "add_issue"),
    ("PATCH", r"/issues/(\d+)", "issues", "write", "edit_issue"),
)
"""Method, path below the repository, permission and level that are needed, and who answers."""


@contextmanager
def github(bare: Path) -> Iterator[GitHub]:
    """Serve until the block ends."""
    known = GitHub(bare=bare)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = known.answer(self.command, self.path, dict(self.headers), body)
            if reply is None:
                self.close_connection = True
                return
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the base class looks for these names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        known.root = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield known
        finally:
            server.shutdown()
            thread.join()
