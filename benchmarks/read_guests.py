"""How much reading a large tenant costs: requests, and time beside raw httpx and json.loads.

100,000 guests in the embedded emulator, 20,000 of them declared as they are. Run from the repository's
root: `python -m benchmarks.read_guests`.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple

import httpx

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from reconciler.graph.reader import open_reader
from reconciler.graph.requests import USER_FIELDS
from reconciler.model import (
    Cloud,
    Desired,
    DesiredGuest,
    EmailAddress,
    Invitation,
    ObjectId,
    Policy,
    Source,
    TenantId,
    built_in_invitation,
)
from reconciler.observation import observe
from reconciler.plan import make_plan

MOST_REQUESTS = 110
MOST_TIMES_RAW = 2.0
TENANT = TenantId("7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10")
TOKEN = "emulator"


class _Tokens:
    async def token(self, *, claims: str | None = None) -> str:
        del claims
        return TOKEN


async def read_raw(root: str) -> list[dict[str, str]]:
    """Read all pages with nothing but httpx and json.loads."""
    url = f"{root}/v1.0/users?$filter=userType eq 'Guest'&$select={','.join(USER_FIELDS)}&$top=999"
    rows: list[dict[str, str]] = []
    async with httpx.AsyncClient(
        headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=60
    ) as http:
        while url:
            page = json.loads((await http.get(url)).content)
            rows += page["value"]
            url = page.get("@odata.nextLink", "")
    return rows


def declare(rows: list[dict[str, str]], count: int) -> Desired:
    """Declare every n-th guest of the tenant as they are."""
    step = len(rows) // count
    invitation = Invitation(
        redirect_url="https://myapps.microsoft.com",
        send_message=True,
        language="en-US",
        cc=None,
        message=None,
    )
    guests = (
        DesiredGuest(
            id=ObjectId(row["id"]),
            name=None,
            email=EmailAddress(row["mail"]),
            alternate_emails=None,
            reset_after=None,
            invitation=invitation,
            hold=None,
            source=Source(file="guests/all.yaml", line=number + 1),
        )
        for number, row in enumerate(rows[::step][:count])
    )
    return Desired(
        tenant_id=TENANT,
        cloud=Cloud.EMULATOR,
        policy=Policy(),
        guests=tuple(sorted(guests, key=lambda guest: guest.id)),
        invitation=built_in_invitation(TENANT),
    )


class Cost(NamedTuple):
    """What a read costs, in seconds."""

    elapsed: float

    own: float
    """Processor time of the reading thread alone: the emulator works in another one."""


async def cost(read: Callable[[], Awaitable[object]]) -> Cost:
    """Measure a read."""
    started, worked = time.perf_counter(), time.thread_time()
    await read()
    return Cost(time.perf_counter() - started, time.thread_time() - worked)


async def measure(root: str, *, declared: int, rounds: int) -> bool:
    """Measure, print a table and tell whether both bounds hold."""
    desired = declare(await read_raw(root), declared)
    raw: list[Cost] = []
    ours: list[Cost] = []
    async with open_reader(root, _Tokens()) as reader:
        with ControlClient(root) as control:
            control.forget_requests()
            live = await observe(reader, desired)
            requests = sum(request.parent is None for request in control.requests())
        plan = make_plan(desired, live, datetime.now(UTC))
        for _ in range(rounds):
            raw.append(await cost(lambda: read_raw(root)))
            ours.append(await cost(lambda: observe(reader, desired)))
    print(f"guests in the tenant    {len(live.guests) + live.unmanaged:>9,}")
    print(f"declared                {plan.summary.declared:>9,}")
    print(f"changes                 {plan.summary.changes:>9,}")
    print(f"requests                {requests:>9,}   at most {MOST_REQUESTS}")
    print(f"\nmedian of {rounds}, seconds      raw  observe    ratio   at most {MOST_TIMES_RAW}")
    ratios = []
    for name in Cost._fields:
        theirs = statistics.median(getattr(each, name) for each in raw)
        mine = statistics.median(getattr(each, name) for each in ours)
        ratios.append(mine / theirs)
        print(f"{name:<23} {theirs:>7.2f}  {mine:>7.2f}  {mine / theirs:>7.2f}")
    return requests <= MOST_REQUESTS and max(ratios) <= MOST_TIMES_RAW and plan.summary.changes == 0


def main() -> int:
    """Run the benchmark; 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guests", type=int, default=100_000)
    parser.add_argument("--declared", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    seed = Seed(
        document={
            "tenant": {"id": TENANT},
            "generate": {"guests": options.guests},
            "switches": {"recordBodies": False},
        }
    )
    with serve(None, seed=seed) as emulator:
        good = asyncio.run(measure(emulator.root, declared=options.declared, rounds=options.rounds))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
