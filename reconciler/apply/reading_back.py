"""Looks for the result once everything is written: applied means seen."""

from reconciler.apply.policy import LOOKING
from reconciler.apply.progress import WaitReason
from reconciler.apply.run import Ending
from reconciler.apply.sight import shows_result
from reconciler.apply.traveller import Traveller
from reconciler.errors import DirectoryError
from reconciler.model import Guest, Outcome, RedemptionState


async def read_back(traveller: Traveller) -> Ending:
    """Read the guest until the result shows, for as long as the settings say, or the run is hurried."""
    run = traveller.run
    started, looks = run.clock.monotonic(), 0
    if run.lag.first_pause:
        await run.wait(traveller.id, WaitReason.READ_BACK, run.lag.first_pause)
    while not run.hurried.is_set():
        looks += 1
        waited = run.clock.monotonic() - started
        left = run.settings.see_within - waited
        try:
            guest = await traveller.read()
        except DirectoryError:
            guest = None
        if guest and shows_result(traveller.recorded, guest, since=traveller.since):
            run.lag.learn(waited, looks=looks)
            return Ending(outcome=Outcome.APPLIED, message=_applied(guest), seen=guest)
        if left <= 0:
            return Ending(
                outcome=Outcome.UNVERIFIED,
                rule="not-seen",
                message=f"everything was written, but the directory did not show it within "
                f"{run.settings.see_within:.0f} s: run `reconciler plan` later to see what is left",
            )
        await run.wait(traveller.id, WaitReason.READ_BACK, min(LOOKING.after(looks), left))
    return not_read_back()


def not_read_back() -> Ending:
    """Say that everything was written and nobody has looked."""
    return Ending(
        outcome=Outcome.UNVERIFIED,
        rule="interrupted",
        message="everything was written, but the run was interrupted before it could be seen: "
        "run `reconciler plan` to see what is left",
    )


def _applied(guest: Guest) -> str:
    if guest.state is RedemptionState.PENDING:
        return f"signs in with {guest.mail} once the invitation is redeemed"
    return f"the guest's address is {guest.mail}"
