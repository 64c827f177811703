"""Makes sure, just before a reset, that nobody else holds an address the guest is to get."""

import math
from collections.abc import Iterable, Mapping

from reconciler.apply.looks import Looks
from reconciler.apply.policy import Blame
from reconciler.apply.progress import WaitReason
from reconciler.apply.run import Ending
from reconciler.apply.sight import rivals
from reconciler.apply.traveller import Traveller
from reconciler.errors import DirectoryError
from reconciler.model import AddressOwner, Change, EmailAddress, Outcome


class Rivals:
    """Those who could hold the addresses that one guest is to get."""

    def __init__(self, traveller: Traveller, planned: Change) -> None:
        """Prepare to look for those who hold what `planned` gains."""
        self._traveller = traveller
        self._run = traveller.run
        self._addresses = planned.gains
        self._takes_over = planned.waits_for
        self._read_at = -math.inf

    async def refuse(self) -> Ending | None:
        """End the guest when somebody else holds such an address; `None` when nobody does.

        Reads may still show who has just given it up: that one is waited for. Who is reset and keeps the
        addresses they have gains none, so nothing is asked then.
        """
        traveller, settings = self._traveller, self._run.settings
        now = self._run.clock.monotonic()
        if not self._addresses or now - self._read_at < settings.reread_after:
            return None
        looks = Looks(self._run, traveller.id, WaitReason.OWNER, within=settings.see_within)
        while True:
            last = looks.last
            try:
                owners = await self._run.reader.read_owners(self._addresses)
            except DirectoryError as error:
                return traveller.unreadable(error)
            found = {
                address: held
                for address in self._addresses
                if (held := rivals(traveller.id, owners.get(address, ())))
            }
            if not found:
                self._read_at = self._run.clock.monotonic()
                return None
            strangers = {rival.id for held in found.values() for rival in held} - {self._takes_over}
            if last or strangers:
                return self._in_use(found)
            await looks.again()

    def _in_use(self, found: Mapping[EmailAddress, Iterable[AddressOwner]]) -> Ending:
        uses = "; ".join(f"{address} is in use by {_named(held)}" for address, held in found.items())
        return Ending(
            outcome=Outcome.FAILED if self._traveller.sender.wrote else Outcome.NOT_ATTEMPTED,
            rule="address-in-use",
            message=f"{uses}: free it there, or declare another address",
            blame=Blame.GUEST,
        )


def _named(holders: Iterable[AddressOwner]) -> str:
    return ", ".join(sorted({f"{holder.kind} {holder.id} ({holder.use})" for holder in holders}))
