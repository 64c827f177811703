"""What a run writes down beside the directory, before and after each write, and what ends when it cannot."""

import asyncio
from pathlib import Path

import pytest

from reconciler.apply import Settings
from reconciler.apply.run_control import RunControl
from reconciler.guard.proofs import AcknowledgedReset, address_digest
from reconciler.journal import JournalEvent
from reconciler.model import (
    EmailAddress,
    Note,
    NotSent,
    ObjectId,
    Outcome,
    Permit,
    RedemptionState,
    ResetRedemption,
    Write,
    WriteAnswer,
)
from reconciler.redeem_links import open_redeem_links
from reconciler.rules import Rule
from reconciler.settling import LastWrite, read_hint
from tests.support.applying import apply, new_tenant, outcome_of, outcomes, work_for
from tests.support.directory import NEW, OLD, declared, desired, guest, guest_id
from tests.support.imagined_time import ImaginedClock
from tests.support.journals import MemoryJournal
from tests.support.plans import TENANT
from tests.support.tenant import Tenant
from tests.support.tenant_calls import Fault, Kind

ONE, TWO, THREE = guest_id(1), guest_id(2), guest_id(3)
CHANGED, QUIET = desired(declared()), desired(declared(send_message=False))


class _Unflushed(MemoryJournal):
    """A journal whose lines cannot be forced to the disk."""

    async def flush(self) -> None:
        """Fail."""
        raise OSError(5, "Input/output error")


class _AsksTwice(Tenant):
    """A tenant that asks for the permit once more, as after a token that was refused."""

    async def perform(
        self, guest: ObjectId, write: Write, *, client_request_id: str, permit: Permit
    ) -> WriteAnswer | NotSent:
        """Ask twice."""
        if not await permit():
            return NotSent()
        return await super().perform(guest, write, client_request_id=client_request_id, permit=permit)


def test_a_journal_that_does_not_reach_the_disk_keeps_the_reset_back() -> None:
    """Only what survives a power cut can prove a reset: without it the POST is not sent."""
    tenant = new_tenant(guest())
    finished = apply(tenant, work_for(tenant, CHANGED), journal=_Unflushed())
    assert finished is not None
    assert [note.rule for note in finished.notes] == ["journal-unwritable"]
    assert tenant.writes() == (Kind.MAIL,)


def test_the_journal_names_the_change_the_marker_and_the_directorys_time() -> None:
    """A later run finds in it which very marker stood when a reset was acknowledged, and when."""
    tenant, journal = new_tenant(guest()), MemoryJournal()
    (work,) = work_for(tenant, CHANGED)
    apply(tenant, [work], journal=journal)
    marker = next(found.marker for _, found in tenant.truth[ONE].versions if found.marker)
    done = [line for line in journal.lines.kept if line["event"] == JournalEvent.DONE]
    assert [line["marker"] for line in done] == [marker.local_part, marker.local_part, marker.local_part]
    assert {line["change"] for line in done} == {work.recorded.digest}
    reset_at = tenant.truth[ONE].reset_at
    assert reset_at is not None
    assert journal.resets == (
        AcknowledgedReset(
            change=work.recorded.digest,
            marker=marker.local_part,
            address=address_digest(ONE, EmailAddress(NEW)),
            at=reset_at.replace(microsecond=0),
        ),
    )


def test_a_request_that_goes_out_twice_is_one_attempt() -> None:
    """A write whose token was refused stands in the journal once."""
    tenant, journal = _AsksTwice(ImaginedClock(), guest()), MemoryJournal()
    assert outcome_of(apply(tenant, work_for(tenant, CHANGED), journal=journal)).outcome is Outcome.APPLIED
    sent = [line["action"] for line in journal.lines.kept if line["event"] == JournalEvent.SENDING]
    assert sent == ["SetMail", "ResetRedemption", "ClearMarker"]


def test_every_write_is_noted_for_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run on this machine finds when this one wrote last."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    tenant, root = new_tenant(guest()), "https://graph.example"
    apply(tenant, work_for(tenant, CHANGED), last_write=LastWrite(TENANT, root))
    noted, last = read_hint(TENANT, root), max(call.at for call in tenant.calls if call.kind.writes)
    assert noted is not None
    assert noted >= last.replace(microsecond=0)


def test_an_answer_without_a_link_loses_it(tmp_path: Path) -> None:
    """A reset that was acknowledged without its link, and without a message, reaches nobody."""
    tenant = new_tenant(guest())

    def pending_by_our_own_reset() -> None:
        tenant.edit(ONE, state=RedemptionState.PENDING, state_changed_at=tenant.clock.now())

    tenant.answers(Kind.RESET, Fault(meanwhile=pending_by_our_own_reset))
    with open_redeem_links(tmp_path / "links") as links:
        outcome = outcome_of(apply(tenant, work_for(tenant, QUIET), links=links))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "link-lost")
    assert not (tmp_path / "links").read_text()


def test_a_last_write_that_never_gets_its_turn_is_withdrawn() -> None:
    """When the grace is over, the write was certainly not sent, and the guest is half done."""
    tenant, journal = new_tenant(guest()), MemoryJournal()
    tenant.queues[Kind.CLEAR] = 60.0
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED), journal=journal, stop_after=3.0))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "interrupted")
    assert "the marker of the unfinished change still stands" in outcome.message
    assert {line["action"] for line in journal.lines.kept} == {"SetMail", ResetRedemption.name}


def test_a_write_that_is_withheld_after_its_line_is_taken_back_in_the_journal() -> None:
    """A POST whose line stood in the journal when the run ended is noted as not sent after all."""
    tenant, journal = new_tenant(guest()), MemoryJournal()
    tenant.latency = 0.0

    class _Slow(MemoryJournal):
        async def flush(self) -> None:
            await tenant.clock.sleep(30.0)

    journal = _Slow()
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED), journal=journal, stop_after=5.0))
    assert outcome.outcome is Outcome.NOT_ATTEMPTED
    resets = [line["event"] for line in journal.lines.kept if line["action"] == ResetRedemption.name]
    assert resets == [JournalEvent.SENDING, JournalEvent.FAILED]


def test_who_waits_for_a_place_behind_a_predecessor_is_left_when_the_run_drains() -> None:
    """A successor whose address is free, but who holds no place yet, is not attempted after a signal."""
    tenant = new_tenant(guest(), guest(2, "bo@old.example"), guest(3, "cy@old.example"))
    tenant.keeps_stale_proxies = False
    entries = desired(declared(1, NEW), declared(2, OLD), declared(3, "cy@newco.example"))
    tenant.queues[Kind.CLEAR] = 20.0
    finished = apply(tenant, work_for(tenant, entries), settings=Settings(max_in_flight=1), stop_after=10.0)
    found = outcomes(finished)
    assert (found[TWO].outcome, found[TWO].rule) == (Outcome.NOT_ATTEMPTED, "interrupted")
    assert not tenant.writes(TWO)


async def test_what_fails_while_it_is_given_up_is_nobodys_failure() -> None:
    """A call that is cancelled and fails on its way out ends nothing else."""
    clock = ImaginedClock()
    control = RunControl(
        clock=clock,
        settings=Settings(),
        settled_at=None,
        marker_domains=("reconciler.invalid",),
        shutdown=asyncio.Event(),
    )

    async def fails_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError

    waiting = asyncio.ensure_future(control.first(fails_when_cancelled(), gives_up=lambda: control.drains))
    await asyncio.sleep(0)
    control.stop_admission(Note(rule=Rule.INTERRUPTED, message="the run was interrupted"))
    assert await waiting is None
