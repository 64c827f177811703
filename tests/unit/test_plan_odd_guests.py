"""One declared guest in a state nobody documented is blocked; the others are planned as ever."""

import pytest

from reconciler.model import Whereabouts
from reconciler.observation import observe
from reconciler.plan import Baseline, make_plan
from tests.support.directory import NOW, declared, desired, guest, guest_id, live
from tests.support.scripted_graph.tenant import observe_guests, quiet, reading, rows, user

STATES = [{"externalUserState": "Expired"}, {"externalUserStateChangeDateTime": "2026-01-15T09:30:00"}]


@pytest.mark.parametrize("fields", STATES)
async def test_an_odd_guest_is_blocked_alone(fields: dict[str, str]) -> None:
    """Every declared guest ends in change, blocked or unchanged, whatever one of them is like."""
    seen = await observe_guests(quiet(_users=rows(user(1, **fields), user(2))), 1, 2)
    plan = make_plan(desired(declared(1), declared(2, "bo@new.example")), seen, NOW)
    assert [change.id for change in plan.changes] == [guest_id(2)]
    [blocked] = plan.blocked
    assert (blocked.id, blocked.rule) == (guest_id(1), "odd-guest")
    assert next(iter(fields)) in blocked.message
    assert "Expired" not in blocked.message
    assert plan.summary.declared == plan.summary.changes + plan.summary.blocked


def test_an_odd_guest_whose_entry_is_gone_is_live() -> None:
    """Nobody is told that such a user does not exist, or has no address."""
    tree = desired(declared(2, "ana@old.example"))
    base = Baseline.of(desired(declared(1), declared(2, "ana@old.example")), desired=tree)
    plan = make_plan(tree, live(guest(2), odd={guest_id(1): "externalUserState"}), NOW, base=base)
    [departed] = plan.no_longer_declared
    assert departed.found is Whereabouts.LIVE
    [warning] = [each for each in plan.warnings if each.rule == "no-longer-declared"]
    assert "the guest stays as they are: nobody" in warning.message


@pytest.mark.parametrize("declared_too", [True, False])
async def test_an_odd_guest_still_holds_its_addresses(declared_too: bool) -> None:  # noqa: FBT001 - two cases
    """Another guest who wants an address of an odd one is blocked, declared or not."""
    odd = user(1, externalUserState="Expired", mail="wanted@new.example", displayName=7)
    entries = [declared(2, "wanted@new.example"), *([declared(1)] if declared_too else [])]
    async with reading(quiet(_users=rows(user(2), odd))) as reader:
        seen = await observe(reader, desired(*entries))
    plan = make_plan(desired(*entries), seen, NOW)
    assert plan.changes == ()
    assert {each.id: each.rule for each in plan.blocked}[guest_id(2)] == "address-in-use"
