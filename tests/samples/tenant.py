"""A tenant in memory that keeps Graph's rules as far as apply meets them, and knows who can sign in.

It stands at the seam: a reader and a writer. Calls can be scripted to fail, before or after they took
effect, and reads and the invitation service may lag behind.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.model import (
    AddressOwner,
    AddressUse,
    Caller,
    Desired,
    EmailAddress,
    Failed,
    FailureKind,
    Guest,
    InvitesFrom,
    Live,
    ObjectId,
    OwnerKind,
    ProxyAddress,
    RedeemUrl,
    RedemptionState,
    ResetRedemption,
    WriteAnswer,
)
from tests.samples.imagined_time import ImaginedClock
from tests.samples.tenant_calls import Call, Fault, Kind, Script, done, refused


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
    """When the last reset took effect."""

    mail_at_reset: EmailAddress | None = None
    """`mail` as it was at the last reset."""

    versions: list[tuple[datetime, Guest]] = field(default_factory=list)


class Tenant:
    """The tenant: `DirectoryReader` and `DirectoryWriter` in one."""

    def __init__(self, clock: ImaginedClock, *guests: Guest) -> None:
        self.clock = clock
        self.calls: list[Call] = []
        self.script: Script = lambda call: None
        self.latency = 0.1
        self.read_lag = 0.0
        """Seconds until a write shows in reads of one guest."""
        self.observe_lag = 0.0
        """Seconds until a write shows in what planning reads."""
        self.owner_lag = 0.0
        """Seconds until a write shows in who owns an address."""
        self.invitation_lag = 0.0
        """Seconds until a write is known to the invitation service."""
        self.queues: dict[Kind, float] = {}
        """Seconds that each write of a kind waits until it is its turn."""
        self.keeps_stale_proxies = True
        self.moves_time_of_pending = True
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

    def redeem(self, guest: ObjectId, account: EmailAddress) -> bool:
        """Let somebody follow the link, or open an app directly; whether that let them in."""
        found, truth = self.live[guest], self.truth[guest]
        known = {proxy.address for proxy in found.proxy_addresses} | {truth.invited}
        if found.state is not RedemptionState.PENDING or account not in known:
            return False
        truth.bound, truth.invited = account, None
        self._commit(replace(found, state=RedemptionState.ACCEPTED, state_changed_at=self.clock.now()))
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

    async def observe(self, desired: Desired) -> Live:
        """Read all that planning needs, as the replicas know it."""
        return self.look(desired, lag=self.observe_lag)

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
            caller=Caller.APPLICATION,
            guests={guest.id: guest for guest in self._all_as_of(lag) if guest.id in wanted},
            deleted=frozenset(),
            role_holders={},
            owners={address: self._owners(address, lag=lag) for address in addresses},
            unmanaged=len(self.live.keys() - wanted),
            listed_all=True,
            not_checked=(),
        )

    async def read_guest(self, guest: ObjectId) -> Guest | None:
        """Read one guest as a replica knows them."""
        fault = await self._receive(Kind.READ, guest)
        await self._answer(fault)
        return self._as_of(guest, self.read_lag)

    async def read_owners(
        self, addresses: Sequence[EmailAddress]
    ) -> Mapping[EmailAddress, tuple[AddressOwner, ...]]:
        """Tell who holds each address."""
        fault = await self._receive(Kind.OWNERS, None, *addresses)
        await self._answer(fault)
        return {address: self._owners(address, lag=self.owner_lag) for address in addresses}

    # The writer

    def hurry(self) -> None:
        """Ignore it: nothing here is held back but by its queue."""

    async def set_other_mails(
        self,
        guest: ObjectId,
        other_mails: Sequence[EmailAddress],
        *,
        client_request_id: str,
        before_sending: Callable[[], None] | None = None,
    ) -> WriteAnswer:
        """Replace the list."""
        fault = await self._take_turn(before_sending, Kind.OTHER_MAILS, guest, *other_mails)
        return await self._write(fault, lambda: self._set_other_mails(guest, other_mails))

    async def set_mail(
        self,
        guest: ObjectId,
        email: EmailAddress,
        other_mails: Sequence[EmailAddress],
        *,
        client_request_id: str,
        before_sending: Callable[[], None] | None = None,
    ) -> WriteAnswer:
        """Replace address and list; proxies follow."""
        fault = await self._take_turn(before_sending, Kind.MAIL, guest, email, *other_mails)
        return await self._write(fault, lambda: self._set_mail(guest, email, other_mails))

    async def reset_redemption(
        self,
        guest: ObjectId,
        reset: ResetRedemption,
        *,
        client_request_id: str,
        before_sending: Callable[[], None] | None = None,
    ) -> WriteAnswer:
        """Reset, if the invitation service knows the address."""
        fault = await self._take_turn(before_sending, Kind.RESET, guest, reset.email)
        return await self._write(fault, lambda: self._reset(guest, reset))

    # The rules

    def _set_other_mails(self, guest: ObjectId, other_mails: Sequence[EmailAddress]) -> WriteAnswer:
        if guest not in self.live:
            return refused("not-found")
        self._commit(replace(self.live[guest], other_mails=tuple(sorted(other_mails))))
        return done()

    def _set_mail(
        self, guest: ObjectId, email: EmailAddress, other_mails: Sequence[EmailAddress]
    ) -> WriteAnswer:
        if guest not in self.live:
            return refused("not-found")
        unique = {AddressUse.MAIL, AddressUse.PROXY_ADDRESSES}
        if any(owner.id != guest and owner.use in unique for owner in self._owners(email)):
            return refused("address-in-use")
        found = self.live[guest]
        stale = [
            ProxyAddress(address=proxy.address, primary=False)
            for proxy in found.proxy_addresses
            if proxy.address != email and self.keeps_stale_proxies
        ]
        proxies = sorted((ProxyAddress(address=email, primary=True), *stale), key=lambda proxy: proxy.address)
        self._commit(
            replace(found, mail=email, other_mails=tuple(sorted(other_mails)), proxy_addresses=tuple(proxies))
        )
        return done()

    def _reset(self, guest: ObjectId, reset: ResetRedemption) -> WriteAnswer:
        known = self._as_of(guest, self.invitation_lag)
        if known is None or guest not in self.live:
            return refused("not-found")
        if reset.email not in (known.mail, *known.other_mails):
            return Failed(
                kind=FailureKind.REPLICATION,
                rule="address-unknown",
                message="the invitation service does not know the address",
                status=400,
                request_id="r",
            )
        found, truth = self.live[guest], self.truth[guest]
        keeps_time = found.state is RedemptionState.PENDING and not self.moves_time_of_pending
        truth.bound, truth.invited, truth.last_invited = None, reset.email, reset.email
        truth.resets += 1
        truth.reset_at, truth.mail_at_reset = self.clock.now(), found.mail
        self.links.append(RedeemUrl(f"https://redeem.example/?ticket=secret-{len(self.links) + 1}-{guest}"))
        self._commit(
            replace(
                found,
                state=RedemptionState.PENDING,
                state_changed_at=found.state_changed_at if keeps_time else self.clock.now(),
            )
        )
        return done(self.links[-1])

    def _owners(self, address: EmailAddress, lag: float = 0.0) -> tuple[AddressOwner, ...]:
        uses: list[AddressOwner] = []
        for guest in self._all_as_of(lag):
            kind = OwnerKind.GUEST if guest.is_b2b else OwnerKind.MEMBER
            proxies = {proxy.address: proxy.primary for proxy in guest.proxy_addresses}
            held = {
                AddressUse.MAIL: guest.mail == address,
                AddressUse.OTHER_MAILS: address in guest.other_mails,
                AddressUse.PROXY_ADDRESSES: address in proxies,
            }
            uses.extend(
                AddressOwner(
                    id=guest.id,
                    kind=kind,
                    display_name=guest.display_name,
                    use=use,
                    primary=use is AddressUse.PROXY_ADDRESSES and proxies[address],
                )
                for use, holds in held.items()
                if holds
            )
        return tuple(uses)

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

    async def _take_turn(
        self, before_sending: Callable[[], None] | None, kind: Kind, guest: ObjectId, *sent: EmailAddress
    ) -> Fault:
        """Let a write wait for its turn, as a quota does."""
        queue = self.queues.get(kind, 0.0)
        if queue:
            await self.clock.sleep(queue)
        if before_sending:
            before_sending()
        return await self._receive(kind, guest, *sent)

    async def _receive(self, kind: Kind, guest: ObjectId | None, *addresses: EmailAddress) -> Fault:
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
