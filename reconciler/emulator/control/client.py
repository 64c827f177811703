"""A client for the emulator's control surface: for tests, the demo, and trials."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from reconciler.emulator.tenant.redemption import SignIn


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestTruth:
    """A guest that is not deleted, with the properties Graph does not show."""

    id: str
    display_name: str | None
    user_principal_name: str
    mail: str | None
    other_mails: tuple[str, ...]
    proxy_addresses: tuple[str, ...]
    state: str | None
    state_changed_at: str | None

    groups: tuple[str, ...]
    """Names, sorted."""

    app_role_assignments: tuple[str, ...]
    """Names of applications, sorted."""

    account: str | None
    """The account that can really sign in now; `None`: none."""

    invited: str | None
    """The address of the last invitation."""

    has_live_link: bool
    """Whether a sent redeem link works."""

    could_redeem: tuple[str, ...]
    """Addresses whose owners could redeem by opening an app, without a link; lower case, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that was sent."""

    guest: str
    to: str
    cc: tuple[str, ...]

    language: str | None
    """`None` when there is a text, which is in its own language."""

    text: str | None
    """The custom text, unless the service dropped it."""

    redeem_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request to Graph. With bodies, the last four are filled."""

    n: int
    """The order of execution."""

    parent: int | None
    """Number of its batch."""

    time: str
    method: str
    url: str

    status: int | None
    """HTTP status of the answer before any fault changed it; `None`: no answer."""

    fault: str | None
    """The fault, such as `fail after`, with which the request was executed first."""

    app_id: str | None
    request_headers: Mapping[str, str]
    request_body: Any
    response_headers: Mapping[str, str]
    response_body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedWrite:
    """An accepted write to an object."""

    n: int
    time: str
    id: str

    operation: str
    """`patch`, `invite`, `reset`, `redeem`, `edit`, `create` or `delete`.

    A reset outside Graph is `portal-reset` or `tool-reset`.
    """

    request: int | None
    """The number of the Graph request."""

    changes: Mapping[str, Mapping[str, Any]]
    """Property to `before` and `after`; `account`, `invited`, `hasLiveLink` and `deleted` too."""


class ControlClient:
    """Sends requests to one emulator. Every method raises `ValueError` for what the emulator refuses."""

    def __init__(self, root: str) -> None:
        """Store the root, such as `http://127.0.0.1:8080`; nothing is sent yet."""
        self._http = httpx.Client(
            base_url=f"{root}/_emulator", trust_env=False, timeout=httpx.Timeout(60, read=None)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def truth(self) -> dict[str, GuestTruth]:
        """Return every guest that is not deleted, by id."""
        return {entry["id"]: _truth(entry) for entry in self._call("GET", "/truth")}

    def redeem(self, redeem_url: str, account: str) -> SignIn:
        """Redeem a link with an outside account."""
        return SignIn(**self._call("POST", "/redeem", {"redeemUrl": redeem_url, "account": account}))

    def sign_in(self, account: str) -> SignIn:
        """Open an app of the tenant directly with an outside account."""
        return SignIn(**self._call("POST", "/sign-in", {"account": account}))

    def messages(self) -> list[Message]:
        """Return the messages that were sent, the oldest first."""
        return [
            Message(
                guest=entry["guest"],
                to=entry["to"],
                cc=tuple(entry["cc"]),
                language=entry["language"],
                text=entry["text"],
                redeem_url=entry["redeemUrl"],
            )
            for entry in self._call("GET", "/messages")
        ]

    def requests(self, *, bodies: bool = False) -> list[RecordedRequest]:
        """Return every Graph request, in the order of execution."""
        suffix = "?bodies=true" if bodies else ""
        return [_request(entry) for entry in self._call("GET", f"/requests{suffix}")]

    def forget_requests(self) -> None:
        """Clear the record of requests; the numbers continue."""
        self._call("DELETE", "/requests")

    def history(self) -> list[RecordedWrite]:
        """Return every accepted write, in order."""
        return [RecordedWrite(**entry) for entry in self._call("GET", "/history")]

    def reset(self) -> None:
        """Restore the tenant to its seed."""
        self._call("POST", "/reset")

    def switches(self) -> dict[str, Any]:
        """Return the value of every switch."""
        return dict(self._call("GET", "/switches"))

    def set_switches(self, **switches: Any) -> None:
        """Set switches, by their JSON names."""
        self._call("PATCH", "/switches", switches)

    def edit_user(self, user_id: str, changes: Mapping[str, Any]) -> None:
        """Set properties as another administrator would, unchecked; `account` is the hidden one.

        `proxyAddresses` follows a new `mail`, unless it is given too.
        """
        self._call("PATCH", f"/users/{user_id}", dict(changes))

    def reset_in_portal(self, user_id: str) -> str:
        """Reset a guest's redemption as an administrator in a portal would, to `mail`. Returns the link."""
        return str(self._call("POST", f"/users/{user_id}/reset", {})["redeemUrl"])

    def reset_by_tool(self, user_id: str, email: str) -> str:
        """Reset a guest's redemption as another tool would, to an address on the user. Returns the link."""
        return str(self._call("POST", f"/users/{user_id}/reset", {"email": email})["redeemUrl"])

    def add_user(self, entry: Mapping[str, Any]) -> str:
        """Add a guest or member as in a seed. Returns the id."""
        return str(self._call("POST", "/users", dict(entry))["id"])

    def delete_user(self, user_id: str) -> None:
        """Move a user to the deleted items."""
        self._call("DELETE", f"/users/{user_id}")

    def set_faults(self, document: Mapping[str, Any]) -> None:
        """Set the fault plan from now on; `{}` ends all faults. Counters and quotas are reset."""
        self._call("PUT", "/faults", dict(document))

    def met(self) -> list[int]:
        """Return the number of requests each rule of the fault plan has matched."""
        return list(self._call("GET", "/faults")["met"])

    def paused(self, *, wait: float = 0.0) -> list[dict[str, Any]]:
        """Return the requests that are held, after waiting so many seconds for the first."""
        return list(self._call("GET", f"/paused?wait={wait}"))

    def resume(self, *, carry_out: bool = True) -> None:
        """Release all held requests; without `carry_out`, those not executed yet never are."""
        self._call("POST", "/resume", {"carryOut": carry_out})

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, path, json=body)
        if answer.is_error:
            raise ValueError(f"the emulator refused {method} {path}: {answer.text}")
        return answer.json() if answer.content else None


def _truth(entry: Mapping[str, Any]) -> GuestTruth:
    return GuestTruth(
        id=entry["id"],
        display_name=entry["displayName"],
        user_principal_name=entry["userPrincipalName"],
        mail=entry["mail"],
        other_mails=tuple(entry["otherMails"]),
        proxy_addresses=tuple(entry["proxyAddresses"]),
        state=entry["externalUserState"],
        state_changed_at=entry["externalUserStateChangeDateTime"],
        groups=tuple(entry["groups"]),
        app_role_assignments=tuple(entry["appRoleAssignments"]),
        account=entry["account"],
        invited=entry["invited"],
        has_live_link=entry["hasLiveLink"],
        could_redeem=tuple(entry["couldRedeem"]),
    )


def _request(entry: Mapping[str, Any]) -> RecordedRequest:
    return RecordedRequest(
        n=entry["n"],
        parent=entry["parent"],
        time=entry["time"],
        method=entry["method"],
        url=entry["url"],
        status=entry["status"],
        fault=entry["fault"],
        app_id=entry["appId"],
        request_headers=entry.get("requestHeaders", {}),
        request_body=entry.get("requestBody"),
        response_headers=entry.get("responseHeaders", {}),
        response_body=entry.get("responseBody"),
    )
