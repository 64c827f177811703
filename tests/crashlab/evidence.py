"""What the runs of one trial leave behind, in the form in which the invariants look at it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

from reconciler.emulator.control.client import GuestTruth, Message, RecordedRequest, RecordedWrite
from tests.crashlab.scenario import Case

OTHER_MAILS, MARK, RESET, CLEAR = "otherMails", "mail and marker", "reset", "mail, no marker"
WRITTEN_BY = {
    "AddOtherMail": OTHER_MAILS,
    "SetOtherMails": OTHER_MAILS,
    "SetMail": MARK,
    "ResetRedemption": RESET,
    "ClearMarker": CLEAR,
}
"""What an action writes: on the wire, the two that write only `otherMails` look alike."""

_MARKER = re.compile(r"(pending-[0-9]{1,12}-[0-9a-f]{8}-([0-9a-f]{16}))@.+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A request that was held when the run was killed, so that its answer never came."""

    guest: str | None
    """`None` for a read."""

    action: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run of apply."""

    same_plan: bool
    """Whether it was under the approved plan rather than under none."""

    elsewhere: bool
    """Whether it knew nothing of the runs before it: another machine, without their journal."""

    tree: str
    """The desired tree it was started with."""

    exit_code: int | None
    """`None`: it was killed."""

    report: Mapping[str, Any] | None
    """`None`: it was killed."""

    output: str
    """Both streams."""

    held: Held | None
    """What was held when it was killed."""

    after: Mapping[str, GuestTruth]
    """The guests in the moment of the kill, or at the end."""

    requests_until: int
    """Number of the last request that was recorded when it had ended."""

    links: str
    """The file of redeem links in the moment of the kill, or at the end."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is left of the runs of one trial."""

    plan: Mapping[str, Any]
    """The approved plan."""

    planned: Mapping[str, Any]
    """What was planned last of all."""

    declared: Sequence[Case]

    before: Mapping[str, GuestTruth]
    after: Mapping[str, GuestTruth]
    history: Sequence[RecordedWrite]
    requests: Sequence[RecordedRequest]
    messages: Sequence[Message]
    runs: Sequence[Ran]
    """In the order in which they ended."""

    journal: str

    texts: Mapping[str, str]
    """Every file that was written, apart from those of links, by name."""

    links: str
    """The files of redeem links."""

    links_modes: frozenset[int]

    lags: bool
    """Whether reads lagged behind, so that for a while nothing shows of a pending guest."""

    together: bool = False
    """Whether two runs ran at the same time, so that a later request of a guest may be the other one's."""

    interfered: str | None = None
    """A guest to whom something else happened: how they must end is not for the invariants to say."""

    @property
    def same_plan(self) -> bool:
        """Whether every run was under the same approved plan."""
        return all(ran.same_plan for ran in self.runs)

    def cases(self) -> Iterator[Case]:
        """Give the guests whose end is known."""
        return (case for case in self.declared if case.id != self.interfered)

    @cached_property
    def open_changes(self) -> frozenset[str]:
        """Guests for whom another plan still has a change."""
        return frozenset(change["id"] for change in self.planned["changes"])

    def resets(self, guest: str) -> int:
        """Count how often a guest was reset."""
        return sum(1 for write in self.history if write.id == guest and write.operation == "reset")

    @cached_property
    def writes(self) -> Sequence[RecordedRequest]:
        """Every request that is no read, in a batch or not, refused or not."""
        return [request for request in self.requests if is_write(request)]

    @cached_property
    def by_client_id(self) -> Mapping[str, RecordedRequest]:
        """Every write by the id that the client gave it."""
        return {client_id(request): request for request in self.writes}

    @cached_property
    def journalled(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The lines of the journal by run, those that are broken left out."""
        lines: dict[str, list[Mapping[str, Any]]] = {}
        for line in self.journal.splitlines():
            entry = read_line(line)
            if entry is not None:
                lines.setdefault(entry["run"], []).append(entry)
        return lines

    def lines_of(self, ran: Ran) -> Sequence[Mapping[str, Any]]:
        """Give the lines of one run; of a trial's runs one at most was killed."""
        if ran.report is not None:
            return self.journalled.get(ran.report["run"], ())
        reported = {other.report["run"] for other in self.runs if other.report is not None}
        return [line for run, lines in self.journalled.items() if run not in reported for line in lines]

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Every redeem link, and what of it lets somebody in."""
        links = {message.redeem_url for message in self.messages}
        links |= {link for request in self.writes if (link := link_of(request))}
        return frozenset(links | {ticket_of(link) for link in links})


def client_id(request: RecordedRequest) -> str:
    """Give the id that the client gave a request."""
    headers = {name.lower(): value for name, value in request.request_headers.items()}
    return headers.get("client-request-id", "")


def is_write(request: RecordedRequest) -> bool:
    """Tell whether a request is no read; the parts of a batch are requests of their own."""
    return request.method != "GET" and not request.url.endswith("/$batch")


def subject_of(request: RecordedRequest) -> tuple[str, str] | None:
    """Tell whom a write is about and what it writes; `None` for what no apply may send."""
    body, path = request.request_body, request.url.removeprefix("/v1.0/").split("/")
    match request.method, path, body:
        case "PATCH", ["users", guest], {"otherMails": list()} if body.keys() == {OTHER_MAILS}:
            return guest, OTHER_MAILS
        case "PATCH", ["users", guest], {"mail": str(), "otherMails": list(listed)} if len(body) == 2:
            return guest, MARK if markers_in(listed) else CLEAR
        case "POST", ["invitations"], {"resetRedemption": True, "invitedUser": {"id": str(guest)}}:
            return guest, RESET
        case _:
            return None


def markers_in(addresses: Sequence[str]) -> Mapping[str, str]:
    """Give the markers among addresses: local part to the digits of the change that it names."""
    found = [match for address in addresses if (match := _MARKER.fullmatch(address))]
    return {match[1].lower(): match[2].lower() for match in found}


def people_in(addresses: Sequence[str]) -> frozenset[str]:
    """Give the addresses that are no markers, in lower case."""
    return frozenset(address.lower() for address in addresses if not _MARKER.fullmatch(address))


def is_done(request: RecordedRequest) -> bool:
    """Tell whether a write was carried out."""
    before = (request.fault or "").endswith("before")
    return request.status is not None and request.status < 300 and not before


def link_of(request: RecordedRequest) -> str | None:
    """Give the redeem link that was answered to a POST."""
    body = request.response_body
    return body.get("inviteRedeemUrl") if isinstance(body, dict) else None


def ticket_of(link: str) -> str:
    """Give the part of a redeem link that is secret."""
    inner = parse_qs(urlsplit(link).query)["rd"][0]
    return parse_qs(urlsplit(inner).query)["ticket"][0]


def read_line(line: str) -> dict[str, Any] | None:
    """Read a line of JSON; `None` when it is broken."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def holder_of(guest: GuestTruth) -> str:
    """Give who is bound, else who holds a link that works; empty: nobody."""
    return (guest.account or (guest.invited if guest.has_live_link else "") or "").lower()
