"""Looks for the result once everything is written: applied means seen."""

from reconciler.apply.looks import Looks
from reconciler.apply.progress import WaitReason
from reconciler.apply.run import Ending
from reconciler.apply.sight import shows_result
from reconciler.apply.traveller import Traveller
from reconciler.errors import DirectoryError
from reconciler.model import Guest, Note, Outcome, RedemptionState


async def read_back(traveller: Traveller) -> Ending:
    """Read the guest until the result shows, for as long as the settings say, or the run is hurried."""
    run = traveller.run
    looks = Looks(run, traveller.id, WaitReason.READ_BACK, within=run.settings.see_within)
    await looks.expect(run.lag.first_pause)
    while not run.hurried.is_set():
        waited, last = looks.waited, looks.last
        found = await see_result(traveller)
        if found:
            run.lag.learn(waited, looks=looks.number)
            return applied(found)
        if last:
            return Ending(
                outcome=Outcome.UNVERIFIED,
                rule="not-seen",
                message=f"everything was written, but the directory did not show it within "
                f"{run.settings.see_within:.0f} s: run `reconciler plan` later to see what is left",
            )
        await looks.again()
    return not_read_back(run.reason)


async def see_result(traveller: Traveller) -> Guest | None:
    """Give the guest as just read, when they look as the carried-out change leaves them."""
    try:
        guest = await traveller.read()
    except DirectoryError:
        return None
    return guest if guest and shows_result(traveller.recorded, guest, since=traveller.since) else None


def not_read_back(reason: Note) -> Ending:
    """Say that everything was written and that nobody has looked, and why."""
    return Ending(
        outcome=Outcome.UNVERIFIED,
        rule=reason.rule,
        message=f"everything was written, and not seen yet: {reason.message}; run `reconciler plan` to see "
        "what is left",
    )


def applied(guest: Guest) -> Ending:
    """Say that the guest has been seen as the change leaves them."""
    message = f"the guest's address is {guest.mail}"
    if guest.state is RedemptionState.PENDING:
        message = f"signs in with {guest.mail} once the invitation is redeemed"
    return Ending(outcome=Outcome.APPLIED, message=message, seen=guest)
