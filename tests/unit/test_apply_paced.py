"""Apply behind the real pace: it always gets ahead, gives up in time, and ends when it is told to."""

from datetime import timedelta

import httpx
import pytest

from reconciler.apply import RunResult
from reconciler.graph.rate_limits import INVITATION, UPDATE, Cost, RateLimiter
from reconciler.graph.responses import Answer
from reconciler.model import (
    Failed,
    FailureKind,
    NotSent,
    ObjectId,
    Outcome,
    Permit,
    ResetRedemption,
    Write,
    WriteAnswer,
)
from tests.support.applying import apply, outcomes, work_for
from tests.support.directory import declared, desired, guest, guest_id
from tests.support.imagined_time import ImaginedClock
from tests.support.tenant import Tenant
from tests.support.tenant_calls import Call, Fault, Kind, failed

MINUTE = 60.0


class PacedTenant(Tenant):
    """A tenant whose writes wait for quotas, as those to Graph do."""

    def __init__(self, *, share: float) -> None:
        super().__init__(ImaginedClock())
        self._share = share
        self._limiter: RateLimiter | None = None

    def hurry(self) -> None:
        """Wait for quotas only."""
        self.limiter.hurry()

    @property
    def limiter(self) -> RateLimiter:
        """The pace of this process; it can be made only where a loop runs."""
        if self._limiter is None:
            self._limiter = RateLimiter(share=self._share, clock=self.clock)
        return self._limiter

    async def perform(
        self, guest: ObjectId, write: Write, *, client_request_id: str, permit: Permit
    ) -> WriteAnswer | NotSent:
        """Wait for the quotas, ask for the permit, and note what the directory asked for."""
        cost = INVITATION if isinstance(write, ResetRedemption) else UPDATE
        await self.limiter.acquire(cost)
        if not await permit():
            self.limiter.release(cost)
            return NotSent()

        async def permitted() -> bool:
            return True

        try:
            answer = await super().perform(
                guest, write, client_request_id=client_request_id, permit=permitted
            )
        finally:
            self.limiter.commit(cost)
        self._heed(cost, answer)
        return answer

    def _heed(self, cost: Cost, answer: WriteAnswer | NotSent) -> None:
        if isinstance(answer, Failed) and answer.status is not None:
            headers = httpx.Headers({"retry-after": str(answer.retry_after)})
            self.limiter.observe(cost, Answer(status=answer.status, headers=headers, body=None))


def run(tenant: Tenant, count: int, *, stop_after: float | None = None) -> RunResult:
    """Give so many guests new addresses."""
    for number in range(1, count + 1):
        tenant.add(guest(number, f"g{number}@old.example"))
    entries = desired(*(declared(number, f"g{number}@new.example") for number in range(1, count + 1)))
    finished = apply(tenant, work_for(tenant, entries), stop_after=stop_after)
    assert finished is not None
    return finished


def throttled(seconds: float) -> Fault:
    """Refuse a write for some time."""
    answer = failed(FailureKind.NOT_EXECUTED, rule="throttled", status=429, retry_after=seconds)
    return Fault(answer=answer)


@pytest.mark.parametrize(("count", "share"), [(40, 0.01), (60, 0.02)])
def test_a_small_share_of_the_quota_is_slow_and_ends(count: int, share: float) -> None:
    """Who waits so long for a turn that the guest has to be read again does not use the quota up."""
    tenant = PacedTenant(share=share)
    finished = run(tenant, count)
    assert {outcome.outcome for outcome in outcomes(finished).values()} == {Outcome.APPLIED}
    at_the_quota = 3 * count / (20 * share)
    assert tenant.clock.monotonic() < at_the_quota + 3 * MINUTE


@pytest.mark.parametrize("seconds", [10.0, 60.0])
@pytest.mark.parametrize("after", [0.0, 0.6])
def test_a_directory_that_takes_nothing_ends_the_run(seconds: float, after: float) -> None:
    """The bound holds by the clock, also where most guests only wait for a turn that never comes."""
    tenant = PacedTenant(share=0.8)
    begin = tenant.clock.now() + timedelta(seconds=after)
    tenant.script = lambda call: throttled(seconds) if call.kind.writes and call.at > begin else None
    finished = run(tenant, 200)
    assert tenant.clock.monotonic() < 13 * MINUTE
    assert {note.rule for note in finished.notes} <= {"stalled", "failure-budget"}
    for each, outcome in outcomes(finished).items():
        half_done = tenant.truth[each].resets and outcome.outcome is not Outcome.APPLIED
        assert ("half done:" in outcome.message) == bool(half_done), outcome


def test_a_signal_does_not_wait_for_what_the_directory_asked_for() -> None:
    """A last write that was to come back in two minutes goes out within the grace all the same."""
    tenant = PacedTenant(share=0.8)
    refused: list[Call] = []

    def script(call: Call) -> Fault | None:
        if call.kind is Kind.CLEAR and not refused:
            refused.append(call)
            return throttled(120.0)
        return None

    tenant.script = script
    finished = run(tenant, 60, stop_after=6.0)
    assert refused
    assert finished.interrupted
    half_done = [each for each, truth in tenant.truth.items() if truth.resets and tenant.live[each].markers]
    assert half_done == []


def test_the_pauses_of_others_are_not_taken_from_the_allowance_for_replication() -> None:
    """While the invitation service makes everybody wait, nobody's five minutes for replication run out."""
    tenant = PacedTenant(share=0.8)
    unknown = Fault(answer=failed(FailureKind.REPLICATION, rule="address-not-replicated", status=400))
    first, other = guest_id(1), guest_id(2)

    def script(call: Call) -> Fault | None:
        if call.kind is not Kind.RESET:
            return None
        if call.guest == other and call.nth == 1:
            return throttled(310.0)
        return unknown if call.guest == first and call.nth <= 3 else None

    tenant.script = script
    finished = run(tenant, 2)
    assert {outcome.outcome for outcome in outcomes(finished).values()} == {Outcome.APPLIED}
