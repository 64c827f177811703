"""Converts plans and reports to JSON: the keys in a fixed order, the same bytes for the same value."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from reconciler import __version__
from reconciler.documents.opening import FORMAT_VERSION
from reconciler.guard.approval import Approval
from reconciler.model import (
    Blocked,
    Change,
    GuestOutcome,
    NoLongerDeclared,
    Note,
    Outcome,
    Plan,
    Problem,
    Refusal,
    Report,
    Source,
    format_instant,
)
from reconciler.plan.digests import (
    action_content,
    field_content,
    guard_rail_content,
    precondition_content,
    review_digest,
)


def dump(document: dict[str, Any]) -> str:
    """Format a document as text, indented, with a line feed at the end.

    Every character outside ASCII is escaped, and so is the start of `##[`, which a GitHub runner parses as a
    command anywhere in a line: names and addresses come from strangers.
    """
    text = json.dumps(document, indent=2, ensure_ascii=True)
    return text.replace("##[", "\\u0023#[") + "\n"


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Convert a plan to the form of `plan.schema.json`; keys about a base only if the plan has one."""
    document: dict[str, Any] = {
        "formatVersion": FORMAT_VERSION,
        "tool": f"reconciler {__version__}",
        **({} if plan.since is None else {"partial": True, "since": plan.since}),
        "tenantId": plan.tenant_id,
        "cloud": plan.cloud.value,
        "createdAt": format_instant(plan.created_at),
        "digest": plan.digest,
        "reviewDigest": review_digest(plan),
        "complete": plan.complete,
        "refusals": [_refusal(refusal) for refusal in plan.refusals],
        "summary": {
            "declared": plan.summary.declared,
            "changes": plan.summary.changes,
            "blocked": plan.summary.blocked,
            "unchanged": plan.summary.unchanged,
            "unmanaged": plan.summary.unmanaged,
            "listedAll": plan.listed_all,
        },
        "changes": [_change(change) for change in plan.changes],
        "blocked": [_blocked(blocked) for blocked in plan.blocked],
        "warnings": [_note(warning) for warning in plan.warnings],
    }
    if plan.guard_rails:
        document["guardRails"] = [guard_rail_content(guard_rail) for guard_rail in plan.guard_rails]
    if plan.no_longer_declared:
        document["noLongerDeclared"] = [_departed(departed) for departed in plan.no_longer_declared]
    return document


def report_to_json(report: Report) -> dict[str, Any]:
    """Convert a report to the form of `report.schema.json`; the summary counts every possible outcome."""
    counts = Counter(outcome.outcome for outcome in report.outcomes)
    return {
        "formatVersion": FORMAT_VERSION,
        "tool": f"reconciler {__version__}",
        "run": report.run,
        "tenantId": report.tenant_id,
        "cloud": report.cloud.value if report.cloud else None,
        "startedAt": format_instant(report.started_at),
        "endedAt": format_instant(report.ended_at),
        "digest": report.digest,
        "exitCode": report.exit_code,
        "complete": report.complete,
        "warnings": [_note(warning) for warning in report.warnings],
        "commit": report.commit,
        "approved": list(report.approved),
        "refusals": [_note(refusal) for refusal in report.refusals],
        "summary": {outcome.value: counts[outcome] for outcome in Outcome},
        "outcomes": [_outcome(outcome) for outcome in report.outcomes],
    }


def approval_to_json(plan: Plan, approval: Approval) -> dict[str, Any]:
    """Return the part of `plan` that approved plans allow: changes to run, to check only, and withheld.

    `toCheck` are guests who were approved and for whom nothing is planned now.
    """
    return {
        "formatVersion": FORMAT_VERSION,
        "tool": f"reconciler {__version__}",
        "tenantId": plan.tenant_id,
        "cloud": plan.cloud.value,
        "digest": plan.digest,
        "summary": {
            "planned": len(plan.changes),
            "wouldRun": len(approval.to_run),
            "toCheck": len(approval.to_check),
            "wouldNotRun": len(approval.outcomes),
        },
        "wouldRun": [_row(change) for change in approval.to_run],
        "toCheck": [_row(change) for change in approval.to_check],
        "wouldNotRun": [
            {
                "id": one.id,
                "displayName": one.display_name,
                "outcome": one.outcome.value,
                "rule": one.rule,
                "message": one.message,
            }
            for one in approval.outcomes
        ],
    }


def problems_to_json(problems: Iterable[Problem]) -> dict[str, Any]:
    """Convert the problems of a tree; `file` is relative to the tree, line and column count from 1."""
    return {
        "problems": [
            {
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
                "rule": problem.rule,
                "message": problem.message,
                "hint": problem.hint,
            }
            for problem in problems
        ]
    }


def _change(change: Change) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": change.id,
        "displayName": change.display_name,
        "kind": change.kind.value,
        "digest": change.digest,
        "fields": [field_content(field) for field in change.fields],
        "actions": [action_content(action) for action in change.actions],
        "reason": change.reason,
        "warnings": [_note(warning) for warning in change.warnings],
        "precondition": precondition_content(change.precondition),
        "source": _source(change.source),
    }
    if change.waits_for is not None:
        document["waitsFor"] = change.waits_for
    if change.resumes is not None:
        document["resumes"] = change.resumes
    if change.fallback is not None:
        document["fallback"] = action_content(change.fallback)
    if change.origin is not None:
        document["origin"] = change.origin.value
    if change.invitation_changed is not None:
        document["invitationChanged"] = list(change.invitation_changed)
    return document


def _row(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "displayName": change.display_name,
        "kind": change.kind.value,
        "digest": change.digest,
    }


def _blocked(blocked: Blocked) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": blocked.id,
        "displayName": blocked.display_name,
        "rule": blocked.rule,
        "message": blocked.message,
        "source": _source(blocked.source),
    }
    if blocked.origin is not None:
        document["origin"] = blocked.origin.value
    return document


def _departed(departed: NoLongerDeclared) -> dict[str, Any]:
    return {
        "id": departed.id,
        "name": departed.name,
        "email": departed.email.text,
        "found": departed.found.value,
        "mail": None if departed.mail is None else departed.mail.text,
        "externalUserState": None if departed.state is None else departed.state.value,
    }


def _outcome(outcome: GuestOutcome) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "displayName": outcome.display_name,
        "outcome": outcome.outcome.value,
        "rule": outcome.rule,
        "message": outcome.message,
        "actions": [
            {
                "action": record.action,
                "result": record.result.value,
                "attempts": record.attempts,
                "requestId": record.request_id,
            }
            for record in outcome.actions
        ],
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    suggested = refusal.suggested_raise
    if suggested is None:
        return _note(refusal)
    return _note(refusal) | {"raise": suggested.limits | {"until": suggested.until.isoformat()}}


def _note(note: Note) -> dict[str, Any]:
    return {"rule": str(note.rule), "message": note.message}


def _source(source: Source) -> dict[str, Any]:
    return {"file": source.file, "line": source.line}
