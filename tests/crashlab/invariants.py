"""The invariants, each judged against what only the emulated tenant knows."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.control import GuestTruth, Message, RecordedRequest, Write
from tests.crashlab.scenario import UNDECLARED, Case, cases

WRITES = frozenset({"POST", "PATCH"})
GOOD = frozenset({"applied", "already-applied"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is left of the runs of one trial."""

    before: Mapping[str, GuestTruth]
    after: Mapping[str, GuestTruth]
    history: Sequence[Write]
    requests: Sequence[RecordedRequest]
    messages: Sequence[Message]

    reports: Sequence[Mapping[str, Any]]
    """Of the runs that came to their end, the last one last."""

    exit_codes: Sequence[int]
    """Of the same runs."""

    journal: str
    texts: Sequence[str]
    """Everything printed or written, apart from the journal and the file of links."""

    open_changes: frozenset[str]
    """Guests for whom another plan still has a change."""

    same_plan: bool
    """Whether every run was under the same approved plan."""

    def resets(self, guest: str) -> int:
        """Count how often a guest was reset."""
        return sum(1 for write in self.history if write.id == guest and write.operation == "reset")


def violations(evidence: Evidence) -> Iterator[str]:
    """Name everything that is not as promised, with the number of the invariant."""
    yield from i1_nobody_undeclared_was_written(evidence)
    yield from i2_everybody_kept_what_they_had(evidence)
    yield from i3_everybody_is_in_or_invited(evidence)
    yield from i4_no_old_account_is_bound(evidence)
    yield from i5_one_reset_under_one_plan(evidence)
    yield from i6_one_repetition_at_most(evidence)
    yield from i7_links_are_nowhere(evidence)
    yield from i9_exit_code_and_report_agree(evidence)
    yield from the_journal_knew_every_write(evidence)


def i1_nobody_undeclared_was_written(evidence: Evidence) -> Iterator[str]:
    """I1: no undeclared guest was written to."""
    declared = {case.id for case in cases()}
    for write in evidence.history:
        if write.id not in declared:
            yield f"I1 {write.operation} of undeclared {write.id}"
    if evidence.after[UNDECLARED] != evidence.before[UNDECLARED]:
        yield "I1 the undeclared guest changed"


def i2_everybody_kept_what_they_had(evidence: Evidence) -> Iterator[str]:
    """I2: ids, UPNs, groups and app assignments are as before."""
    if evidence.before.keys() != evidence.after.keys():
        yield "I2 guests came or went"
    for guest, before in evidence.before.items():
        after = evidence.after[guest]
        if (before.user_principal_name, before.groups, before.app_role_assignments) != (
            after.user_principal_name,
            after.groups,
            after.app_role_assignments,
        ):
            yield f"I2 {guest} lost something"


def i3_everybody_is_in_or_invited(evidence: Evidence) -> Iterator[str]:
    """I3: the plan is empty but for who is refused, and everybody is in or invited at the desired address."""
    for case in cases():
        after = evidence.after[case.id]
        if case.fails:
            if case.id not in evidence.open_changes:
                yield f"I3 {_name(case)}: the plan forgot who failed"
            continue
        if case.id in evidence.open_changes:
            yield f"I3 {_name(case)}: another plan still has a change"
        if (after.mail or "").lower() != case.email:
            yield f"I3 {_name(case)}: mail is {after.mail}"
        if sorted(address.lower() for address in after.other_mails) != sorted(case.ends_with):
            yield f"I3 {_name(case)}: otherMails are {after.other_mails}"
        invited = after.has_live_link and (after.invited or "").lower() == case.email
        if not invited and (after.account or "").lower() != case.email:
            yield f"I3 {_name(case)}: stranded, invited {after.invited}, bound {after.account}"


def i4_no_old_account_is_bound(evidence: Evidence) -> Iterator[str]:
    """I4: nobody whose change resets them is bound to the account from before."""
    for case in cases():
        if case.resets and not case.fails and evidence.after[case.id].account is not None:
            yield f"I4 {_name(case)}: {evidence.after[case.id].account} is still bound"
        if case.fails and evidence.after[case.id].account != evidence.before[case.id].account:
            yield f"I4 {_name(case)}: was refused and is locked out"


def i5_one_reset_under_one_plan(evidence: Evidence) -> Iterator[str]:
    """I5: under the same plan a guest who was accepted is reset once; without it, once more at most."""
    for case in cases():
        allowed = int(case.resets) if evidence.same_plan else 2 * int(case.resets)
        if not case.pending and evidence.resets(case.id) > allowed:
            yield f"I5 {_name(case)}: {evidence.resets(case.id)} resets"


def i6_one_repetition_at_most(evidence: Evidence) -> Iterator[str]:
    """I6: who was pending before is reset once more at most, and under a plan the report says so.

    Nobody can report what nothing shows: where the reset is the first write and leaves the time alone,
    a guest after it looks like one before it.
    """
    for case in cases():
        count = evidence.resets(case.id)
        if case.pending and count > 2:
            yield f"I6 {_name(case)}: {count} resets"
        moved = evidence.after[case.id].state_changed_at != evidence.before[case.id].state_changed_at
        if case.pending and count == 2 and evidence.same_plan and (moved or case.leaves_trace):
            results = {
                action["result"]
                for report in evidence.reports
                for outcome in report["outcomes"]
                if outcome["id"] == case.id
                for action in outcome["actions"]
            }
            if "repeated" not in results:
                yield f"I6 {_name(case)}: a repetition nobody reported"


def i7_links_are_nowhere(evidence: Evidence) -> Iterator[str]:
    """I7: no part of a redeem link stands in anything that was printed or written."""
    secrets = [message.redeem_url for message in evidence.messages]
    for text in (evidence.journal, *evidence.texts):
        if "ticket" in text or any(secret in text for secret in secrets):
            yield "I7 a redeem link got out"


def i9_exit_code_and_report_agree(evidence: Evidence) -> Iterator[str]:
    """I9: each report has the exit code of its run, and the last one says what the truth is."""
    for report, code in zip(evidence.reports, evidence.exit_codes, strict=True):
        if report["exitCode"] != code:
            yield f"I9 the report says {report['exitCode']}, the command {code}"
        outcomes = {outcome["outcome"] for outcome in report["outcomes"]}
        if (code == 0) != (outcomes <= GOOD):
            yield f"I9 exit code {code} with {outcomes}"
    last = {outcome["id"]: outcome for outcome in evidence.reports[-1]["outcomes"]}
    for case in cases():
        outcome = last.get(case.id, {"outcome": "already-applied", "rule": None})
        expected = {"failed"} if case.fails else GOOD
        if outcome["outcome"] not in expected:
            yield f"I9 {_name(case)}: {outcome['outcome']} ({outcome['rule']})"


def the_journal_knew_every_write(evidence: Evidence) -> Iterator[str]:
    """Every write that reached the directory stands in the journal, as does every answer but the last."""
    lines = evidence.journal.splitlines()
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:
            yield f"journal: a broken line {line[:40]!r}"
    sent = Counter(entry["clientRequestId"] for entry in entries if entry["event"] == "sending")
    if any(count > 1 for count in sent.values()):
        yield "journal: an id was used twice"
    for request in evidence.requests:
        if request.method in WRITES and "$batch" not in request.url and request.parent is None:
            identifier = {name.lower(): value for name, value in request.request_headers.items()}.get(
                "client-request-id"
            )
            if identifier not in sent:
                yield f"journal: {request.method} {request.url} was never announced"


def _name(case: Case) -> str:
    return f"{case.number} ({case.what})"
