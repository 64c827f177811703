"""What the protocol of a change of address asks of the tenant: mail first, marked, reset, mark taken away."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from reconciler.model import parse_instant
from tests.contract.emulator.served import Served, serving
from tests.contract.emulator.tenant import ANA, BO, SEED

OLD, NEW, KEPT = "ana@fabrikam.example", "ana@newco.example", "desk@foreign.example"
MARKER = "pending-1764493200-0a1b2c3d-0123456789abcdef"
RESERVED, INITIAL = f"{MARKER}@reconciler.invalid", f"{MARKER}@contoso.onmicrosoft.com"
GUEST = ("mail", "otherMails", "proxyAddresses", "externalUserState")


def _begin(served: Served) -> str:
    """Write mail with a marker and reset the guest; gives the link."""
    served.patch(ANA, mail=NEW, otherMails=[NEW, KEPT, RESERVED]).raise_for_status()
    answer = served.reset(ANA, NEW)
    answer.raise_for_status()
    return str(answer.json()["inviteRedeemUrl"])


def test_a_whole_change_of_address() -> None:
    """Mail first, then the reset, then the marker: each step shows on the object as Graph would show it."""
    with serving() as served:
        link = _begin(served)
        assert served.user(ANA, *GUEST) == {
            "mail": NEW,
            "otherMails": [NEW, KEPT, RESERVED],
            "proxyAddresses": [f"SMTP:{NEW}", f"smtp:{OLD}"],
            "externalUserState": "PendingAcceptance",
        }
        served.patch(ANA, mail=NEW, otherMails=[NEW, KEPT]).raise_for_status()
        assert served.control.redeem(link, NEW).result == "redeemed"
        assert served.user(ANA, *GUEST) == {
            "mail": NEW,
            "otherMails": [NEW, KEPT],
            "proxyAddresses": [f"SMTP:{NEW}", f"smtp:{OLD}"],
            "externalUserState": "Accepted",
        }
        assert served.operations() == ["patch", "reset", "patch", "redeem"]


def test_between_mail_and_reset_only_the_former_account_signs_in() -> None:
    """Writing mail changes nobody's sign-in; the reset does."""
    with serving() as served:
        served.patch(ANA, mail=NEW, otherMails=[NEW, RESERVED]).raise_for_status()
        assert served.control.sign_in(OLD).result == "signed-in"
        assert served.control.sign_in(NEW).result == "refused"
        served.reset(ANA, NEW).raise_for_status()
        assert served.control.truth()[ANA].account is None


@pytest.mark.parametrize(
    ("switches", "addresses"),
    [
        ({}, {NEW, OLD}),
        ({"staleProxiesKept": False}, {NEW}),
        ({"otherMailsRedeem": True}, {NEW, OLD, KEPT, RESERVED}),
        ({"staleProxiesKept": False, "otherMailsRedeem": True}, {NEW, KEPT, RESERVED}),
        ({"directRedemption": False, "otherMailsRedeem": True}, set()),
    ],
)
def test_who_could_redeem_by_opening_an_app(switches: dict[str, Any], addresses: set[str]) -> None:
    """Owners of mail and of proxy addresses redeem without a link; those of other mails by a switch."""
    with serving(**switches) as served:
        _begin(served)
        assert set(served.control.truth()[ANA].could_redeem) == addresses
        for address in (OLD, KEPT):
            if address not in addresses:
                assert served.control.sign_in(address).result == "refused"
        for address in sorted(addresses)[:1]:
            assert served.control.sign_in(address).result == "redeemed"
            assert served.control.truth()[ANA].account == address


def _refusal(answer: httpx.Response) -> tuple[int, object]:
    error = answer.json()["error"]
    return answer.status_code, (error["code"], error["message"], error.get("details"))


_INVALID = "Invalid value specified for property 'otherMails' of resource 'User'."


@pytest.mark.parametrize("marker", [RESERVED, RESERVED.upper(), "x@invalid.invalid"])
def test_a_tenant_can_refuse_the_domain_of_the_marker(marker: str) -> None:
    """Nothing of the PATCH is written; the same one with the tenant's initial domain is taken."""
    with serving(markerDomainRefused=True) as served:
        before = served.user(ANA, *GUEST)
        details = [{"code": "InvalidValue", "message": _INVALID, "target": "otherMails"}]
        refused = served.patch(ANA, mail=NEW, otherMails=[NEW, marker])
        assert _refusal(refused) == (400, ("Request_BadRequest", _INVALID, details))
        assert served.user(ANA, *GUEST) == before
        assert served.operations() == []
        assert served.patch(ANA, mail=NEW, otherMails=[NEW, INITIAL]).status_code == 204
        assert served.user(ANA, "otherMails") == {"otherMails": [NEW, INITIAL]}
        assert served.patch(ANA, mail="ana@not-invalid.example").status_code == 204


def test_the_domain_of_the_marker_is_taken_unless_switched() -> None:
    """The switch is off by default, and can be turned while the tenant is served."""
    with serving() as served:
        assert served.patch(ANA, otherMails=[RESERVED]).status_code == 204
        served.control.set_switches(markerDomainRefused=True)
        assert served.patch(ANA, otherMails=[RESERVED]).status_code == 400
        assert served.patch(BO, displayName="Bo H").status_code == 204


def test_other_mails_keep_the_order_they_were_written_in() -> None:
    """Reads, listings, resets, late replicas and a tenant that begins again give the list as written."""
    first, second = ["z@x.example", "A@x.example", "m@x.example"], ["m@x.example", RESERVED, "A@x.example"]
    guests = [{**SEED["guests"][0], "otherMails": first}]

    def listed(served: Served) -> list[object]:
        rows = served.graph.get("/users?$select=id,otherMails").json()["value"]
        return [row["otherMails"] for row in rows if row["id"] == ANA]

    with serving({**SEED, "guests": guests}) as served:
        assert served.user(ANA, "otherMails") == {"otherMails": first}
        served.patch(ANA, otherMails=second).raise_for_status()
        served.reset(ANA, "A@x.example").raise_for_status()
        assert served.user(ANA, "otherMails") == {"otherMails": second}
        assert listed(served) == [second]
        assert served.control.truth()[ANA].other_mails == tuple(second)
        served.control.set_faults({"replication": {"reads": 600_000}})
        assert served.user(ANA, "otherMails") == {"otherMails": first}
        assert listed(served) == [first]
        served.control.reset()
        assert listed(served) == [first]


@pytest.mark.parametrize(
    ("others", "status"),
    [
        ([f"a{n}@x.example" for n in range(249)] + [RESERVED], 204),
        ([f"a{n}@x.example" for n in range(250)] + [RESERVED], 400),
        ([f"{'a' * 240}@x.example"], 204),
        ([f"{'a' * 241}@x.example"], 400),
    ],
)
def test_other_mails_have_bounds(others: list[str], status: int) -> None:
    """250 values of 250 characters are the most; one more, and nothing of the PATCH is written."""
    with serving() as served:
        answer = served.patch(ANA, mail=NEW, otherMails=others)
        assert answer.status_code == status
        if status == 400:
            assert _refusal(answer) == (400, ("Request_BadRequest", _INVALID, None))
        assert served.user(ANA, "mail") == {"mail": NEW if status == 204 else OLD}


def test_every_answer_bears_the_time_of_the_tenant() -> None:
    """`Date` is there once, in whole seconds, on answers, refusals, batches, pages of proxies and control."""
    before = datetime.now(UTC).replace(microsecond=0)
    with serving() as served:
        answers = [
            served.patch(ANA, mail=NEW, otherMails=[NEW]),
            served.reset(ANA, NEW),
            served.graph.get("/users"),
            served.graph.get("/users/nobody"),
            served.graph.get("/users", headers={"Authorization": ""}),
            served.graph.post("/$batch", json={"requests": [{"id": "1", "method": "GET", "url": "/users"}]}),
            httpx.get(f"{served.root}/_emulator/truth", trust_env=False),
            httpx.get(f"{served.root}/nonsense", trust_env=False),
        ]
        assert "Date" not in answers[5].json()["responses"][0]["headers"]
        for form in ("graph", "html", "empty"):
            served.control.set_faults({"rules": [{"do": "fail", "form": form}]})
            answers.append(served.graph.get("/users"))
    after = datetime.now(UTC)
    assert [answer.status_code for answer in answers] == [
        204,
        201,
        200,
        404,
        401,
        200,
        200,
        404,
        503,
        503,
        503,
    ]
    for answer in answers:
        [text] = answer.headers.get_list("Date")
        assert text.endswith(" GMT")
        assert before <= parsedate_to_datetime(text) <= after


def test_a_state_time_lies_between_the_dates_around_it() -> None:
    """The time of a reset is of the clock of the `Date` headers, so the two can be compared."""
    with serving() as served:
        patched = parsedate_to_datetime(served.patch(ANA, mail=NEW, otherMails=[NEW]).headers["Date"])
        reset = parsedate_to_datetime(served.reset(ANA, NEW).headers["Date"])
        [changed] = served.user(ANA, "externalUserStateChangeDateTime").values()
    assert patched <= parse_instant(changed) < reset + timedelta(seconds=1)


def test_the_date_is_that_of_the_deed_and_not_of_its_arrival() -> None:
    """An answer that is held after it was carried out keeps its date, so what happens meanwhile is later."""
    rule = {"on": "PATCH", "do": "delay", "milliseconds": 1100, "where": "after"}
    with serving(faults={"rules": [rule]}) as served:
        answer = served.patch(ANA, mail=NEW)
        arrived = datetime.now(UTC)
        [write] = served.control.history()
        dated = parsedate_to_datetime(answer.headers["Date"])
        recorded = served.control.requests(bodies=True)[0].response_headers["Date"]
    assert parse_instant(write.time) - timedelta(seconds=1) < dated < arrived - timedelta(seconds=1)
    assert answer.headers["Date"] == recorded


@pytest.mark.parametrize(
    "tenant",
    [
        {},
        {"verifiedDomains": ["contoso.example", "Contoso.onmicrosoft.com"]},
        {"initialDomain": "fabrikam.onmicrosoft.com", "verifiedDomains": ["fabrikam.onmicrosoft.com"]},
    ],
)
def test_one_verified_domain_is_the_initial_one(tenant: dict[str, object]) -> None:
    """Exactly one is, of the form that Microsoft gives, whatever else the seed verifies."""
    with serving({"tenant": tenant}) as served:
        [organization] = served.graph.get("/organization?$select=id,verifiedDomains").json()["value"]
    domains = organization["verifiedDomains"]
    assert [domain["name"] for domain in domains if domain["isInitial"]] == [
        tenant.get("initialDomain", "contoso.onmicrosoft.com")
    ]
    assert sum(domain["isDefault"] for domain in domains) == 1
    assert len({domain["name"].lower() for domain in domains}) == len(domains)


def test_a_restricted_unit_shows_and_closes() -> None:
    """It can be selected, in lists too; it is null where it does not hold; PATCH and POST are refused."""
    guests = [{**SEED["guests"][0], "managementRestricted": True}, SEED["guests"][1]]
    with serving({**SEED, "guests": guests}) as served:
        rows = served.graph.get("/users?$select=id,isManagementRestricted").json()["value"]
        assert [row["isManagementRestricted"] for row in rows] == [True, None, None]
        assert served.user(ANA, "isManagementRestricted") == {"isManagementRestricted": True}
        refusals = [served.patch(ANA, mail=NEW, otherMails=[NEW]), served.reset(ANA, OLD)]
        for answer in refusals:
            assert _refusal(answer)[0] == 403
            assert answer.json()["error"]["code"] == "Authorization_RequestDenied"
        assert served.operations() == []
        assert served.reset(BO, "bo@fabrikam.example").status_code == 201
