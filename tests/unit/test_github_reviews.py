"""Which plan a merged pull request was reviewed with, whatever others let their runs keep."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.documents import dump, plan_to_json
from reconciler.github import client, reviews
from reconciler.github.client import GitHub
from reconciler.github.merged import MergedPull, ReviewedPlan
from reconciler.github.reviews import ReviewedBranch, reviewed
from reconciler.model import Origin, Plan
from reconciler.plan import make_plan
from reconciler.plan.digests import plan_digest
from tests.e2e import fake_github
from tests.e2e.fake_github import FORK, REPOSITORY, Pull, Reply, Run
from tests.support.directory import NOW, declared, desired, guest, live
from tests.support.plans import TENANT

TOKEN = "ghs_a-secret"
HEAD = "d" * 40
BRANCH = ReviewedBranch(repository=REPOSITORY, name="main", workflow="plan.yml", tenant=TENANT)


def plan_of(*numbers: int, mail: str = "old.example") -> Plan:
    """Plan another address for guests who sign in with one at `mail`."""
    tree = desired(*(declared(number, email=f"g{number}@new.example") for number in numbers))
    return make_plan(tree, live(*(guest(number, f"g{number}@{mail}") for number in numbers)), NOW)


def document(plan: Plan) -> bytes:
    return dump(plan_to_json(plan)).encode()


def drifted(plan: Plan) -> Plan:
    """Let every row but the first be drift."""
    first, *others = plan.changes
    changes = (
        replace(first, origin=Origin.THIS_CHANGE),
        *(replace(one, origin=Origin.ELSEWHERE) for one in others),
    )
    return replace(plan, changes=changes, digest=plan_digest(one.digest for one in changes))


MINE = document(plan_of(1))
FORGED = document(plan_of(1, 2))


@pytest.fixture
def hosting(tmp_path: Path) -> Iterator[fake_github.GitHub]:
    """Serve a GitHub with one merged pull request."""
    with fake_github.github(tmp_path) as hosting:
        hosting.tokens[TOKEN] = {"actions": "read", "pull-requests": "read"}
        hosting.pulls[8] = Pull(number=8, head=HEAD, merged=True)
        yield hosting


@pytest.fixture
def github(hosting: fake_github.GitHub) -> Iterator[GitHub]:
    """Open a session that can only read, and does not really wait."""
    with GitHub(api=hosting.root, token=TOKEN, trust_env=False, pause=lambda _: None) as github:
        yield github


def planned(
    hosting: fake_github.GitHub,
    plan: bytes | None,
    *,
    conclusion: str = "success",
    repository: str = REPOSITORY,
    name: str = "plan-8",
    branch: str = "change-8",
) -> Run:
    """Let a run on the last commit of the pull request have kept a plan."""
    run = hosting.start("plan.yml", event="pull_request", branch=branch, head=HEAD, repository=repository)
    run.conclusion = conclusion
    if plan is not None:
        hosting.upload(run, name, {"plan.json": plan, "plan.html": b"<p>"})
    return run


def found(github: GitHub, *, alone: bool = True) -> ReviewedPlan:
    """Give what counts for pull request 8."""
    answer = reviewed(github, BRANCH, MergedPull(number=8, head=HEAD, alone=alone))
    assert (answer.plan is None) == bool(answer.missing)
    return answer


def test_the_newest_plan_counts(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Of several plans that approve the same, the newest that ended well is what was reviewed."""
    newer = document(replace(plan_of(1), created_at=NOW + timedelta(hours=1)))
    for plan, conclusion in ((MINE, "success"), (newer, "success"), (FORGED, "failure")):
        planned(hosting, plan, conclusion=conclusion)
    assert found(github).plan == newer


def test_plans_that_show_other_drift_approve_the_same(hosting: fake_github.GitHub, github: GitHub) -> None:
    """What is no part of the pull request may differ from one day to the next."""
    newer = document(drifted(plan_of(1, 2)))
    planned(hosting, MINE)
    planned(hosting, newer)
    assert found(github).plan == newer


@pytest.mark.parametrize("forged_first", [False, True])
@pytest.mark.parametrize(
    "forged",
    [
        document(plan_of(1, 2)),
        document(plan_of(2)),
        document(plan_of(1, mail="elsewhere.example")),
        "no plan".encode("utf-16"),
        b"",
    ],
    ids=["one more row", "another row", "another precondition", "no plan", "empty"],
)
def test_two_plans_that_differ_approve_nothing(
    hosting: fake_github.GitHub, github: GitHub, forged: bytes, *, forged_first: bool
) -> None:
    """Somebody opens the same head again into a branch of their own, whose workflow keeps what they like."""
    hosting.pulls[9] = Pull(number=9, head=HEAD, base="evil", closed=True)
    runs = [planned(hosting, plan) for plan in ((forged, MINE) if forged_first else (MINE, forged))]
    answer = found(github)
    assert answer.plan is None
    assert "kept different plans as plan-8" in answer.missing
    assert all(str(run.id) in answer.missing for run in runs)
    assert not answer.passing


def test_a_run_that_github_lists_for_another_does_not_count(
    hosting: fake_github.GitHub, github: GitHub
) -> None:
    """While the other pull request is open, GitHub's own record shows whose run it may be."""
    planned(hosting, FORGED, branch="change-9")
    hosting.pulls[9] = Pull(number=9, head=HEAD, base="evil")
    assert "lists the runs of plan.yml for other pull requests only" in found(github).missing
    hosting.pulls[9].closed = True
    assert found(github).plan == FORGED


def test_a_run_that_github_lists_for_this_one_counts(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Number and base branch have to be this pull request's."""
    planned(hosting, MINE)
    hosting.pulls[9] = Pull(number=9, head=HEAD)
    hosting.pulls[8] = Pull(number=8, head=HEAD)
    assert found(github).plan == MINE
    hosting.pulls[8].base = "evil"
    assert found(github).plan is None


@pytest.mark.parametrize("event", ["base_ref_changed", "automatic_base_change_succeeded"])
def test_a_plan_for_another_base_branch_does_not_count(
    hosting: fake_github.GitHub, github: GitHub, event: str
) -> None:
    """A pull request is planned into a branch where the workflow is the author's, then pointed to main."""
    run = planned(hosting, FORGED)
    run.created_at = datetime(2026, 10, 1, 9, tzinfo=UTC)
    hosting.pulls[8].events = [
        ("base_ref_changed", "2026-10-01T08:00:00Z"),
        ("labeled", "2026-10-01T12:00:00Z"),
        (event, "2026-10-01T10:00:00Z"),
        ("base_ref_changed", "2026-10-01T08:30:00Z"),
    ]
    assert found(github).missing == "its base branch was changed after it was planned"
    planned(hosting, MINE).created_at = datetime(2026, 10, 1, 11, tzinfo=UTC)
    assert found(github).plan == MINE


def test_who_came_in_with_another_approves_nothing(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Nobody need have reviewed that plan; nothing is even asked for."""
    planned(hosting, FORGED)
    assert "came in with another pull request" in found(github, alone=False).missing
    assert hosting.requests == []


def test_a_run_that_kept_nothing_gives_way_to_an_older_one(
    hosting: fake_github.GitHub, github: GitHub
) -> None:
    """A plan that was kept under another pull request's name is not this one's."""
    planned(hosting, MINE)
    planned(hosting, FORGED, name="plan-9")
    assert found(github).plan == MINE


def test_of_two_attempts_the_newer_counts(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A run that is run again replaces its own plan."""
    run = planned(hosting, FORGED)
    kept = hosting.artifacts[0]
    hosting.upload(run, "plan-8", {"plan.json": MINE})
    hosting.artifacts[0].id += 1
    hosting.artifacts.append(kept)
    assert found(github).plan == MINE


def test_without_a_plan_the_reason_is_said(hosting: fake_github.GitHub, github: GitHub) -> None:
    """No run, a failed run, a run without a plan, a plan gone, a broken archive: each has its sentence."""
    assert "has not succeeded" in found(github).missing
    planned(hosting, None, conclusion="failure")
    assert "has not succeeded" in found(github).missing
    run = planned(hosting, None)
    assert "has kept no plan" in found(github).missing
    hosting.upload(run, "plan-8", {"other.json": b"{}"})
    assert "holds 0 files called plan.json" in found(github).missing
    hosting.artifacts[-1].content = b"no archive"
    assert "cannot be unpacked" in found(github).missing
    hosting.artifacts[-1].expired = True
    assert "does not keep its plan any longer" in found(github).missing
    assert not found(github).passing


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (MINE.decode().encode("utf-16"), "it is not a JSON document"),
        (MINE.decode().encode("utf-32"), "it is not a JSON document"),
        (b"\xff", "it is not a JSON document"),
        (b"[" * 100_000, "it is not a JSON document"),
        (b"{}", "cannot be used"),
        (MINE.replace(b"g1@old", b"g1@odd"), "cannot be used"),
        (document(replace(plan_of(1), created_at=datetime(2999, 1, 1, tzinfo=UTC))), "made after the run"),
    ],
)
def test_a_bad_plan_costs_its_own_pull_request(
    hosting: fake_github.GitHub, github: GitHub, plan: bytes, reason: str
) -> None:
    """Whatever the file is, it is no error of the run, and it stays a bad one."""
    planned(hosting, plan)
    answer = found(github)
    assert reason in answer.missing
    assert not answer.passing


def test_a_plan_with_a_byte_order_mark_is_one(hosting: fake_github.GitHub, github: GitHub) -> None:
    """An editor's mark does no harm."""
    planned(hosting, b"\xef\xbb\xbf" + MINE)
    assert found(github).plan == b"\xef\xbb\xbf" + MINE


def test_an_archive_without_end_costs_its_own_pull_request(
    hosting: fake_github.GitHub, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is larger than any plan is not read to its end, and stays so."""
    monkeypatch.setattr(client.GitHub.download, "__kwdefaults__", {"largest": 10})
    planned(hosting, MINE)
    answer = found(github)
    assert "has more than 10 bytes" in answer.missing
    assert not answer.passing


@pytest.mark.parametrize("place", ["/zip", "/storage/"])
@pytest.mark.parametrize("status", [404, 410])
def test_a_plan_that_somebody_has_deleted_is_gone(
    hosting: fake_github.GitHub, github: GitHub, place: str, status: int
) -> None:
    """It does not come back: the pull request approves nothing, and the next run need not answer for it."""
    planned(hosting, MINE)
    hosting.broken = {place: Reply(status=status, body={})}
    answer = found(github)
    assert answer.missing == "GitHub does not keep its plan any longer"
    assert not answer.passing


@pytest.mark.parametrize(
    ("place", "answer"),
    [
        *(
            (place, answer)
            for place in ("/workflows/", "/events", "/artifacts?", "/zip")
            for answer in (Reply(status=503), None, Reply(body={"odd": 1}), Reply(status=403))
        ),
        ("/storage/", Reply(status=503)),
        ("/storage/", None),
    ],
)
def test_what_may_pass_is_told_from_what_stays(
    hosting: fake_github.GitHub, github: GitHub, place: str, answer: fake_github.Answer
) -> None:
    """A failure of GitHub's, or an answer that nobody documented, is no proof that there is no plan."""
    planned(hosting, MINE)
    hosting.broken = {place: answer}
    assert found(github).passing


def test_a_plan_from_a_fork_counts_for_nothing(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A fork's workflow can keep any file it likes as a plan; nobody has planned it."""
    planned(hosting, FORGED, repository=FORK)
    assert "within this repository" in found(github).missing
    planned(hosting, MINE)
    assert found(github).plan == MINE


def test_runs_without_end_are_not_looked_at(
    hosting: fake_github.GitHub, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who starts runs on a head in heaps takes its approval away, and costs nobody else's time."""
    monkeypatch.setattr(reviews, "MOST_RUNS", 3)
    for _ in range(9):
        planned(hosting, MINE)
    assert "more than 3 times" in found(github).missing
    assert len(hosting.requests) == 2
