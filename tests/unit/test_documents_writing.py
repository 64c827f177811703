"""Plans and reports as JSON: which keys are written, in which order, and under which schema."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler import schemas
from reconciler.documents import dump, plan_from_json, plan_to_json, report_to_json
from reconciler.model import ActionRecord, ActionResult, Cloud, GuestOutcome, Note, Origin, Outcome, Report
from reconciler.rules import OtherRule, Rule
from tests.support.directory import NOW, OLD, guest_id
from tests.support.documents import every_kind, with_base
from tests.support.plans import TENANT, marker_of


def test_the_keys_of_a_plan_stand_in_a_fixed_order() -> None:
    """People and diffs find every key where it was."""
    document = plan_to_json(every_kind())
    assert list(document) == [
        *("formatVersion", "tool", "tenantId", "cloud", "createdAt", "digest", "reviewDigest", "complete"),
        "refusals",
        *("summary", "changes", "blocked", "warnings"),
    ]
    keys = ["id", "displayName", "kind", "digest", "fields", "actions", "reason", "warnings"]
    keys += ["precondition", "source"]
    *_, waiting, restored, rest = document["changes"]
    assert [list(change) for change in (waiting, restored, rest)] == [
        [*keys, "waitsFor"],
        [*keys, "fallback"],
        [*keys, "resumes"],
    ]
    assert waiting["waitsFor"] == guest_id(5)
    assert restored["fallback"]["action"] == "ResetRedemption"
    assert rest["resumes"] == marker_of().digits
    assert rest["precondition"]["markers"] == [str(marker_of())]
    assert "markers" not in waiting["precondition"]
    assert list(document["blocked"][0]) == ["id", "displayName", "rule", "message", "source"]


@pytest.mark.parametrize("name", ["plan", "report"])
def test_a_written_document_fits_its_published_schema(name: str) -> None:
    """Other programs can rely on the schema."""
    document = plan_to_json(every_kind()) if name == "plan" else report_to_json(a_report())
    assert list(schemas.violations(name, json.loads(dump(document)))) == []


@pytest.mark.parametrize("name", ["plan", "report"])
def test_every_key_that_is_written_is_described(name: str) -> None:
    """The schema lets unknown keys pass for the sake of newer versions, so this looks at our own."""
    document = plan_to_json(every_kind()) if name == "plan" else report_to_json(a_report())
    schema = schemas.load_schema(name)
    assert list(undescribed(json.loads(dump(document)), schema, schema)) == []


def undescribed(value: Any, schema: Any, root: Any, path: str = "") -> Any:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in schema["properties"]:
                yield f"{path}/{key}"
            else:
                yield from undescribed(part, schema["properties"][key], root, f"{path}/{key}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from undescribed(item, schema["items"], root, f"{path}/{index}")


def test_strangers_text_is_inert_in_the_file() -> None:
    """Control characters and commands of a GitHub runner are escaped, and mean the same when read."""
    hostile = "\x1b[31m\u202e##[error]boom\u2028::error::x\ud800"
    note = Note(rule=Rule.NOT_CHECKED, message=hostile)
    text = dump(plan_to_json(replace(every_kind(), warnings=(note,))))
    assert text.isascii()
    assert "##[" not in text
    assert plan_from_json(text.encode(), tenant=TENANT).warnings == (note,)


def test_whose_change_it_is_and_who_is_gone_survive_the_file() -> None:
    """Approval reads origins from the file, so they are written, described and read."""
    plan = with_base()
    assert {row.origin for row in plan.changes} == set(Origin)
    assert len(plan.no_longer_declared) == 3
    document = json.loads(dump(plan_to_json(plan)))
    assert plan_from_json(json.dumps(document).encode(), tenant=TENANT) == plan
    assert list(schemas.violations("plan", document)) == []
    schema = schemas.load_schema("plan")
    assert list(undescribed(document, schema, schema)) == []


def a_report() -> Report:
    record = ActionRecord(
        action="ResetRedemption", result=ActionResult.REPEATED, attempts=2, request_id="a-request"
    )
    return Report(
        run="a-run",
        tenant_id=TENANT,
        cloud=Cloud.EMULATOR,
        started_at=NOW,
        ended_at=NOW + timedelta(seconds=1.5),
        digest=None,
        exit_code=7,
        refusals=(Note(rule=Rule.FAILURE_BUDGET, message="too many"),),
        outcomes=tuple(
            GuestOutcome(
                id=guest_id(number),
                display_name=None,
                outcome=outcome,
                rule=None if outcome is Outcome.APPLIED else OtherRule("some-rule"),
                message=OLD,
                actions=(record,) if outcome is Outcome.APPLIED else (),
            )
            for number, outcome in enumerate([Outcome.APPLIED, Outcome.APPLIED, Outcome.STALE])
        ),
        complete=False,
        warnings=(Note(rule=Rule.NOT_CHECKED, message="role assignments not checked"),),
        commit="0" * 40,
    )


def test_a_report_counts_every_outcome_there_is() -> None:
    """The summary names each outcome, also those nobody had, so that programs need not guess."""
    document = report_to_json(a_report())
    assert list(document["summary"]) == [outcome.value for outcome in Outcome]
    assert [document["summary"][key] for key in ("applied", "stale", "failed")] == [2, 1, 0]
    assert sum(document["summary"].values()) == len(document["outcomes"])


def test_a_report_tells_each_action_of_each_guest() -> None:
    """What was sent, how often, and under which request id can be read from the file."""
    document = report_to_json(a_report())
    assert (document["endedAt"], document["exitCode"], document["digest"]) == (
        "2026-10-01T08:00:01.500000Z",
        7,
        None,
    )
    assert document["outcomes"][0]["actions"] == [
        {"action": "ResetRedemption", "result": "repeated", "attempts": 2, "requestId": "a-request"}
    ]
    assert document["refusals"] == [{"rule": "failure-budget", "message": "too many"}]


def test_a_report_tells_what_its_run_could_not_see_and_of_which_commit_it_was() -> None:
    """Whoever reads only the report learns that a check is missing, and what was carried out."""
    document = report_to_json(a_report())
    assert list(document)[8:12] == ["exitCode", "complete", "warnings", "commit"]
    assert (document["formatVersion"], document["complete"], document["commit"]) == ("1.1", False, "0" * 40)
    assert document["warnings"] == [{"rule": "not-checked", "message": "role assignments not checked"}]
