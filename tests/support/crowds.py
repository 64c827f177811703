"""Tenants of many guests whose addresses are all to change, and what a run over them came to."""

from reconciler.apply import RunResult
from reconciler.model import Desired, FailureKind, Outcome
from tests.support.applying import new_tenant, outcomes
from tests.support.directory import declared, desired, guest
from tests.support.tenant import Tenant
from tests.support.tenant_calls import Fault, failed

RUN_REFUSED = Fault(answer=failed(FailureKind.RUN_REFUSED, rule="invitations-closed", status=403))
THROTTLED_FOR_LONG = Fault(
    answer=failed(FailureKind.NOT_EXECUTED, rule="throttled", status=429, retry_after=300.0)
)
LOST = Fault(answer=failed(FailureKind.UNKNOWN))


def crowd(count: int) -> tuple[Tenant, Desired]:
    """Make a tenant of some guests whose addresses are all to change."""
    tenant = new_tenant()
    for number in range(1, count + 1):
        tenant.add(guest(number, f"g{number}@old.example"))
    return tenant, desired(*(declared(number, f"g{number}@newco.example") for number in range(1, count + 1)))


def counts(finished: RunResult | None) -> dict[Outcome, int]:
    """Count the outcomes."""
    found = [outcome.outcome for outcome in outcomes(finished).values()]
    return {each: found.count(each) for each in set(found)}


def rules(finished: RunResult | None) -> tuple[str, ...]:
    """Give the rules of the notes."""
    assert finished is not None
    return tuple(note.rule for note in finished.notes)


def unfinished(tenant: Tenant) -> list[object]:
    """Name the guests whose reset was sent and whose marker still stands."""
    return [each.id for each in tenant.live.values() if each.markers and tenant.truth[each.id].resets]
