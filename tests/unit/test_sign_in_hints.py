"""The hint that a guest may sign in with another address than `mail`."""

from datetime import timedelta

import pytest

from reconciler.model import EmailAddress, Guest, RedemptionState
from reconciler.plan.difference import find_difference
from reconciler.plan.sign_in_hints import SOON, may_sign_in_as
from tests.support.directory import REDEEMED, declared, guest

OLD, NEW = "ana_o@old.example", "ana@new.example"
UPN = "ana_o_old.example#EXT#@contoso.onmicrosoft.com"


def edited(**fields: object) -> Guest:
    """Make a guest whose mail was edited by hand, an hour after the invitation was redeemed."""
    whole = {"user_principal_name": UPN, "created_at": REDEEMED - timedelta(hours=1), **fields}
    return guest(1, **{"mail": NEW, **whole})  # type: ignore[arg-type]


def test_the_principal_name_spells_another_address() -> None:
    """The hint names the invited address, and the instant at which a reset would be due."""
    hint = may_sign_in_as(edited(state_changed_at=REDEEMED + timedelta(milliseconds=250)))
    assert hint is not None
    assert hint.address == EmailAddress(OLD)
    assert hint.reset_after == REDEEMED + timedelta(seconds=1)
    change = find_difference(declared(1, NEW, reset_after=hint.reset_after), edited())
    assert change is not None
    assert change.resets


def test_an_identity_shows_another_address() -> None:
    """It needs no times, and comes before the principal name."""
    hint = may_sign_in_as(edited(passcode="other@old.example", created_at=None))
    assert hint is not None
    assert hint.address == EmailAddress("other@old.example")


@pytest.mark.parametrize(
    "one",
    [
        edited(mail=OLD),
        edited(mail=OLD.upper()),
        edited(mail=None),
        edited(passcode=NEW.title()),
        edited(state=RedemptionState.PENDING),
        edited(state=None),
        edited(created_at=None),
        edited(changed=None),
        edited(created_at=REDEEMED - SOON - timedelta(seconds=1)),
        edited(user_principal_name=None),
        edited(user_principal_name="ana@contoso.onmicrosoft.com"),
        edited(user_principal_name="ana#EXT#@contoso.onmicrosoft.com"),
        edited(user_principal_name="ana_new.example#ext#@contoso.onmicrosoft.com"),
        edited(user_principal_name="ana_new.example42#EXT#@contoso.onmicrosoft.com"),
        edited(
            mail=f"{'a' * 60}@new.example", user_principal_name=f"{'a' * 60}_n#EXT#@contoso.onmicrosoft.com"
        ),
    ],
)
def test_without_evidence_there_is_no_hint(one: Guest) -> None:
    """The same address, no redemption, a later reset, or names that say nothing."""
    assert may_sign_in_as(one) is None


def test_without_a_time_no_reset_can_be_declared() -> None:
    """A guest without the state's time would be reset at every run."""
    hint = may_sign_in_as(edited(passcode="other@old.example", changed=None))
    assert hint is not None
    assert hint.reset_after is None
