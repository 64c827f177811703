"""What an apply waits for: what an earlier run wrote last shows in reads only after `--watch` seconds."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.emulator.control.client import ControlClient
from tests.e2e.shell import Shell

_WATCH = 8
_FOR_EVER = "600"
"""Seconds of --watch that no test outlasts."""


def _declare_one_more(shell: Shell) -> None:
    shell.edit("guests/fabrikam.yaml", "email: chiara@fabrikam.example", "email: chiara@adatum.example")


@pytest.mark.parametrize("source", ["hint", "journal"])
def test_an_apply_right_after_another_waits_for_the_rest_of_watch(
    shell: Shell, tenant: ControlClient, source: str
) -> None:
    """The hint of the same machine, or the journal on another one, says how long ago the last write was."""
    first = shell.run("apply", "--auto-approve", "--journal", "journal.jsonl")
    assert first.returncode == 0, first.stderr
    before = tenant.history()
    _declare_one_more(shell)
    (shell.folder / "nothing").mkdir()
    known: Mapping[str, tuple[tuple[str, ...], dict[str, str]]] = {
        "hint": (("--evidence", "nothing"), {}),
        "journal": (("--evidence", "journal.jsonl"), {"XDG_STATE_HOME": str(shell.folder / "other")}),
    }
    options, environment = known[source]

    second = shell.run("apply", "--auto-approve", "--watch", str(_WATCH), *options, **environment)

    assert second.returncode == 0, second.stderr
    began = tenant.history()[len(before)].time
    since = datetime.fromisoformat(began) - datetime.fromisoformat(before[-1].time)
    assert since >= timedelta(seconds=_WATCH)


def test_an_apply_that_knows_of_no_earlier_run_waits_from_its_start(
    shell: Shell, tenant: ControlClient
) -> None:
    """Without hint, journal or evidence a run may have ended a moment ago, so nothing is written before."""
    started = datetime.now(UTC)
    done = shell.run("apply", "--auto-approve", "--journal", "new.jsonl", "--watch", str(_WATCH))
    assert done.returncode == 0, done.stderr
    assert datetime.fromisoformat(tenant.history()[0].time) - started >= timedelta(seconds=_WATCH)


def test_an_empty_folder_of_evidence_is_waited_for_by_nobody(shell: Shell, tenant: ControlClient) -> None:
    """That there are no journals says that no earlier run wrote: the run ends long before --watch."""
    (shell.folder / "journals").mkdir()
    done = shell.run("apply", "--auto-approve", "--watch", _FOR_EVER, "--evidence", "journals")
    assert done.returncode == 0, done.stderr


def test_the_embedded_emulator_is_waited_for_by_nobody(shell: Shell) -> None:
    """It shows at once what was written: two runs in a row end long before --watch."""
    assert shell.run("apply", "--auto-approve", "--watch", _FOR_EVER).returncode == 0
    _declare_one_more(shell)
    assert shell.run("apply", "--auto-approve", "--watch", _FOR_EVER).returncode == 0
