"""Plans as JSON documents, and what reading an edited one is refused with."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.documents import dump, plan_from_json, plan_to_json
from reconciler.errors import UnusablePlan
from reconciler.model import Cloud, NotChecked, Plan, Policy, RedemptionState
from reconciler.plan import Baseline, make_plan
from tests.support.directory import NOW, REDEEMED, declared, desired, guest, guest_id, live
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


def row(plan: dict[str, Any], number: int) -> Any:
    """Find the change of a guest in a document."""
    return next(change for change in plan["changes"] if change["id"] == guest_id(number))


def with_base() -> Plan:
    """Plan with rows of both origins, a blocked one among them, and guests who are declared no longer."""
    entries = (declared(1), declared(2, email="bo@new.example"), declared(3))
    gone = [declared(number, email=f"p{number}@old.example") for number in (4, 5, 6)]
    return make_plan(
        desired(*entries),
        live(guest(1), guest(2, "bo@old.example"), guest(4, mail=None), deleted=frozenset({guest_id(5)})),
        NOW,
        base=Baseline.of(desired(entries[1], *gone, policy=Policy(max_changes=1)), desired=desired(*entries)),
    )


def review_digest(document: dict[str, Any]) -> str:
    """Hash what a reviewer relied on, as the documentation of the format says."""
    keys = ("id", "digest", "origin", "precondition", "resumes", "fallback", "waitsFor")
    return document_digest(
        {
            **{key: document.get(key) for key in ("digest", "createdAt", "since")},
            "guardRails": document.get("guardRails", []),
            "changes": [{key: change.get(key) for key in keys} for change in document["changes"]],
        }
    )


def document_digest(value: object) -> str:
    """Hash as the documentation of the format says; the samples have addresses in lower case only."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
