"""Plans whose digests are right and whose parts contradict each other."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.documents import dump, plan_from_json, plan_to_json
from reconciler.errors import UnusablePlan
from reconciler.plan.digests import plan_digest
from tests.support.directory import guest_id
from tests.support.documents import (
    Edit,
    document_digest,
    every_kind,
    refusal,
    review_digest,
    row,
    written,
)
from tests.support.plans import TENANT, marker_of


def forged(edit: Edit) -> UnusablePlan:
    """Change a plan as somebody would who knows how digests are made, and give what refuses it."""
    document = copy.deepcopy(written())
    edit(document)
    for change in document["changes"]:
        change["digest"] = document_digest(
            {"tenantId": TENANT, **{key: change[key] for key in ("id", "kind", "fields", "actions")}}
        )
    document["digest"] = document_digest(sorted(change["digest"] for change in document["changes"]))
    document["reviewDigest"] = review_digest(document)
    return refusal(json.dumps(document).encode())


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
