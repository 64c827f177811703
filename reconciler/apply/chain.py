"""Lets a guest who takes over an address wait until its old owner has been seen without it."""

from reconciler.apply.progress import WaitReason
from reconciler.apply.run import Ending, Run
from reconciler.apply.sight import still_holds
from reconciler.model import Change, Outcome

_CARRIED_OUT = frozenset({Outcome.APPLIED, Outcome.ALREADY_APPLIED})


async def wait_for_address(run: Run, change: Change) -> Ending | None:
    """Wait for the guest this change waits for; an ending when what it gains has not become free."""
    first = change.waits_for
    if first is None:
        return None
    run.progress.waiting(change.id, WaitReason.CHAIN, None)
    ending = await run.ending_of(first)
    if ending is None or ending.seen is None or ending.outcome not in _CARRIED_OUT:
        return Ending(
            outcome=Outcome.NOT_ATTEMPTED,
            rule="address-in-use",
            message=f"takes over an address of {first}, whose own change has not been seen carried out: "
            "apply again when it has",
        )
    held = [address.text for address in change.gains if still_holds(ending.seen, address)]
    if held:
        return Ending(
            outcome=Outcome.NOT_ATTEMPTED,
            rule="address-in-use",
            message=f"{', '.join(held)} still stands on {first}, most likely in proxyAddresses, which Graph "
            "lets nobody write: have it removed there, then apply again",
        )
    return None
