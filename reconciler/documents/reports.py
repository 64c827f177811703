"""Reads a report document back into a report, only to show it: no action ever comes from one."""

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.documents.opening import open_document, refuse
from reconciler.model import (
    ActionRecord,
    ActionResult,
    Cloud,
    GuestOutcome,
    Note,
    ObjectId,
    Outcome,
    Report,
    TenantId,
    parse_instant,
)
from reconciler.rules import OtherRule, Rule


def report_from_json(data: bytes) -> Report:
    """Read a report document.

    Raises `UnusablePlan` when it is no JSON, has a newer major version or breaks `report.schema.json`.
    """
    document = open_document(data, "report")
    tenant, cloud = document["tenantId"], document["cloud"]
    try:
        started_at, ended_at = parse_instant(document["startedAt"]), parse_instant(document["endedAt"])
    except ValueError as error:
        refuse("report", Rule.INVALID_REPORT, f"it holds a time that is none: {error}")
    return Report(
        run=document["run"],
        tenant_id=None if tenant is None else TenantId(tenant),
        cloud=None if cloud is None else Cloud(cloud),
        started_at=started_at,
        ended_at=ended_at,
        digest=document["digest"],
        exit_code=document["exitCode"],
        refusals=_notes(document["refusals"]),
        outcomes=tuple(_outcome(outcome) for outcome in document["outcomes"]),
        complete=document["complete"],
        warnings=_notes(document["warnings"]),
        commit=document["commit"],
        # Reports of format 1.1 may have been written before this key was.
        approved=tuple(document.get("approved", ())),
    )


def _notes(notes: Iterable[Mapping[str, str]]) -> tuple[Note, ...]:
    return tuple(Note(rule=OtherRule(note["rule"]), message=note["message"]) for note in notes)


def _rule(rule: str | None) -> OtherRule | None:
    return None if rule is None else OtherRule(rule)


def _outcome(outcome: dict[str, Any]) -> GuestOutcome:
    return GuestOutcome(
        id=ObjectId(outcome["id"]),
        display_name=outcome["displayName"],
        outcome=Outcome(outcome["outcome"]),
        rule=_rule(outcome["rule"]),
        message=outcome["message"],
        actions=tuple(
            ActionRecord(
                action=record["action"],
                result=ActionResult(record["result"]),
                attempts=record["attempts"],
                request_id=record["requestId"],
            )
            for record in outcome["actions"]
        ),
    )
