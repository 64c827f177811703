"""Quotas are used up to the share that was set, in order, and what Graph says about its load is heeded."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.graph.rate_limits import (
    INVITATION,
    UPDATE,
    Cost,
    Quota,
    RateLimiter,
    read_cost,
)
from reconciler.graph.read_retries import ReadRetryPolicy
from reconciler.graph.requests import user_update
from reconciler.graph.responses import Answer
from reconciler.graph.sessions import ReadSession
from reconciler.graph.transport import open_transport
from reconciler.model import ObjectId
from tests.support.scripted_graph import Reply, Request, Tokens, scripted_graph

GUEST = ObjectId("11111111-2222-4333-8444-555555555555")
ONE_INVITATION: Cost = {Quota.INVITATIONS: 1}
ONE_WRITE: Cost = {Quota.WRITES: 1}


@dataclass(slots=True)
class Imagined:
    """Time that passes only when somebody waits."""

    seconds: float = 0.0
    naps: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        """Give the imagined instant."""
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        """Give the imagined time."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.naps.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


def told(status: int = 200, **headers: str) -> Answer:
    names = {
        "after": "retry-after",
        "load": "x-ms-throttle-limit-percentage",
        "why": "x-ms-throttle-information",
    }
    found = httpx.Headers({names[name]: value for name, value in headers.items()})
    return Answer(status=status, headers=found, body=None)


async def spend(limiter: RateLimiter, cost: Cost, times: int) -> None:
    for _ in range(times):
        await limiter.acquire(cost)
        limiter.commit(cost)


async def test_full_bucket_goes_at_once_and_the_rest_at_the_quotas_rate() -> None:
    """What a quota holds goes out at once; afterwards exactly its rate is kept."""
    clock = Imagined()
    limiter = RateLimiter(share=0.8, clock=clock)
    await spend(limiter, ONE_INVITATION, 120)
    assert clock.seconds == 0
    await spend(limiter, ONE_INVITATION, 240)
    assert clock.seconds == pytest.approx(240 / (0.8 * 150 / 5))


async def test_whole_quota_keeps_a_reserve_for_requests_that_overtake() -> None:
    """With the whole quota the bucket is not emptied to its last token, but filled at the full rate."""
    clock = Imagined()
    limiter = RateLimiter(share=1, clock=clock)
    await spend(limiter, ONE_INVITATION, 135)
    assert clock.seconds == 0
    await spend(limiter, ONE_INVITATION, 300)
    assert clock.seconds == pytest.approx(300 / 30)


@pytest.mark.parametrize("share", [0.0, -1.0, 1.01, float("nan")])
def test_share_outside_of_its_bounds_is_refused(share: float) -> None:
    """A share is above 0 and at most 1."""
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        RateLimiter(share=share)


@given(
    share=st.floats(0.05, 1.0),
    costs=st.lists(st.sampled_from([UPDATE, INVITATION, read_cost(["/users"] * 20)]), max_size=300),
    pauses=st.lists(st.floats(0, 20), max_size=5),
)
def test_no_quota_is_ever_exceeded(share: float, costs: list[Cost], pauses: list[float]) -> None:
    """Whatever is asked for and whenever, a server's token bucket of the same quota never runs dry."""
    limits = {Quota.INVITATIONS: (150, 5.0), Quota.WRITES: (3_000, 150.0), Quota.UNITS: (3_500, 10.0)}

    async def run() -> None:
        clock = Imagined()
        limiter = RateLimiter(share=share, clock=clock)
        left = {quota: float(limit) for quota, (limit, _) in limits.items()}
        seen = 0.0
        for number, cost in enumerate(costs):
            if number < len(pauses):
                clock.seconds += pauses[number]
            await limiter.acquire(cost)
            limiter.commit(cost)
            for quota, (limit, per) in limits.items():
                left[quota] = min(limit, left[quota] + (clock.seconds - seen) * limit / per)
                left[quota] -= cost.get(quota, 0)
                assert left[quota] >= 0
            seen = clock.seconds

    asyncio.run(run())


async def test_bucket_gains_nothing_before_the_first_answer() -> None:
    """Graph's bucket is full until the first request arrives, so ours does not fill meanwhile either."""
    clock = Imagined()
    limiter = RateLimiter(share=1, clock=clock)
    for _ in range(135):
        await limiter.acquire(ONE_INVITATION)
    clock.seconds += 100
    waiting = asyncio.create_task(limiter.acquire(ONE_INVITATION))
    await asyncio.sleep(0)
    assert not waiting.done()
    limiter.commit(ONE_INVITATION)
    await waiting
    assert clock.seconds > 100


async def test_throttled_bucket_stops_as_a_whole_and_begins_empty() -> None:
    """After a 429 nothing of that quota goes out before Retry-After is over, and no burst afterwards."""
    clock = Imagined()
    limiter = RateLimiter(share=1, clock=clock)
    limiter.observe(UPDATE, told(429, after="12"))
    limiter.observe(UPDATE, told(429, after="3"))
    await limiter.acquire(ONE_INVITATION)
    assert clock.seconds == 0
    await limiter.acquire(ONE_WRITE)
    assert clock.seconds == pytest.approx(12 + 1 / 20)


async def test_waiting_requests_are_held_back_by_a_429_that_comes_meanwhile() -> None:
    """A 429 also stops requests that were already waiting for their turn."""
    clock = Imagined()
    limiter = RateLimiter(share=1, clock=clock)
    await spend(limiter, ONE_WRITE, 2990)
    waiting = asyncio.create_task(limiter.acquire({Quota.WRITES: 100}))
    await asyncio.sleep(0)
    limiter.observe(UPDATE, told(429, after="60"))
    await waiting
    assert clock.seconds >= 60 + 100 / 20


@pytest.mark.parametrize(
    ("why", "held"),
    [
        ("WriteLimitExceeded", Quota.WRITES),
        ("ResourceUnitLimitExceeded", Quota.UNITS),
        ("CPULimitExceeded", Quota.INVITATIONS),
    ],
)
async def test_429_stops_the_quota_it_names(why: str, held: Quota) -> None:
    """An invitation is throttled for invitations, unless Graph names another quota."""
    for quota in Quota:
        clock = Imagined()
        limiter = RateLimiter(clock=clock)
        limiter.observe(INVITATION, told(429, after="7", why=why))
        await limiter.acquire({quota: 1})
        assert (clock.seconds >= 7) is (quota is held)


async def test_429_without_a_time_pauses_all_the_same() -> None:
    """When Graph does not say how long, a few seconds are waited."""
    clock = Imagined()
    limiter = RateLimiter(clock=clock)
    limiter.observe(UPDATE, told(429))
    await limiter.acquire(ONE_WRITE)
    assert clock.seconds >= 5


async def seconds_for_hundred(load: str) -> float:
    clock = Imagined()
    limiter = RateLimiter(share=1, clock=clock)
    await spend(limiter, ONE_WRITE, 2990)
    limiter.observe(UPDATE, told(load=load))
    await spend(limiter, ONE_WRITE, 100)
    return clock.seconds


async def test_load_above_eight_tenths_slows_down_the_more_the_higher_it_is() -> None:
    """From 0.8 on the pace sinks, gently up to the limit, much beyond it; the header's absence frees it."""
    full = await seconds_for_hundred("0.8")
    assert full == pytest.approx(5)
    near = await seconds_for_hundred("1.0")
    beyond = await seconds_for_hundred("1.5")
    assert full < near < full * 1.06
    assert beyond > full * 2
    assert await seconds_for_hundred("1.8") == await seconds_for_hundred("99") == pytest.approx(25)


@pytest.mark.parametrize("load", ["", "a lot", "nan", "inf"])
async def test_unreadable_load_counts_as_none(load: str) -> None:
    """A load that is no number does not slow anything down."""
    assert await seconds_for_hundred(load) == pytest.approx(5)


async def test_turns_are_served_in_the_order_of_asking() -> None:
    """Nobody who asked later goes first."""
    limiter = RateLimiter(share=1, clock=Imagined())
    await spend(limiter, ONE_WRITE, 2990)
    served: list[int] = []

    async def ask(number: int, tokens: int) -> None:
        await limiter.acquire({Quota.WRITES: tokens})
        served.append(number)

    await asyncio.gather(*(ask(number, 30 - number) for number in range(20)))
    assert served == list(range(20))


async def test_progress_can_see_what_is_waited_for() -> None:
    """The queues in front of quotas are visible with their length and the time to the next turn."""
    clock = Imagined()
    limiter = RateLimiter(clock=clock)
    assert limiter.waiting() == ()
    limiter.observe(UPDATE, told(429, after="12"))
    tasks = [asyncio.create_task(limiter.acquire(UPDATE)) for _ in range(3)]
    await asyncio.sleep(0)
    (queue,) = limiter.waiting()
    assert (queue.quota, queue.queued) == (Quota.WRITES, 3)
    assert queue.seconds > 0
    await asyncio.gather(*tasks)
    assert limiter.waiting() == ()


async def test_whoever_gives_up_waiting_leaves_the_queue() -> None:
    """A cancelled request takes nothing and keeps nobody waiting."""
    clock = Imagined()
    limiter = RateLimiter(clock=clock)
    limiter.observe(UPDATE, told(429, after="12"))
    first = asyncio.create_task(limiter.acquire(ONE_WRITE))
    second = asyncio.create_task(limiter.acquire(ONE_WRITE))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled()
    assert limiter.waiting() == ()


async def test_larger_tenants_have_more_resource_units() -> None:
    """What is known about the size of the tenant widens the quota of reads, and never narrows it."""

    async def seconds(users: int) -> float:
        clock = Imagined()
        limiter = RateLimiter(share=1, clock=clock)
        limiter.size_tenant(users)
        await spend(limiter, {Quota.UNITS: 100}, 200)
        return clock.seconds

    small, medium, large = [await seconds(users) for users in (10, 50, 501)]
    assert small > medium > large
    assert large == pytest.approx((20_000 - 7_600) / 800)


async def test_cost_above_a_small_share_goes_when_the_bucket_is_full() -> None:
    """A request that costs more than the bucket holds is not kept for ever."""
    clock = Imagined()
    limiter = RateLimiter(share=0.001, clock=clock)
    await spend(limiter, {Quota.UNITS: 20}, 2)
    assert clock.seconds > 0


@pytest.mark.parametrize(
    ("url", "units"),
    [
        ("/users?$select=id&$top=999", 1),
        ("http://127.0.0.1:1/v1.0/users?%24select=id", 1),
        ("/users?$filter=x", 2),
        (f"/users/{GUEST}?$select=id", 1),
        ("/organization", 1),
        ("/roleManagement/directory/roleAssignments?$expand=principal", 2),
        (f"/groups/{GUEST}/transitiveMembers?$select=id&$top=999", 4),
    ],
)
def test_reads_cost_what_the_price_list_says(url: str, units: int) -> None:
    """Prices are those of the list; items of a batch add up."""
    assert read_cost([url]) == {Quota.UNITS: units}
    assert read_cost([url, url]) == {Quota.UNITS: 2 * units}


async def test_sessions_keep_the_pace_and_heed_answers() -> None:
    """A 429 to one write holds back the next one; an item's 429 in a batch holds back reads."""
    clock = Imagined()
    turns = {"PATCH": [429, 204], "POST": [429, 200]}

    def answer(request: Request) -> Reply:
        status = turns[request.method].pop(0)
        if request.method == "PATCH":
            return Reply(status=status, headers={"retry-after": "30"})
        item = {"id": "0", "status": status, "headers": {"Retry-After": "90"}, "body": {}}
        return Reply(body={"responses": [item]})

    async with (
        scripted_graph(answer) as directory,
        open_transport(
            directory.root, Tokens(), limiter=RateLimiter(clock=clock), call_seconds=5
        ) as transport,
        ReadSession(transport, directory.root, ReadRetryPolicy(sleep=clock.sleep)) as reading,
    ):
        await transport.send(lambda: user_update(GUEST, {}), cost=UPDATE)
        assert clock.seconds == 0
        await transport.send(lambda: user_update(GUEST, {}), cost=UPDATE)
        assert clock.seconds >= 30
        await reading.batch_get(["/users/1"], what="users")
        assert clock.seconds >= 120


async def test_what_was_not_sent_is_given_back() -> None:
    """A turn that is not used costs nothing, or those who withdraw would keep the others waiting."""
    clock = Imagined()
    limiter = RateLimiter(share=1, clock=clock)
    await spend(limiter, ONE_INVITATION, 130)
    for _ in range(5):
        await limiter.acquire(ONE_INVITATION)
        limiter.release(ONE_INVITATION)
    await spend(limiter, ONE_INVITATION, 5)
    assert clock.seconds == 0
    await spend(limiter, ONE_INVITATION, 1)
    assert clock.seconds > 0


async def test_who_gives_up_in_one_queue_gives_back_what_came_from_another() -> None:
    """A request that is cancelled while it waits for its second quota leaves the first as it was."""
    clock = Imagined()
    limiter = RateLimiter(share=1, clock=clock)
    limiter.observe(UPDATE, told(429, after="60"))
    for _ in range(10):
        waiting = asyncio.create_task(limiter.acquire(INVITATION))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    spent = clock.seconds
    await spend(limiter, ONE_INVITATION, 135)
    assert clock.seconds == spent


async def test_a_bucket_that_is_stopped_begins_empty_whatever_is_given_back() -> None:
    """What is given back during a stop does not go out in a burst after it."""
    clock = Imagined()
    limiter = RateLimiter(share=1, clock=clock)
    for _ in range(30):
        await limiter.acquire(ONE_INVITATION)
    limiter.observe(ONE_INVITATION, told(429, after="10"))
    for _ in range(30):
        limiter.release(ONE_INVITATION)
    await spend(limiter, ONE_INVITATION, 30)
    assert clock.seconds == pytest.approx(10 + 30 / 30)


async def test_in_a_hurry_only_the_quotas_count() -> None:
    """Once the end is near, no pause that Graph asks for is longer than a second; the rate stays."""
    clock = Imagined()
    limiter = RateLimiter(share=1, clock=clock)
    limiter.observe(UPDATE, told(429, after="300"))
    limiter.hurry()
    await spend(limiter, UPDATE, 20)
    assert clock.seconds == pytest.approx(1, abs=0.1)
    limiter.observe(UPDATE, told(429, after="300"))
    before = clock.seconds
    await spend(limiter, UPDATE, 20)
    assert clock.seconds - before == pytest.approx(1 + 1, abs=0.1)


@pytest.mark.parametrize(("headers", "seconds"), [({"after": "30"}, 30.0), ({}, 0.0)])
async def test_a_503_that_says_when_to_come_back_stops_the_bucket(
    headers: dict[str, str], seconds: float
) -> None:
    """Graph throttles with 503 as well; one that names no time is a failure like any other."""
    clock = Imagined()
    limiter = RateLimiter(share=1, clock=clock)
    limiter.observe(INVITATION, told(503, **headers))
    await spend(limiter, ONE_INVITATION, 1)
    assert clock.seconds == pytest.approx(seconds, abs=0.1)
