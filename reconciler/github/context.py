"""Reads the facts about a workflow step's run from environment variables and the event's payload.

Must not send requests to GitHub.

Sources: https://docs.github.com/actions/reference/workflows-and-actions/variables and
https://docs.github.com/webhooks/webhook-events-and-payloads
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import UsageError
from reconciler.rules import Rule

DEFAULT_API = "https://api.github.com"

_OF_ACCESS = ("GITHUB_REPOSITORY", "GITHUB_TOKEN")

_OF_RUN = (
    "GITHUB_EVENT_NAME",
    "GITHUB_REF_NAME",
    "GITHUB_REPOSITORY",
    "GITHUB_RUN_ID",
    "GITHUB_SHA",
    "GITHUB_WORKFLOW_REF",
)

_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPull:
    """The pull request that a run is about."""

    number: int

    head: str
    """The commit it proposes; the checked-out commit is a merge of this one."""

    from_fork: bool
    """Whether the commit is of another repository, whose runs have no sign-in and no writing token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The root of GitHub's REST API, the repository, and the token."""

    api: str
    """Root of the REST API, without a slash at its end."""

    repository: str
    """`owner/name`."""

    token: str = field(repr=False)
    """A secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRun:
    """The workflow run that this process is a step of."""

    event: str
    """The event that started it, such as `push`."""

    commit: str
    """The commit it works on."""

    branch: str
    id: int

    workflow: str
    """File name of its workflow, such as `apply.yml`."""

    url: str
    """Its page on GitHub, with the log and the artifacts."""


def read_access(environ: Mapping[str, str]) -> Access:
    """Read the API's root, the repository and the token.

    Raises `UsageError` that names every variable that is missing, or the one that is malformed.
    """
    _require(environ, _OF_ACCESS)
    return Access(
        api=environ.get("GITHUB_API_URL", DEFAULT_API).rstrip("/"),
        repository=_fitting(environ, "GITHUB_REPOSITORY", _REPOSITORY),
        token=environ["GITHUB_TOKEN"],
    )


def read_run(environ: Mapping[str, str]) -> WorkflowRun:
    """Read the run of this step.

    Raises `UsageError` that names every variable that is missing, those of the access among them, which are
    asked for next; or the one that is malformed.
    """
    _require(environ, _OF_RUN, next_needed=_OF_ACCESS)
    server = environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    repository = _fitting(environ, "GITHUB_REPOSITORY", _REPOSITORY)
    number = int(_fitting(environ, "GITHUB_RUN_ID", re.compile("[0-9]+")))
    return WorkflowRun(
        event=environ["GITHUB_EVENT_NAME"],
        commit=_fitting(environ, "GITHUB_SHA", _COMMIT),
        branch=environ["GITHUB_REF_NAME"],
        id=number,
        # owner/name/.github/workflows/apply.yml@refs/heads/main
        workflow=environ["GITHUB_WORKFLOW_REF"].partition("@")[0].rpartition("/")[2],
        url=f"{server}/{repository}/actions/runs/{number}",
    )


def pull_of(event: Any) -> EventPull | None:
    """Return the pull request in an event's payload; `None` when the event is not about one.

    Raises `UsageError` for a payload of another shape than GitHub's.
    """
    try:
        if "pull_request" not in event:
            return None
        pull = event["pull_request"]
        source = pull["head"]["repo"]
        return EventPull(
            number=int(pull["number"]),
            head=str(pull["head"]["sha"]),
            # The repository of a deleted fork is null.
            from_fork=source is None or source["full_name"] != pull["base"]["repo"]["full_name"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "the file that GITHUB_EVENT_PATH names is no event of GitHub's",
            rule=Rule.GITHUB_EVENT,
            hint="leave this variable to GitHub, or name the pull request with --pull",
        ) from error


def before_of(event: Any) -> str | None:
    """Return the commit that the branch was at before the push of an event's payload.

    `None` when the event is no push, or the push made the branch.
    """
    before = event.get("before") if isinstance(event, dict) else None
    if not isinstance(before, str) or _COMMIT.fullmatch(before) is None or not before.strip("0"):
        return None
    return before


def _fitting(environ: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    value = environ[name]
    if form.fullmatch(value) is None:
        raise UsageError(f"{name} is not what GitHub puts there", rule=Rule.GITHUB_VARIABLE)
    return value


def _require(
    environ: Mapping[str, str], names: tuple[str, ...], *, next_needed: tuple[str, ...] = ()
) -> None:
    """Raise `UsageError` unless all `names` are set; it also names those of `next_needed` that are not."""
    if all(environ.get(name) for name in names):
        return
    missing = sorted(name for name in {*names, *next_needed} if not environ.get(name))
    hint = "GitHub sets them in a workflow; elsewhere, set them yourself as docs/commands.md says"
    if "GITHUB_TOKEN" in missing:
        hint += "; in a workflow give the step `env: GITHUB_TOKEN: ${{ github.token }}`"
    raise UsageError(
        f"not set: {', '.join(missing)}",
        rule=Rule.GITHUB_VARIABLE,
        hint=hint,
    )
