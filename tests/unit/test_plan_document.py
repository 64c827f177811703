"""What a whole plan says beside its changes: digests, refusals, counts."""

import hashlib
import json
from dataclasses import replace

import pytest

from reconciler.documents import plan_to_json
from reconciler.model import DesiredGuest, Guest, Policy, RedemptionState, Source
from reconciler.plan import make_plan
from tests.support.directory import NEW, NOW, OLD, declared, desired, guest, live
from tests.support.plans import TENANT, guest_id, marker_of


def test_the_digest_of_a_change_can_be_computed_from_the_document_alone() -> None:
    """Others can recompute it: SHA-256 over the sorted JSON of what is shown, addresses in lower case."""
    entry = declared(email="Ana@NewCo.example", cc="C@contoso.example", message="hé")
    (change,) = make_plan(desired(entry), live(guest()), NOW).changes
    shown = (
        '{"actions":[{"action":"SetMail","email":"ana@newco.example","otherMails":["ana@newco.example"]},'
        '{"action":"ResetRedemption","cc":"c@contoso.example","email":"ana@newco.example","language":"en-US",'
        '"message":"h\\u00e9","redirectUrl":"https://myapps.microsoft.com?tenantId='
        f'{TENANT}","sendMessage":true}},'
        '{"action":"ClearMarker","email":"ana@newco.example","otherMails":["ana@newco.example"]}],'
        '"fields":[{"after":"ana@newco.example","before":"ana@old.example","field":"mail"},'
        '{"after":["ana@newco.example"],"before":["ana@old.example"],"field":"otherMails"}],'
        f'"id":"{guest_id(1)}","kind":"change-email","tenantId":"{TENANT}"}}'
    )
    assert change.digest == "sha256:" + hashlib.sha256(shown.encode()).hexdigest()
    assert "Ana@NewCo.example" in json.dumps(plan_to_json(make_plan(desired(entry), live(guest()), NOW)))


def test_the_spelling_of_an_address_changes_no_digest() -> None:
    """Who writes an address in other letters has not planned other work."""
    entry = declared(alternates=["x@kept.example"])
    plain = make_plan(desired(entry), live(guest(others=["X@Kept.example", OLD])), NOW)
    other = make_plan(desired(entry), live(guest(mail=OLD.upper(), others=["x@kept.example", OLD])), NOW)
    assert plain.digest == other.digest
    assert json.dumps(plan_to_json(plain)) != json.dumps(plan_to_json(other))


def test_a_letter_in_another_case_is_no_field_that_differs() -> None:
    """`mail` and otherMails may spell one address differently, and the one in otherMails is sent."""
    found = guest(mail=NEW.upper(), others=[NEW], markers=(marker_of(),))
    (change,) = make_plan(desired(declared()), live(found), NOW).changes
    assert change.fields == ()


def test_what_is_resumed_and_what_may_follow_are_in_no_digest() -> None:
    """The digest names the work, whichever earlier run began it."""
    entry = declared()
    plans = [
        make_plan(desired(entry), live(guest(mail=NEW, passcode=NEW, markers=(marker_of(digits),))), NOW)
        for digits in ("0" * 16, "f" * 16)
    ]
    first, second = (plan.changes[0] for plan in plans)
    assert (first.resumes, second.resumes) == ("0" * 16, "f" * 16)
    assert first.fallback is not None
    assert first.digest == second.digest


def test_the_digest_of_a_plan_is_over_the_sorted_digests_of_its_changes() -> None:
    """The order of work does not matter for what a plan is."""
    entries = (declared(1, email="p2@old.example"), declared(2, email="free@new.example"))
    found = live(guest(1, "p1@old.example"), guest(2, "p2@old.example"))
    plan = make_plan(desired(*entries), found, NOW)
    digests = sorted(change.digest for change in plan.changes)
    text = json.dumps(digests, separators=(",", ":"))
    assert plan.digest == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_the_place_of_an_entry_does_not_change_its_digest() -> None:
    """The same work is the same change after files were reordered."""
    moved = declared(source=Source(file="guests/other.yaml", line=99))
    here, there = (make_plan(desired(entry), live(guest()), NOW) for entry in (declared(), moved))
    assert here.digest == there.digest
    assert here.changes[0].source != there.changes[0].source


def test_a_plan_that_resets_too_many_says_so_itself() -> None:
    """The pull request shows already what would make apply refuse; who only loses an address counts not."""
    entries = [declared(n, email=f"p{n}@new.example") for n in (1, 2)]
    entries.append(declared(3, email="p3@old.example", alternates=[]))
    loses = guest(3, "p3@old.example", others=["p3@old.example", "x@gone.example"])
    found = live(*(guest(n, f"p{n}@old.example") for n in (1, 2)), loses)
    refused = make_plan(desired(*entries, policy=Policy(max_changes=1)), found, NOW)
    assert [note.rule for note in refused.refusals] == ["max-changes"]
    assert refused.summary.changes == 3
    assert make_plan(desired(*entries, policy=Policy(max_changes=2)), found, NOW).refusals == ()


@pytest.mark.parametrize(
    ("entry", "found", "counts"),
    [
        (declared(), guest(), True),
        (declared(email=OLD, alternates=["b@old.example"]), guest(), True),
        (declared(email=OLD, alternates=[]), guest(others=[OLD, "x@gone.example"]), False),
        (
            declared(email=OLD, alternates=[]),
            guest(others=[OLD, "x@gone.example"], state=RedemptionState.PENDING),
            True,
        ),
        (declared(), guest(passcode=NEW), False),
        (declared(alternates=["b@new.example"]), guest(passcode=NEW), True),
        (declared(), guest(mail=NEW, markers=(marker_of(),)), True),
    ],
    ids=["address", "added", "lost", "lost and reset", "restored", "restored and added", "rest"],
)
def test_the_limits_count_who_is_reset_or_gets_another_way_to_sign_in(
    entry: DesiredGuest, found: Guest, *, counts: bool
) -> None:
    """Whoever keeps the only address that lets them in is no risk to count."""
    plan = make_plan(desired(entry, policy=Policy(max_changes=0)), live(found), NOW)
    assert plan.summary.changes == 1
    assert [note.rule for note in plan.refusals] == (["max-changes"] if counts else [])


@pytest.mark.parametrize(
    ("domain", "verified", "refused"),
    [
        ("reconciler.invalid", None, False),
        ("markers.example", frozenset({"markers.example"}), False),
        ("sub.markers.example", frozenset({"markers.example"}), True),
        ("markers.example", frozenset(), True),
        ("markers.example", None, True),
        ("notinvalid.example", frozenset({"contoso.example"}), True),
        ("evilinvalid", frozenset(), True),
    ],
)
def test_a_plan_with_markers_in_a_strangers_domain_is_refused(
    domain: str, verified: frozenset[str] | None, *, refused: bool
) -> None:
    """Whoever owns the domain of a marker could redeem with it, so it is nobody's or the tenant's own."""
    tree = replace(desired(declared(email=OLD)), marker_domain=domain)
    plan = make_plan(tree, live(guest(), verified_domains=verified), NOW)
    assert [note.rule for note in plan.refusals] == (["marker-domain"] if refused else [])
    assert all(domain in note.message for note in plan.refusals)
