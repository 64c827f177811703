"""Reads a guest until it is clear whether the reset still has to be sent, and may be.

Reads come from replicas that lag: what looks foreign may be an old state, so only at the end of the
patience does it count.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import assert_never

from reconciler.apply.looks import Looks
from reconciler.apply.progress import WaitReason
from reconciler.apply.rivals import Rivals
from reconciler.apply.run import Ending
from reconciler.apply.traveller import Traveller
from reconciler.errors import DirectoryError
from reconciler.guard.staleness import Standing, Verdict, assess, later
from reconciler.model import Change, EmailAddress, Guest, ResetRedemption


class Ready(Enum):
    """What is left to do about a reset."""

    SEND = auto()
    HAPPENED = auto()
    """This run has sent it, as the guest shows now."""

    SEND_AGAIN = auto()
    """Somebody else has reset the guest since this run began, and nobody can tell at which address."""

    SKIP = auto()
    """Somebody else has reset the guest for this very change."""

    ALL_DONE = auto()
    """Somebody else has carried this very change out."""


class Readiness:
    """What has to be seen of one guest before a reset."""

    def __init__(
        self,
        traveller: Traveller,
        planned: Change,
        email: EmailAddress,
        *,
        resumed: bool,
        happened: Callable[[Guest], bool],
    ) -> None:
        """Prepare to look before the reset of `planned`, at `email`.

        `resumed` tells that an earlier run may have sent it and reads will show it: then the guest is
        watched for some time. `happened` tells whether a read proves a reset of this run.
        """
        self._traveller = traveller
        self._run = traveller.run
        self._planned_from = planned.precondition
        self._email = email
        self._rivals = Rivals(traveller, planned)
        self._watch_for = self._run.settings.watch_for if resumed else 0.0
        self._happened = happened

    async def reach(self) -> Ending | Ready:
        """Wait until the reset can be sent or need not be; an ending when it must not be."""
        while True:
            ready = await self._settle()
            if ready not in {Ready.SEND, Ready.SEND_AGAIN}:
                return ready
            ending = await self._rivals.refuse()
            if ending:
                return ending
            if not self._traveller.found_long_ago:
                return ready

    async def _settle(self) -> Ending | Ready:
        """Read the guest until our own writes show, or when the last look is too long ago."""
        traveller = self._traveller
        settled = traveller.prepared is None and not self._watch_for and not self._is_behind(traveller.found)
        if settled and not traveller.found_long_ago:
            return Ready.HAPPENED if self._happened(traveller.found) else Ready.SEND
        run, after_our_write = self._run, traveller.prepared is not None
        reason = WaitReason.WATCH if self._watch_for else WaitReason.REPLICATION
        looks = Looks(run, traveller.id, reason, within=max(run.settings.see_within, self._watch_for))
        await looks.expect(run.lag.first_pause if after_our_write else 0.0)
        while True:
            waited, last = looks.waited, looks.last
            try:
                guest = await traveller.read()
            except DirectoryError as error:
                if last:
                    return traveller.unreadable(error)
            else:
                ready = self._judge(guest, last=last)
                watched = ready is not Ready.SEND or waited >= self._watch_for
                if ready is not None and watched:
                    if after_our_write:
                        run.lag.learn(waited, looks=looks.number)
                    traveller.prepared, self._watch_for = None, 0.0
                    return ready
            await looks.again()

    def _judge(self, guest: Guest | None, *, last: bool) -> Ending | Ready | None:
        traveller = self._traveller
        if guest and self._happened(guest):
            return Ready.HAPPENED
        if guest and self._is_behind(guest):
            return traveller.behind() if last else None
        standing = assess(traveller.recorded, guest)
        match standing.verdict:
            case Verdict.ALREADY_APPLIED:
                return Ready.ALL_DONE
            case Verdict.RUN if _reset_is_missing(standing):
                shows = guest and frozenset(guest.other_mails) == frozenset(
                    traveller.prepared or guest.other_mails
                )
                return Ready.SEND if shows or last else None
            case Verdict.RUN:
                return Ready.SEND_AGAIN if guest and self._may_be_elsewhere(guest) else Ready.SKIP
            case Verdict.STALE:
                return traveller.stale(standing) if last else None
            case _ as unknown:
                assert_never(unknown)

    def _may_be_elsewhere(self, guest: Guest) -> bool:
        """Tell whether a reset that came to light after this run's own first write may be of another change.

        A run for an address that has been corrected since can have been killed so lately that its reset
        shows only now. Then its address stands in `otherMails` too.
        """
        traveller = self._traveller
        known = {traveller.recorded.precondition.mail, self._email}
        return traveller.sender.wrote and not set(guest.other_mails) <= known

    def _is_behind(self, guest: Guest) -> bool:
        """Tell whether a read shows an older state than the new plan was made from, which had the truth."""
        return later(self._planned_from.state_changed_at, guest.state_changed_at)


def _reset_is_missing(standing: Standing) -> bool:
    return any(isinstance(action, ResetRedemption) for action in standing.remaining)
