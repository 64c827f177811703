"""Plans and reports built by hand, as small or as large as a test wants them."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconciler.model import (
    ActionRecord,
    ActionResult,
    Blocked,
    Change,
    ChangeKind,
    ClearMarker,
    Cloud,
    EmailAddress,
    FieldChange,
    GuestOutcome,
    Invitation,
    Marker,
    NoLongerDeclared,
    Note,
    ObjectId,
    Origin,
    Outcome,
    Plan,
    Precondition,
    RedemptionState,
    Refusal,
    Report,
    ResetRedemption,
    SetMail,
    SetOtherMails,
    Source,
    Summary,
    TenantId,
    Whereabouts,
)
from reconciler.rules import OtherRule, Rule, RuleId

NOW = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)
TENANT = TenantId("7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10")
LINGERS = Note(
    rule=Rule.OLD_ADDRESS_REMAINS,
    message="the old address usually stays in proxyAddresses, and whoever reads its mail can redeem",
)


def guest_id(number: int) -> ObjectId:
    return ObjectId(f"1b6a4f0c-8a0c-4d6e-9a51-{number:012x}")


def digest_of(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def reset_of(
    email: str,
    *,
    send_message: bool = True,
    cc: str | None = None,
    message: str | None = None,
    redirect_url: str = f"https://myapps.microsoft.com?tenantId={TENANT}",
) -> ResetRedemption:
    return ResetRedemption(
        email=EmailAddress(email),
        invitation=Invitation(
            send_message=send_message,
            language="en-US",
            redirect_url=redirect_url,
            cc=None if cc is None else EmailAddress(cc),
            message=message,
        ),
    )


def change_of(
    number: int = 1,
    *,
    name: str | None = "Ana Souza",
    before: str | None = "ana@old.example",
    after: str = "ana@newco.example",
    others: Sequence[str] = (),
    reset: ResetRedemption | None = None,
    state: RedemptionState | None = RedemptionState.ACCEPTED,
    warnings: Sequence[Note] = (LINGERS,),
    waits_for: ObjectId | None = None,
    file: str = "guests/fabrikam.yaml",
) -> Change:
    """Make a change of address."""
    final = tuple(sorted(EmailAddress(text) for text in (after, *others)))
    had = None if before is None else EmailAddress(before)
    return Change(
        id=guest_id(number),
        display_name=name,
        kind=ChangeKind.CHANGE_EMAIL,
        digest=digest_of(f"{number} {before} {after}"),
        fields=(FieldChange(field="mail", before=before, after=after),),
        actions=(
            SetMail(email=EmailAddress(after), other_mails=final),
            reset or reset_of(after),
            ClearMarker(email=EmailAddress(after), other_mails=final),
        ),
        reason="the declared address differs from mail",
        warnings=tuple(sorted(warnings)),
        precondition=Precondition(
            mail=had,
            other_mails=tuple(
                sorted(EmailAddress(text) for text in (*([before] if before else []), *others))
            ),
            state=state,
            state_changed_at=NOW - timedelta(days=300),
        ),
        source=Source(file=file, line=3 + number),
        waits_for=waits_for,
    )


def restored_of(
    number: int = 4, *, before: str = "kim@restored.example", after: str = "kim@fabrikam.example"
) -> Change:
    """Make a change that puts `mail` back to the address the guest is seen to sign in with."""
    final = (EmailAddress(after),)
    return Change(
        id=guest_id(number),
        display_name="Kim Restored",
        kind=ChangeKind.RESTORE_MAIL,
        digest=digest_of(f"{number} {before} {after}"),
        fields=(FieldChange(field="mail", before=before, after=after),),
        actions=(
            SetMail(email=EmailAddress(after), other_mails=final),
            ClearMarker(email=EmailAddress(after), other_mails=final),
        ),
        reason="mail differs, and the guest signs in with the declared address",
        warnings=(
            Note(rule=Rule.LOOKS_RESTORED, message="a backup was restored, or mail was edited"),
            LINGERS,
        ),
        precondition=Precondition(
            mail=EmailAddress(before),
            other_mails=final,
            state=RedemptionState.ACCEPTED,
            state_changed_at=NOW,
        ),
        source=Source(file="guests/fabrikam.yaml", line=50),
        waits_for=None,
        fallback=reset_of(after),
    )


def rest_of(number: int = 5, *, email: str = "lea@newco.example", digits: str = "0123456789abcdef") -> Change:
    """Make the rest of a change of address that an earlier run began: `mail` is written, a marker stands."""
    change = change_of(number, name="Lea Halfway", after=email, warnings=[])
    return replace(
        change,
        fields=(),
        reason="mail is as declared, but the change that wrote it is not finished",
        warnings=(Note(rule=Rule.HALF_DONE, message="a change of address was begun and not finished"),),
        precondition=replace(
            change.precondition,
            mail=EmailAddress(email),
            other_mails=(EmailAddress(email),),
            markers=(marker_of(digits),),
        ),
        resumes=digits,
    )


def marker_of(digits: str = "0123456789abcdef", *, at: datetime = NOW, nonce: str = "00c0ffee") -> Marker:
    return Marker(seconds=int(at.timestamp()), nonce=nonce, digits=digits, domain="reconciler.invalid")


def again_of(number: int = 2, *, email: str = "bo@fabrikam.example", others: Sequence[str] = ()) -> Change:
    """Make a change that only resets: the address stays."""
    held = tuple(sorted(EmailAddress(text) for text in (email, *others)))
    return Change(
        id=guest_id(number),
        display_name="Bo Hansen",
        kind=ChangeKind.RESET,
        digest=digest_of(f"{number} again"),
        fields=(),
        actions=(reset_of(email, send_message=False),),
        reason="resetAfter is later than the last redemption",
        warnings=(Note(rule=Rule.NOBODY_TOLD, message="no message is sent and no links are written"),),
        precondition=Precondition(
            mail=EmailAddress(email), other_mails=held, state=RedemptionState.ACCEPTED, state_changed_at=NOW
        ),
        source=Source(file="guests/fabrikam.yaml", line=30),
        waits_for=None,
    )


def others_of(
    number: int = 3,
    *,
    before: Sequence[str] = ("eve@private.example",),
    after: Sequence[str] = (),
    reset: ResetRedemption | None = None,
) -> Change:
    """Make a change of the other addresses alone."""
    final = tuple(sorted(EmailAddress(text) for text in after))
    return Change(
        id=guest_id(number),
        display_name="Eve Moneypenny",
        kind=ChangeKind.OTHER_MAILS,
        digest=digest_of(f"{number} others"),
        fields=(FieldChange(field="otherMails", before=tuple(before), after=tuple(after)),),
        actions=(*([] if reset is None else [reset]), SetOtherMails(other_mails=final)),
        reason="the declared alternateEmails differ from otherMails",
        warnings=(),
        precondition=Precondition(
            mail=EmailAddress("eve@fabrikam.example"),
            other_mails=tuple(sorted(EmailAddress(text) for text in before)),
            state=RedemptionState.ACCEPTED if reset is None else RedemptionState.PENDING,
            state_changed_at=NOW,
        ),
        source=Source(file="guests/fabrikam.yaml", line=40),
        waits_for=None,
    )


def blocked_of(number: int = 9, *, name: str | None = "Max Admin", rule: RuleId = Rule.HOLDS_ROLE) -> Blocked:
    return Blocked(
        id=guest_id(number),
        display_name=name,
        rule=rule,
        message="holds the role User Administrator; remove the role assignment, apply, and assign it again",
        source=Source(file="guests/fabrikam.yaml", line=9),
    )


def gone_of(
    number: int = 20,
    *,
    name: str | None = "Gil Gone",
    email: str = "gil@old.example",
    mail: str | None = "gil@old.example",
    found: Whereabouts = Whereabouts.LIVE,
) -> NoLongerDeclared:
    return NoLongerDeclared(
        id=guest_id(number),
        name=name,
        email=EmailAddress(email),
        found=found,
        mail=None if mail is None else EmailAddress(mail),
        state=RedemptionState.ACCEPTED if found is Whereabouts.LIVE else None,
    )


def compared_plan() -> Plan:
    """Make a plan held against a base: rows of both origins, and guests who were let go."""
    here, elsewhere = Origin.THIS_CHANGE, Origin.ELSEWHERE
    gone = (gone_of(20), gone_of(21, name=None, mail=None, found=Whereabouts.DELETED))
    note = Note(rule=Rule.NO_LONGER_DECLARED, message=f"{guest_id(20)}: the entry is gone")
    plan = plan_of(
        replace(change_of(1, name="Ana Souza"), origin=here),
        replace(change_of(2, name="Di Drift"), origin=elsewhere),
        replace(again_of(3), origin=elsewhere),
        blocked=[
            replace(blocked_of(8, name="Bea Blocked"), origin=here),
            replace(blocked_of(9, name="Max Admin"), origin=elsewhere),
        ],
        warnings=[note],
    )
    return replace(plan, no_longer_declared=gone)


def plan_of(
    *changes: Change,
    blocked: Sequence[Blocked] = (),
    warnings: Sequence[Note] = (),
    refusals: Sequence[Refusal] = (),
    cloud: Cloud = Cloud.GLOBAL,
    complete: bool = True,
    listed_all: bool = True,
    unchanged: int = 97,
) -> Plan:
    return Plan(
        tenant_id=TENANT,
        cloud=cloud,
        created_at=NOW,
        digest=digest_of("".join(change.digest for change in changes)),
        complete=complete,
        listed_all=listed_all,
        refusals=tuple(refusals),
        summary=Summary(
            declared=len(changes) + len(blocked) + unchanged,
            changes=len(changes),
            blocked=len(blocked),
            unchanged=unchanged,
            unmanaged=12,
        ),
        changes=changes,
        blocked=tuple(blocked),
        warnings=tuple(warnings),
    )


def small_plan(*, cloud: Cloud = Cloud.GLOBAL) -> Plan:
    """Make a plan with one change of each kind, a blocked guest and a warning."""
    look_alike = Note(
        rule=OtherRule("domain-look-alike"),
        message="newc0.example looks like newco.example, which 40 guests use",
    )
    return plan_of(
        change_of(1, others=["ana.k@private.example"], warnings=[LINGERS, look_alike]),
        again_of(2),
        others_of(3),
        blocked=[blocked_of()],
        warnings=[
            Note(
                rule=Rule.NOT_CHECKED,
                message="PIM eligibility was not looked at: grant RoleManagement.Read.All",
            )
        ],
        cloud=cloud,
    )


def large_plan(count: int) -> Plan:
    """Make a plan of so many changes, every hundredth of which is odd, with a tenth as many blocked."""
    odd = Note(rule=Rule.GUEST_DISABLED, message="the account is disabled: redeeming will not let them in")
    changes = [
        change_of(
            number,
            name=f"Guest {number} Ångström",
            before=f"guest{number}@fabrikam.example",
            after=f"guest{number}@newco.example",
            warnings=[LINGERS, odd] if number % 100 == 0 else [LINGERS],
            file=f"guests/file{number % 40:02}.yaml",
        )
        for number in range(count)
    ]
    return plan_of(*changes, blocked=[blocked_of(count + number) for number in range(count // 10)])


def outcome_of(
    number: int,
    outcome: Outcome,
    *,
    name: str | None = "Ana Souza",
    rule: RuleId | None = None,
    message: str = "",
    actions: Sequence[ActionRecord] = (),
) -> GuestOutcome:
    return GuestOutcome(
        id=guest_id(number),
        display_name=name,
        outcome=outcome,
        rule=rule,
        message=message,
        actions=tuple(actions),
    )


def report_of(
    *outcomes: GuestOutcome,
    refusals: Sequence[Note] = (),
    exit_code: int = 0,
    cloud: Cloud = Cloud.GLOBAL,
    digest: str | None = "sha256:aa",
) -> Report:
    return Report(
        run="9b2c1d",
        tenant_id=TENANT,
        cloud=cloud,
        started_at=NOW,
        ended_at=NOW + timedelta(minutes=3),
        digest=digest,
        exit_code=exit_code,
        refusals=tuple(refusals),
        outcomes=outcomes,
    )


def mixed_report(*, cloud: Cloud = Cloud.GLOBAL) -> Report:
    """Make a report with one guest of every outcome."""
    failed = [
        ActionRecord(action="SetMail", result=ActionResult.DONE, attempts=1, request_id="req-1"),
        ActionRecord(action="ResetRedemption", result=ActionResult.FAILED, attempts=1, request_id=None),
    ]
    outcomes = [
        outcome_of(
            number,
            outcome,
            rule=Rule.HOLDS_ROLE if outcome is Outcome.FAILED else None,
            message="Graph refused the reset; see who holds a role" if outcome is Outcome.FAILED else "",
            actions=failed if outcome is Outcome.FAILED else (),
        )
        for number, outcome in enumerate(Outcome)
    ]
    return report_of(*outcomes, exit_code=7, cloud=cloud)
