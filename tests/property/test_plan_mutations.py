"""A plan document that somebody has damaged or forged: refused as a whole, or carried out without a fault.

The mutations drop, duplicate, swap and retype any node of a document that was valid. A forger recomputes the
digests too, so that every check behind them is reached.
"""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.documents import dump, plan_from_json, plan_to_json
from reconciler.errors import UnusablePlan
from reconciler.model import Desired, Live, Plan
from reconciler.render import html, markdown, text
from reconciler.render.plan_view import plan_view
from tests.support.applying import apply, new_tenant, plan_for, work_for
from tests.support.directory import NEW, declared, desired, guest, guest_id
from tests.support.documents import document_digest, review_digest
from tests.support.plans import TENANT, marker_of
from tests.support.worlds import directories, trees

Spot = tuple[Any, Any]
"""A container and the key or index of one of its nodes."""

ADDRESSES = {"email", "cc", "otherMails", "before", "after"}
ODD: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1.0,
        1e400,
        10**30,
        "",
        " ",
        "x",
        "\ud800",
        "\u202e",
        "a@b.example\n",
        [],
        {},
    ),
    *([[]], {"x": 1}, "SetMail", "reset", "change-email", guest_id(1), guest_id(9), guest_id(1) + "\n"),
    *("sha256:" + "0" * 64, "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", str(marker_of()), NEW.upper()),
]


def spots(node: Any) -> Iterator[Spot]:
    if isinstance(node, dict | list):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            yield node, key
            yield from spots(node[key])


def mutate(document: dict[str, Any], draw: st.DataObject) -> None:
    found = list(spots(document))
    container, key = draw.draw(st.sampled_from(found), label="place")
    match draw.draw(st.sampled_from(["drop", "duplicate", "swap", "retype"]), label="mutation"):
        case "drop":
            del container[key]
        case "duplicate" if isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))
        case "duplicate":
            container[key] = [container[key], container[key]]
        case "swap":
            other, place = draw.draw(st.sampled_from(found), label="with")
            first, second = copy.deepcopy(container[key]), copy.deepcopy(other[place])
            container[key], other[place] = second, first
        case _:
            container[key] = copy.deepcopy(draw.draw(st.sampled_from(ODD), label="value"))


def folded(content: dict[str, Any]) -> dict[str, Any]:
    def lower(value: Any) -> Any:
        return [each.lower() for each in value] if isinstance(value, list) else value and value.lower()

    return {key: lower(value) if key in ADDRESSES else value for key, value in content.items()}


def sign(document: dict[str, Any]) -> None:
    """Recompute the digests, as the documentation says, where the shape still allows it."""
    try:
        for change in document["changes"]:
            content = {"tenantId": document["tenantId"], "id": change["id"], "kind": change["kind"]}
            content |= {key: list(map(folded, change[key])) for key in ("fields", "actions")}
            change["digest"] = document_digest(content)
        document["digest"] = document_digest(sorted(change["digest"] for change in document["changes"]))
        document["reviewDigest"] = review_digest(document)
    except (KeyError, TypeError, AttributeError):
        pass


def read(document: dict[str, Any]) -> Plan | None:
    try:
        return plan_from_json(json.dumps(document).encode(), tenant=TENANT)
    except UnusablePlan as refusal:
        return (
            None if refusal.exit_code == 5 and refusal.rule and refusal.message else pytest.fail("nameless")
        )


def carry_out(plan: Plan, tree: Desired, found: Live) -> None:
    """Show the plan and apply it; every guest of it ends in an outcome."""
    view = plan_view(plan)
    for shown in (
        text.plan(view, width=80, colour=False),
        markdown.plan(view, marker="plan", elsewhere="the artifacts"),
        html.plan(view),
    ):
        assert shown.encode()
    assert plan_from_json(dump(plan_to_json(plan)).encode(), tenant=TENANT) == plan
    tenant = new_tenant(*found.guests.values())
    finished = apply(tenant, work_for(tenant, tree, plan))
    assert finished is not None


@settings(deadline=None, max_examples=60)
@given(trees(), directories(calm=True), st.sampled_from([sign, id]), st.integers(1, 3), st.data())
def test_a_damaged_plan_is_refused_or_harmless(
    tree: Desired, found: Live, finish: Callable[[dict[str, Any]], object], times: int, data: st.DataObject
) -> None:
    """Reading either refuses the whole file, or gives a plan that is shown and applied without a fault."""
    document = json.loads(dump(plan_to_json(plan_for(new_tenant(*found.guests.values()), tree))))
    for _ in range(times):
        mutate(document, data)
    finish(document)
    plan = read(document)
    if plan is not None:
        carry_out(plan, tree, found)


def forged(**row: Any) -> dict[str, Any]:
    """Make a plan of two changes, and forge a row for another guest, who is as declared."""
    tree = desired(declared(1), declared(2, email="bo@new.example"))
    tenant = new_tenant(guest(1), guest(2, "bo@old.example"), guest(3, "cy@old.example"))
    document: dict[str, Any] = json.loads(dump(plan_to_json(plan_for(tenant, tree))))
    extra = {**copy.deepcopy(document["changes"][0]), "id": guest_id(3), **row}
    document["changes"].append(extra)
    document["summary"] |= {"changes": 3, "declared": 3}
    sign(document)
    return document


@pytest.mark.parametrize("kind", ["change-email", "other-mails", "reset", "restore-mail"])
def test_a_row_without_its_actions_is_refused_before_anything_is_sent(kind: str) -> None:
    """A kind without the actions it must have would end an apply in its middle."""
    with pytest.raises(UnusablePlan, match=f"do not fit the kind {kind}"):
        plan_from_json(json.dumps(forged(kind=kind, actions=[])).encode(), tenant=TENANT)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": guest_id(1)}, f"{guest_id(1)} stands there more than once"),
        ({"id": guest_id(3) + "\n"}, "is not a GUID"),
        ({"waitsFor": guest_id(3)}, "whose change does not come before it"),
        ({"waitsFor": guest_id(9)}, "whose change does not come before it"),
        ({"kind": "reset"}, "do not fit the kind reset"),
    ],
)
def test_what_the_rows_say_of_each_other_has_to_fit(row: dict[str, Any], said: str) -> None:
    """Ids are unique and canonical, and nobody waits for themselves or for a row that is not there."""
    with pytest.raises(UnusablePlan, match=said):
        plan_from_json(json.dumps(forged(**row)).encode(), tenant=TENANT)


@pytest.mark.parametrize(
    ("email", "lists"),
    [
        ("ana@newco.example\n", None),
        (" ana@newco.example", None),
        ("ána@newco.example", None),
        ("ana@newco.example", ["b@x.example", "ana@newco.example"]),
        ("ana@newco.example", ["ana@newco.example", "ANA@newco.example"]),
    ],
)
def test_addresses_that_are_written_are_in_canonical_form(email: str, lists: list[str] | None) -> None:
    """An address has the form that Graph takes, and a list is sorted and holds each address once."""
    document = forged()
    for action in document["changes"][2]["actions"]:
        action["email"] = email
        if "otherMails" in action:
            action["otherMails"] = lists or [email]
    sign(document)
    with pytest.raises(UnusablePlan, match="cannot be used"):
        plan_from_json(json.dumps(document).encode(), tenant=TENANT)


def test_counts_fit_the_rows() -> None:
    """What a page says first is what is below."""
    document = forged()
    document["summary"]["changes"] = 2
    with pytest.raises(UnusablePlan, match="the summary counts other"):
        plan_from_json(json.dumps(document).encode(), tenant=TENANT)
