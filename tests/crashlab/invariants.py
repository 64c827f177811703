"""What holds of the guests, the requests and the links, judged against what only the tenant knows."""

from collections.abc import Iterator

from reconciler.emulator.control.client import RecordedRequest, RecordedWrite
from tests.crashlab.evidence import (
    CLEAR,
    MARK,
    RESET,
    WRITTEN_BY,
    Evidence,
    Ran,
    is_done,
    link_of,
    markers_in,
    people_in,
    read_line,
    subject_of,
)
from tests.crashlab.records import i9_reports_agree, the_journal_knew_every_write
from tests.crashlab.scenario import UNDECLARED, Case

_OWNER_ONLY = 0o600


def violations(evidence: Evidence) -> Iterator[str]:
    """Name everything that is not as promised, with the number of the invariant."""
    yield from at_any_time(evidence)
    yield from i4_nobody_is_reset_without_a_marker(evidence)
    yield from i5_one_reset_where_it_is_proved(evidence)
    yield from i7_the_link_kept_last_works(evidence)
    yield from i6_a_repetition_is_reported(evidence)
    yield from i9_reports_agree(evidence, last_tells_all=True)


def at_any_time(evidence: Evidence) -> Iterator[str]:
    """Name what is not as promised to two runs at the same time: they may both reset somebody."""
    yield from i1_nobody_else_was_written_to(evidence)
    yield from i2_everybody_kept_what_they_had(evidence)
    yield from i2_nothing_else_was_asked_for(evidence)
    yield from i3_everybody_is_in_or_invited(evidence)
    yield from i4_no_old_account_is_bound(evidence)
    yield from i7_links_are_nowhere_else(evidence)
    yield from i7_links_are_kept_before_the_next_write(evidence)
    yield from the_journal_knew_every_write(evidence)


def i1_nobody_else_was_written_to(evidence: Evidence) -> Iterator[str]:
    """I1: no guest was written to, and none was tried to, whose change was not planned; each as planned."""
    declared = {case.id for case in evidence.declared}
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
    left = {case.id for case in evidence.declared if case.is_left}
    for request in evidence.writes:
        guest, _ = subject = subject_of(request) or (None, None)
        if guest == evidence.interfered and guest is not None:
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
    listed = people_in(body["otherMails"])
    if what in {MARK, CLEAR}:
        return body["mail"].lower() == case.email and listed == set(case.ends_with)
    had = {address.lower() for address in evidence.before[case.id].other_mails}
    return listed in (had | {case.email}, set(case.ends_with), set(case.ends_with) | {case.email})


def i3_everybody_is_in_or_invited(evidence: Evidence) -> Iterator[str]:
    """I3: the plan is empty but for who is refused, and everybody is in or invited at the desired address.

    No marker is left on anybody.
    """
    for guest in evidence.after.values():
        if guest.id != evidence.interfered and markers_in(guest.other_mails):
            yield f"I3 {guest.id}: a marker is left in {guest.other_mails}"
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


def i4_nobody_is_reset_without_a_marker(evidence: Evidence) -> Iterator[str]:
    """I4: `mail` comes with a marker of its change, which stands at each reset and goes by itself.

    Otherwise a guest whom a run leaves behind would look finished, with the old account or an old link.
    """
    planned = {change["id"]: change["digest"] for change in evidence.plan["changes"]}
    for case in evidence.cases():
        if not case.marks or case.stays:
            continue
        own = {planned[case.id].removeprefix("sha256:")[:16]}
        for write, before, after in markers_of(evidence, case):
            if write.operation == "patch" and "mail" in write.changes and after != own:
                yield f"I4 {name(case)}: mail was written with {after}"
            if write.operation == "reset" and before != own:
                yield f"I4 {name(case)}: was reset with {before}"
            if before and not after and write.operation != "patch":
                yield f"I4 {name(case)}: the marker went in a {write.operation}"


def markers_of(
    evidence: Evidence, case: Case
) -> Iterator[tuple[RecordedWrite, frozenset[str], frozenset[str]]]:
    """Give every write to a guest, with the digits of the markers that stood there before and after it."""
    before = frozenset(markers_in(evidence.before[case.id].other_mails).values())
    for write in evidence.history:
        if write.id != case.id:
            continue
        listed = write.changes.get("otherMails")
        after = before if listed is None else frozenset(markers_in(listed["after"]).values())
        yield write, before, after
        before = after


def i5_one_reset_where_it_is_proved(evidence: Evidence) -> Iterator[str]:
    """I5: nobody is reset twice whose first reset can be known of, and nobody a third time.

    What shows is the marker with the journal of the run that was answered, and the time of somebody who
    was accepted and is pending. Nobody is reset once all is done.
    """
    for case in evidence.cases():
        count = evidence.resets(case.id)
        allowed = int(case.resets) * (1 if _is_known_of(evidence, case) else 2)
        if count > allowed:
            yield f"I5 {name(case)}: {count} resets, {allowed} allowed"
        if count > 1 and _reset_after_the_end(evidence, case):
            yield f"I5 {name(case)}: a second reset although all was done"


def _is_known_of(evidence: Evidence, case: Case) -> bool:
    if not case.marks:
        return not case.pending
    return all(_is_proved_to(ran, evidence, case) for ran in evidence.runs[1:])


def _is_proved_to(ran: Ran, evidence: Evidence, case: Case) -> bool:
    """Tell whether a run could read of every reset of those before it that it was answered."""
    earlier = evidence.runs[: evidence.runs.index(ran)]
    lines = [line for one in earlier for line in evidence.lines_of(one) if line["id"] == case.id]
    sent = {line["clientRequestId"] for line in lines if line["action"] == "ResetRedemption"}
    done = {line["clientRequestId"] for line in lines if line["event"] == "done"}
    return not sent or (not ran.elsewhere and sent <= done)


def _reset_after_the_end(evidence: Evidence, case: Case) -> bool:
    """Tell whether somebody was reset after the last write of their change."""
    ended = False
    for write, before, after in markers_of(evidence, case):
        if ended and write.operation == "reset":
            return True
        gone = bool(before) and not after if case.marks else "otherMails" in write.changes and case.pending
        ended = ended or (write.operation == "patch" and gone)
    return False


def i6_a_repetition_is_reported(evidence: Evidence) -> Iterator[str]:
    """I6: who is reset once more is called `repeated` in a report, and half done in the plan before it.

    Nobody can report what nothing shows: where no marker stands and the reset leaves the time of a pending
    guest alone, a guest after it looks like one before it; and a plan of its own has no record of it.
    """
    for case in evidence.cases():
        if evidence.resets(case.id) < 2:
            continue
        moved = evidence.after[case.id].state_changed_at != evidence.before[case.id].state_changed_at
        if case.marks or (evidence.same_plan and moved):
            results = {
                action["result"]
                for ran in evidence.runs
                for outcome in (ran.report or {}).get("outcomes", ())
                if outcome["id"] == case.id
                for action in outcome["actions"]
            }
            if "repeated" not in results:
                yield f"I6 {name(case)}: a repetition nobody reported"
        if case.marks and "warning: half-done" not in _planned_text(evidence, case):
            yield f"I6 {name(case)}: a second reset that no plan told of"


def _planned_text(evidence: Evidence, case: Case) -> str:
    """Give what the runs after the first one showed of a change before they carried it out.

    In a plan and in what an approval allows of it, this stands below the line with the id, by four blanks.
    """
    shown: list[str] = []
    for ran in evidence.runs[1:]:
        belongs = False
        for line in ran.output.splitlines():
            belongs = case.id in line or (belongs and line.startswith("    "))
            shown += [line] if belongs else []
    return "\n".join(shown)


def i7_links_are_nowhere_else(evidence: Evidence) -> Iterator[str]:
    """I7: no redeem link, and no ticket of one, stands in anything but the file that was asked for."""
    for file, text in evidence.texts.items():
        # Lines are wrapped for reading.
        unwrapped = "".join(text.split())
        if any(secret in unwrapped for secret in evidence.secrets) or "ticket" in unwrapped:
            yield f"I7 a redeem link stands in {file}"
    if not evidence.links_modes <= {_OWNER_ONLY}:
        yield f"I7 others can read the file of links: {evidence.links_modes}"


def i7_links_are_kept_before_the_next_write(evidence: Evidence) -> Iterator[str]:
    """I7: where it was asked for, the link stands in the file before the guest's next write is sent.

    The journal tells what was sent: it gets its line for a write before that.
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
            if line["id"] in answered and (line["id"], answered[line["id"]]) not in kept:
                yield f"I7 {line['id']}: the link was not kept before {line['action']}"
            if line["action"] == "ResetRedemption" and line["event"] == "done" and request is not None:
                answered[line["id"]] = link_of(request) or ""
        if ran.report is not None and not answered.items() <= kept:
            yield f"I7 links were not kept: {sorted(answered.items() - kept)}"
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


def i7_the_link_kept_last_works(evidence: Evidence) -> Iterator[str]:
    """I7: where a run calls somebody applied, the last link in the file is that of the newest reset."""
    for ran in evidence.runs:
        applied = {one["id"] for one in (ran.report or {}).get("outcomes", ()) if one["outcome"] == "applied"}
        newest: dict[str, str | None] = {}
        for request in evidence.writes:
            guest, what = subject_of(request) or ("", None)
            if what == RESET and is_done(request) and request.n <= ran.requests_until:
                newest[guest] = link_of(request)
        kept = {
            entry["id"]: entry["redeemUrl"]
            for line in ran.links.splitlines()
            if (entry := read_line(line)) is not None
        }
        for guest in sorted(applied & newest.keys() - {evidence.interfered}):
            if kept.get(guest) != newest[guest]:
                yield f"I7 {guest}: applied, and the link kept last is not the newest"


def name(case: Case) -> str:
    """Name a guest for a person."""
    return f"{case.number} ({case.what})"
