"""Reads a plan document back into a plan, and refuses the whole of it unless all parts agree."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final

from reconciler.documents.consistency import contradiction
from reconciler.documents.opening import open_document, refuse
from reconciler.model import (
    Action,
    AddOtherMail,
    Blocked,
    Change,
    ChangeKind,
    ClearMarker,
    Cloud,
    EmailAddress,
    FieldChange,
    GuardRail,
    Invitation,
    Marker,
    NoLongerDeclared,
    Note,
    ObjectId,
    Origin,
    Plan,
    Precondition,
    RedemptionState,
    Refusal,
    ResetRedemption,
    SetMail,
    SetOtherMails,
    Source,
    SuggestedRaise,
    Summary,
    TenantId,
    Whereabouts,
    parse_instant,
    parse_marker,
)
from reconciler.plan.digests import change_digest, plan_digest, review_digest
from reconciler.rules import OtherRule, Rule


def plan_from_json(data: bytes, *, tenant: TenantId | None) -> Plan:
    """Read a plan that may approve changes of `tenant`, or with `None` of any tenant: only to show it.

    Raises `UnusablePlan` when it is no JSON, breaks `plan.schema.json`, is of another format version, or when
    a digest does not fit its content or a part contradicts another; with a `tenant`, also when it is for
    another tenant or partial.
    """
    document = open_document(data, "plan")
    found = document["tenantId"]
    if tenant not in {None, found}:
        refuse(
            "plan",
            Rule.FOREIGN_PLAN,
            f"it is for tenant {found}, not for {tenant}",
            "use the plan made for this tenant, or correct tenantId in tenant.yaml",
        )
    if tenant is not None and "partial" in document:
        refuse(
            "plan",
            Rule.PARTIAL_PLAN,
            f"it is partial: it looked only at entries that changed since {document['since'][:60]}",
            "use a plan of the whole tree, made without --since",
        )
    try:
        plan = _plan(document)
    except ValueError as error:
        refuse("plan", Rule.INVALID_PLAN, f"it holds a time that is none: {error}")
    _check_digests(plan, reviewed=document["reviewDigest"])
    if (contradicted := contradiction(plan)) is not None:
        refuse("plan", Rule.INVALID_PLAN, contradicted, _TAMPERED)
    return plan


_TAMPERED = "the file was changed after it was made: make the plan again, and have that one reviewed"


def _check_digests(plan: Plan, *, reviewed: str) -> None:
    for change in plan.changes:
        expected = change_digest(
            tenant=plan.tenant_id,
            guest=change.id,
            kind=change.kind,
            fields=change.fields,
            actions=change.actions,
        )
        if change.digest != expected:
            refuse(
                "plan", Rule.TAMPERED_PLAN, f"the digest of {change.id} does not fit that change", _TAMPERED
            )
    if plan.digest != plan_digest(change.digest for change in plan.changes):
        refuse("plan", Rule.TAMPERED_PLAN, "its digest does not fit its changes", _TAMPERED)
    if reviewed != review_digest(plan):
        refuse("plan", Rule.TAMPERED_PLAN, "its reviewDigest does not fit what was reviewed", _TAMPERED)


def _plan(document: dict[str, Any]) -> Plan:
    summary = document["summary"]
    return Plan(
        tenant_id=TenantId(document["tenantId"]),
        cloud=Cloud(document.get("cloud", Cloud.GLOBAL)),
        created_at=parse_instant(document["createdAt"]),
        digest=document["digest"],
        complete=document["complete"],
        listed_all=summary.get("listedAll", True),
        refusals=tuple(_refusal(refusal) for refusal in document["refusals"]),
        summary=Summary(
            declared=summary["declared"],
            changes=summary["changes"],
            blocked=summary["blocked"],
            unchanged=summary["unchanged"],
            unmanaged=summary["unmanaged"],
        ),
        changes=tuple(_change(change) for change in document["changes"]),
        blocked=tuple(
            Blocked(
                id=ObjectId(blocked["id"]),
                display_name=blocked.get("displayName"),
                rule=OtherRule(blocked["rule"]),
                message=blocked["message"],
                source=_source(blocked["source"]),
                origin=_origin(blocked),
            )
            for blocked in document["blocked"]
        ),
        warnings=_notes(document["warnings"]),
        no_longer_declared=tuple(_departed(departed) for departed in document.get("noLongerDeclared", ())),
        since=document.get("since"),
        guard_rails=tuple(
            GuardRail(field=each["field"], before=_value(each["before"]), after=_value(each["after"]))
            for each in document.get("guardRails", ())
        ),
    )


def _change(change: dict[str, Any]) -> Change:
    return Change(
        id=ObjectId(change["id"]),
        display_name=change["displayName"],
        kind=ChangeKind(change["kind"]),
        digest=change["digest"],
        fields=tuple(
            FieldChange(field=each["field"], before=_value(each["before"]), after=_value(each["after"]))
            for each in change["fields"]
        ),
        actions=tuple(_action(action) for action in change["actions"]),
        reason=change["reason"],
        warnings=_notes(change["warnings"]),
        precondition=_precondition(change["precondition"]),
        source=_source(change["source"]),
        waits_for=change.get("waitsFor"),
        origin=_origin(change),
        resumes=change.get("resumes"),
        fallback=_reset(change["fallback"]) if "fallback" in change else None,
        invitation_changed=tuple(change["invitationChanged"]) if "invitationChanged" in change else None,
    )


def _origin(row: dict[str, Any]) -> Origin | None:
    return Origin(row["origin"]) if "origin" in row else None


def _departed(departed: dict[str, Any]) -> NoLongerDeclared:
    mail, state = departed["mail"], departed["externalUserState"]
    return NoLongerDeclared(
        id=ObjectId(departed["id"]),
        name=departed["name"],
        email=EmailAddress(departed["email"]),
        found=Whereabouts(departed["found"]),
        mail=None if mail is None else EmailAddress(mail),
        state=None if state is None else RedemptionState(state),
    )


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _action(action: Mapping[str, Any]) -> Action:
    return _ACTIONS[action["action"]](action)


def _add_other_mail(action: Mapping[str, Any]) -> AddOtherMail:
    return AddOtherMail(email=EmailAddress(action["email"]))


def _reset(action: Mapping[str, Any]) -> ResetRedemption:
    return ResetRedemption(
        email=EmailAddress(action["email"]),
        invitation=Invitation(
            send_message=action["sendMessage"],
            language=action["language"],
            redirect_url=action["redirectUrl"],
            cc=EmailAddress(action["cc"]) if "cc" in action else None,
            message=action.get("message"),
        ),
    )


def _set_mail(action: Mapping[str, Any]) -> SetMail:
    return SetMail(email=EmailAddress(action["email"]), other_mails=_addresses(action["otherMails"]))


def _clear_marker(action: Mapping[str, Any]) -> ClearMarker:
    return ClearMarker(email=EmailAddress(action["email"]), other_mails=_addresses(action["otherMails"]))


def _set_other_mails(action: Mapping[str, Any]) -> SetOtherMails:
    return SetOtherMails(other_mails=_addresses(action["otherMails"]))


_ACTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], Action]]] = {
    AddOtherMail.name: _add_other_mail,
    ResetRedemption.name: _reset,
    SetMail.name: _set_mail,
    ClearMarker.name: _clear_marker,
    SetOtherMails.name: _set_other_mails,
}
"""The parser of each action by its name; another name is an error."""


def _precondition(precondition: dict[str, Any]) -> Precondition:
    mail = precondition["mail"]
    state = precondition["externalUserState"]
    changed_at = precondition["externalUserStateChangeDateTime"]
    return Precondition(
        mail=None if mail is None else EmailAddress(mail),
        other_mails=_addresses(precondition["otherMails"]),
        state=None if state is None else RedemptionState(state),
        state_changed_at=None if changed_at is None else parse_instant(changed_at),
        markers=_markers(precondition.get("markers", ())),
    )


def _markers(texts: Iterable[str]) -> tuple[Marker, ...]:
    return tuple(sorted(filter(None, (parse_marker(EmailAddress(text)) for text in texts))))


def _addresses(addresses: Iterable[str]) -> tuple[EmailAddress, ...]:
    return tuple(EmailAddress(address) for address in addresses)


def _notes(notes: Iterable[dict[str, str]]) -> tuple[Note, ...]:
    return tuple(Note(rule=OtherRule(note["rule"]), message=note["message"]) for note in notes)


def _refusal(refusal: dict[str, Any]) -> Refusal:
    raised = refusal.get("raise")
    return Refusal(
        rule=OtherRule(refusal["rule"]),
        message=refusal["message"],
        suggested_raise=None
        if raised is None
        else SuggestedRaise(
            max_changes=raised.get("maxChanges"),
            max_change_percent=raised.get("maxChangePercent"),
            until=date.fromisoformat(raised["until"]),
        ),
    )


def _source(source: dict[str, Any]) -> Source:
    return Source(file=source["file"], line=source["line"])
