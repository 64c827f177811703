"""A guest who has been reset and whose last write Graph refuses: the one way to end half done."""

import time

from tests.crashlab.boundaries import A_MARKER, Way
from tests.crashlab.evidence import read_line
from tests.crashlab.harness import Harness, Result
from tests.crashlab.scenario import guest_id, refusal

_NUMBER = 2
_LOOK_AGAIN = 0.05
_TOLD = (130, "failed", "interrupted", "half done")
"""Exit code, outcome, rule, and how the message begins."""


def refused_at_last_until_interrupted(lab: Harness, way: Way) -> Result:
    """Refuse `ClearMarker` until somebody interrupts the run, which says so; run again once it is allowed."""
    lab.begin()
    guest = guest_id(_NUMBER)
    lab.set_faults(None, refusal(_NUMBER, lacks=A_MARKER))
    command = lab.start(way)
    while not _has_failed(lab, guest):
        assert command.poll() is None, command.output.read_text()
        time.sleep(_LOOK_AGAIN)
    command.interrupt()
    code = lab.finish(command)
    report = lab.ran[-1].report
    assert report is not None
    outcome = next(outcome for outcome in report["outcomes"] if outcome["id"] == guest)
    told = (code, outcome["outcome"], outcome["rule"], outcome["message"].partition(":")[0])
    found = [] if told == _TOLD else [f"the run said {told}"]
    change = next(change for change in lab.plan()["changes"] if change["id"] == guest)
    if not any(note["rule"] == "half-done" for note in change["warnings"]):
        found.append("the plan does not say that the guest is half done")
    lab.set_faults(None)
    lab.finish(lab.start(way))
    return lab.judge(lab.evidence(), also=found)


def _has_failed(lab: Harness, guest: str) -> bool:
    journal = lab.folder / "journal.jsonl"
    for line in journal.read_text().splitlines() if journal.exists() else ():
        entry = read_line(line)
        if entry and (entry["id"], entry["action"], entry["event"]) == (guest, "ClearMarker", "failed"):
            return True
    return False
