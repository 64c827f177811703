"""Whole storms over a real socket: every guest ends right, and nobody is reset once too often."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.apply import RunResult, Services, Terms, apply_plan
from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.identity.applications import Application
from reconciler.emulator.identity.auth import ALL_PERMISSIONS, Authorizer, Principal
from reconciler.emulator.identity.permissions import TokenAuthorizer
from reconciler.emulator.identity.tokens import TokenService
from reconciler.emulator.protocol.error_responses import ErrorResponse
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from reconciler.graph.rate_limits import RateLimiter
from reconciler.graph.sessions import SessionOptions, TokenSource
from reconciler.graph.writer import open_directory
from reconciler.guard.approval import approve_all
from reconciler.model import ActionResult, Outcome, Plan
from reconciler.observation import observe
from reconciler.plan import make_plan
from tests.support.applying import Heard
from tests.support.directory import declared, desired
from tests.support.plans import TENANT, guest_id

SPEED = 20
"""How many times as fast as a real one both clocks run."""

ACCEPTED = range(1, 7)
PENDING = range(7, 9)
ENTRIES = desired(*(declared(number, f"g{number}@new.example") for number in (*ACCEPTED, *PENDING)))

INVITATIONS = {"on": "POST /invitations"}
STORMS: Mapping[str, Mapping[str, Any]] = {
    "throttled half of the time": {
        "rules": [{"on": "writes", "do": "fail", "status": 429, "retryAfter": 5, "chance": 50}]
    },
    "quotas that others have used up": {"quotas": {"filled": 0, "writes": {"limit": 30, "per": 60}}},
    "503 after each PATCH": {"rules": [{"on": "PATCH", "do": "fail", "status": 503, "where": "after"}]},
    "each PATCH cut after it was carried out": {"rules": [{"on": "PATCH", "do": "cut", "where": "after"}]},
    "503 after each POST": {"rules": [{**INVITATIONS, "do": "fail", "status": 503, "where": "after"}]},
    "each POST cut after it was carried out": {"rules": [{**INVITATIONS, "do": "cut", "where": "after"}]},
    "each answer to a POST cut in the middle": {"rules": [{**INVITATIONS, "do": "cut-body"}]},
    "the first POSTs cut before they are carried out": {
        "rules": [{**INVITATIONS, "do": "cut", "at": 1, "times": 8}]
    },
    "invitations that are in progress and never get done": {
        "rules": [
            {
                **INVITATIONS,
                "do": "answer",
                "fields": {"status": "InProgress"},
                "undone": True,
                "at": 1,
                "times": 2,
            }
        ]
    },
    "invitations that are in progress and done at once": {
        "rules": [{**INVITATIONS, "do": "answer", "fields": {"status": "InProgress"}}]
    },
    "every write known 50 s late": {"replication": {"reads": 50_000, "invitations": 50_000}},
    "reads that go stale and come back": {
        "replication": {"reads": 20_000, "invitations": 20_000, "current": 50}
    },
}


class FastClock:
    """The computer's clock, as fast as the emulator's."""

    def __init__(self) -> None:
        self._started = datetime.now(UTC)
        self._loop = asyncio.get_running_loop()
        self._zero = self._loop.time()

    def now(self) -> datetime:
        """Give the instant."""
        return self._started + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Give the seconds since the beginning."""
        return (self._loop.time() - self._zero) * SPEED

    async def sleep(self, seconds: float) -> None:
        """Sleep less long in truth."""
        await asyncio.sleep(seconds / SPEED)


class Tokens:
    """The emulator's fixed token, renewed as often as anybody asks."""

    async def token(self, *, claims: str | None = None) -> str:
        """Give it."""
        del claims
        return "emulator"


APPLICATION = Application(
    name="apply",
    client_id="0c3e5a7b-1111-4222-8333-444455556666",
    permissions=tuple(sorted(ALL_PERMISSIONS)),
)


class Hour:
    """A token service whose clock leaps over the life of a token when a certain write arrives."""

    def __init__(self, *, over_at: int) -> None:
        self._now = 1_800_000_000.0
        self._service = TokenService(tenant_id=TENANT, applications=(APPLICATION,), now=lambda: self._now)
        self._authorizer = TokenAuthorizer(self._service)
        self._writes = 0
        self._over_at = over_at
        self.issued = [self._service.issue(APPLICATION)]

    async def token(self, *, claims: str | None = None) -> str:
        """Give the token there is, and another one only when told that it was refused."""
        if claims is not None:
            self.issued.append(self._service.issue(APPLICATION))
        return self.issued[-1]

    def authorize(self, bearer: str | None, method: str, path: str) -> Principal | ErrorResponse:
        """Look at the token; the hour may be over."""
        self._writes += method != "GET" and path != "/$batch"
        if self._writes == self._over_at:
            self._over_at = 0
            self._now += self._service.lifetime
        return self._authorizer.authorize(bearer, method, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stormy:
    """A served tenant."""

    root: str
    control: ControlClient


def tenant(*, pending_moves_time: bool = True, authorizer: Authorizer | None = None) -> Iterator[Stormy]:
    """Serve guests whose addresses are all to change."""
    guests = [
        {
            "id": guest_id(number),
            "email": f"g{number}@old.example",
            "since": "2025-03-05T08:41:17Z",
            **({"state": "PendingAcceptance"} if number in PENDING else {}),
        }
        for number in (*ACCEPTED, *PENDING)
    ]
    seed = {
        "tenant": {"id": TENANT, "verifiedDomains": ["contoso.example"]},
        "guests": guests,
        "switches": {"pendingResetMovesTime": pending_moves_time},
    }
    with (
        serve(None, seed=Seed(document=seed), authorizer=authorizer) as emulator,
        ControlClient(emulator.root) as control,
    ):
        yield Stormy(root=emulator.root, control=control)


@pytest.fixture
def served() -> Iterator[Stormy]:
    """Serve the tenant."""
    yield from tenant()


@pytest.fixture
def silent() -> Iterator[Stormy]:
    """Serve a tenant in which nothing shows that a pending guest was reset."""
    yield from tenant(pending_moves_time=False)


@pytest.fixture
def hour() -> Hour:
    """Issue tokens that live until the sixth write."""
    return Hour(over_at=6)


@pytest.fixture
def served_for_an_hour(hour: Hour) -> Iterator[Stormy]:
    """Serve the tenant to whoever has such a token."""
    yield from tenant(authorizer=hour)


async def weather(
    served: Stormy, storm: Mapping[str, Any], tokens: TokenSource | None = None
) -> tuple[RunResult, Plan]:
    """Plan in calm, apply in a storm, and plan again in calm."""
    clock = FastClock()
    session = SessionOptions(limiter=RateLimiter(clock=clock))
    async with open_directory(served.root, tokens or Tokens(), options=session) as (reader, writer):
        plan = make_plan(ENTRIES, await observe(reader, ENTRIES), clock.now())
        await asyncio.to_thread(served.control.set_faults, {"speed": SPEED, **storm})
        finished = await apply_plan(
            approve_all(plan).work,
            Services(reader=reader, writer=writer, clock=clock, observer=Heard()),
            Terms(),
            shutdown=asyncio.Event(),
        )
        await asyncio.to_thread(served.control.set_faults, {})
        return finished, make_plan(ENTRIES, await observe(reader, ENTRIES), clock.now())


def resets(served: Stormy) -> Counter[str]:
    """Count how often each guest was reset."""
    return Counter(write.id for write in served.control.history() if write.operation == "reset")


@pytest.mark.parametrize("name", sorted(STORMS))
async def test_a_storm_ends_converged_without_an_extra_reset(name: str, served: Stormy) -> None:
    """Whatever goes wrong on the way, everybody is changed, and reset as often as was needed: once."""
    finished, plan = await weather(served, STORMS[name])
    assert {outcome.outcome for outcome in finished.outcomes} == {Outcome.APPLIED}, finished.outcomes
    assert plan.changes == ()
    assert set(resets(served).values()) == {1}
    for number in (*ACCEPTED, *PENDING):
        guest = served.control.truth()[guest_id(number)]
        assert (guest.account, guest.invited, guest.has_live_link) == (None, f"g{number}@new.example", True)
        assert guest.other_mails == (f"g{number}@new.example",)


async def test_a_token_that_expires_on_the_way_is_renewed(hour: Hour, served_for_an_hour: Stormy) -> None:
    """The old token stays refused and a new one is fetched, once; what was refused is sent again, once."""
    finished, plan = await weather(served_for_an_hour, {}, hour)
    assert {outcome.outcome for outcome in finished.outcomes} == {Outcome.APPLIED}, finished.outcomes
    assert plan.changes == ()
    assert set(resets(served_for_an_hour).values()) == {1}
    old, new = hour.issued
    assert isinstance(hour.authorize(old, "GET", "/users"), ErrorResponse)
    assert isinstance(hour.authorize(new, "GET", "/users"), Principal)
    refused = [request.method for request in served_for_an_hour.control.requests() if request.status == 401]
    assert {"PATCH", "POST"} & set(refused)


async def test_where_nothing_shows_there_is_one_more_reset(silent: Stormy) -> None:
    """A pending guest whose POST's answer is lost is reset once more, and the report says so."""
    lost = {**INVITATIONS, "do": "cut", "where": "after", "at": 1, "times": 8}
    finished, plan = await weather(silent, {"rules": [lost]})
    assert {outcome.outcome for outcome in finished.outcomes} == {Outcome.APPLIED}
    assert plan.changes == ()
    repeated = {
        outcome.id
        for outcome in finished.outcomes
        for action in outcome.actions
        if action.result is ActionResult.REPEATED
    }
    assert repeated == {guest_id(number) for number in PENDING}
    assert {guest: count for guest, count in resets(silent).items() if count > 1} == dict.fromkeys(
        repeated, 2
    )
