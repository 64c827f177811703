"""What the options of `apply` do to the requests that the directory receives."""

import json
import os
import subprocess
import time
from datetime import datetime
from itertools import pairwise

from reconciler.emulator.control.client import ControlClient, RecordedRequest, RecordedWrite
from tests.e2e.shell import Shell, clean_environment, command_line


def seconds(one: RecordedRequest | RecordedWrite, other: RecordedRequest | RecordedWrite) -> float:
    """Tell how much later the other came."""
    return (datetime.fromisoformat(other.time) - datetime.fromisoformat(one.time)).total_seconds()


def applied(shell: Shell, *options: str) -> None:
    """Carry out what the sample plans, without the reports."""
    done = shell.run("apply", "--auto-approve", *options)
    assert done.returncode == 0, done.stderr


def test_one_in_flight_takes_one_guest_after_the_other(shell: Shell, tenant: ControlClient) -> None:
    """With --max-in-flight 1 nobody's first write comes before the last of whoever was before them."""
    applied(shell, "--max-in-flight", "1")
    order = [write.id for write in tenant.history()]
    changes = sum(1 for one, other in pairwise(order) if one != other)
    assert changes == len(set(order)) - 1


def test_a_small_share_of_the_quota_spaces_the_resets(shell: Shell, tenant: ControlClient) -> None:
    """1 % of the quota is 1.5 invitations at once, and 0.3 a second from then on."""
    applied(shell, "--quota-share", "1")
    resets = [write for write in tenant.history() if write.operation == "reset"]
    assert len(resets) > 2
    assert seconds(resets[0], resets[-1]) > (len(resets) - 1.5) / 0.3


def test_the_report_of_an_earlier_run_goes_before_this_one_begins(
    shell: Shell, tenant: ControlClient
) -> None:
    """A run that is killed leaves no report, rather than the green one of another run."""
    applied(shell, "--report", "report.json")
    tenant.set_faults({"latency": [{"milliseconds": 3000}]})
    with subprocess.Popen(
        command_line("apply", "--auto-approve", "--report", "report.json"),
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        while (shell.folder / "report.json").exists():
            time.sleep(0.05)
        running.kill()
    assert not (shell.folder / "report.json").exists()


def test_evidence_that_is_not_there_writes_nothing(shell: Shell, tenant: ControlClient) -> None:
    """Evidence that cannot be read ends the run before it begins, and the report of this run says why."""
    (shell.folder / "report.json").write_text('{"exitCode": 0}')
    done = shell.run(
        "apply", "--auto-approve", "--report", "report.json", "--evidence", "desired", "--evidence", "nowhere"
    )
    assert done.returncode == 2
    report = json.loads((shell.folder / "report.json").read_text())
    assert (report["exitCode"], report["refusals"][0]["rule"]) == (2, "evidence-unreadable")
    assert tenant.requests() == []


def test_the_journal_of_earlier_runs_is_evidence_unnamed(shell: Shell, tenant: ControlClient) -> None:
    """A journal is read before it is added to: one too large to read is refused, and left alone."""
    applied(shell, "--journal", "journal.jsonl")
    applied(shell, "--journal", "journal.jsonl", "--evidence", "journal.jsonl")
    with (shell.folder / "journal.jsonl").open("r+b") as file:
        file.truncate(64 * 1024**2 + 1)
    done = shell.run("apply", "--auto-approve", "--journal", "journal.jsonl")
    assert done.returncode == 2
    assert "evidence-unreadable" in done.stderr
    assert (shell.folder / "journal.jsonl").stat().st_size == 64 * 1024**2 + 1


def test_a_journal_nobody_can_read_back_is_no_evidence(shell: Shell, tenant: ControlClient) -> None:
    """A device is written to alone: the run neither waits for its end nor knows of earlier runs by it."""
    applied(shell, "--journal", "/dev/null")
    assert tenant.history()


def test_a_pipe_is_no_journal(shell: Shell, tenant: ControlClient) -> None:
    """What goes through a pipe proves nothing to a later run: it is refused at once, and nothing written."""
    os.mkfifo(shell.folder / "pipe")
    done = shell.run("apply", "--auto-approve", "--journal", "pipe")
    assert done.returncode == 2, done.stderr
    assert "pipe" in done.stderr
    assert tenant.history() == []
