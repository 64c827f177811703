"""Which addresses' owners have to be known before planning."""

from datetime import timedelta

from reconciler.model import RedemptionState
from reconciler.plan import questions
from tests.support.directory import NEW, OLD, REDEEMED, addresses, declared, desired, guest, guest_id


def test_only_addresses_that_somebody_gains_or_is_reset_with_are_asked_about() -> None:
    """Guests who are as declared, and ids that are nobody, cost no look-up."""
    entries = (
        declared(1),
        declared(2, email=OLD),
        declared(3, email="cy@old.example", reset_after=REDEEMED + timedelta(days=1)),
        declared(4, email="di@old.example", alternates=["d@new.example"]),
        declared(5, email="ed@new.example"),
    )
    found = {
        each.id: each for each in (guest(1), guest(2), guest(3, "cy@old.example"), guest(4, "di@old.example"))
    }
    assert questions(desired(*entries), found) == addresses(NEW, "cy@old.example", "d@new.example")


def test_a_pending_guest_who_loses_an_address_is_asked_about() -> None:
    """The reset that kills the link needs the address it is sent to."""
    found = guest(others=[OLD, "x@gone.example"], state=RedemptionState.PENDING)
    assert questions(desired(declared(email=OLD, alternates=[])), {guest_id(1): found}) == addresses(OLD)


def test_an_address_wanted_twice_is_asked_about_once() -> None:
    """Each address costs one question, in whatever spelling it comes."""
    entries = (declared(1, alternates=[]), declared(2, email=NEW.upper()))
    found = {each.id: each for each in (guest(1), guest(2))}
    assert len(questions(desired(*entries), found)) == 1
