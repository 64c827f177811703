"""The people around a small tenant: who declares addresses, who redeems, and other administrators."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from hypothesis import event

from reconciler.model import Desired, DesiredGuest, EmailAddress, Guest, ObjectId, RedemptionState
from tests.property.apply_laws import Ran
from tests.support.applying import new_tenant
from tests.support.directory import addresses, declared, desired, guest_id
from tests.support.fault_strategies import MANAGED, Declaration, OutsideChange
from tests.support.plans import marker_of


def email(number: int, company: str) -> str:
    """Give one guest's address at a company; each guest has their own at each."""
    return f"g{number}@{company}.example"


class People:
    """A tenant, what is declared for it, and what people have done so far."""

    hits: ClassVar[Counter[str]] = Counter()
    """How often each fault and each outside change has come to pass, over all examples."""

    def __init__(self) -> None:
        self.tenant = new_tenant()
        self.entries: dict[ObjectId, DesiredGuest] = {}
        self.touched: set[ObjectId] = set()
        """Guests whom somebody has redeemed, edited or declared anew since the approved plan was made."""
        self._resets_by_hand: dict[ObjectId, int] = {}
        """How often a guest had been reset when somebody last wrote `mail` or removed a marker by hand."""
        self.chained = False
        """Whether a guest was ever to take over the address of another."""
        self.ran: Ran | None = None
        """The run that is under way."""

    @property
    def desired(self) -> Desired:
        """The desired state as it is now."""
        return desired(*self.entries.values())

    def by_hand(self, each: ObjectId) -> bool:
        """Return whether somebody has written `mail` or removed the marker by hand since the last reset.

        No read can show what that means: the documentation says never to do it, and `status` gives a hint.
        """
        return self._resets_by_hand.get(each) == self.tenant.truth[each].resets

    def report_lost_marker(self, each: ObjectId) -> None:
        """Take note that a run has reported a marker taken away: that counts like one removed by hand."""
        self._resets_by_hand[each] = self.tenant.truth[each].resets

    def declare(self, declarations: Mapping[int, Declaration]) -> None:
        """Somebody edits entries; no address is ever declared twice, as the loader promises."""
        for number, declaration in declarations.items():
            wanted = self._wanted(number, declaration)
            if wanted is None or wanted in self._declared_for_others(number):
                continue
            alternates = (
                None if declaration.alternates is None else [email(number, "alt")] * declaration.alternates
            )
            self.entries[guest_id(number)] = declared(
                number,
                wanted.text,
                alternates=() if self._undoes(guest_id(number), wanted) else alternates,
                reset_after=self.tenant.clock.now() if declaration.anew else None,
            )
            self.touched.add(guest_id(number))

    def take_back(self, number: int, *, clears: bool) -> None:
        """Somebody declares the address that the directory has."""
        found, entry = self.tenant.live.get(guest_id(number)), self.entries.get(guest_id(number))
        if found is None or entry is None or found.mail is None or found.mail == entry.email:
            return
        if found.mail not in self._declared_for_others(number):
            alternates = () if clears or self._undoes(entry.id, found.mail) else None
            self.entries[entry.id] = replace(entry, email=found.mail, alternate_emails=alternates)
            self.touched.add(entry.id)
            self.happened("taken back")

    def forget(self, number: int) -> None:
        """Somebody stops managing a guest."""
        if self.entries.pop(guest_id(number), None):
            self.happened("entry removed")
        self.touched.add(guest_id(number))

    def do(self, change: OutsideChange, each: ObjectId) -> None:
        """Let somebody do something to a guest."""
        found = self.tenant.live.get(each)
        if found is None:
            return
        if change in {OutsideChange.RIGHT_REDEEMS, OutsideChange.OLD_REDEEMS}:
            self._redeem(found, change)
        elif self._administer(change, found):
            self.happened(change)
            self.touched.add(each)
            if self.ran:
                self.ran.edited.add(each)

    def _administer(self, change: OutsideChange, found: Guest) -> bool:
        """Do what another administrator does; false when there is nothing to do it to."""
        match change:
            case OutsideChange.ADDS:
                foreign = addresses(f"extra{len(found.other_mails)}@admin.{found.id}.example")
                self.tenant.edit(found.id, other_mails=tuple(sorted({*found.other_mails, *foreign})))
            case OutsideChange.WRITES_MAIL | OutsideChange.PUTS_MAIL_BACK:
                return self._write_mail(change, found)
            case OutsideChange.RESETS if found.mail is not None:
                self.tenant.reset_in_portal(found.id)
            case OutsideChange.TAKES_MARKER if found.markers:
                self.tenant.edit(found.id, markers=())
                self._resets_by_hand[found.id] = self.tenant.truth[found.id].resets
            case OutsideChange.FORGES_MARKER:
                forged = marker_of("f" * 16, at=self.tenant.clock.now())
                self.tenant.edit(found.id, markers=tuple(sorted({*found.markers[:1], forged})))
            case OutsideChange.DELETES:
                self.tenant.delete(found.id)
            case _:
                return False
        return True

    def _write_mail(self, change: OutsideChange, found: Guest) -> bool:
        wanted = self._first_mail(found.id)
        if change is OutsideChange.WRITES_MAIL:
            wanted = self.entries[found.id].email if found.id in self.entries else None
        if wanted is None or wanted == found.mail or self.chained:
            return False
        self.tenant.edit(found.id, mail=wanted)
        self._resets_by_hand[found.id] = self.tenant.truth[found.id].resets
        return True

    def happened(self, what: str) -> None:
        """Count it, so that a test can tell that it was tried at all."""
        self.hits[str(what)] += 1
        event(what)

    def _redeem(self, found: Guest, change: OutsideChange) -> None:
        invited = self.tenant.truth[found.id].invited
        account = invited if change is OutsideChange.RIGHT_REDEEMS else self._first_mail(found.id)
        if account is None or not self.tenant.redeem(found.id, account):
            return
        self.happened(change)
        self.touched.add(found.id)
        if self.ran:
            self.ran.redeemed.add(found.id)

    def _first_mail(self, each: ObjectId) -> EmailAddress | None:
        return self.tenant.truth[each].versions[0][1].mail

    def _undoes(self, each: ObjectId, wanted: EmailAddress) -> bool:
        """Tell whether a change is taken back of whom somebody else has redeemed: that has to be undone."""
        found, truth = self.tenant.live.get(each), self.tenant.truth[each]
        if found is None or found.mail != wanted:
            return False
        return found.state is RedemptionState.ACCEPTED and truth.last_invited != wanted

    def _declared_for_others(self, number: int) -> set[EmailAddress]:
        return {entry.email for entry in self.entries.values() if entry.id != guest_id(number)}

    def _wanted(self, number: int, declaration: Declaration) -> EmailAddress | None:
        if declaration.company != "next":
            return EmailAddress(email(number, declaration.company))
        neighbour = self.tenant.live.get(guest_id(number % len(MANAGED) + 1))
        self.chained = True
        return neighbour.mail if neighbour else None
