"""Sends the writes of one guest, journals them, and keeps count of the guest's patience."""

import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import assert_never

from reconciler.apply.policy import Patience, Treatment, Write, pause
from reconciler.apply.run import Run
from reconciler.journal import JournalEntry, JournalEvent
from reconciler.model import (
    Action,
    AddOtherMail,
    Done,
    EmailAddress,
    Failed,
    FailureKind,
    Guest,
    ObjectId,
    ResetRedemption,
    SetMail,
    SetOtherMails,
    WriteAnswer,
    action_name,
)


class _NotNowError(Exception):
    """The turn of a write has come, and it must not be sent."""


_WITHDRAWN = Failed(
    kind=FailureKind.NOT_EXECUTED,
    rule="withdrawn",
    message="refused for its token, and not sent again because the run had closed or the guest was read too "
    "long ago",
    status=401,
    request_id=None,
)


@dataclass(slots=True, kw_only=True)
class Sender:
    """The writes of one guest."""

    run: Run
    guest: ObjectId

    in_flight: Action | None = None
    """What has been sent, while the answer is awaited."""

    _attempts: Counter[type[Action]] = field(default_factory=Counter)
    _doubtful: set[type[Action]] = field(default_factory=set)
    _request_ids: dict[type[Action], str | None] = field(default_factory=dict)
    _failing_since: dict[Patience, float] = field(default_factory=dict)
    _spent: defaultdict[Patience, float] = field(default_factory=lambda: defaultdict(float))

    async def send(
        self, action: Action, *, write: Write, found: Guest, still_fits: Callable[[], bool]
    ) -> WriteAnswer | None:
        """Send one write when its turn comes; `None` when by then the run is closed or it does not fit.

        `found` is the guest as last read: `AddOtherMail` keeps what stands there. The commit is always
        sent.
        """
        request, asked = str(uuid.uuid4()), self.run.clock.monotonic()

        def before_sending() -> None:
            self._forgive_queueing(self.run.clock.monotonic() - asked)
            if write is not Write.COMMIT and (self.run.closing.is_set() or not still_fits()):
                raise _NotNowError
            if self.in_flight:
                return
            attempt = self.attempts(action) + 1
            if not self._journal(action, attempt, request) and write is not Write.COMMIT:
                raise _NotNowError
            self._attempts[type(action)] = attempt
            self.in_flight = action
            self.run.begin(self.guest)

        try:
            async with self._turn(write):
                answer = await self._write(action, found, request, before_sending)
        except _NotNowError:
            if self.in_flight:
                self.in_flight = None
                self._journal(action, self.attempts(action), request, _WITHDRAWN)
            return None
        self.in_flight = None
        self._journal(action, self.attempts(action), request, answer)
        self._learn(action, answer)
        return answer

    def attempts(self, action: Action) -> int:
        """Tell how often an action has been sent."""
        return self._attempts[type(action)]

    @property
    def wrote(self) -> bool:
        """Whether anything was sent at all."""
        return bool(self._attempts)

    def last_request_id(self, action: Action) -> str | None:
        """Give Graph's id of the last answered request of an action; `None` when there was no answer."""
        return self._request_ids.get(type(action))

    def may_have_happened(self, action: Action) -> bool:
        """Tell whether an action that was not seen to succeed may have been carried out all the same."""
        return type(action) in self._doubtful or type(action) is type(self.in_flight)

    async def be_patient(self, rule: Treatment, failed: Failed, *, tries: int) -> bool:
        """Wait as the rule says before the next try; False when this guest's patience is at an end."""
        run = self.run
        seconds = pause(rule, tries=tries, retry_after=failed.retry_after, guest=self.guest)
        self._failing_since.setdefault(rule.patience, run.clock.monotonic())
        if not self._may_wait(rule.patience, seconds):
            return False
        until_closing = rule.patience is not Patience.RUN
        await run.wait(self.guest, rule.waits_as, seconds, until_closing=until_closing)
        return True

    def no_turn(self) -> Failed | None:
        """Tell that a write whose turn came too late will not be tried once more; `None` while it will."""
        self._failing_since.setdefault(Patience.DIRECTORY, self.run.clock.monotonic())
        if self._may_wait(Patience.DIRECTORY, 0.0):
            return None
        return Failed(
            kind=FailureKind.NOT_EXECUTED,
            rule="no-turn",
            message="the directory kept this write waiting for too long: apply again when it is less busy, "
            "with a larger share of its quotas, or with fewer guests half done at once",
            status=None,
            request_id=None,
        )

    def _may_wait(self, patience: Patience, seconds: float) -> bool:
        if self.run.stall.reached:
            return False
        settings = self.run.settings
        now = self.run.clock.monotonic()
        # By the clock and not by the pauses: a call that hangs, or a turn that does not come, counts as well.
        total = self._spent[patience] + now - self._failing_since.get(patience, now) + seconds
        match patience:
            case Patience.RUN:
                return self.run.hurried.is_set() or self.run.gate.others_move or total <= settings.commit_for
            case Patience.DIRECTORY:
                return total <= settings.throttled_for
            case Patience.REPLICATION:
                return total <= settings.replicate_for
            case _ as unknown:
                assert_never(unknown)

    @asynccontextmanager
    async def _turn(self, write: Write) -> AsyncIterator[None]:
        """Stand back with a first write until the directory has taken one of somebody's.

        Not with the last write of a guest whom an earlier run has reset: they are locked out already.
        """
        if self.wrote or write is Write.COMMIT:
            yield
            return
        async with self.run.gate.first_write():
            yield

    def _forgive_queueing(self, seconds: float) -> None:
        """Count no time against replication in which others kept this guest from asking."""
        if Patience.REPLICATION in self._failing_since:
            self._failing_since[Patience.REPLICATION] += seconds

    def _learn(self, action: Action, answer: WriteAnswer) -> None:
        self.run.learn(answer)
        self._request_ids[type(action)] = answer.request_id
        if isinstance(answer, Done):
            self._doubtful.discard(type(action))
            now = self.run.clock.monotonic()
            for patience, since in self._failing_since.items():
                self._spent[patience] += now - since
            self._failing_since.clear()
        elif answer.kind is FailureKind.UNKNOWN:
            self._doubtful.add(type(action))

    async def _write(
        self, action: Action, found: Guest, request: str, before_sending: Callable[[], None]
    ) -> WriteAnswer:
        writer, guest = self.run.writer, self.guest
        match action:
            case AddOtherMail():
                listed = with_address(found, action.email)
                return await writer.set_other_mails(
                    guest, listed, client_request_id=request, before_sending=before_sending
                )
            case SetOtherMails():
                return await writer.set_other_mails(
                    guest, action.other_mails, client_request_id=request, before_sending=before_sending
                )
            case SetMail():
                return await writer.set_mail(
                    guest,
                    action.email,
                    action.other_mails,
                    client_request_id=request,
                    before_sending=before_sending,
                )
            case ResetRedemption():
                return await writer.reset_redemption(
                    guest, action, client_request_id=request, before_sending=before_sending
                )
            case _ as unknown:
                assert_never(unknown)

    def _journal(self, action: Action, attempt: int, request: str, answer: WriteAnswer | None = None) -> bool:
        return self.run.record(
            JournalEntry(
                time=self.run.clock.now(),
                id=self.guest,
                action=action_name(action),
                attempt=attempt,
                event=_event(answer),
                status=answer.status if answer else None,
                client_request_id=request,
                request_id=answer.request_id if answer else None,
            )
        )


def with_address(guest: Guest, address: EmailAddress) -> tuple[EmailAddress, ...]:
    """Give a guest's `otherMails` with one address more, in the spelling in which they stand there."""
    if address in guest.other_mails:
        return guest.other_mails
    return tuple(sorted((*guest.other_mails, address)))


def _event(answer: WriteAnswer | None) -> JournalEvent:
    if answer is None:
        return JournalEvent.SENDING
    if isinstance(answer, Done):
        return JournalEvent.DONE
    return JournalEvent.UNKNOWN if answer.kind is FailureKind.UNKNOWN else JournalEvent.FAILED
