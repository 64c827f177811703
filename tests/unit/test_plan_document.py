"""What a whole plan says beside its changes: digests, refusals, counts."""

import hashlib
import json

from reconciler.model import Policy, Source
from reconciler.plan import make_plan
from tests.samples.directory import NOW, declared, desired, guest, live
from tests.samples.plans import TENANT, guest_id


def test_the_digest_of_a_change_can_be_computed_from_the_document_alone() -> None:
    """Others can recompute it: it is SHA-256 over the sorted JSON of what the document shows."""
    (change,) = make_plan(desired(declared(cc="c@contoso.example", message="hé")), live(guest()), NOW).changes
    shown = (
        '{"actions":[{"action":"AddOtherMail","email":"ana@newco.example"},'
        '{"action":"ResetRedemption","cc":"c@contoso.example","email":"ana@newco.example","language":"en-US",'
        '"message":"h\\u00e9","redirectUrl":"https://myapps.microsoft.com?tenantId='
        f'{TENANT}","sendMessage":true}},'
        '{"action":"SetMail","email":"ana@newco.example","otherMails":["ana@newco.example"]}],'
        '"fields":[{"after":"ana@newco.example","before":"ana@old.example","field":"mail"},'
        '{"after":["ana@newco.example"],"before":["ana@old.example"],"field":"otherMails"}],'
        f'"id":"{guest_id(1)}","kind":"change-email","tenantId":"{TENANT}"}}'
    )
    assert change.digest == "sha256:" + hashlib.sha256(shown.encode()).hexdigest()


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
    """The pull request shows already what would make apply refuse; other-mails changes do not count."""
    entries = [declared(n, email=f"p{n}@new.example") for n in (1, 2)]
    entries += [declared(n, email=f"p{n}@old.example", alternates=["b@old.example"]) for n in (3,)]
    found = live(*(guest(n, f"p{n}@old.example") for n in (1, 2, 3)))
    refused = make_plan(desired(*entries, policy=Policy(max_changes=1)), found, NOW)
    assert [note.rule for note in refused.refusals] == ["max-changes"]
    assert refused.summary.changes == 3
    assert make_plan(desired(*entries, policy=Policy(max_changes=2)), found, NOW).refusals == ()
