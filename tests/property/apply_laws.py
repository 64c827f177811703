"""What must hold after every run of apply, judged by what only the tenant knows."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import timedelta

from reconciler.apply import RunResult
from reconciler.guard.approval import Work
from reconciler.guard.resumption import CLOCK_TOLERANCE
from reconciler.model import (
    ActionResult,
    Change,
    DesiredGuest,
    EmailAddress,
    Failed,
    FailureKind,
    Guest,
    GuestOutcome,
    Note,
    ObjectId,
    Outcome,
    RedeemUrl,
    RedemptionState,
    ResetRedemption,
)
from tests.support.applying import Heard
from tests.support.tenant import Tenant
from tests.support.tenant_calls import Call, Fault, Kind

_MOST_LOST_ANSWERS = 2


@dataclass(slots=True, kw_only=True)
class Ran:
    """One run: what it was given, what became of it, and what happened meanwhile."""

    declared: Mapping[ObjectId, DesiredGuest]
    work: tuple[Work, ...]
    before: Mapping[ObjectId, Guest]
    """The guests as they were, in truth, when the run began."""

    resets_before: Mapping[ObjectId, int]

    proved: frozenset[ObjectId]
    """Guests whose reset a journal proves as the run begins: the marker it names stands on them."""

    under_plan: Mapping[ObjectId, int]
    """How often each guest had been reset under the approved plan before; empty without a plan."""

    heard: Heard = field(default_factory=Heard)
    finished: RunResult | None = None
    """`None` when the process was killed."""

    redeemed: set[ObjectId] = field(default_factory=set)
    """Guests who were redeemed by anybody during the run."""

    edited: set[ObjectId] = field(default_factory=set)
    """Whom another administrator changed, reset or deleted during the run."""

    by_hand: frozenset[ObjectId]
    """Whose `mail` or marker somebody has written by hand before the run."""

    lost: Counter[ObjectId] = field(default_factory=Counter)
    """How many answers to a reset each guest has lost."""

    logged: list[str] = field(default_factory=list)

    def hear(self, call: Call, fault: Fault) -> None:
        """Take note of a fault that hits."""
        lost = isinstance(fault.answer, Failed) and fault.answer.kind is FailureKind.UNKNOWN
        if call.kind is Kind.RESET and lost:
            self.lost[call.guest] += 1

    def resets(self, tenant: Tenant) -> Mapping[ObjectId, int]:
        """Count the resets that took effect during the run."""
        return {each: tenant.truth[each].resets - count for each, count in self.resets_before.items()}


class Listening(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self._into.append(record.getMessage())


def check_run(tenant: Tenant, ran: Ran, *, journal: str, links: str | None) -> None:
    """Check all that one run promises; `links` is the file of redeem links, if one was asked for."""
    check_i1_only_work_is_written_to(tenant, ran)
    check_s6_nobody_elses_address_is_lost(tenant, ran)
    check_s9_proved_resets_stay_single(tenant, ran)
    check_i6_no_blind_repetition(tenant, ran)
    check_i7_links_stay_in_their_file(tenant, ran, journal=journal, links=links)
    if ran.finished is not None:
        check_i9_outcomes_are_true(tenant, ran, ran.finished, links=links)


def check_i1_only_work_is_written_to(tenant: Tenant, ran: Ran) -> None:
    """I1: only guests who are declared and have a planned change are written to, and as declared."""
    planned = {work.planned.id for work in ran.work if work.planned}
    for call in tenant.calls:
        if not call.kind.writes:
            continue
        assert call.guest in ran.declared, f"{call.kind} to {call.guest}, whom nobody declares"
        assert call.guest in planned, f"{call.kind} to {call.guest}, who has no planned change"
        if call.kind is not Kind.OTHER_MAILS:
            assert call.addresses[0] == ran.declared[call.guest].email


def check_s6_nobody_elses_address_is_lost(tenant: Tenant, ran: Ran) -> None:
    """S6: where no list is declared, an address that somebody added before the run is there after it."""
    for each, entry in ran.declared.items():
        if entry.alternate_emails is None and each in ran.before and each in tenant.live:
            added = {address for address in ran.before[each].other_mails if ".admin." in address.text}
            lost = added - {*tenant.live[each].other_mails}
            assert not lost or each in ran.edited, f"{each} has lost {lost}, which nobody planned"


def check_s6_no_read_address_is_written_over(tenant: Tenant, ran: Ran, call: Call) -> None:
    """S6: a PATCH drops nothing that somebody had added before the last read, where no list is declared."""
    entry = ran.declared.get(call.guest)
    if entry is None or entry.alternate_emails is not None or call.guest not in tenant.live:
        return
    reads = [each.at for each in tenant.calls if each.kind is Kind.READ and each.guest == call.guest]
    dropped = {*tenant.live[call.guest].other_mails} - {*call.addresses}
    for address in dropped:
        added = next(at for at, found in tenant.truth[call.guest].versions if address in found.other_mails)
        seen = (max(reads) - added).total_seconds() > tenant.read_lag
        assert not (seen and ".admin." in address.text), f"{call.guest} loses {address}, which was read"


def check_s9_proved_resets_stay_single(tenant: Tenant, ran: Ran) -> None:
    """S9: a reset that a journal proves is not sent again; a second one under a plan is called repeated."""
    resets = ran.resets(tenant)
    undisturbed = ran.before.keys() - ran.edited
    for each in ran.proved & undisturbed:
        assert not resets[each], f"{each} was reset again, although a journal proves the reset"
    if ran.finished is None:
        return
    for outcome in ran.finished.outcomes:
        if resets[outcome.id] and ran.under_plan.get(outcome.id) and outcome.id in undisturbed:
            records = {record.action: record.result for record in outcome.actions}
            assert records[ResetRedemption.name] in {ActionResult.REPEATED, ActionResult.UNKNOWN}


def check_i6_no_blind_repetition(tenant: Tenant, ran: Ran) -> None:
    """I6: no second reset in a run where the state could tell; else one more at most, and reported."""
    outcomes = {outcome.id: outcome for outcome in ran.finished.outcomes} if ran.finished else {}
    for each, lost in ran.lost.items():
        assert lost <= _MOST_LOST_ANSWERS, f"{each}: a reset was sent after {lost - 1} lost answers"
    for each, count in ran.resets(tenant).items():
        if not count:
            continue
        undisturbed = each not in ran.redeemed | ran.edited
        accepted = ran.before[each].state is RedemptionState.ACCEPTED and each not in ran.edited
        tells = accepted or (tenant.moves_time_of_pending and undisturbed)
        assert count <= (1 if tells else 2), f"{each} was reset {count} times in one run"
        if count == 2 and each in outcomes:
            results = {record.result for record in outcomes[each].actions}
            assert results & {ActionResult.REPEATED, ActionResult.UNKNOWN}


def check_i7_links_stay_in_their_file(tenant: Tenant, ran: Ran, *, journal: str, links: str | None) -> None:
    """I7: the redeem link is in the file that was asked for, and nowhere else."""
    told = "\n".join([journal, *ran.logged, *texts_in(ran.finished), *texts_in(ran.heard)])
    for link in tenant.links:
        _, _, ticket = link.reveal().partition("ticket=")
        assert ticket not in told, "a redeem link stands where it must not"
    if links is not None:
        kept = {line for line in links.splitlines() if line}
        secrets = {link.reveal() for link in tenant.links}
        assert all(any(secret in line for secret in secrets) for line in kept)


def texts_in(value: object) -> Iterator[str]:
    """Give every text in a value, however deep, also what its own `repr` would hide."""
    match value:
        case RedeemUrl():
            yield value.reveal()
        case str():
            yield value
        case BaseException():
            yield repr(value)
            yield from texts_in(value.args)
        case Mapping():
            yield from texts_in(tuple(value.items()))
        case list() | tuple() | set() | frozenset():
            for each in value:
                yield from texts_in(each)
        case _ if is_dataclass(value):
            for each in fields(value):
                yield from texts_in(getattr(value, each.name))
        case _:
            yield repr(value)


def check_i9_outcomes_are_true(tenant: Tenant, ran: Ran, finished: RunResult, *, links: str | None) -> None:
    """I9: each outcome says what happened to the guest."""
    assert finished.crash is None, finished.crash
    assert [outcome.id for outcome in finished.outcomes] == sorted(work.recorded.id for work in ran.work)
    recorded = {work.recorded.id: work.recorded for work in ran.work}
    for outcome in finished.outcomes:
        check_outcome(tenant, ran, outcome, recorded[outcome.id])
        if outcome.outcome is Outcome.APPLIED and links is not None:
            check_s13_the_link_kept_is_the_live_one(tenant, ran, outcome, links)


def check_s13_the_link_kept_is_the_live_one(
    tenant: Tenant, ran: Ran, outcome: GuestOutcome, links: str
) -> None:
    """S13: of a guest who is applied and still pending, the newest link in the file works."""
    truth = tenant.truth[outcome.id]
    calls = [call for call in tenant.calls if call.guest == outcome.id]
    ours = [call.at for call in calls if call.kind is Kind.RESET]
    if truth.reset_by_others and truth.invited and truth.reset_at is not None and ours:
        last_read = max(call.at for call in calls if call.kind is Kind.READ)
        unseen = (last_read - truth.reset_at).total_seconds() <= tenant.read_lag
        close = truth.reset_at - max(ours) <= CLOCK_TOLERANCE + timedelta(seconds=1)
        silent = not tenant.moves_time_of_pending
        assert unseen or close or silent, f"{outcome.id} was reset by somebody else, which reads have shown"
    kept = [line for line in links.splitlines() if outcome.id in line]
    was_reset = ran.resets(tenant)[outcome.id] and truth.invited and not truth.reset_by_others
    if was_reset and "redeem link is not in the file" not in outcome.message:
        assert truth.link is not None
        assert kept
        assert truth.link.reveal() in kept[-1]


def check_outcome(tenant: Tenant, ran: Ran, outcome: GuestOutcome, recorded: Change) -> None:
    """Compare one outcome with the guest."""
    wrote = any(call.kind.writes and call.guest == outcome.id for call in tenant.calls)
    truth, resets = tenant.truth[outcome.id], ran.resets(tenant)[outcome.id]
    match outcome.outcome:
        case Outcome.APPLIED | Outcome.UNVERIFIED:
            entry = ran.declared[outcome.id]
            if outcome.id not in ran.edited:
                assert tenant.live[outcome.id].mail == entry.email
                assert entry.email in tenant.live[outcome.id].other_mails
                assert not tenant.live[outcome.id].markers
            if recorded.resets:
                # S7: whoever redeemed since may have done so by what the directory keeps; that is said.
                assert truth.last_invited == entry.email
                assert truth.invited == entry.email or truth.bound
                found = tenant.live.get(outcome.id)
                shown = found is not None and found.signs_in_with(entry.email)
                if truth.bound and outcome.id not in ran.redeemed and not shown:
                    assert "who that was is not known" in outcome.message
                assert truth.bound == entry.email or not shown
        case Outcome.ALREADY_APPLIED:
            assert not resets or wrote
            if recorded.reset and outcome.id not in ran.by_hand:
                since = recorded.precondition.state_changed_at
                assert truth.reset_at is not None, f"{outcome.id} was never reset"
                # A rest whose reset is proved was reset before this plan was made, and to this address.
                proved = truth.reset_at == since and truth.last_invited == recorded.reset.email
                assert since is None or proved or truth.reset_at > since, (
                    f"{outcome.id} has not been reset since"
                )
        case Outcome.STALE:
            assert not wrote
        case Outcome.NOT_ATTEMPTED:
            assert resets == 0
        case Outcome.FAILED:
            assert outcome.rule
        case _:
            raise AssertionError(outcome)


def must_be_said(rules: set[str], address: EmailAddress | None, notes: Iterable[Note]) -> None:
    """See that a plan has named an address that lets the wrong person in."""
    assert any(note.rule in rules and str(address) in note.message for note in notes), (
        f"{address} lets somebody in, and no plan says so"
    )
