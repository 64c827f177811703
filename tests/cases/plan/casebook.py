"""Reads the planner's cases, and writes what they plan now: `python -m tests.cases.plan.casebook`.

Each folder beside this file is a case: a desired tree in `tree`, the directory in `live.json`, and the
plan in `plan.json`, without the version of the tool. After a deliberate change of the planner run the
command from the root of the repository and review `git diff`: it is the change as users will meet it.
A new case is a new folder with `tree` and `live.json`; the command writes its `plan.json`.

`live.json` holds `now`, the `users` as Graph would report them, and, where they differ from a directory in
which nothing stands in the way: `deleted` (ids), `roleHolders` (id to how), `owners` (address to objects),
`verifiedDomains`, `allowInvitesFrom`, `caller`, `unmanaged`, `listedAll`, `notChecked`, `redeemLinks`,
`domains` (to how many guests each has), `markersLeft` (ids). A folder `base`, a desired tree, makes rows
say whose change they are.
"""

import json
from pathlib import Path
from typing import Any

from reconciler.desired import load, read_tree
from reconciler.documents import dump, plan_to_json
from reconciler.graph.rows import guest
from reconciler.model import (
    AddressOwner,
    AddressUse,
    CallerKind,
    Desired,
    EmailAddress,
    InvitesFrom,
    Live,
    NotChecked,
    ObjectId,
    OwnerKind,
    parse_instant,
)
from reconciler.plan import Baseline, make_plan

HERE = Path(__file__).parent
CASES = sorted(folder.name for folder in HERE.iterdir() if (folder / "tree").is_dir())


def planned(case: str) -> dict[str, Any]:
    """Plan a case."""
    world = json.loads((HERE / case / "live.json").read_text(encoding="utf-8"))
    now = parse_instant(world["now"])
    desired = load(read_tree(HERE / case / "tree"), now=now)
    before = HERE / case / "base"
    base = Baseline.of(load(read_tree(before), now=now), desired=desired) if before.is_dir() else None
    links = world.get("redeemLinks", False)
    return plan_to_json(make_plan(desired, _live(world, desired), now, redeem_links=links, base=base))


def as_text(document: dict[str, Any]) -> str:
    """Write a plan as `plan.json` holds it: without the version of the tool, which changes by itself."""
    return dump({key: value for key, value in document.items() if key != "tool"})


def _live(world: dict[str, Any], desired: Desired) -> Live:
    users = [guest(row) for row in world["users"]]
    return Live(
        tenant_id=desired.tenant_id,
        verified_domains=frozenset(world.get("verifiedDomains", ["contoso.example"])),
        invites_from=InvitesFrom(world.get("allowInvitesFrom", "everyone")),
        caller=CallerKind(world.get("caller", "application")),
        guests={user.id: user for user in users},
        deleted=frozenset(ObjectId(each) for each in world.get("deleted", [])),
        role_holders={ObjectId(each): how for each, how in world.get("roleHolders", {}).items()},
        owners={
            EmailAddress(address): tuple(_owner(owner) for owner in owners)
            for address, owners in world.get("owners", {}).items()
        },
        unmanaged=world.get("unmanaged", 0),
        listed_all=world.get("listedAll", True),
        not_checked=tuple(NotChecked(**missed) for missed in world.get("notChecked", [])),
        domains=world.get("domains", {}),
        markers_left=tuple(ObjectId(each) for each in world.get("markersLeft", [])),
    )


def _owner(owner: dict[str, Any]) -> AddressOwner:
    return AddressOwner(
        id=ObjectId(owner["id"]),
        kind=OwnerKind(owner["kind"]),
        display_name=owner["displayName"],
        use=AddressUse(owner["use"]),
        primary=owner.get("primary", False),
    )


if __name__ == "__main__":
    for name in CASES:
        (HERE / name / "plan.json").write_text(as_text(planned(name)), encoding="utf-8", newline="\n")
