"""Plans read back from JSON: what is accepted, and what is refused with which words."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from reconciler import schemas
from reconciler.documents import dump, plan_from_json, plan_to_json
from reconciler.errors import UnusablePlan
from reconciler.model import Action, Cloud, TenantId
from reconciler.plan import make_plan
from tests.support.directory import NOW, OLD, REDEEMED, declared, desired, guest, guest_id, live
from tests.support.documents import Edit, edited, every_kind, refusal, row, with_base, written
from tests.support.plans import TENANT


def test_a_plan_read_back_is_the_plan_that_was_written() -> None:
    """Nothing is lost on the way through a file, down to the bytes of a second writing."""
    plan = every_kind()
    text = dump(plan_to_json(plan))
    again = plan_from_json(text.encode(), tenant=TENANT)
    assert again == plan
    assert dump(plan_to_json(again)) == text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"nul",
        b"[" * 100_000,
        b'{"formatVersion": "1.0", "formatVersion": "1.0"}',
        b'{"line": ' + b"9" * 10_000 + b"}",
    ],
    ids=["empty", "no text", "cut", "no value", "deep", "a key twice", "a huge number"],
)
def test_what_is_no_json_document_is_refused(data: bytes) -> None:
    """A file that was cut, filled with something else or made to hurt is refused without a traceback."""
    assert refusal(data).rule == "unreadable-plan"


@pytest.mark.parametrize("data", [b"null", b"[]", b'"plan"', b"{}", b'{"formatVersion": 1}'])
def test_json_that_is_no_plan_is_refused(data: bytes) -> None:
    """The schema has the word on what a plan is."""
    assert refusal(data).rule == "invalid-plan"


@pytest.mark.parametrize("version", ["1.0", "1.2", "2.0", "0.1", "x"])
def test_a_plan_of_another_form_is_refused_with_what_to_do(version: str) -> None:
    """What approves changes is never read in part: other versions plan other writes."""
    error = edited(lambda plan: plan.update(formatVersion=version, changes="of a form of its own"))
    assert error.rule == "unsupported-plan"
    assert "\n" not in error.message
    assert error.message.endswith("plan again")


def test_keys_of_others_are_let_pass() -> None:
    """Whoever adds keys of their own to a plan breaks no reader."""
    document = written()
    document.update(novelty=True)
    document["changes"][0]["novelty"] = "this-change"
    assert plan_from_json(json.dumps(document).encode(), tenant=TENANT) == every_kind()


EVERY_KEY = ("cc", "language", "message", "redirectUrl", "sendMessage")


def drop_origins(plan: dict[str, Any]) -> None:
    """Let every row look as in a plan without a base, which approves all of them."""
    for change in plan["changes"]:
        del change["origin"]


def claim_drift(plan: dict[str, Any]) -> None:
    """Let drift look like a change of this pull request."""
    for change in plan["changes"]:
        change["origin"] = "this-change"


def forget_guard_rails(plan: dict[str, Any]) -> None:
    """Hide what was loosened."""
    del plan["guardRails"]


def test_keys_that_came_later_may_be_missing() -> None:
    """A plan without cloud, listedAll and the names of blocked guests is complete."""
    document = written()
    del document["cloud"], document["summary"]["listedAll"], document["blocked"][0]["displayName"]
    plan = plan_from_json(json.dumps(document).encode(), tenant=TENANT)
    assert (plan.cloud, plan.listed_all, plan.blocked[0].display_name) == (Cloud.GLOBAL, True, None)


def test_every_action_that_there_is_can_be_read() -> None:
    """A name that the schema knows is read as what it is, and never as another action."""
    names = {action.name for action in get_args(Action)}
    schema = schemas.load_schema("plan")["$defs"]["action"]["properties"]["action"]
    assert names == set(schema["enum"])
    read = {action.name for change in every_kind().changes for action in change.actions}
    assert names - read == {"AddOtherMail"}
    added = make_plan(
        desired(declared(email=OLD, reset_after=REDEEMED + timedelta(days=1))), live(guest(others=[])), NOW
    )
    assert plan_from_json(dump(plan_to_json(added)).encode(), tenant=TENANT) == added


def test_a_partial_plan_can_be_shown_and_approves_nothing() -> None:
    """What looked at a part only says so first, and is refused where a plan would approve."""
    plan = replace(with_base(), since="HEAD~1")
    data = dump(plan_to_json(plan)).encode()
    assert list(json.loads(data))[:4] == ["formatVersion", "tool", "partial", "since"]
    assert plan_from_json(data, tenant=None) == plan
    error = refusal(data)
    assert error.rule == "partial-plan"
    assert "HEAD~1" in error.message


@pytest.mark.parametrize("key", ["partial", "since"])
def test_half_a_mark_of_a_partial_plan_is_refused(key: str) -> None:
    """A partial plan cannot pass for a whole one by losing one of its two marks."""
    assert edited(lambda plan: plan.update({key: True if key == "partial" else "x"})).rule == "invalid-plan"
    assert edited(lambda plan: plan.update(partial=False, since="x")).rule == "invalid-plan"


def test_a_plan_of_another_tenant_is_refused_naming_both() -> None:
    """A file that was mixed up never reaches a guest."""
    other = TenantId("00000000-0000-4000-8000-000000000000")
    with pytest.raises(UnusablePlan, match=other) as caught:
        plan_from_json(dump(plan_to_json(every_kind())).encode(), tenant=other)
    assert caught.value.rule == "foreign-plan"
    assert TENANT in caught.value.message


@pytest.mark.parametrize(
    "edit",
    [
        lambda plan: plan["changes"][0]["actions"][0].update(email="eve@evil.example"),
        lambda plan: plan["changes"][0]["actions"][1].update(language="de-DE"),
        lambda plan: plan["changes"][0]["fields"][0].update(after="eve@evil.example"),
        lambda plan: plan["changes"][0].update(id=guest_id(99)),
        lambda plan: plan["changes"][0].update(digest=plan["changes"][1]["digest"]),
        lambda plan: plan["changes"].pop(),
        lambda plan: plan.update(digest=plan["changes"][0]["digest"]),
        lambda plan: plan.update(reviewDigest=plan["digest"]),
        lambda plan: plan.update(createdAt="2099-01-01T00:00:00Z"),
        lambda plan: plan.update(guardRails=[{"field": "policy.maxChanges", "before": 1, "after": 2}]),
        lambda plan: plan["changes"][0].update(origin="this-change"),
        lambda plan: row(plan, 1)["precondition"].update(externalUserState="Accepted"),
        lambda plan: row(plan, 3)["precondition"]["otherMails"].clear(),
        lambda plan: row(plan, 4).pop("waitsFor"),
    ],
)
def test_a_digest_that_does_not_fit_refuses_the_whole_file(edit: Edit) -> None:
    """Whoever edits a plan by hand has not had it reviewed."""
    assert edited(edit).rule == "tampered-plan"


@pytest.mark.parametrize("edit", [drop_origins, claim_drift, forget_guard_rails])
def test_what_a_reviewer_relied_on_cannot_be_edited(edit: Edit) -> None:
    """A row that was shown as drift stays drift, and a guard rail that was loosened stays named."""
    document = json.loads(dump(plan_to_json(with_base())))
    edit(document)
    assert refusal(json.dumps(document).encode()).rule == "tampered-plan"


def test_what_a_base_tells_is_read_back() -> None:
    """Guard rails, and which parts of an invitation are new, survive the way through the file."""
    plan = with_base()
    assert plan.guard_rails
    assert {change.invitation_changed for change in plan.changes} == {(), EVERY_KEY}
    assert plan_from_json(dump(plan_to_json(plan)).encode(), tenant=TENANT) == plan


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (lambda plan: plan.pop("changes"), "'changes' is missing"),
        (lambda plan: plan.pop("reviewDigest"), "'reviewDigest' is missing"),
        (lambda plan: plan["changes"][0].update(kind="delete"), "/changes/0/kind"),
        (lambda plan: plan["changes"][0].update(id="x"), "/changes/0/id"),
        (lambda plan: plan["changes"][0]["actions"][1].pop("language"), "/changes/0/actions/1"),
        (lambda plan: plan["changes"][0]["actions"][0].pop("email"), "/changes/0/actions/0"),
        (
            lambda plan: plan["changes"][0]["precondition"].update(externalUserState="Gone"),
            "externalUserState",
        ),
        (lambda plan: plan["blocked"][0]["source"].update(line="x"), "/blocked/0/source/line"),
        (lambda plan: plan.update(cloud="moon"), "/cloud"),
        (lambda plan: plan.update(createdAt="2026-13-01T00:00:00Z"), "time"),
        (lambda plan: plan["changes"][0]["actions"][0].update(action="DeleteUser"), "/changes/0/actions/0"),
        (lambda plan: row(plan, 7)["fallback"].update(action="SetMail"), "/fallback"),
        (lambda plan: row(plan, 8).update(resumes="0123456789ABCDEF"), "/resumes"),
        (lambda plan: row(plan, 8).update(resumes="0123456789abcdef\n"), "/resumes"),
        (lambda plan: row(plan, 8).update(resumes="0123456789abcde"), "/resumes"),
        (
            lambda plan: row(plan, 8)["precondition"].update(markers=["ana@old.example"]),
            "/precondition/markers/0",
        ),
    ],
)
def test_a_part_of_the_wrong_form_is_named(edit: Edit, place: str) -> None:
    """Whoever wrote the file learns where it breaks its schema."""
    error = edited(edit)
    assert error.rule == "invalid-plan"
    assert place in error.message
