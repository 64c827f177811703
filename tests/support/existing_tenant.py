"""A tenant that was there before the product: thousands of guests, dozens of domains, and every oddity.

Everything is made from the numbers alone, so that two tenants of one size are equal.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.model import Marker
from reconciler.rules import Rule
from tests.support.plans import TENANT

CREATED, REDEEMED, LATER = "2025-03-01T08:00:00Z", "2025-03-01T09:30:00Z", "2025-11-20T09:30:00Z"

NAMES = (
    "no", "2024-01-01", "012", "~", "- [x]: #", "Ana: the first", "Bo #2", "'quoted'", '"double"', "%percent",
    "\u202eevil", "tab\there", "line\nbreak", "zero\u200bwidth", "nbsp\u00a0here",
    "Zo\u00eb \u5c71\u7530 \U0001f642",
    "x" * 300, " blank ", "", "\x1b[31mred", "##[error]", "::error::", "<script>", "{{7*7}}", "\u200d",
)  # fmt: skip
"""Display names that people, scripts and attackers leave in a directory."""

Entry = dict[str, Any]
Oddity = Callable[[int], Entry]


@dataclass(kw_only=True)
class ExistingTenant:
    """A seed of the emulator, and where an import puts each of its users."""

    guests: list[Entry] = field(default_factory=list)

    limited: dict[str, Rule] = field(default_factory=dict)
    """Ids of the guests who are written and cannot be changed, each with the gravest rule."""

    left_out: dict[str, Rule] = field(default_factory=dict)

    hints: dict[str, Rule] = field(default_factory=dict)

    @property
    def ids(self) -> frozenset[str]:
        """The users whom an import is about."""
        return frozenset(entry["id"] for entry in self.guests)

    def seed(self, *, order: random.Random | None = None) -> Mapping[str, Any]:
        """Return the seed; in the order of the numbers, or a random one."""
        guests = list(self.guests)
        if order is not None:
            order.shuffle(guests)
        return {
            "tenant": {"id": TENANT},
            "providers": {"passcode.example": "mail"},
            "guests": guests,
            "members": [{"userPrincipalName": "mara@contoso.onmicrosoft.com", "name": "Mara, employed here"}],
            "groups": [{"name": "Reviewers", "roleAssignable": True, "members": [guest_number(101)]}],
            "roles": [
                {"role": "Reports Reader", "holder": guest_number(100)},
                {"role": "Reports Reader", "holder": "Reviewers"},
                {"role": "Reports Reader", "holder": guest_number(102), "eligible": True},
            ],
            "deleted": [{"email": "gone@partner-01.example", "deleted": "2026-10-30T16:05:00Z"}],
        }


def guest_number(number: int) -> str:
    """Return the object id of a guest."""
    return f"{number:08x}-0000-4000-8000-{number * 7919 % 0x1000000000000:012x}"


def existing_tenant(guests: int = 3000, domains: int = 40) -> ExistingTenant:
    """Build a tenant of so many guests; the first hundred or so are odd, the first domain has 200 guests."""
    tenant = ExistingTenant()
    for number in range(guests):
        tenant.guests.append(_plain(number, domains))
    for number, name in enumerate(NAMES, start=200):
        tenant.guests[number]["name"] = name
    for number in range(230, 360):
        tenant.guests[number] |= {"state": "PendingAcceptance", "since": CREATED}
    _limit(tenant)
    _leave_out(tenant)
    _hint(tenant)
    _odd_but_fine(tenant)
    return tenant


def _plain(number: int, domains: int) -> Entry:
    domain = 0 if number < 600 and number % 3 == 0 else number % domains
    return {
        "id": guest_number(number),
        "name": f"Guest {number}",
        "email": f"person.{number}@partner-{domain:02}.example",
        "created": CREATED,
        "since": REDEEMED,
    }


def _limit(tenant: ExistingTenant) -> None:
    for number in (100, 101, 102):
        tenant.limited[guest_number(number)] = Rule.HOLDS_ROLE
    for number in (103, 104):
        tenant.guests[number]["enabled"] = False
        tenant.limited[guest_number(number)] = Rule.GUEST_DISABLED
    tenant.guests[105] |= {"managementRestricted": True, "enabled": False}
    tenant.limited[guest_number(105)] = Rule.MANAGEMENT_RESTRICTED


def _leave_out(tenant: ExistingTenant) -> None:
    marker = Marker(
        seconds=1_780_000_000, nonce="0a1b2c3d", digits="0123456789abcdef", domain="reconciler.invalid"
    )
    faults: tuple[tuple[int, Rule, Entry], ...] = (
        (110, Rule.NO_MAIL, {"mail": None, "proxyAddresses": []}),
        (111, Rule.NO_MAIL, {"mail": None, "proxyAddresses": [], "otherMails": []}),
        (112, Rule.ADDRESS, {"email": "ana+erp@partner-01.example"}),
        (113, Rule.ADDRESS, {"email": "zo\u00eb@partner-02.example"}),
        (114, Rule.NOT_B2B, {"creationType": None, "state": None, "since": None, "account": None}),
        (115, Rule.NOT_B2B, {"creationType": "LocalAccount", "state": None, "since": None, "account": None}),
        (116, Rule.ON_PREMISES_SYNCED, {"onPremisesSynced": True}),
        (117, Rule.HALF_DONE, {"otherMails": ["person.117@partner-37.example", str(marker)]}),
        (118, Rule.DUPLICATE_ADDRESS, {"mail": "Shared@partner-03.example", "proxyAddresses": []}),
        (119, Rule.DUPLICATE_ADDRESS, {"mail": "shared@partner-03.example", "proxyAddresses": []}),
        (120, Rule.DUPLICATE_ADDRESS, {"mail": "shared@PARTNER-03.example", "proxyAddresses": []}),
    )
    for number, rule, changes in faults:
        tenant.guests[number] |= changes
        tenant.left_out[guest_number(number)] = rule


def _hint(tenant: ExistingTenant) -> None:
    """Add guests whose `mail` was edited by hand, and lists of addresses that cannot be declared."""
    edited = {"mail": "new.130@newco.example", "otherMails": ["person.130@partner-10.example"]}
    signs_in = {"account": "old@passcode.example", "otherMails": ["person.131@partner-11.example"]}
    tenant.guests[130] |= edited
    tenant.guests[131] |= signs_in
    tenant.hints |= dict.fromkeys(map(guest_number, (130, 131)), Rule.MAY_SIGN_IN_AS)
    # Edited by hand and reset since: no hint.
    tenant.guests[132] |= {**edited, "mail": "new.132@newco.example", "otherMails": [], "since": LATER}
    mail = {number: tenant.guests[number]["email"] for number in range(130, 150)}
    rests = {
        133: [mail[133], mail[134]],
        135: [mail[135], "twice@partner-04.example"],
        136: [mail[136], "TWICE@partner-04.example"],
        137: [mail[137], "plus+sign@partner-04.example"],
        138: ["not.the.mail@partner-04.example"],
    }
    for number, others in rests.items():
        tenant.guests[number]["otherMails"] = others
        tenant.hints[guest_number(number)] = Rule.ALTERNATES_LEFT_OUT


def _odd_but_fine(tenant: ExistingTenant) -> None:
    mail = {number: tenant.guests[number]["email"] for number in range(150, 170)}
    changes: dict[int, Entry] = {
        150: {"userType": "Member"},
        151: {"userType": "Member", "creationType": None},
        152: {"userType": "Member", "creationType": None, "state": "PendingAcceptance"},
        153: {"creationType": "SelfServiceSignUp"},
        154: {"otherMails": [mail[154].upper()]},
        155: {"otherMails": []},
        156: {"otherMails": [mail[156], "z@home.example", "A@home.example"]},
        157: {"email": "someone@con.example"},
        158: {"email": f"someone@{'long-label.' * 15}example"},
        159: {"email": "Someone@Mixed-Case.Example"},
        160: {"email": "o'neil@partner-05.example"},
        161: {"email": "1234@partner-05.example"},
        162: {"state": "Accepted", "since": None},
    }
    for number, change in changes.items():
        tenant.guests[number] |= change
