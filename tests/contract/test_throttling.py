"""Under quotas: what was throttled is waited for, and what was asked for arrives."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from reconciler.graph.rate_limits import RateLimiter
from reconciler.graph.read_retries import ReadRetryPolicy
from reconciler.graph.sessions import SessionOptions
from reconciler.graph.writer import open_directory
from reconciler.model import Done, EmailAddress, Failed, FailureKind, UserUpdate
from reconciler.observation import observe
from tests.support.directory import declared, desired
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import Tokens, granted

SPEED = 50


class Fast:
    """Time that goes by as fast as the emulator's."""

    def now(self) -> datetime:
        """Give the instant of the fast clock, from 1970 on."""
        return datetime.fromtimestamp(self.monotonic(), UTC)

    def monotonic(self) -> float:
        """Give seconds of the fast clock."""
        return time.monotonic() * SPEED

    async def sleep(self, seconds: float) -> None:
        """Return after that many fast seconds."""
        await asyncio.sleep(seconds / SPEED)


class Tenant(NamedTuple):
    """A running tenant and its control surface."""

    root: str
    control: ControlClient


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    seed = Seed(
        document={
            "tenant": {"id": TENANT},
            "guests": [{"id": guest_id(n), "email": f"guest{n}@old.example"} for n in range(1, 61)],
        }
    )
    with serve(None, seed=seed) as emulator, ControlClient(emulator.root) as control:
        yield Tenant(emulator.root, control)


def options() -> SessionOptions:
    clock = Fast()
    return SessionOptions(
        retry_policy=ReadRetryPolicy(sleep=clock.sleep), limiter=RateLimiter(share=1, clock=clock)
    )


async def test_throttled_write_was_not_executed_and_the_next_one_waits(tenant: Tenant) -> None:
    """A write beyond the quota is answered as not executed; the next goes out when it may."""
    tenant.control.set_faults({"speed": SPEED, "quotas": {"writes": {"limit": 3, "per": 30}}})
    async with open_directory(tenant.root, Tokens("emulator"), options=options()) as (_, writer):
        answers = [
            await writer.perform(
                guest_id(n),
                UserUpdate(mail=None, other_mails=(EmailAddress(f"guest{n}@new.example"),)),
                client_request_id=str(n),
                permit=granted,
            )
            for n in range(1, 6)
        ]
    throttled = answers[3]
    assert isinstance(throttled, Failed)
    assert throttled.kind is FailureKind.NOT_EXECUTED
    assert throttled.retry_after is not None
    assert all(isinstance(answer, Done) for answer in (*answers[:3], answers[4]))


async def test_everything_is_read_although_most_of_it_is_throttled(tenant: Tenant) -> None:
    """Observing more than the quota allows takes longer and misses nothing."""
    tenant.control.set_faults({"speed": SPEED, "quotas": {"resourceUnits": {"limit": 4, "per": 15}}})
    tree = desired(*(declared(n, f"guest{n}@new.example") for n in range(1, 6)))
    async with open_directory(tenant.root, Tokens("emulator"), options=options()) as (reader, _):
        live = await observe(reader, tree)
    assert len(live.guests) == 5
    assert len(live.owners) == 5
    assert 429 in {request.status for request in tenant.control.requests()}
