"""What a tree loosens since the base is told, and so is each change that only became possible by it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from reconciler.model import (
    Cloud,
    DesiredGuest,
    EmailAddress,
    Hold,
    LimitRaise,
    Plan,
    Policy,
    Setting,
    TenantId,
    built_in_invitation,
)
from reconciler.plan import Baseline, make_plan
from reconciler.plan.guard_rails import differing_keys, loosened
from tests.support.directory import NOW, declared, desired, guest, guest_id, live
from tests.support.plans import TENANT

OTHER_TENANT = TenantId("00000000-0000-4000-8000-0000000000ff")
RAISE = LimitRaise(max_changes=50, max_change_percent=None, until=date(2026, 12, 24), reason="merger")
HOLD = Hold(reason="leave", until=date(2026, 12, 31))
FIRST, SECOND = guest_id(1), guest_id(2)


def told(before: Policy, after: Policy) -> Mapping[str, tuple[Setting, Setting]]:
    found = loosened(desired(policy=before), desired(policy=after))
    return {one.field: (one.before, one.after) for one in found}


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        (Policy(), Policy(max_changes=21), "policy.maxChanges"),
        (Policy(), Policy(max_change_percent=11), "policy.maxChangePercent"),
        (Policy(), Policy(limit_raise=RAISE), "policy.raise"),
        (Policy(limit_raise=RAISE), Policy(limit_raise=replace(RAISE, reason="more")), "policy.raise"),
        (Policy(allowed_domains=("a.example",)), Policy(), "policy.allowedDomains"),
        (
            Policy(allowed_domains=("a.example",)),
            Policy(allowed_domains=("a.example", "b.example")),
            "policy.allowedDomains",
        ),
        (Policy(denied_domains=("a.example",)), Policy(), "policy.deniedDomains"),
        (
            Policy(denied_domains=("a.example",)),
            Policy(denied_domains=("b.example",)),
            "policy.deniedDomains",
        ),
        (Policy(protected=(FIRST, SECOND)), Policy(protected=(FIRST,)), "policy.protected"),
    ],
)
def test_a_looser_policy_is_told(before: Policy, after: Policy, field: str) -> None:
    """Each setting that lets more happen stands there with its value before and after."""
    found = told(before, after)
    assert set(found) == {field}
    assert found[field][0] != found[field][1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Policy(), Policy(max_changes=5, max_change_percent=1)),
        (Policy(limit_raise=RAISE), Policy()),
        (Policy(), Policy(allowed_domains=("a.example",))),
        (Policy(allowed_domains=("a.example", "b.example")), Policy(allowed_domains=("b.example",))),
        (Policy(), Policy(denied_domains=("a.example",), protected=(FIRST,))),
        (Policy(limit_raise=RAISE), Policy(limit_raise=RAISE)),
    ],
)
def test_a_stricter_policy_is_not(before: Policy, after: Policy) -> None:
    """A reviewer need not be told of less that can happen."""
    assert told(before, after) == {}


def test_where_the_tree_belongs_is_told() -> None:
    """Another tenant, cloud or domain of markers changes what every other setting means."""
    before = desired()
    after = replace(before, tenant_id=OTHER_TENANT, cloud=Cloud.CHINA, marker_domain="m.contoso.example")
    assert [(one.field, one.before, one.after) for one in loosened(before, after)] == [
        ("tenantId", TENANT, OTHER_TENANT),
        ("cloud", "global", "china"),
        ("markerDomain", "reconciler.invalid", "m.contoso.example"),
    ]


@pytest.mark.parametrize(
    ("key", "changed", "after"),
    [
        ("cc", {"cc": EmailAddress("mallory@evil.example")}, "mallory@evil.example"),
        ("message", {"message": "Sign in here"}, "Sign in here"),
        ("redirectUrl", {"redirect_url": "https://evil.example"}, "https://evil.example"),
        ("language", {"language": "de-DE"}, "de-DE"),
        ("sendMessage", {"send_message": False}, False),
    ],
)
def test_every_default_of_the_invitation_is_told(key: str, changed: dict[str, Any], after: Setting) -> None:
    """One line in tenant.yaml decides what every guest receives and where each is sent."""
    before = desired()
    (one,) = loosened(before, replace(before, invitation=replace(before.invitation, **changed)))
    assert (one.field, one.after) == (f"defaults.invitation.{key}", after)
    (back,) = loosened(replace(before, invitation=replace(before.invitation, **changed)), before)
    assert (back.field, back.before) == (one.field, one.after)


@pytest.mark.parametrize("after", [None, replace(HOLD, until=date(2026, 12, 1))])
def test_a_hold_that_ends_earlier_is_told(after: Hold | None) -> None:
    """A hold that is removed, or ends earlier, stands there with the guest's id."""
    (one,) = loosened(desired(declared(hold=HOLD)), desired(declared(hold=after)))
    assert (one.field, one.before) == (f"{FIRST}.hold", "until 2026-12-31: leave")


@pytest.mark.parametrize("after", [HOLD, replace(HOLD, until=date(2027, 1, 31), reason="longer")])
def test_a_hold_that_lasts_is_not(after: Hold) -> None:
    """The same hold and a longer one hold what they held."""
    assert loosened(desired(declared(hold=HOLD)), desired(declared(hold=after))) == ()


def planned(before: DesiredGuest, after: DesiredGuest, then: Policy, now: Policy) -> Plan:
    tree = desired(after, policy=now)
    base = Baseline.of(desired(before, policy=then), desired=tree)
    return make_plan(tree, live(guest()), NOW, base=base)


@pytest.mark.parametrize(
    ("then", "hold", "rule"),
    [
        (Policy(protected=(FIRST,)), None, "protected"),
        (Policy(denied_domains=("newco.example",)), None, "domain-denied"),
        (Policy(allowed_domains=("old.example",)), None, "domain-not-allowed"),
        (Policy(), HOLD, "on-hold"),
    ],
)
def test_a_change_that_the_base_would_block_says_so(then: Policy, hold: Hold | None, rule: str) -> None:
    """Whoever loosens a guard rail and makes use of it in one step is seen to do both."""
    plan = planned(declared(email="ana@old.example", hold=hold), declared(), then, Policy())
    (change,) = plan.changes
    (warning,) = [note for note in change.warnings if note.rule == "was-blocked"]
    assert f"({rule})" in warning.message
    assert len(plan.guard_rails) == 1


def test_a_change_that_was_possible_before_has_no_such_warning() -> None:
    """Guard rails that were as loose before are no news."""
    plan = planned(declared(email="ana@old.example"), declared(), Policy(), Policy())
    assert plan.guard_rails == ()
    assert "was-blocked" not in {note.rule for note in plan.changes[0].warnings}


def test_without_a_valid_base_nothing_is_compared() -> None:
    """A first tree loosens nothing, and a base that is not valid is a warning of its own."""
    for base in (None, Baseline.empty(), Baseline.unknown()):
        assert make_plan(desired(declared()), live(guest()), NOW, base=base).guard_rails == ()


def test_the_invitation_of_a_row_is_compared_with_the_base() -> None:
    """What a guest is told anew is marked, whether the entry or the tenant's defaults changed it."""
    plan = planned(declared(email="ana@old.example"), declared(message="hello"), Policy(), Policy())
    assert plan.changes[0].invitation_changed == ("message",)
    assert make_plan(desired(declared()), live(guest()), NOW).changes[0].invitation_changed is None
    new = make_plan(desired(declared()), live(guest()), NOW, base=Baseline.empty()).changes[0]
    assert new.invitation_changed == ("cc", "language", "message", "redirectUrl", "sendMessage")
    assert differing_keys(built_in_invitation(TENANT), built_in_invitation(TENANT)) == ()


def test_drift_refuses_no_pull_request() -> None:
    """A limit counts what merging approves: apply runs no more than that, so it refuses no more either."""
    drifted, changed = declared(1, "ana@newco.example"), declared(2, "bo@newco.example")
    tree = desired(drifted, changed, policy=Policy(max_changes=1))
    before = desired(drifted, declared(2, "bo@old.example"), policy=Policy(max_changes=1))
    found = live(guest(1), guest(2, "bo@old.example"))
    assert [one.rule for one in make_plan(tree, found, NOW).refusals] == ["max-changes"]
    assert make_plan(tree, found, NOW, base=Baseline.of(before, desired=tree)).refusals == ()
