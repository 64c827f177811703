"""Writes, and the answers of a Graph that refuses them."""

from typing import Any

import httpx

from reconciler.graph.responses import Answer
from reconciler.model import EmailAddress, Invitation, Marker, ObjectId, ResetRedemption, UserUpdate

GUEST = ObjectId("11111111-2222-4333-8444-555555555555")
HOLDER = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
SECRET = "ana@secret.example"
"""Stands in the message of each refusal, and may stand in none of ours."""

ANA = EmailAddress("ana@newco.example")
MARKER = Marker(seconds=1, nonce="0a1b2c3d", digits="0123456789abcdef", domain="reconciler.invalid")
UPDATE = UserUpdate(mail=ANA, other_mails=(ANA,))
LIST = UserUpdate(mail=None, other_mails=(ANA,))
MARKED = UserUpdate(mail=ANA, other_mails=(ANA,), marker=MARKER)
RESET = ResetRedemption(
    email=ANA,
    invitation=Invitation(
        send_message=False, language="en-US", redirect_url="https://x.example", cc=None, message=None
    ),
)


def refused(
    status: int,
    code: str = "",
    message: str = "",
    *,
    details: object = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Make the answer of a refusal."""
    error: dict[str, Any] = {"code": code, "message": f"{message} {SECRET}", "innerError": {}}
    if details is not None:
        error["details"] = details
    return Answer(status=status, headers=httpx.Headers(headers or {}), body={"error": error})
