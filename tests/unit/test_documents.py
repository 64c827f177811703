"""Plans and reports as JSON: what is written, and what is refused when it is read."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from reconciler import schemas
from reconciler.documents import dump, plan_from_json, plan_to_json, report_to_json
from reconciler.errors import UnusablePlan
from reconciler.model import (
    Action,
    ActionRecord,
    ActionResult,
    Cloud,
    GuestOutcome,
    NotChecked,
    Note,
    Origin,
    Outcome,
    Plan,
    Policy,
    RedemptionState,
    Report,
    TenantId,
)
from reconciler.plan import Baseline, make_plan
from reconciler.plan.digests import plan_digest
from reconciler.rules import OtherRule, Rule
from tests.support.directory import NOW, OLD, REDEEMED, declared, desired, guest, guest_id, live
from tests.support.plans import TENANT, marker_of

Edit = Callable[[dict[str, Any]], None]


def every_kind() -> Plan:
    """Plan one guest of each kind, a chain, a blocked one, a refusal and a warning of the plan."""
    tree = desired(
        declared(1, cc="sponsor@contoso.example", message="héllo"),
        declared(2, email="bo@old.example", reset_after=REDEEMED + timedelta(days=1)),
        declared(3, email="cy@old.example", alternates=["c@new.example"]),
        declared(4, email="ed@old.example"),
        declared(5, email="ed@new.example"),
        declared(6),
        declared(7, email="gus@new.example"),
        declared(8, email="hal@new.example"),
        policy=Policy(max_changes=1),
    )
    missed = NotChecked(check="eligible roles", permission=None, essential=True, reason="no licence")
    found = live(
        guest(1, mail=None, state=None, changed=None),
        guest(2, "bo@old.example"),
        guest(
            3, "cy@old.example", others=["cy@old.example", "x@gone.example"], state=RedemptionState.PENDING
        ),
        guest(4, "di@old.example", display_name=None),
        guest(5, "ed@old.example", changed=REDEEMED + timedelta(microseconds=5)),
        guest(7, "gus@old.example", passcode="gus@new.example"),
        guest(8, "hal@new.example", markers=(marker_of(),)),
        unmanaged=7,
        listed_all=False,
        not_checked=(missed,),
    )
    return replace(make_plan(tree, found, NOW), cloud=Cloud.EMULATOR)


def written() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(dump(plan_to_json(every_kind())))
    return document


def refusal(data: bytes) -> UnusablePlan:
    with pytest.raises(UnusablePlan) as caught:
        plan_from_json(data, tenant=TENANT)
    assert caught.value.exit_code == 5
    assert caught.value.hint
    return caught.value


def edited(edit: Edit) -> UnusablePlan:
    document = copy.deepcopy(written())
    edit(document)
    return refusal(json.dumps(document).encode())


def test_a_plan_read_back_is_the_plan_that_was_written() -> None:
    """Nothing is lost on the way through a file, down to the bytes of a second writing."""
    plan = every_kind()
    text = dump(plan_to_json(plan))
    again = plan_from_json(text.encode(), tenant=TENANT)
    assert again == plan
    assert dump(plan_to_json(again)) == text


def test_the_keys_of_a_plan_stand_in_a_fixed_order() -> None:
    """People and diffs find every key where it was."""
    document = plan_to_json(every_kind())
    assert list(document) == [
        *("formatVersion", "tool", "tenantId", "cloud", "createdAt", "digest", "complete", "refusals"),
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


def test_keys_that_came_later_may_be_missing() -> None:
    """A plan without cloud, listedAll, waitsFor and the names of blocked guests is complete."""
    document = written()
    del document["cloud"], document["summary"]["listedAll"], document["blocked"][0]["displayName"]
    for change in document["changes"]:
        change.pop("waitsFor", None)
    plan = plan_from_json(json.dumps(document).encode(), tenant=TENANT)
    assert (plan.cloud, plan.listed_all, plan.blocked[0].display_name) == (Cloud.GLOBAL, True, None)
    assert {change.waits_for for change in plan.changes} == {None}


def forged(edit: Edit) -> UnusablePlan:
    """Change a plan as somebody would who knows how digests are made, and give what refuses it."""
    document = copy.deepcopy(written())
    edit(document)
    for change in document["changes"]:
        change["digest"] = digest(
            {"tenantId": TENANT, **{key: change[key] for key in ("id", "kind", "fields", "actions")}}
        )
    document["digest"] = digest(sorted(change["digest"] for change in document["changes"]))
    return refusal(json.dumps(document).encode())


def digest(value: object) -> str:
    """Hash as the documentation of the format says; the samples have addresses in lower case only."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def row(plan: dict[str, Any], number: int) -> Any:
    """Find the change of a guest in a document."""
    return next(change for change in plan["changes"] if change["id"] == guest_id(number))


def acts(number: int, *names: str) -> Edit:
    """Make an edit that lets a change have these of its actions, in this order."""

    def edit(plan: dict[str, Any]) -> None:
        change = row(plan, number)
        by_name = {action["action"]: action for action in change["actions"]}
        change["actions"] = [by_name[name] for name in names]

    return edit


def action(number: int, place: int, **values: Any) -> Edit:
    """Make an edit of one action."""
    return lambda plan: row(plan, number)["actions"][place].update(values)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (acts(1), "the actions do not fit the kind change-email"),
        (acts(1, "SetMail", "ClearMarker"), "do not fit the kind change-email"),
        (acts(1, "ResetRedemption", "SetMail", "ClearMarker"), "do not fit"),
        (acts(1, "SetMail", "ResetRedemption"), "do not fit"),
        (acts(1, "SetMail", "SetMail", "ResetRedemption", "ClearMarker"), "do not fit"),
        (acts(1, "SetMail", "ResetRedemption", "ResetRedemption", "ClearMarker"), "do not fit"),
        (acts(3, "SetOtherMails", "ResetRedemption"), "do not fit the kind other-mails"),
        (lambda plan: row(plan, 2).update(kind="change-email"), "do not fit the kind change-email"),
        (lambda plan: row(plan, 7).update(kind="other-mails"), "do not fit the kind other-mails"),
        (action(1, 0, email="eve@evil.example"), "not all for one address"),
        (action(1, 1, email="eve@evil.example"), "not all for one address"),
        (action(1, 2, email="eve@evil.example"), "not all for one address"),
        (action(2, 0, email="eve@evil.example"), "not all for one address"),
        (lambda plan: row(plan, 7)["fallback"].update(email="eve@evil.example"), "not all for one address"),
        (lambda plan: row(plan, 3)["precondition"].update(mail=None), "a guest without mail"),
        (
            action(1, 2, otherMails=["ana@newco.example", "eve@evil.example"]),
            "the actions write different lists",
        ),
        (action(3, 1, otherMails=["c@new.example"]), "lacks the guest's address"),
        (
            lambda plan: row(plan, 1)["fields"].pop(),
            "the fields are not what the actions make of the precondition",
        ),
        (lambda plan: row(plan, 1)["fields"][0].update(after="eve@evil.example"), "the fields are not"),
        (lambda plan: row(plan, 3)["fields"][0].update(before=[]), "the fields are not"),
        (lambda plan: row(plan, 8)["precondition"].update(mail="hal@old.example"), "the fields are not"),
        (lambda plan: row(plan, 8).pop("resumes"), "what it resumes is not"),
        (lambda plan: row(plan, 8).update(resumes="0" * 16), "what it resumes is not"),
        (lambda plan: row(plan, 8)["precondition"].pop("markers"), "what it resumes is not"),
        (lambda plan: row(plan, 1).update(resumes="0" * 16), "what it resumes is not"),
        (
            lambda plan: row(plan, 2)["precondition"].update(markers=[str(marker_of())]),
            "which a change of kind reset would not take away",
        ),
        (lambda plan: row(plan, 7).pop("fallback"), "a fallback belongs to restore-mail"),
        (lambda plan: row(plan, 8).update(fallback=row(plan, 7)["fallback"]), "one address"),
        (lambda plan: row(plan, 8).update(fallback=row(plan, 8)["actions"][1]), "a fallback belongs to"),
        (
            lambda plan: row(plan, 8)["precondition"]["otherMails"].append(str(marker_of())),
            "a marker stands where an address is expected",
        ),
        (
            lambda plan: row(plan, 7)["precondition"].update(mail=str(marker_of())),
            "a marker stands where an address is expected",
        ),
        (lambda plan: plan["changes"].append(row(plan, 1)), f"{guest_id(1)} stands there more than once"),
        (lambda plan: plan["blocked"].append({**plan["blocked"][0], "id": guest_id(1)}), "more than once"),
        (lambda plan: row(plan, 1).update(waitsFor=guest_id(1)), f"{guest_id(1)} waits for {guest_id(1)}"),
        (lambda plan: row(plan, 1).update(waitsFor=guest_id(99)), "whose change does not come before it"),
        (lambda plan: row(plan, 1).update(waitsFor=guest_id(6)), "whose change does not come before it"),
        (lambda plan: row(plan, 5).update(waitsFor=guest_id(4)), "whose change does not come before it"),
    ],
)
def test_a_plan_whose_parts_contradict_each_other_is_refused(edit: Edit, said: str) -> None:
    """Good digests prove nothing about what they cover, so what no planner writes is not carried out."""
    error = forged(edit)
    assert error.rule == "invalid-plan"
    assert said in error.message


def test_a_partial_plan_may_leave_out_who_is_waited_for() -> None:
    """It shows entries that changed, and one of them may wait for a guest whose entry did not."""
    plan = every_kind()
    (waiting,) = [change for change in plan.changes if change.waits_for is not None]
    part = replace(plan, since="HEAD~1", changes=(waiting,), digest=plan_digest([waiting.digest]))
    assert plan_from_json(dump(plan_to_json(part)).encode(), tenant=None) == part


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


def with_base() -> Plan:
    """Plan with rows of both origins, a blocked one among them, and guests who are declared no longer."""
    entries = (declared(1), declared(2, email="bo@new.example"), declared(3))
    gone = [declared(number, email=f"p{number}@old.example") for number in (4, 5, 6)]
    return make_plan(
        desired(*entries),
        live(guest(1), guest(2, "bo@old.example"), guest(4, mail=None), deleted=frozenset({guest_id(5)})),
        NOW,
        base=Baseline.of(desired(entries[1], *gone), desired=desired(*entries)),
    )


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
    ],
)
def test_a_digest_that_does_not_fit_refuses_the_whole_file(edit: Edit) -> None:
    """Whoever edits a plan by hand has not had it reviewed."""
    assert edited(edit).rule == "tampered-plan"


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (lambda plan: plan.pop("changes"), "'changes' is missing"),
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
