"""A tenant in memory that keeps Graph's rules as far as apply meets them, and knows who can sign in.

It stands at the seam: a reader and a writer. Calls can be scripted to fail, before or after they took
effect, and reads and the invitation service may lag behind.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.model import (
    AddressOwner,
    AddressUse,
    CallerKind,
    Desired,
    EmailAddress,
    Failed,
    FailureKind,
    Guest,
    Identity,
    InvitesFrom,
    Live,
    NotSent,
    ObjectId,
    Permit,
    ProxyAddress,
    RedeemUrl,
    RedemptionState,
    ResetRedemption,
    UserUpdate,
    Write,
    WriteAnswer,
)
from reconciler.rules import OtherRule
from tests.support.directory import held_by
from tests.support.imagined_time import ImaginedClock
from tests.support.tenant_calls import Call, Fault, Kind, Script, done, failed


@dataclass(slots=True, kw_only=True)
class Truth:
    """What only the tenant knows of a guest."""

    bound: EmailAddress | None
    """The account that can sign in now."""

    invited: EmailAddress | None = None
    """Who got the link that is good now."""

    last_invited: EmailAddress | None = None
    """Who was invited last, whether or not anybody has redeemed since."""

    resets: int = 0

    reset_at: datetime | None = None
    """When the last reset took effect, whoever sent it."""

    reset_by_others: bool = False
    """Whether the last reset was sent by somebody else."""

    link: RedeemUrl | None = None
    """The redeem link that is good now; `None` for one that nobody of ours got."""

    versions: list[tuple[datetime, Guest]] = field(default_factory=list)


class Tenant:
    """The tenant: `GuestReader` and `DirectoryWriter` in one."""

    def __init__(self, clock: ImaginedClock, *guests: Guest) -> None:
        self.clock = clock
        self.calls: list[Call] = []
        self.script: Script = lambda call: None
        self.latency = 0.1
        self.read_lag = 0.0
        """Seconds until a write shows in reads of one guest."""
        self.observe_lag = 0.0
        """Seconds until a write shows in what planning reads."""
        self.invitation_lag = 0.0
        """Seconds until a write is known to the invitation service."""
        self.queues: dict[Kind, float] = {}
        """Seconds that each write of a kind waits until it is its turn."""
        self.keeps_stale_proxies = True
        self.moves_time_of_pending = True
        self.shows_passcodes = False
        """Whether who redeems does so with a one-time passcode, which shows in `identities`."""
        self.refused_marker_domains: set[str] = set()
        self.permission_held: bool | None = True
        self.killed = asyncio.Event()
        self.links: list[RedeemUrl] = []
        """Every redeem link that was ever made, each another secret."""
        self.invites_from = InvitesFrom.EVERYONE
        self.truth: dict[ObjectId, Truth] = {}
        self.live: dict[ObjectId, Guest] = {}
        for guest in guests:
            self.add(guest)

    # What a test does to it

    def add(self, guest: Guest) -> None:
        """Let a guest be there from the beginning of time."""
        bound = guest.mail if guest.state is RedemptionState.ACCEPTED else None
        invited = guest.mail if guest.state is RedemptionState.PENDING else None
        self.truth[guest.id] = Truth(bound=bound, invited=invited, last_invited=guest.mail)
        self._commit(guest)

    def edit(self, guest: ObjectId, **fields: object) -> None:
        """Change a guest as another administrator would."""
        self._commit(replace(self.live[guest], **fields))  # type: ignore[arg-type]

    def delete(self, guest: ObjectId) -> None:
        """Take a guest away as another administrator would."""
        del self.live[guest]

    def reset_in_portal(self, guest: ObjectId) -> None:
        """Reset the guest as an administrator does in the portal, which goes to `mail`."""
        mail = self.live[guest].mail
        assert mail is not None, "the portal resets nobody without an address"
        self._invite(guest, mail, theirs=True)

    def redeem(self, guest: ObjectId, account: EmailAddress) -> bool:
        """Let somebody follow the link, or open an app directly; whether that let them in."""
        found, truth = self.live[guest], self.truth[guest]
        known = {proxy.address for proxy in found.proxy_addresses} | {truth.invited, found.mail}
        known |= set(found.other_mails)
        if found.state is not RedemptionState.PENDING or account not in known:
            return False
        truth.bound, truth.invited, truth.link = account, None, None
        shown = (Identity(sign_in_type="federated", issuer="mail", issuer_assigned_id=account.text),)
        self._commit(
            replace(
                found,
                state=RedemptionState.ACCEPTED,
                state_changed_at=self.clock.now(),
                identities=shown if self.shows_passcodes else (),
            )
        )
        return True

    def writes(self, guest: ObjectId | None = None) -> tuple[Kind, ...]:
        """Give the kinds of all writes, or of those to one guest, in order."""
        return tuple(call.kind for call in self.calls if call.kind.writes and guest in {None, call.guest})

    def answers(self, kind: Kind, *faults: Fault | None, guest: ObjectId | None = None) -> None:
        """Script the first calls of a kind for each guest, or for one; the later ones go well."""
        earlier = self.script

        def script(call: Call) -> Fault | None:
            if call.kind is kind and guest in {None, call.guest} and call.nth <= len(faults):
                return faults[call.nth - 1]
            return earlier(call)

        self.script = script

    # The reader

    def look(self, desired: Desired, *, lag: float = 0.0) -> Live:
        """Give all that planning needs, as it was `lag` seconds ago."""
        wanted = {entry.id for entry in desired.guests}
        addresses = {
            address for entry in desired.guests for address in (entry.email, *(entry.alternate_emails or ()))
        }
        return Live(
            tenant_id=desired.tenant_id,
            verified_domains=frozenset({"contoso.example"}),
            invites_from=self.invites_from,
            caller=CallerKind.APPLICATION,
            guests={guest.id: guest for guest in self._all_as_of(lag) if guest.id in wanted},
            deleted=frozenset(),
            role_holders={},
            owners={address: self._owners(address, lag=lag) for address in addresses},
            initial_domain="contoso.onmicrosoft.example",
            unmanaged=len(self.live.keys() - wanted),
            listed_all=True,
            not_checked=(),
        )

    async def read_guest(self, guest: ObjectId) -> Guest | None:
        """Read one guest as a replica knows them."""
        fault = await self._receive(Kind.READ, guest)
        await self._answer(fault)
        return self._as_of(guest, self.read_lag)

    # The writer

    def hurry(self) -> None:
        """Ignore it: nothing here is held back but by its queue."""

    def may_write(self) -> bool | None:
        """Return what the token says of its roles."""
        return self.permission_held

    async def perform(
        self, guest: ObjectId, write: Write, *, client_request_id: str, permit: Permit
    ) -> WriteAnswer | NotSent:
        """Send one write when its turn comes."""
        kind = kind_of(write)
        queue = self.queues.get(kind, 0.0)
        if queue:
            await self.clock.sleep(queue)
        if not await permit():
            return NotSent()
        fault = await self._receive(kind, guest, *_addresses_of(write))
        match write:
            case UserUpdate():
                return await self._write(fault, lambda: self._update(guest, write))
            case ResetRedemption():
                return await self._write(fault, lambda: self._reset(guest, write))

    # The rules

    def _update(self, guest: ObjectId, update: UserUpdate) -> WriteAnswer:
        if guest not in self.live:
            return failed(FailureKind.NOT_FOUND, rule="not-found", status=404)
        if update.marker and update.marker.domain in self.refused_marker_domains:
            return failed(FailureKind.GUEST_REFUSED, rule="value-refused", status=400)
        found = self.live[guest]
        markers = (update.marker,) if update.marker else ()
        changed = replace(found, other_mails=tuple(sorted(update.other_mails)), markers=markers)
        if update.mail is not None:
            unique = {AddressUse.MAIL, AddressUse.PROXY_ADDRESSES}
            if any(owner.id != guest and owner.use in unique for owner in self._owners(update.mail)):
                return failed(FailureKind.GUEST_REFUSED, rule="address-in-use", status=400)
            changed = replace(
                changed, mail=update.mail, proxy_addresses=self._proxies_after(found, update.mail)
            )
        self._commit(changed)
        return done(at=self._date())

    def _proxies_after(self, found: Guest, mail: EmailAddress) -> tuple[ProxyAddress, ...]:
        stale = [
            ProxyAddress(address=proxy.address, primary=False)
            for proxy in found.proxy_addresses
            if proxy.address != mail and self.keeps_stale_proxies
        ]
        return tuple(
            sorted((ProxyAddress(address=mail, primary=True), *stale), key=lambda proxy: proxy.address)
        )

    def _date(self) -> datetime:
        """Return the `Date` of an answer: whole seconds."""
        return self.clock.now().replace(microsecond=0)

    def _reset(self, guest: ObjectId, reset: ResetRedemption) -> WriteAnswer:
        known = self._as_of(guest, self.invitation_lag)
        if known is None or guest not in self.live:
            return failed(FailureKind.NOT_FOUND, rule="not-found", status=404)
        if reset.email not in (known.mail, *known.other_mails):
            return Failed(
                kind=FailureKind.REPLICATION,
                rule=OtherRule("address-unknown"),
                message="the invitation service does not know the address",
                status=400,
                request_id="r",
            )
        self.truth[guest].resets += 1
        self._invite(guest, reset.email, theirs=False)
        self.links.append(RedeemUrl(f"https://redeem.example/?ticket=secret-{len(self.links) + 1}-{guest}"))
        self.truth[guest].link = self.links[-1]
        return done(self.links[-1], at=self._date())

    def _invite(self, guest: ObjectId, email: EmailAddress, *, theirs: bool) -> None:
        found, truth = self.live[guest], self.truth[guest]
        keeps_time = found.state is RedemptionState.PENDING and not self.moves_time_of_pending
        truth.bound, truth.invited, truth.last_invited = None, email, email
        truth.reset_at, truth.link, truth.reset_by_others = self.clock.now(), None, theirs
        self._commit(
            replace(
                found,
                state=RedemptionState.PENDING,
                state_changed_at=found.state_changed_at if keeps_time else self.clock.now(),
                identities=(),
            )
        )

    def _owners(self, address: EmailAddress, lag: float = 0.0) -> tuple[AddressOwner, ...]:
        return tuple(owner for guest in self._all_as_of(lag) for owner in held_by(guest, address))

    # How calls go

    def _commit(self, guest: Guest) -> None:
        self.live[guest.id] = guest
        self.truth[guest.id].versions.append((self.clock.now(), guest))

    def _as_of(self, guest: ObjectId, lag: float) -> Guest | None:
        if guest not in self.live:
            return None
        versions = self.truth[guest].versions
        known = [found for at, found in versions if (self.clock.now() - at).total_seconds() >= lag]
        return (known or [found for _, found in versions[:1]])[-1]

    def _all_as_of(self, lag: float) -> tuple[Guest, ...]:
        return tuple(filter(None, (self._as_of(each, lag) for each in self.live)))

    async def _receive(self, kind: Kind, guest: ObjectId, *addresses: EmailAddress) -> Fault:
        await self.clock.sleep(self.latency / 2)
        nth = sum(1 for call in self.calls if call.kind is kind and call.guest == guest) + 1
        call = Call(
            number=len(self.calls) + 1,
            kind=kind,
            guest=guest,
            nth=nth,
            at=self.clock.now(),
            addresses=addresses,
        )
        if self.killed.is_set():
            await asyncio.Event().wait()
        self.calls.append(call)
        return self.script(call) or Fault(committed=True)

    async def _write(self, fault: Fault, rule: Callable[[], WriteAnswer]) -> WriteAnswer:
        answer = rule() if fault.committed else done()
        if fault.meanwhile:
            fault.meanwhile()
        await self._answer(fault)
        return fault.answer if isinstance(fault.answer, Failed) else answer

    async def _answer(self, fault: Fault) -> None:
        if fault.kills:
            self.killed.set()
            await asyncio.Event().wait()
        await self.clock.sleep(self.latency / 2 + fault.takes)
        if isinstance(fault.answer, Exception):
            raise fault.answer


def kind_of(write: Write) -> Kind:
    """Return what a write is called in scripts."""
    match write:
        case ResetRedemption():
            return Kind.RESET
        case UserUpdate(mail=None):
            return Kind.OTHER_MAILS
        case UserUpdate(marker=None):
            return Kind.CLEAR
        case UserUpdate():
            return Kind.MAIL


def _addresses_of(write: Write) -> tuple[EmailAddress, ...]:
    if isinstance(write, ResetRedemption):
        return (write.email,)
    return write.other_mails if write.mail is None else (write.mail, *write.other_mails)
