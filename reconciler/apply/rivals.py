"""Makes sure, just before a reset, that nobody else holds the new address."""

from reconciler.apply.policy import LOOKING, Blame
from reconciler.apply.progress import WaitReason
from reconciler.apply.run import Ending
from reconciler.apply.sight import rivals
from reconciler.apply.traveller import Traveller
from reconciler.errors import DirectoryError
from reconciler.model import ChangeKind, EmailAddress, ObjectId, Outcome


class Rivals:
    """Those who could hold the address that one guest is to get."""

    def __init__(self, traveller: Traveller, address: EmailAddress, *, takes_over: ObjectId | None) -> None:
        """Prepare to look; `takes_over` is the guest who had the address until just now."""
        self._traveller = traveller
        self._run = traveller.run
        self._address = address
        self._takes_over = takes_over
        self._read_at: float | None = None

    async def refuse(self) -> Ending | None:
        """End the guest when somebody else holds the address; `None` when nobody does.

        Reads may still show who has just given it up: that one is waited for. Who forces a reset keeps
        the address they have, so nothing is asked then.
        """
        traveller, clock = self._traveller, self._run.clock
        settings = self._run.settings
        if traveller.recorded.kind is not ChangeKind.CHANGE_EMAIL:
            return None
        started, looks = clock.monotonic(), 0
        if self._read_at is not None and started - self._read_at < settings.reread_after:
            return None
        while True:
            try:
                owners = await self._run.reader.read_owners((self._address,))
            except DirectoryError as error:
                return traveller.unreadable(error)
            found = rivals(traveller.id, owners.get(self._address, ()))
            left = started + settings.see_within - clock.monotonic()
            if not found:
                self._read_at = clock.monotonic()
                return None
            if left <= 0 or any(rival.id != self._takes_over for rival in found):
                holders = ", ".join(sorted({f"{rival.kind} {rival.id} ({rival.use})" for rival in found}))
                return Ending(
                    outcome=Outcome.FAILED if traveller.sender.wrote else Outcome.NOT_ATTEMPTED,
                    rule="address-in-use",
                    message=f"the new address is in use by {holders}: nobody was reset; free it there, or "
                    "declare another address",
                    blame=Blame.GUEST,
                )
            looks += 1
            await self._run.wait(traveller.id, WaitReason.REPLICATION, min(LOOKING.after(looks), left))
