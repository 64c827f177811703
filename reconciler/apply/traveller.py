"""What is known of one guest while their course runs, and the endings every step may come to."""

from dataclasses import dataclass, field, replace
from enum import Enum, auto

from reconciler.apply.policy import Blame
from reconciler.apply.run import Ending, Run
from reconciler.apply.sending import Sender
from reconciler.apply.sight import Redemption
from reconciler.errors import AccessDenied, DirectoryError
from reconciler.guard.staleness import Standing
from reconciler.model import (
    Action,
    ActionRecord,
    ActionResult,
    Change,
    EmailAddress,
    Failed,
    Guest,
    Note,
    ObjectId,
    Outcome,
    RedemptionState,
    ResetRedemption,
    SetMail,
    action_name,
)

_LOST_LINK = (
    "the redeem link was lost with an answer or a killed run, could not be written, or is in another run's "
    "file; send the invitation again in the Entra admin center, which changes no address"
)


class ResetState(Enum):
    """What is known about the reset of a change."""

    NOT_SENT = auto()
    """Not sent in this run, or certainly not carried out."""

    PERHAPS = auto()
    """Being sent, or sent without an answer."""

    HAPPENED = auto()


@dataclass(slots=True, kw_only=True)
class Traveller:
    """One guest on the way through a run."""

    run: Run

    recorded: Change
    """What was approved, and the state it was planned from."""

    sender: Sender
    records: list[ActionRecord] = field(default_factory=list)

    remarks: list[str] = field(default_factory=list)
    """Sentences that go behind the message of the outcome."""

    reset: ResetState = ResetState.NOT_SENT

    link_lost: bool = False
    """Whether the guest was reset, no message went out, and the redeem link asked for was not kept."""

    since: Redemption | None = None
    """What a reset has to be seen against; `None` while there has been none."""

    prepared: tuple[EmailAddress, ...] | None = None
    """`otherMails` as this run wrote them before the reset, until that has been seen."""

    found: Guest = field(init=False)
    """The guest as last read; not there before the first read, and nothing is written before that."""

    _found_at: float = 0.0

    @property
    def id(self) -> ObjectId:
        """The guest's object id."""
        return self.recorded.id

    @property
    def found_long_ago(self) -> bool:
        """Whether the guest has to be read again before a reset."""
        return self.run.clock.monotonic() - self._found_at >= self.run.settings.reread_after

    async def read(self) -> Guest | None:
        """Read the guest; `None` when there is none any more. Raises `DirectoryError`."""
        guest = await self.run.reader.read_guest(self.id)
        if guest:
            self.found, self._found_at = guest, self.run.clock.monotonic()
        return guest

    def note(
        self, action: Action, result: ActionResult, *, attempts: int = 0, request_id: str | None = None
    ) -> None:
        """Write down how an action ended."""
        record = ActionRecord(
            action=action_name(action), result=result, attempts=attempts, request_id=request_id
        )
        self.records.append(record)
        self.run.progress.action_ended(self.id, record)

    def note_unfinished(self, action: Action, request_id: str | None) -> None:
        """Write down an action that was sent and came to no good end, as far as is known."""
        unknown = self.sender.may_have_happened(action)
        self.note(
            action,
            ActionResult.UNKNOWN if unknown else ActionResult.FAILED,
            attempts=self.sender.attempts(action),
            request_id=request_id,
        )

    def skip_reset(self, reset: ResetRedemption) -> None:
        """Go on from a reset that an earlier or another run has sent for this very change."""
        self.reset = ResetState.HAPPENED
        self.since = Redemption.planned_from(self.recorded.precondition)
        waits = self.found.state is RedemptionState.PENDING
        if waits and self.run.lacks_link(self.id, reset.email):
            self.without_link(reset)

    def without_link(self, reset: ResetRedemption) -> None:
        """Take note that the guest was reset and the redeem link that was asked for is lost."""
        if reset.send_message:
            self.remarks.append("the redeem link is not in the file, and Microsoft's message has one")
        else:
            self.link_lost = True

    def told(self, ending: Ending) -> Ending:
        """Turn an ending that looks fine into a failure when the person cannot know of the reset."""
        if not self.link_lost:
            return ending
        if ending.outcome is Outcome.ALREADY_APPLIED and not self.sender.wrote:
            self.remarks.append(
                "no message is sent, and no redeem link of theirs is in this file: if none was handed over, "
                "send the invitation again in the Entra admin center"
            )
            return ending
        if ending.outcome not in {Outcome.APPLIED, Outcome.ALREADY_APPLIED, Outcome.UNVERIFIED}:
            return ending
        return replace(
            ending,
            outcome=Outcome.FAILED,
            rule="link-lost",
            message=f"the guest was reset and nobody was told: no message is sent, and {_LOST_LINK}",
            blame=Blame.GUEST,
        )

    def unreadable(self, error: DirectoryError) -> Ending:
        """End because the directory could not be read; a missing permission closes the run."""
        if isinstance(error, AccessDenied):
            self.run.close(Note(rule=error.rule, message=error.message))
        return Ending(outcome=Outcome.FAILED, rule=error.rule, message=error.message, blame=Blame.DIRECTORY)

    def given_up(self, action: Action, failed: Failed, blame: Blame) -> Ending:
        """End with an action that will not be tried again."""
        if self.reset is ResetState.HAPPENED and not isinstance(action, ResetRedemption):
            self.remarks.append(f"{self._half_done()}; apply again to finish it")
        self.note_unfinished(action, failed.request_id)
        return Ending(outcome=Outcome.FAILED, rule=failed.rule, message=failed.message, blame=blame)

    def stale(self, standing: Standing) -> Ending:
        """End because the guest is not as approved; when this run has written already, that is a failure."""
        if not self.sender.wrote:
            return Ending(outcome=Outcome.STALE, rule="stale", message=standing.message)
        if not self._resets:
            left = "left before `otherMails` was seen written"
        elif self.reset is ResetState.NOT_SENT:
            left = "left before the reset"
        else:
            left = "left when the reset may have been sent"
        return Ending(
            outcome=Outcome.FAILED,
            rule="changed-meanwhile",
            message=f"{left}: {standing.message}",
            blame=Blame.GUEST,
        )

    def behind(self) -> Ending:
        """End because reads stay older than what the new plan has seen."""
        return Ending(
            outcome=Outcome.FAILED if self.sender.wrote else Outcome.STALE,
            rule="reads-behind",
            message="the directory keeps showing an older state of the guest than when the plan was made; "
            "apply again in a few minutes",
            blame=Blame.DIRECTORY,
        )

    def left(self) -> Ending:
        """End because the run closed before the reset was sent."""
        reason = self.run.reason
        last = self.recorded.actions[-1]
        if not self._resets and self.sender.may_have_happened(last):
            return Ending(
                outcome=Outcome.UNVERIFIED,
                rule=reason.rule,
                message=f"`otherMails` may have been written; plan again to see: {reason.message}",
            )
        begun = "not attempted"
        if self._resets and self.sender.wrote:
            begun = "left before the reset, which the next run sends"
        return Ending(outcome=Outcome.NOT_ATTEMPTED, rule=reason.rule, message=f"{begun}: {reason.message}")

    def cut_off(self) -> Ending:
        """End because the run closed while the change was half done."""
        return Ending(
            outcome=Outcome.FAILED,
            rule=self.run.reason.rule,
            message=f"{self._half_done()}; apply again to finish it: {self.run.reason.message}",
            blame=Blame.GUEST,
        )

    def _half_done(self) -> str:
        sent = "was sent" if self.reset is ResetState.HAPPENED else "may have been sent"
        last = self.recorded.actions[-1]
        if isinstance(last, ResetRedemption):
            return f"half done: the reset {sent}"
        field = "mail" if isinstance(last, SetMail) else "otherMails"
        written = "may not be" if self.sender.may_have_happened(last) else "is not"
        return f"half done: the reset {sent}, `{field}` {written} written"

    @property
    def _resets(self) -> bool:
        return any(isinstance(action, ResetRedemption) for action in self.recorded.actions)
