"""The tenant and the desired tree of the crash lab: every kind of change, chains, and guests who fail."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TENANT = "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10"
PENDING = "PendingAcceptance"
PASSCODES = "passcode.example"
"""Whose accounts sign in with a passcode, so that Graph shows their address."""

FORCED = "2026-01-01T00:00:00Z"
"""When the forced resets are asked for; every guest's time is earlier."""


def guest_id(number: int) -> str:
    return f"1b6a4f0c-8a0c-4d6e-9a51-{number:012x}"


def old(number: int) -> str:
    return f"g{number}@old.example"


def new(number: int) -> str:
    return f"g{number}@new.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One declared guest: what they are, what they shall be, and how they must end."""

    number: int
    what: str

    email: str
    """Declared."""

    ends_with: tuple[str, ...]
    """`otherMails` at the end."""

    resets: bool = True
    """Whether the change resets them."""

    pending: bool = False
    """Whether they were pending before, so that nothing shows a reset."""

    marks: bool = True
    """Whether the change writes `mail`, with a marker beside it until all is done."""

    fails: bool = False
    """Whether Graph refuses every write to them."""

    is_left: bool = False
    """Whether they wait for the address of one who fails, so that nothing is written to them."""

    seed: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The object id."""
        return guest_id(self.number)

    @property
    def stays(self) -> bool:
        """Whether they end as they began, with their change still planned."""
        return self.fails or self.is_left


def cases() -> Sequence[Case]:
    """Give the declared guests; all but one of them change."""
    foreign, second = "desk@foreign.example", "second@new.example"
    return (
        *(
            Case(number=number, what="new address", email=new(number), ends_with=(new(number),))
            for number in (1, 2)
        ),
        Case(
            number=3,
            what="new address, no message",
            email=new(3),
            ends_with=(new(3),),
            entry={"invitation": {"sendMessage": False}},
        ),
        Case(
            number=4,
            what="new address, a foreign one stays",
            email=new(4),
            ends_with=(new(4), foreign),
            seed={"otherMails": [old(4), foreign]},
        ),
        Case(
            number=5,
            what="new address and a declared list",
            email=new(5),
            ends_with=(new(5), second),
            entry={"alternateEmails": [second]},
        ),
        Case(
            number=6,
            what="new address, there already",
            email=new(6),
            ends_with=(new(6),),
            seed={"otherMails": [old(6), new(6)]},
        ),
        Case(
            number=7,
            what="first address of all",
            email=new(7),
            ends_with=(old(7), new(7)),
            seed={"mail": None},
        ),
        *(
            Case(
                number=number,
                what="new address, pending",
                email=new(number),
                ends_with=(new(number),),
                pending=True,
                seed={"state": PENDING},
            )
            for number in (8, 9)
        ),
        Case(
            number=10,
            what="forced reset",
            email=old(10),
            ends_with=(old(10),),
            marks=False,
            entry={"resetAfter": FORCED},
        ),
        Case(
            number=11,
            what="declared list",
            email=old(11),
            ends_with=(old(11), "third@new.example"),
            resets=False,
            marks=False,
            entry={"alternateEmails": ["third@new.example"]},
        ),
        Case(
            number=12,
            what="pending, loses an address",
            email=old(12),
            ends_with=(old(12),),
            pending=True,
            marks=False,
            seed={"state": PENDING, "otherMails": [old(12), "lost@old.example"]},
            entry={"alternateEmails": []},
        ),
        Case(number=13, what="gives an address up", email=new(13), ends_with=(new(13),)),
        Case(number=14, what="takes it over", email=old(13), ends_with=(old(13),)),
        Case(number=15, what="is refused", email=new(15), ends_with=(new(15),), fails=True),
        Case(number=16, what="unchanged", email=old(16), ends_with=(old(16),), resets=False, marks=False),
        Case(
            number=17,
            what="gives an address up, and is refused",
            email=new(17),
            ends_with=(new(17),),
            fails=True,
        ),
        Case(number=18, what="waits in vain", email=old(17), ends_with=(old(17),), is_left=True),
        Case(
            number=19,
            what="forced reset and a declared list",
            email=old(19),
            ends_with=(old(19), "fourth@new.example"),
            marks=False,
            entry={"resetAfter": FORCED, "alternateEmails": ["fourth@new.example"]},
        ),
        Case(
            number=21,
            what="signs in with the declared address already",
            email=f"g21@{PASSCODES}",
            ends_with=(f"g21@{PASSCODES}",),
            resets=False,
            seed={"account": f"g21@{PASSCODES}"},
        ),
        Case(
            number=22,
            what="left half done by a former version",
            email=new(22),
            ends_with=(new(22),),
            pending=True,
            seed={"state": PENDING, "invited": new(22), "otherMails": [old(22), new(22)]},
        ),
    )


UNDECLARED = guest_id(20)


def seed(declared: Sequence[Case], *, pending_reset_moves_time: bool) -> dict[str, Any]:
    """Give the tenant of these guests. Old addresses leave `proxyAddresses`, or the chain could never end."""
    guests = [
        {
            "id": case.id,
            "email": old(case.number),
            "since": "2025-03-05T08:41:17Z",
            "groups": ["Partners"],
            "apps": ["Portal"],
            **case.seed,
        }
        for case in declared
    ]
    return {
        "tenant": {"id": TENANT, "verifiedDomains": ["contoso.example"]},
        "guests": [*guests, {"id": UNDECLARED, "email": old(20), "groups": ["Partners"]}],
        "groups": [{"name": "Partners"}],
        "providers": {PASSCODES: "mail"},
        "switches": {"staleProxiesKept": False, "pendingResetMovesTime": pending_reset_moves_time},
    }


Entries = Mapping[str, Mapping[str, Any] | None]
"""Keys of single guests that are declared otherwise than at first; `None`: the entry is gone."""


def write_tree(folder: Path, declared: Sequence[Case], otherwise: Entries | None = None) -> None:
    """Write the desired tree. JSON is YAML."""
    (folder / "guests").mkdir(parents=True, exist_ok=True)
    tenant = {
        "tenantId": TENANT,
        "cloud": "emulator",
        "defaults": {"invitation": {"sendMessage": True, "language": "en-US"}},
    }
    entries = {case.id: {"email": case.email, **case.entry} for case in declared} | dict(otherwise or {})
    listed = [{"id": guest, **keys} for guest, keys in entries.items() if keys is not None]
    (folder / "tenant.yaml").write_text(json.dumps(tenant))
    (folder / "guests" / "all.yaml").write_text(json.dumps({"guests": listed}))


def refusal(number: int, **which: str) -> dict[str, Any]:
    """Let Graph refuse every PATCH of one guest, or those that a rule's `has` and `lacks` leave over."""
    return {
        "on": f"PATCH /users/{guest_id(number)}",
        **which,
        "do": "fail",
        "status": 403,
        "code": "Authorization_RequestDenied",
        "message": "Insufficient privileges to complete the operation.",
    }


REFUSALS = tuple(refusal(case.number) for case in cases() if case.fails)
"""Why guests fail: Graph refuses their first write."""
