"""What holds of the reports and the journal: each agrees with the requests that the tenant has recorded."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from reconciler.emulator.control.client import RecordedRequest
from tests.crashlab.evidence import MARK, Evidence, Ran, client_id, is_done, markers_in, subject_of

GOOD = frozenset({"applied", "already-applied"})
_DO_NOT_COUNT = frozenset({"blocked", "not-approved"})

Line = Mapping[str, Any]
Writes = Mapping[tuple[str, str], Sequence[Line]]
"""The lines that announce the writes of one run, by guest and action."""


def i9_reports_agree(evidence: Evidence, *, last_tells_all: bool) -> Iterator[str]:
    """I9: exit code and report of each run that ended agree with what it sent and what was answered."""
    for ran in evidence.runs:
        if ran.report is not None:
            yield from _agrees_with_itself(ran, ran.report)
            yield from _names_everybody(evidence, ran, ran.report)
            yield from _agrees_with_requests(evidence, ran, ran.report)
    if last_tells_all:
        yield from _tells_the_truth(evidence, evidence.runs[-1])


def _agrees_with_itself(ran: Ran, report: Mapping[str, Any]) -> Iterator[str]:
    if report["exitCode"] != ran.exit_code:
        yield f"I9 the report says {report['exitCode']}, the command {ran.exit_code}"
    outcomes = Counter(outcome["outcome"] for outcome in report["outcomes"])
    interrupted = ran.exit_code == 130
    if ran.exit_code != (130 if interrupted else 0 if outcomes.keys() <= GOOD | _DO_NOT_COUNT else 7):
        yield f"I9 exit code {ran.exit_code} with {dict(outcomes)}"
    if +Counter(report["summary"]) != outcomes:
        yield f"I9 the summary says {report['summary']}, the outcomes {dict(outcomes)}"


def _names_everybody(evidence: Evidence, ran: Ran, report: Mapping[str, Any]) -> Iterator[str]:
    """Under a plan each of its changes is named; without one, who was written to or still has a change."""
    named = Counter(outcome["id"] for outcome in report["outcomes"])
    if any(count > 1 for count in named.values()):
        yield "I9 the report names somebody twice"
    expected = {line["id"] for line in evidence.lines_of(ran)} | {
        case.id for case in evidence.cases() if case.stays
    }
    if ran.same_plan:
        expected |= {change["id"] for change in evidence.plan["changes"]}
    for guest in sorted(expected - named.keys()):
        yield f"I9 the report does not name {guest}"


def _agrees_with_requests(evidence: Evidence, ran: Ran, report: Mapping[str, Any]) -> Iterator[str]:
    sent = _sent(evidence, ran)
    told: set[tuple[str, str]] = set()
    for outcome in report["outcomes"]:
        guest = outcome["id"]
        for action in outcome["actions"]:
            key = (guest, action["action"])
            if key in told:
                yield f"I9 {guest}: {action['action']} stands in the report twice"
            told.add(key)
            requests = [evidence.by_client_id.get(line["clientRequestId"]) for line in sent.get(key, ())]
            if action["attempts"] != len(requests):
                yield f"I9 {guest}: {action['attempts']} attempts of {action['action']}, sent {len(requests)}"
            elif not _is_true(action, requests):
                found = [request.status if request else None for request in requests]
                yield f"I9 {guest}: {action['action']} is {action['result']}, answered {found}"
        results = [action["result"] for action in outcome["actions"]]
        if outcome["outcome"] == "applied" and (
            {"done", "repeated"}.isdisjoint(results) or {"failed", "unknown"} & {*results}
        ):
            yield f"I9 {guest}: applied, with {results}"
        if outcome["outcome"] == "applied" and ran.same_plan:
            yield from _names_every_action(evidence, outcome)
    for guest, action in sorted(sent.keys() - told):
        yield f"I9 {guest}: {action} was sent, and the report does not tell"


def _sent(evidence: Evidence, ran: Ran) -> Writes:
    sent: dict[tuple[str, str], list[Line]] = {}
    lines = evidence.lines_of(ran)
    withdrawn = {line["clientRequestId"] for line in lines if _is_withdrawn(evidence, line)}
    for line in lines:
        if line["event"] == "sending" and line["clientRequestId"] not in withdrawn:
            sent.setdefault((line["id"], line["action"]), []).append(line)
    return sent


def _is_withdrawn(evidence: Evidence, line: Line) -> bool:
    """Tell whether a line says that a write was not sent after all, as is true: the run had to end."""
    unsent = line["clientRequestId"] not in evidence.by_client_id
    return unsent and (line["event"], line["status"]) == ("failed", None)


def _is_true(action: Mapping[str, Any], requests: Sequence[RecordedRequest | None]) -> bool:
    """Compare the result of an action with what was answered to the requests for it."""
    if action["result"] == "skipped":
        return not any(request is not None and is_done(request) for request in requests)
    last = requests[-1] if requests else None
    if last is None:
        return False
    headers = {key.lower(): value for key, value in last.response_headers.items()}
    identifier = action["requestId"], headers.get("request-id")
    if action["result"] in {"done", "repeated"}:
        return is_done(last) and identifier[0] == identifier[1]
    if action["requestId"] is not None and identifier[0] != identifier[1]:
        return False
    if action["result"] == "failed":
        return last.status is not None and not is_done(last)
    return last.status is None or last.status >= 500


def _names_every_action(evidence: Evidence, outcome: Mapping[str, Any]) -> Iterator[str]:
    planned = {change["id"]: change for change in evidence.plan["changes"]}
    change = planned.get(outcome["id"])
    told = {action["action"] for action in outcome["actions"]}
    planned_actions = {action["action"] for action in change["actions"]} if change else told
    if outcome["id"] == evidence.interfered:
        # One whose `mail` alone was to be put right is reset when it must be.
        told &= planned_actions
    if told != planned_actions:
        yield f"I9 {outcome['id']}: {outcome['outcome']}, with {sorted(told)}"


def _tells_the_truth(evidence: Evidence, ran: Ran) -> Iterator[str]:
    assert ran.report is not None
    last = {outcome["id"]: outcome for outcome in ran.report["outcomes"]}
    for case in evidence.cases():
        if case.id not in last:
            # Whoever has to be named is looked for by `_names_everybody`.
            continue
        outcome = last[case.id]
        expected = {"failed"} if case.fails else {"not-attempted"} if case.is_left else GOOD
        moved = evidence.after[case.id].state_changed_at != evidence.before[case.id].state_changed_at
        if case.pending and not case.marks and not moved and ran.same_plan:
            # Nothing shows whether the killed run or somebody by hand wrote the list, and without the reset
            # the link sent before would still work: the run may not claim that all is done.
            expected = GOOD | {"stale"}
        if evidence.lags and not ran.same_plan:
            # A plan that was made from old reads is not carried out.
            expected = expected | {"stale"}
        if outcome["outcome"] not in expected:
            yield f"I9 {case.number} ({case.what}): {outcome['outcome']} ({outcome['rule']})"
        if case.is_left and (outcome["rule"], outcome["actions"]) != ("address-in-use", []):
            yield f"I9 {case.number} ({case.what}): {outcome['rule']}, {outcome['actions']}"


def the_journal_knew_every_write(evidence: Evidence) -> Iterator[str]:
    """Journal: each write is announced and has its answer; open is only what was in flight at a kill."""
    broken = sum(1 for line in evidence.journal.splitlines() if line.strip()) - sum(
        map(len, evidence.journalled.values())
    )
    # One that was cut by the kill.
    if broken > sum(1 for ran in evidence.runs if ran.report is None):
        yield f"journal: {broken} broken lines"
    lines = [line for run in evidence.journalled.values() for line in run]
    announced = Counter(line["clientRequestId"] for line in lines if line["event"] == "sending")
    if any(count > 1 for count in announced.values()):
        yield "journal: an id was used twice"
    for identifier, request in evidence.by_client_id.items():
        if identifier not in announced:
            yield f"journal: {request.method} {request.url} was never announced"
    for ran in evidence.runs:
        yield from _answers_are_right(evidence, evidence.lines_of(ran))
        yield from _only_what_was_in_flight_is_open(evidence, ran)
    yield from _changes_markers_and_instants_are_right(evidence, lines)


def _changes_markers_and_instants_are_right(evidence: Evidence, lines: Sequence[Line]) -> Iterator[str]:
    """Journal: each line names the change, the marker that stands, and when a write was acknowledged."""
    approved = {change["id"]: change["digest"] for change in evidence.plan["changes"]}
    for line in lines:
        what = f"journal: {line['action']} of {line['id']} {line['event']}"
        request = evidence.by_client_id.get(line["clientRequestId"])
        if request is None or line["id"] == evidence.interfered:
            # Not sent: what it would have said is nowhere else.
            continue
        if evidence.same_plan and line["change"] != approved[line["id"]]:
            yield f"{what} names the change {line['change']}"
        if line["marker"] not in _standing(evidence, request, line):
            yield f"{what} names the marker {line['marker']}"
        answered = {key.lower(): text for key, text in request.response_headers.items()}.get("date")
        at = None if line["event"] != "done" or answered is None else parsedate_to_datetime(answered)
        if line["at"] != (None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"):
            yield f"{what} was at {line['at']}, answered {answered}"


def _standing(evidence: Evidence, request: RecordedRequest, line: Line) -> set[str | None]:
    """Give the markers that may stand on a guest when a request is sent: its own, else the last of its run.

    A run that begins with what an earlier one has left finds that one's.
    """
    marked = [
        one
        for one in evidence.writes
        if subject_of(one) == (line["id"], MARK) and (one.n <= request.n) and (one is request or is_done(one))
    ]
    own = {other["clientRequestId"] for other in evidence.journalled[line["run"]]}
    written = [one for one in marked if client_id(one) in own] or marked
    return {*markers_in(written[-1].request_body["otherMails"])} if written else {None}


def _answers_are_right(evidence: Evidence, lines: Sequence[Line]) -> Iterator[str]:
    announced: dict[str, Line] = {}
    for line in lines:
        identifier = line["clientRequestId"]
        if line["event"] == "sending":
            announced[identifier] = line
            continue
        request = evidence.by_client_id.get(identifier)
        said = f"{line['action']} of {line['id']} {line['event']} {line['status']}"
        sending = announced.pop(identifier, None)
        if sending is None or any(sending[key] != line[key] for key in ("id", "action", "attempt")):
            yield f"journal: an answer to nothing: {said}"
        if request is None:
            if not _is_withdrawn(evidence, line):
                yield f"journal: an answer that nobody gave: {said}"
            continue
        subject = subject_of(request)
        if line["status"] != request.status or subject is None or subject[0] != line["id"]:
            yield f"journal: {said}, answered {request.status}"
        if (line["event"] == "done") != is_done(request):
            yield f"journal: {said}, which is not what happened"


def _only_what_was_in_flight_is_open(evidence: Evidence, ran: Ran) -> Iterator[str]:
    lines = evidence.lines_of(ran)
    answered = {line["clientRequestId"] for line in lines if line["event"] != "sending"}
    unanswered = [line for line in lines if line["clientRequestId"] not in answered]
    if ran.report is not None:
        for line in unanswered:
            yield f"journal: {line['action']} of {line['id']} was never answered"
        return
    last = {line["id"]: line for line in lines}
    for line in unanswered:
        # A guest's next request is sent when the answer to the one before has been written down.
        request = evidence.by_client_id.get(line["clientRequestId"])
        went_on = (
            request is not None
            and not evidence.together
            and any(
                request.n < other.n <= ran.requests_until and line["id"] in other.url
                for other in evidence.requests
            )
        )
        if last[line["id"]] is not line or went_on:
            yield f"journal: {line['action']} of {line['id']} was answered before the kill, and is open"
    open_now = {(line["id"], line["action"]) for line in unanswered}
    held = ran.held
    if held is not None and held.action is not None and (held.guest, held.action) not in open_now:
        yield f"journal: {held.action} of {held.guest} was in flight at the kill, and is not open"
