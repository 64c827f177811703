"""What is read from outside is read within bounds, and the error says which bound it was."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler import bounded_json
from reconciler.cli.loading import load_plan
from reconciler.desired import Tree, load
from reconciler.desired.reader import MAX_BYTES, MAX_VALUES
from reconciler.documents import opening, plan_from_json, report_from_json
from reconciler.errors import GitHubError, InvalidDesired, UnexpectedAnswer, UnusablePlan
from reconciler.github import client
from reconciler.github.archive import BadArchiveError, member
from reconciler.graph import adapter
from reconciler.graph.batching import opened
from reconciler.graph.responses import Answer
from reconciler.model import Problem
from reconciler.rules import Rule
from reconciler.schemas import violations
from tests.e2e import fake_github
from tests.support.scripted_graph import Reply
from tests.support.scripted_graph.tenant import observe_guests, quiet, user

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TENANT = b"tenantId: 7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10\n"
ENTRY = "- {{id: 1b6a4f0c-8a0c-4d6e-9a51-{:012x}, email: a{}@b.example}}\n"


def problems(**files: str) -> list[Problem]:
    tree = {f"{name}.yaml": text.encode() for name, text in files.items()}
    with pytest.raises(InvalidDesired) as caught:
        load(Tree(files={"tenant.yaml": TENANT, **tree}), now=NOW)
    return list(caught.value.problems)


def guests(first: int, count: int) -> str:
    return "guests:\n" + "".join(ENTRY.format(number, number) for number in range(first, first + count))


@pytest.mark.parametrize("unit", ["{},", "[],", "~,", "a,", "{a: b},"])
def test_a_file_of_nothing_but_values_is_read_up_to_a_number(
    monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    """The number is told where it was passed, and nothing of the file is checked."""
    monkeypatch.setattr("reconciler.desired.reader.MAX_VALUES", 100)
    [found] = problems(guests=f"guests: [{unit * 100}]")
    assert found.rule == "too-large"
    assert "more than 100 values" in found.message
    assert found.column > 100


def test_the_largest_file_of_the_shortest_entries_has_fewer_values() -> None:
    """No file that declares guests meets the bound: it is met by what declares nothing."""
    count = MAX_BYTES // len(ENTRY.format(0, 0))
    assert 6 * count + 10 < MAX_VALUES


def test_a_tree_has_a_number_of_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Valid entries in several files count together, and the file that passes the bound is named."""
    monkeypatch.setattr("reconciler.desired.loading.MAX_ENTRIES", 10)
    load(Tree(files={"tenant.yaml": TENANT, "a.yaml": guests(0, 10).encode()}), now=NOW)
    [found] = problems(a=guests(0, 8), b=guests(10, 8), c=guests(20, 8))
    assert (found.file, found.rule) == ("b.yaml", "too-large")
    assert "more than 10 guests" in found.message


def test_the_files_of_a_hostile_tree_are_checked_up_to_a_number_of_problems(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What one file has too many of keeps the next one from being read, and that is said."""
    monkeypatch.setattr("reconciler.desired.loading.MAX_PROBLEMS", 5)
    found = problems(a="guests: [1, 2, 3]", b="guests: [1, 2, 3]", c="guests: [1, 2, 3]")
    assert [problem.rule for problem in found if problem.file == "c.yaml"] == ["too-many-problems"]


def test_duplicates_are_found_across_files_whose_documents_are_gone() -> None:
    """Both places of an id and of an address are named, by line and column."""
    found = problems(a=guests(0, 1), b=guests(5, 1) + ENTRY.format(0, 5), c="guests: [1]")
    told = {problem.rule: problem.message for problem in found}
    assert "a.yaml:2:8" in told[Rule.DUPLICATE_ID]
    assert "b.yaml:2:53" in told[Rule.DUPLICATE_ADDRESS]


def test_of_a_list_only_what_does_not_conform_is_described() -> None:
    """The place of a violation is that in the whole value, however many items before it conform."""
    entry = {"id": "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01", "email": "a@b.example"}
    mails = ["x@b.example"] * 200 + ["x"]
    [found] = violations("guests", {"guests": [*[entry] * 500, {**entry, "alternateEmails": mails}]})
    assert found.path == ("guests", 500, "alternateEmails", 200)
    [found] = violations("guests", {"guests": [entry, {**entry, "alternateEmails": ["a@b.example"] * 400}]})
    assert found.message == "the list has 400 items, 249 are allowed"


@pytest.mark.parametrize("parse", [lambda data: plan_from_json(data, tenant=None), report_from_json])
@pytest.mark.parametrize(
    "data",
    [
        b'{"changes": [' + b"{}," * 2_000_000 + b"{}]}",
        b"[" * 500_000,
        b"9" * 5_000,
        json.dumps({"formatVersion": "1.1"}).encode("utf-16"),
        b"\xff",
        b"",
    ],
    ids=["values", "depth", "digits", "utf-16", "no utf-8", "nothing"],
)
def test_a_document_beyond_the_bounds_is_unreadable(parse: Callable[[bytes], object], data: bytes) -> None:
    """Plans and reports are refused with 5 and the bound, whatever parsing them would take."""
    with pytest.raises(UnusablePlan, match="not a JSON document of at most 3,000,000 values") as caught:
        parse(data)
    assert caught.value.rule in {"unreadable-plan", "unreadable-report"}


def test_a_file_is_read_no_further_than_a_document_may_be_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file without end, too, is refused with its bound."""
    monkeypatch.setattr(opening, "LARGEST_DOCUMENT", 1024 * 1024)
    monkeypatch.setattr("reconciler.cli.loading.LARGEST_DOCUMENT", 1024 * 1024)
    with pytest.raises(UnusablePlan, match="more than 1 MiB"):
        load_plan(Path("/dev/zero"))


@pytest.mark.parametrize(
    "text", ["[1e400]", '{"a": [1, {"b": null}]}', "\ufeff{}"], ids=["float", "nested", "mark"]
)
def test_json_within_the_bounds_is_parsed(text: str) -> None:
    """The bounded parser reads what Python's reads."""
    assert bounded_json.parse(text.encode()) == json.loads(text.removeprefix("\ufeff"))


def zipped(method: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as files:
        files.writestr("plan.json", b"[" * 10_000)
    return packed.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_is_unpacked_only_as_far_as_it_is_read(method: int) -> None:
    """Two compressions are unpacked at once, however much that is: GitHub uses neither."""
    with pytest.raises(BadArchiveError, match="GitHub does not use"):
        member(zipped(method), "plan.json")
    with pytest.raises(BadArchiveError, match="more than 100 bytes"):
        member(zipped(zipfile.ZIP_DEFLATED), "plan.json", largest=100)


def test_an_answer_of_github_is_read_up_to_a_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An answer beyond it, or nested beyond reason, is an error that names the path."""
    monkeypatch.setattr(client, "LARGEST_ANSWER", 1_000)
    with (
        fake_github.github(tmp_path) as hosting,
        client.GitHub(api=hosting.root, token="t", trust_env=False) as github,
    ):
        hosting.faults = [fake_github.Reply(body=["x" * 1_000])]
        with pytest.raises(GitHubError, match="more than 1000 bytes"):
            github.get("/user")


def packed(text: bytes) -> Reply:
    return Reply(body=gzip.compress(text), headers={"content-encoding": "gzip"})


@pytest.mark.parametrize(
    "reply",
    [
        packed(b" " * 2_000_000),
        Reply(body=b"[" * 500_000),
        Reply(body=b'{"value": [' + b"9" * 5_000 + b"]}"),
        Reply(body=b'{"value": [' + b"{}," * 2_000_000 + b"{}]}"),
    ],
    ids=["unpacks to too much", "depth", "digits", "values"],
)
async def test_an_answer_of_graph_beyond_the_bounds_is_an_error(
    monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    """Reading ends at once, with the name of what was read and none of its content."""
    monkeypatch.setattr(adapter, "LARGEST_ANSWER", 1_000_000 if reply.headers else adapter.LARGEST_ANSWER)
    with pytest.raises(UnexpectedAnswer, match="about users is not a JSON object, or is larger"):
        await observe_guests(quiet(_users=reply), 1)


async def test_a_packed_answer_within_the_bounds_is_read() -> None:
    """Compression is Graph's ordinary way to answer."""
    live = await observe_guests(quiet(_users=packed(json.dumps({"value": [user(1)]}).encode())), 1)
    assert len(live.guests) == 1


@pytest.mark.parametrize(
    "headers", [["a"], "a", {"é": "b"}, {"retry-after": "é"}, {"x": "\ud800"}], ids=ascii
)
def test_headers_in_a_batch_that_are_none_are_an_error(headers: Any) -> None:
    """A part of a batch is judged as an answer of its own would be."""
    parts = [{"id": "0", "status": 200, "headers": headers, "body": {"value": []}}]
    answer = Answer(status=200, headers=httpx.Headers(), body={"responses": parts})
    with pytest.raises(UnexpectedAnswer, match="headers that are none"):
        opened(answer, {"0"}, what="users")
