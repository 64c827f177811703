"""Declared guests and the directory they are compared with, built by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from reconciler.model import (
    AddressOwner,
    AddressUse,
    CallerKind,
    Cloud,
    Desired,
    DesiredGuest,
    EmailAddress,
    Guest,
    Hold,
    Identity,
    InvitesFrom,
    Live,
    OwnerKind,
    Policy,
    ProxyAddress,
    RedemptionState,
    Source,
    built_in_invitation,
)
from tests.support.plans import NOW, TENANT, guest_id

REDEEMED = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
"""When the guests of the samples redeemed."""

OLD = "ana@old.example"
NEW = "ana@newco.example"


def addresses(*texts: str) -> tuple[EmailAddress, ...]:
    return tuple(sorted(EmailAddress(text) for text in texts))


def declared(
    number: int = 1,
    email: str = NEW,
    *,
    alternates: Sequence[str] | None = None,
    reset_after: datetime | None = None,
    send_message: bool = True,
    message: str | None = None,
    cc: str | None = None,
    hold: Hold | None = None,
    source: Source | None = None,
) -> DesiredGuest:
    """Declare a guest, who need not exist."""
    return DesiredGuest(
        id=guest_id(number),
        name=f"declared {number}",
        email=EmailAddress(email),
        alternate_emails=None if alternates is None else addresses(*alternates),
        reset_after=reset_after,
        invitation=replace(
            built_in_invitation(TENANT),
            send_message=send_message,
            cc=None if cc is None else EmailAddress(cc),
            message=message,
        ),
        hold=hold,
        source=source or Source(file="guests/fabrikam.yaml", line=number),
    )


def guest(
    number: int = 1,
    mail: str | None = OLD,
    *,
    others: Sequence[str] | None = None,
    state: RedemptionState | None = RedemptionState.ACCEPTED,
    changed: datetime | None = REDEEMED,
    secondaries: Sequence[str] = (),
    passcode: str | None = None,
    **fields: Any,
) -> Guest:
    """Make a live guest whose `otherMails` and primary proxy hold `mail`, unless told otherwise.

    `passcode` is the address of a one-time passcode identity, the only kind that can be seen.
    """
    own = () if mail is None else (mail,)
    made = Guest(
        id=guest_id(number),
        user_principal_name=f"guest{number}_old.example#EXT#@contoso.onmicrosoft.example",
        display_name=f"Guest {number}",
        user_type="Guest",
        account_enabled=True,
        creation_type="Invitation",
        state=state,
        state_changed_at=changed,
        mail=None if mail is None else EmailAddress(mail),
        other_mails=addresses(*(own if others is None else others)),
        proxy_addresses=tuple(
            ProxyAddress(address=EmailAddress(text), primary=text in own)
            for text in sorted((*own, *secondaries))
        ),
        identities=()
        if passcode is None
        else (Identity(sign_in_type="federated", issuer="mail", issuer_assigned_id=passcode),),
        on_premises_synced=False,
    )
    return replace(made, **fields)


def desired(*entries: DesiredGuest, policy: Policy | None = None) -> Desired:
    return Desired(
        tenant_id=TENANT,
        cloud=Cloud.GLOBAL,
        policy=policy or Policy(),
        guests=tuple(sorted(entries, key=lambda entry: entry.id)),
        invitation=built_in_invitation(TENANT),
    )


def live(*guests: Guest, owners: Iterable[tuple[str, AddressOwner]] = (), **fields: Any) -> Live:
    """Make a directory in which nothing stands in the way; `owners` pairs an address with who holds it."""
    held: dict[EmailAddress, tuple[AddressOwner, ...]] = {}
    for text, owner in owners:
        held[EmailAddress(text)] = (*held.get(EmailAddress(text), ()), owner)
    made = Live(
        tenant_id=TENANT,
        verified_domains=frozenset({"contoso.example"}),
        invites_from=InvitesFrom.EVERYONE,
        caller=CallerKind.APPLICATION,
        guests={each.id: each for each in guests},
        deleted=frozenset(),
        role_holders={},
        owners=held,
        unmanaged=0,
        listed_all=True,
        not_checked=(),
    )
    return replace(made, **fields)


def held_by(user: Guest, address: EmailAddress) -> tuple[AddressOwner, ...]:
    """Give the properties in which a user holds an address, sorted."""
    proxies = {proxy.address: proxy.primary for proxy in user.proxy_addresses}
    held = {
        AddressUse.MAIL: user.mail == address,
        AddressUse.OTHER_MAILS: address in user.other_mails,
        AddressUse.PROXY_ADDRESSES: address in proxies,
    }
    return tuple(
        AddressOwner(
            id=user.id,
            kind=OwnerKind.GUEST if user.is_b2b else OwnerKind.MEMBER,
            display_name=user.display_name,
            use=use,
            primary=use is AddressUse.PROXY_ADDRESSES and proxies[address],
        )
        for use, holds in held.items()
        if holds
    )


def owner(
    number: int,
    use: AddressUse = AddressUse.MAIL,
    *,
    kind: OwnerKind = OwnerKind.MEMBER,
    primary: bool = False,
    name: str | None = "Somebody Else",
) -> AddressOwner:
    return AddressOwner(id=guest_id(number), kind=kind, display_name=name, use=use, primary=primary)


__all__ = [
    "NEW",
    "NOW",
    "OLD",
    "REDEEMED",
    "addresses",
    "declared",
    "desired",
    "guest",
    "guest_id",
    "held_by",
    "live",
    "owner",
]
