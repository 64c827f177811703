"""A write is announced when its turn has come, and not sent when it is not wanted any more."""

import asyncio
from collections.abc import Iterator

import pytest

from reconciler.emulator.control import ControlClient
from reconciler.emulator.seed import Seed
from reconciler.emulator.server import RunningEmulator, serve
from reconciler.graph.client import Terms
from reconciler.graph.pacing import Pace, Quota
from reconciler.graph.perform import open_directory
from reconciler.model import DirectoryWriter, Done, EmailAddress
from tests.samples.plans import guest_id, reset_of

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


class ChangedTheirMindError(Exception):
    """Whoever asked for the write does not want it any more."""


def change_mind() -> None:
    """Refuse the turn."""
    raise ChangedTheirMindError


@pytest.mark.parametrize("write", ["otherMails", "mail", "reset"])
async def test_a_refused_turn_sends_nothing(emulator: RunningEmulator, write: str) -> None:
    """What is raised when the turn comes passes through, and no request goes out."""
    async with open_directory(emulator.root, Tokens()) as (_, writer):
        with pytest.raises(ChangedTheirMindError):
            await _send(writer, write)
    with ControlClient(emulator.root) as control:
        assert control.requests() == []


async def _send(writer: DirectoryWriter, write: str) -> None:
    match write:
        case "otherMails":
            await writer.set_other_mails(
                guest_id(1), (ADDRESS,), client_request_id="c", before_sending=change_mind
            )
        case "mail":
            await writer.set_mail(
                guest_id(1), ADDRESS, (ADDRESS,), client_request_id="c", before_sending=change_mind
            )
        case _:
            await writer.reset_redemption(
                guest_id(1), reset_of(ADDRESS.text), client_request_id="c", before_sending=change_mind
            )


async def test_the_turn_comes_after_the_wait_for_the_quota(emulator: RunningEmulator) -> None:
    """As long as the quota is used up nothing is announced; a write that was sent had its turn once."""
    pace = Pace()
    announced: list[str] = []
    used_up = {Quota.INVITATIONS: 150}
    await pace.admit(used_up)
    async with open_directory(emulator.root, Tokens(), terms=Terms(pace=pace)) as (_, writer):
        sending = asyncio.ensure_future(
            writer.reset_redemption(
                guest_id(1),
                reset_of(ADDRESS.text),
                client_request_id="c",
                before_sending=lambda: announced.append("turn"),
            )
        )
        while not pace.waiting():  # noqa: ASYNC110 - the pace rings no bell, and each round is one step
            await asyncio.sleep(0)
        assert announced == []
        pace.ended(used_up)
        assert isinstance(await sending, Done)
    assert announced == ["turn"]
