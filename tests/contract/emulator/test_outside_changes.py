"""Changes that others make to a guest past Graph, also in the middle of a request."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.contract.emulator.served import Served, serving
from tests.contract.emulator.tenant import ANA, BO, MARA, SINCE

OLD, NEW, KEPT = "ana@fabrikam.example", "ana@newco.example", "desk@foreign.example"
MARKER = "pending-1764493200-0a1b2c3d-0123456789abcdef@reconciler.invalid"


def test_an_administrator_resets_in_a_portal() -> None:
    """The reset goes to mail: state, time, identities, account and link are as after one through Graph."""
    with serving() as served:
        link = served.control.reset_in_portal(ANA)
        ana = served.control.truth()[ANA]
        assert (ana.state, ana.account, ana.invited, ana.has_live_link) == (
            "PendingAcceptance", None, OLD, True,
        )  # fmt: skip
        assert ana.state_changed_at is not None
        assert ana.state_changed_at > SINCE
        [identities] = served.user(ANA, "identities").values()
        assert [entry["signInType"] for entry in identities] == ["userPrincipalName"]
        assert served.control.messages() == []
        assert served.control.redeem(link, OLD).result == "redeemed"


def test_a_reset_past_graph_kills_the_former_link() -> None:
    """Whoever resets last holds the only link that works, the product or somebody else."""
    with serving() as served:
        ours = str(served.reset(BO, "bo@fabrikam.example").json()["inviteRedeemUrl"])
        theirs = served.control.reset_in_portal(BO)
        assert served.control.redeem(ours, NEW).result == "refused"
        again = str(served.reset(BO, "bo@fabrikam.example").json()["inviteRedeemUrl"])
        assert served.control.redeem(theirs, NEW).result == "refused"
        assert served.control.redeem(again, NEW).result == "redeemed"


def test_the_history_tells_whose_reset_it_was() -> None:
    """A reset through Graph names its request; those of a portal and of a tool have names of their own."""
    with serving() as served:
        served.patch(ANA, otherMails=[KEPT]).raise_for_status()
        served.reset(ANA, OLD).raise_for_status()
        served.control.reset_in_portal(ANA)
        served.control.reset_by_tool(ANA, KEPT.upper())
        told = [(write.operation, write.request is None) for write in served.control.history()]
        assert told == [("patch", False), ("reset", False), ("portal-reset", True), ("tool-reset", True)]
        assert served.control.history()[-1].changes["invited"] == {"before": OLD, "after": KEPT}


@pytest.mark.parametrize("moves", [True, False])
def test_the_time_of_a_pending_guest_moves_by_the_switch(*, moves: bool) -> None:
    """A portal reset obeys `pendingResetMovesTime` as one through Graph does."""
    with serving(pendingResetMovesTime=moves) as served:
        before = served.control.truth()[BO].state_changed_at
        served.control.reset_in_portal(BO)
        assert (served.control.truth()[BO].state_changed_at != before) is moves


def test_a_reset_goes_nowhere_but_to_the_object() -> None:
    """An address that is not on the user, a guest without mail, a member, nobody: nothing happens."""
    with serving() as served:
        for email in (NEW, ""):
            with pytest.raises(ValueError, match="refused POST"):
                served.control.reset_by_tool(ANA, email)
        with pytest.raises(ValueError, match="who was not invited"):
            served.control.reset_in_portal(MARA)
        with pytest.raises(ValueError, match="there is no such user"):
            served.control.reset_in_portal("0" * 8)
        served.control.edit_user(BO, {"mail": None})
        with pytest.raises(ValueError, match="not on the user"):
            served.control.reset_in_portal(BO)
        assert served.operations() == ["edit"]


def test_an_edit_of_mail_moves_the_proxy_addresses() -> None:
    """Another administrator's new mail is the primary proxy address, unless they say otherwise themselves."""
    with serving() as served:
        served.control.edit_user(ANA, {"mail": NEW})
        assert served.control.truth()[ANA].proxy_addresses == (f"SMTP:{NEW}", f"smtp:{OLD}")
        served.control.edit_user(ANA, {"mail": OLD, "proxyAddresses": [f"SMTP:{OLD}"]})
        assert served.control.truth()[ANA].proxy_addresses == (f"SMTP:{OLD}",)
        served.control.set_switches(staleProxiesKept=False)
        served.control.edit_user(ANA, {"mail": KEPT})
        assert served.control.truth()[ANA].proxy_addresses == (f"SMTP:{KEPT}",)


@contextmanager
def _held(served: Served, where: str, on: str) -> Iterator[list[int]]:
    """Change Ana's address in a thread and hold it at one request; gives the statuses at the end."""
    served.control.set_faults({"rules": [{"on": on, "do": "pause", "where": where, "at": 1}]})
    statuses: list[int] = []

    def change() -> None:
        answers: list[httpx.Response] = [
            served.patch(ANA, mail=NEW, otherMails=[NEW, MARKER]),
            served.reset(ANA, NEW),
            served.patch(ANA, mail=NEW, otherMails=[NEW]),
        ]
        statuses.extend(answer.status_code for answer in answers)

    thread = threading.Thread(target=change)
    thread.start()
    assert served.control.paused(wait=30)
    yield statuses
    served.control.resume()
    thread.join()


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_portal_reset_while_mail_is_being_written(where: str) -> None:
    """It goes to what mail says at that moment, and the reset of the change itself still comes last."""
    with serving() as served:
        with _held(served, where, "PATCH /users/*") as statuses:
            served.control.reset_in_portal(ANA)
            assert served.control.truth()[ANA].invited == (NEW if where == "after" else OLD)
        assert statuses == [204, 201, 204]
        assert served.control.truth()[ANA].invited == NEW
        assert served.operations().count("portal-reset") == 1


@pytest.mark.parametrize(("where", "first"), [("before", "signed-in"), ("after", "redeemed")])
def test_the_former_person_opens_an_app_while_the_reset_is_under_way(where: str, first: str) -> None:
    """Before the reset they are in; after it their address in the proxy addresses lets them in again."""
    with serving() as served:
        with _held(served, where, "POST /invitations") as statuses:
            assert served.control.sign_in(OLD).result == first
        assert statuses == [204, 201, 204]
        assert served.control.truth()[ANA].account == (OLD if where == "after" else None)


def test_without_stale_proxies_the_former_person_stays_out() -> None:
    """Mail first: once the old address is off the object, opening an app during the change is no way in."""
    with serving(staleProxiesKept=False) as served, _held(served, "after", "POST /invitations"):
        assert served.control.sign_in(OLD).result == "refused"
        assert served.control.truth()[ANA].could_redeem == (NEW,)


def test_others_edit_while_a_request_is_held() -> None:
    """What another administrator adds between two writes stands there, and is lost to the next whole list."""
    with serving() as served:
        with _held(served, "after", "POST /invitations"):
            listed = served.control.truth()[ANA].other_mails
            assert listed == (NEW, MARKER)
            served.control.edit_user(ANA, {"otherMails": [*listed, KEPT]})
            served.control.reset_by_tool(ANA, KEPT)
            assert served.user(ANA, "otherMails") == {"otherMails": [NEW, MARKER, KEPT]}
        assert served.user(ANA, "otherMails") == {"otherMails": [NEW]}
        assert served.control.truth()[ANA].invited == KEPT
        assert served.operations() == ["patch", "reset", "edit", "tool-reset", "patch"]
