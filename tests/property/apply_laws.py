"""What must hold after every run of apply, judged by what only the tenant knows."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass

from reconciler.apply import Finished, exit_code
from reconciler.guard.approval import Work
from reconciler.model import (
    ActionResult,
    AddOtherMail,
    Change,
    ChangeKind,
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
)
from tests.samples.applying import Heard
from tests.samples.tenant import Tenant
from tests.samples.tenant_calls import Call, Fault, Kind

_MOST_LOST_ANSWERS = 2


@dataclass(slots=True, kw_only=True)
class Ran:
    """One run: what it was given, what became of it, and what happened meanwhile."""

    declared: Mapping[ObjectId, DesiredGuest]
    work: tuple[Work, ...]
    before: Mapping[ObjectId, Guest]
    """The guests as they were, in truth, when the run began."""

    resets_before: Mapping[ObjectId, int]
    heard: Heard = field(default_factory=Heard)
    finished: Finished | None = None
    """`None` when the process was killed."""

    unseen: frozenset[ObjectId]
    """Guests who were redeemed so shortly before the run that reads need not show it."""

    redeemed: set[ObjectId] = field(default_factory=set)
    """Guests who were redeemed by anybody during the run."""

    edited: set[ObjectId]
    """Whom another administrator changed or deleted during the run, or shortly before, hidden by lag."""

    lost: Counter[ObjectId] = field(default_factory=Counter)
    """How many answers to a reset each guest has lost."""

    logged: list[str] = field(default_factory=list)

    def hear(self, call: Call, fault: Fault) -> None:
        """Take note of a fault that hits."""
        lost = isinstance(fault.answer, Failed) and fault.answer.kind is FailureKind.UNKNOWN
        if call.kind is Kind.RESET and call.guest and lost:
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
    check_i6_no_blind_repetition(tenant, ran)
    check_i7_links_stay_in_their_file(tenant, ran, journal=journal, links=links)
    if ran.finished is not None:
        check_i9_outcomes_are_true(tenant, ran, ran.finished)


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


def check_i6_no_blind_repetition(tenant: Tenant, ran: Ran) -> None:
    """I6: no second reset in a run where the state could tell; else one more at most, and reported."""
    outcomes = {outcome.id: outcome for outcome in ran.finished.outcomes} if ran.finished else {}
    for each, lost in ran.lost.items():
        assert lost <= _MOST_LOST_ANSWERS, f"{each}: a reset was sent after {lost - 1} lost answers"
    for each, count in ran.resets(tenant).items():
        if not count:
            continue
        undisturbed = each not in ran.redeemed | ran.unseen
        accepted = ran.before[each].state is RedemptionState.ACCEPTED and each not in ran.unseen
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


def check_i9_outcomes_are_true(tenant: Tenant, ran: Ran, finished: Finished) -> None:
    """I9: each outcome says what happened to the guest, and the exit code says the same."""
    assert finished.crash is None, finished.crash
    assert [outcome.id for outcome in finished.outcomes] == sorted(work.recorded.id for work in ran.work)
    recorded = {work.recorded.id: work.recorded for work in ran.work}
    for outcome in finished.outcomes:
        check_outcome(tenant, ran, outcome, recorded[outcome.id])
    good = {Outcome.APPLIED, Outcome.ALREADY_APPLIED}
    all_good = all(outcome.outcome in good for outcome in finished.outcomes)
    code = exit_code(finished.outcomes, interrupted=finished.interrupted)
    assert code == (130 if finished.interrupted else 0 if all_good else 7)


def check_outcome(tenant: Tenant, ran: Ran, outcome: GuestOutcome, recorded: Change) -> None:
    """Compare one outcome with the guest."""
    wrote = any(call.kind.writes and call.guest == outcome.id for call in tenant.calls)
    truth, resets = tenant.truth[outcome.id], ran.resets(tenant)[outcome.id]
    match outcome.outcome:
        case Outcome.APPLIED | Outcome.UNVERIFIED:
            entry = ran.declared[outcome.id]
            assert truth.last_invited == entry.email or not recorded.resets
            if outcome.id not in ran.edited:
                assert tenant.live[outcome.id].mail == entry.email
                assert entry.email in tenant.live[outcome.id].other_mails
        case Outcome.ALREADY_APPLIED:
            assert not resets or wrote
            if recorded.kind is not ChangeKind.OTHER_MAILS:
                since = recorded.precondition.state_changed_at
                assert truth.reset_at is not None, f"{outcome.id} was never reset"
                assert since is None or truth.reset_at > since, f"{outcome.id} has not been reset since"
        case Outcome.STALE:
            assert not wrote
        case Outcome.NOT_ATTEMPTED:
            assert resets == 0
        case Outcome.FAILED:
            assert outcome.rule
        case _:
            raise AssertionError(outcome)


def first_write_shows(change: Change) -> bool:
    """Tell whether a change that was begun looks different from one that was not, before it resets."""
    first = change.actions[0]
    return not change.resets or (
        isinstance(first, AddOtherMail) and first.email not in change.precondition.other_mails
    )


def just_redeemed(tenant: Tenant) -> frozenset[ObjectId]:
    """Give who has redeemed so shortly ago that reads need not show it."""
    now = tenant.clock.now()
    return frozenset(
        each.id
        for each in tenant.live.values()
        if each.state is RedemptionState.ACCEPTED
        and each.state_changed_at
        and (now - each.state_changed_at).total_seconds() <= tenant.read_lag
    )


def must_be_said(rules: set[str], address: EmailAddress | None, notes: Iterable[Note]) -> None:
    """See that a plan has named an address that lets the wrong person in."""
    assert any(note.rule in rules and str(address) in note.message for note in notes), (
        f"{address} lets somebody in, and no plan says so"
    )
