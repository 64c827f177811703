"""What holds of the guests, the requests and the links, judged against what only the tenant knows."""

from collections.abc import Iterator

from reconciler.emulator.control import RecordedRequest
from tests.crashlab.evidence import (
    MAIL,
    RESET,
    WRITTEN_BY,
    Evidence,
    is_done,
    link_of,
    read_line,
    subject_of,
)
from tests.crashlab.records import i9_reports_agree, the_journal_knew_every_write
from tests.crashlab.scenario import UNDECLARED, Case, cases

_OWNER_ONLY = 0o600


def violations(evidence: Evidence) -> Iterator[str]:
    """Name everything that is not as promised, with the number of the invariant."""
    yield from at_any_time(evidence)
    yield from i5_one_reset_under_one_plan(evidence)
    yield from i6_one_repetition_at_most(evidence)
    yield from i9_reports_agree(evidence, last_tells_all=True)


def at_any_time(evidence: Evidence) -> Iterator[str]:
    """Name what is not as promised to two runs at the same time: they may both reset somebody."""
    yield from i1_nobody_else_was_written_to(evidence)
    yield from i2_everybody_kept_what_they_had(evidence)
    yield from i2_nothing_else_was_asked_for(evidence)
    yield from i3_everybody_is_in_or_invited(evidence)
    yield from i4_no_old_account_is_bound(evidence)
    yield from i4_mail_is_written_last(evidence)
    yield from i7_links_are_nowhere_else(evidence)
    yield from i7_links_are_kept_before_mail_is_written(evidence)
    yield from the_journal_knew_every_write(evidence)


def i1_nobody_else_was_written_to(evidence: Evidence) -> Iterator[str]:
    """I1: no guest was written to, and none was tried to, whose change was not planned; each as planned."""
    declared = {case.id for case in cases()}
    for write in evidence.history:
        if write.id not in declared:
            yield f"I1 {write.operation} of undeclared {write.id}"
    if evidence.after[UNDECLARED] != evidence.before[UNDECLARED]:
        yield "I1 the undeclared guest changed"
    planned = {
        (change["id"], WRITTEN_BY[action["action"]])
        for change in evidence.plan["changes"]
        for action in change["actions"]
    }
    left = {case.id for case in cases() if case.is_left}
    for request in evidence.writes:
        guest, _ = subject = subject_of(request) or (None, None)
        if guest == evidence.meddled and guest is not None:
            continue
        if subject not in planned or guest in left:
            yield f"I1 {request.method} {request.url} {request.request_body}"


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


def i2_nothing_else_was_asked_for(evidence: Evidence) -> Iterator[str]:
    """I2: every write, refused or not, asked for what is declared, and for nothing else."""
    known = {case.id: case for case in evidence.cases()}
    for request in evidence.writes:
        guest, what = subject_of(request) or (None, None)
        case = known.get(guest or "")
        if request.parent is not None:
            yield f"I2 a write in a batch: {request.method} {request.url}"
        if case is not None and not _is_declared(request, case, what, evidence):
            yield f"I2 {name(case)}: {request.method} {request.request_body}"


def _is_declared(request: RecordedRequest, case: Case, what: str | None, evidence: Evidence) -> bool:
    body = request.request_body
    if what == RESET:
        invited = str(body["invitedUserEmailAddress"]).lower()
        return invited == case.email and body["invitedUser"] == {"id": case.id}
    listed = {address.lower() for address in body["otherMails"]}
    if what == MAIL:
        return body["mail"].lower() == case.email and listed == set(case.ends_with)
    had = {address.lower() for address in evidence.before[case.id].other_mails}
    return listed in (had | {case.email}, set(case.ends_with), set(case.ends_with) | {case.email})


def i3_everybody_is_in_or_invited(evidence: Evidence) -> Iterator[str]:
    """I3: the plan is empty but for who is refused, and everybody is in or invited at the desired address."""
    for case in evidence.cases():
        after = evidence.after[case.id]
        if case.stays:
            if case.id not in evidence.open_changes:
                yield f"I3 {name(case)}: the plan forgot who failed"
            continue
        if case.id in evidence.open_changes:
            yield f"I3 {name(case)}: another plan still has a change"
        if (after.mail or "").lower() != case.email:
            yield f"I3 {name(case)}: mail is {after.mail}"
        if sorted(address.lower() for address in after.other_mails) != sorted(case.ends_with):
            yield f"I3 {name(case)}: otherMails are {after.other_mails}"
        invited = after.has_live_link and (after.invited or "").lower() == case.email
        if not invited and (after.account or "").lower() != case.email:
            yield f"I3 {name(case)}: stranded, invited {after.invited}, bound {after.account}"


def i4_no_old_account_is_bound(evidence: Evidence) -> Iterator[str]:
    """I4: nobody whose change resets them is bound to the account from before; who was refused still is."""
    for case in evidence.cases():
        before, after = evidence.before[case.id], evidence.after[case.id]
        if case.stays:
            if after != before:
                yield f"I4 {name(case)}: is not as before"
        elif case.resets and after.account is not None:
            yield f"I4 {name(case)}: {after.account} is still bound"


def i4_mail_is_written_last(evidence: Evidence) -> Iterator[str]:
    """I4: no `mail` is written before the reset: such a guest would look finished with the old account."""
    reset: set[str] = set()
    for request in evidence.writes:
        guest, what = subject_of(request) or ("", None)
        if what == RESET and is_done(request):
            reset.add(guest)
        if what == MAIL and guest not in reset:
            yield f"I4 {guest}: mail was written before the reset"


def i5_one_reset_under_one_plan(evidence: Evidence) -> Iterator[str]:
    """I5: under the same plan a guest who was accepted is reset once.

    Without it they may be reset once more, but not when `mail` was written, and the plan says so.
    """
    for case in evidence.cases():
        count = evidence.resets(case.id)
        allowed = int(case.resets) if evidence.same_plan else 2 * int(case.resets)
        if case.pending:
            continue
        if count > allowed:
            yield f"I5 {name(case)}: {count} resets"
        if count > 1 and not evidence.same_plan:
            if "warning: half-done" not in _planned_text(evidence, case):
                yield f"I5 {name(case)}: a second reset that no plan told of"
            if _reset_after_commit(evidence, case):
                yield f"I5 {name(case)}: a second reset although all was done"


def _planned_text(evidence: Evidence, case: Case) -> str:
    """Give what the last run showed of a change before it carried it out."""
    blocks = evidence.runs[-1].output.split("\n\n")
    return next((block for block in blocks if f"id    {case.id}" in block), "")


def _reset_after_commit(evidence: Evidence, case: Case) -> bool:
    own = [write for write in evidence.history if write.id == case.id]
    committed = [write.n for write in own if write.operation == "patch" and "mail" in write.changes]
    return any(write.operation == "reset" and write.n > min(committed, default=write.n) for write in own)


def i6_one_repetition_at_most(evidence: Evidence) -> Iterator[str]:
    """I6: who was pending before is reset once more at most, and under a plan the report says so.

    Nobody can report what nothing shows: where the reset is the first write and leaves the time alone,
    a guest after it looks like one before it.
    """
    for case in evidence.cases():
        count = evidence.resets(case.id)
        if not case.pending:
            continue
        if count > 2:
            yield f"I6 {name(case)}: {count} resets"
        if count > 1 and not evidence.lags and _reset_after_commit(evidence, case):
            yield f"I6 {name(case)}: a second reset although all was done"
        moved = evidence.after[case.id].state_changed_at != evidence.before[case.id].state_changed_at
        if count == 2 and evidence.same_plan and (moved or case.leaves_trace):
            results = {
                action["result"]
                for ran in evidence.runs
                for outcome in (ran.report or {}).get("outcomes", ())
                if outcome["id"] == case.id
                for action in outcome["actions"]
            }
            if "repeated" not in results:
                yield f"I6 {name(case)}: a repetition nobody reported"


def i7_links_are_nowhere_else(evidence: Evidence) -> Iterator[str]:
    """I7: no redeem link, and no ticket of one, stands in anything but the file that was asked for."""
    for file, text in evidence.texts.items():
        # Lines are wrapped for reading.
        unwrapped = "".join(text.split())
        if any(secret in unwrapped for secret in evidence.secrets) or "ticket" in unwrapped:
            yield f"I7 a redeem link stands in {file}"
    if not evidence.links_modes <= {_OWNER_ONLY}:
        yield f"I7 others can read the file of links: {evidence.links_modes}"


def i7_links_are_kept_before_mail_is_written(evidence: Evidence) -> Iterator[str]:
    """I7: where it was asked for, the link stands in the file before `SetMail` is sent.

    The journal tells what was sent: it gets its line for `SetMail` before that.
    """
    for ran in evidence.runs:
        kept = {
            (entry["id"], entry["redeemUrl"])
            for line in ran.links.splitlines()
            if (entry := read_line(line)) is not None
        }
        answered: dict[str, str] = {}
        for line in evidence.lines_of(ran):
            request = evidence.by_client_id.get(line["clientRequestId"])
            if line["action"] == "ResetRedemption" and line["event"] == "done" and request is not None:
                answered[line["id"]] = link_of(request) or ""
            must_be_kept = line["action"] == "SetMail" or ran.report is not None
            if must_be_kept and line["id"] in answered and (line["id"], answered[line["id"]]) not in kept:
                yield f"I7 {line['id']}: the link was not kept before {line['action']}"
    written = {
        (entry["id"], entry["redeemUrl"])
        for line in evidence.links.splitlines()
        if (entry := read_line(line)) is not None
    }
    given = {
        (subject[0], link_of(request)) for request in evidence.writes if (subject := subject_of(request))
    }
    if not written <= given:
        yield "I7 the file of links holds one that was not given"


def name(case: Case) -> str:
    """Name a guest for a person."""
    return f"{case.number} ({case.what})"
