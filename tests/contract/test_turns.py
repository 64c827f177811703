"""A write is permitted when its turn has come, and not sent without a permit."""

import asyncio
from collections.abc import Iterator

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import RunningEmulator, serve
from reconciler.emulator.tenant.seed import Seed
from reconciler.graph.rate_limits import Quota, RateLimiter
from reconciler.graph.sessions import SessionOptions
from reconciler.graph.writer import open_directory
from reconciler.model import Done, EmailAddress, NotSent, UserUpdate, Write
from tests.support.plans import guest_id, reset_of

ADDRESS = EmailAddress("ana@old.example")


class Tokens:
    """The emulator's fixed token."""

    async def token(self, *, claims: str | None = None) -> str:
        """Give it."""
        del claims
        return "emulator"


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """Serve one guest."""
    guests = [{"id": guest_id(1), "email": ADDRESS.text}]
    with serve(None, seed=Seed(document={"guests": guests})) as running:
        yield running


WRITES: dict[str, Write] = {
    "list": UserUpdate(mail=None, other_mails=(ADDRESS,)),
    "mail": UserUpdate(mail=ADDRESS, other_mails=(ADDRESS,)),
    "reset": reset_of(ADDRESS.text),
}


async def withheld() -> bool:
    """Permit nothing."""
    return False


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_without_a_permit_sends_nothing(emulator: RunningEmulator, write: str) -> None:
    """When the permit is withheld as the turn comes, no request goes out, and the answer says so."""
    async with open_directory(emulator.root, Tokens()) as (_, writer):
        answer = await writer.perform(guest_id(1), WRITES[write], client_request_id="c", permit=withheld)
    assert answer == NotSent()
    with ControlClient(emulator.root) as control:
        assert control.requests() == []


async def test_the_turn_comes_after_the_wait_for_the_quota(emulator: RunningEmulator) -> None:
    """As long as the quota is used up no permit is asked for; a write that was sent was permitted once."""
    limiter = RateLimiter()
    asked: list[str] = []
    used_up = {Quota.INVITATIONS: 150}

    async def permit() -> bool:
        asked.append("turn")
        return True

    await limiter.acquire(used_up)
    async with open_directory(emulator.root, Tokens(), options=SessionOptions(limiter=limiter)) as (
        _,
        writer,
    ):
        sending = asyncio.ensure_future(
            writer.perform(guest_id(1), WRITES["reset"], client_request_id="c", permit=permit)
        )
        while not limiter.waiting():  # noqa: ASYNC110 - the pace rings no bell, and each round is one step
            await asyncio.sleep(0)
        assert asked == []
        limiter.commit(used_up)
        assert isinstance(await sending, Done)
    assert asked == ["turn"]
