"""What is written to the journal and to the file of redeem links during a run, and runs whose files fail."""

from pathlib import Path

import pytest

from reconciler.journal import Journal, JournalEntry, JournalEvent, open_journal
from reconciler.model import EmailAddress, FailureKind, Outcome, ResetRedemption
from reconciler.redeem_links import RedeemLinks, open_redeem_links
from tests.support.applying import Heard, apply, new_tenant, outcome_of, outcomes, work_for
from tests.support.crowds import crowd, rules, unfinished
from tests.support.directory import NEW, declared, desired, guest, guest_id
from tests.support.journals import FullDisk, MemoryJournal
from tests.support.tenant_calls import REFUSED, Call, Fault, Kind, failed

ONE = guest_id(1)


@pytest.mark.parametrize("room", range(7))
def test_a_journal_that_cannot_be_written_stops_the_run(room: int, tmp_path: Path) -> None:
    """Without a journal line nobody is reset, but a reset guest still loses the marker."""
    tenant, entries = crowd(1)
    disk = FullDisk(tmp_path / "journal.jsonl", room=room)
    finished = apply(tenant, work_for(tenant, entries), journal=Journal(disk, run="r"))
    disk.close()
    assert not unfinished(tenant)
    assert (rules(finished) == ()) == (room == 6)
    reset = tenant.truth[ONE].resets
    assert outcome_of(finished).outcome is (Outcome.APPLIED if reset else Outcome.NOT_ATTEMPTED)


def test_redeem_links_are_written_before_the_marker_goes(tmp_path: Path) -> None:
    """The link of each reset guest stands in the file, with the id and the address."""
    tenant, entries = crowd(1)
    seen: list[str] = []

    def read_the_file(call: Call) -> None:
        if call.kind is Kind.CLEAR:
            seen.append((tmp_path / "links.jsonl").read_text())

    tenant.script = read_the_file
    with open_redeem_links(tmp_path / "links.jsonl") as links:
        apply(tenant, work_for(tenant, entries), links=links)
    assert "https://redeem.example/?ticket=secret-1" in seen[0]
    assert ONE in seen[0]
    assert "g1@newco.example" in seen[0]


def test_a_link_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    """The guest whose link is lost is finished and named; nobody else is reset."""
    tenant, entries = crowd(60)
    disk = FullDisk(tmp_path / "links.jsonl", room=0)
    finished = apply(tenant, work_for(tenant, entries), links=RedeemLinks(disk))
    disk.close()
    assert rules(finished) == ("redeem-links-unwritable",)
    found = outcomes(finished)
    reset = [each for each in found.values() if tenant.truth[each.id].resets]
    assert reset
    assert all("redeem link" in each.message for each in reset)
    assert {each.outcome for each in reset} == {Outcome.APPLIED}


@pytest.mark.parametrize("lost", ["disk full", "answer"])
def test_a_lost_link_without_a_message_is_a_failure(lost: str, tmp_path: Path) -> None:
    """Without a message the link is all there is: not everything was done, and counts as failed."""
    tenant = new_tenant()
    tenant.add(guest())
    if lost == "answer":
        tenant.answers(Kind.RESET, Fault(answer=failed(FailureKind.UNKNOWN), committed=True))
    disk = FullDisk(tmp_path / "links.jsonl", room=0 if lost == "disk full" else 10_000)
    entries = desired(declared(send_message=False))
    finished = apply(tenant, work_for(tenant, entries), links=RedeemLinks(disk))
    disk.close()
    outcome = outcome_of(finished)
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "link-lost")
    assert tenant.live[ONE].mail == EmailAddress(NEW)


def test_a_link_lost_with_the_answer_is_reported(tmp_path: Path) -> None:
    """Where the answer to the POST was lost, the report says that the link is not in the file."""
    tenant, entries = crowd(1)
    tenant.answers(Kind.RESET, Fault(answer=failed(FailureKind.UNKNOWN), committed=True))
    with open_redeem_links(tmp_path / "links.jsonl") as links:
        outcome = outcome_of(apply(tenant, work_for(tenant, entries), links=links))
    assert outcome.outcome is Outcome.APPLIED
    assert "redeem link is not in the file" in outcome.message


def test_the_redeem_link_stands_nowhere_else(tmp_path: Path) -> None:
    """Neither journal nor report nor progress hold any part of the link."""
    tenant, entries = crowd(1)
    heard = Heard()
    with open_journal(tmp_path / "journal.jsonl", run="r") as journal:
        finished = apply(tenant, work_for(tenant, entries), journal=journal, heard=heard)
    assert "ticket" not in (tmp_path / "journal.jsonl").read_text()
    assert "ticket" not in repr(finished)
    assert "ticket" not in repr(heard)


def test_a_lost_link_is_said_of_a_guest_who_failed_as_well(tmp_path: Path) -> None:
    """Reset without a message or a link, and stuck with the marker: the report says both."""
    tenant = new_tenant()
    tenant.add(guest())
    tenant.answers(Kind.CLEAR, *[REFUSED] * 500)
    disk = FullDisk(tmp_path / "links.jsonl", room=0)
    entries = desired(declared(send_message=False))
    finished = apply(tenant, work_for(tenant, entries), links=RedeemLinks(disk))
    disk.close()
    outcome = outcome_of(finished)
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "holds-role")
    assert "nobody has the redeem link" in outcome.message


def test_a_link_is_kept_before_the_journal_says_that_the_reset_is_done(tmp_path: Path) -> None:
    """Whoever takes the journal's line for proof of a reset finds the link in the file."""
    tenant, entries = crowd(1)
    path = tmp_path / "links.jsonl"
    kept: list[bool] = []

    class _Watching(MemoryJournal):
        def record(self, entry: JournalEntry) -> None:
            if entry.action == ResetRedemption.name and entry.event is JournalEvent.DONE:
                kept.append("secret-1" in path.read_text())
            super().record(entry)

    with open_redeem_links(path) as links:
        apply(tenant, work_for(tenant, entries), links=links, journal=_Watching())
    assert kept == [True]
