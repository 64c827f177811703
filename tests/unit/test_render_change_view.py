"""A change in words, as every renderer shows it."""

from dataclasses import replace

import pytest

from reconciler.model import AddOtherMail, Change, EmailAddress
from reconciler.render.change_view import change_view
from tests.support.plans import change_of, rest_of, restored_of


def test_the_actions_say_what_is_written_and_when_the_marker_goes() -> None:
    """Whoever reads the details sees the three writes of a change of address."""
    write, reset, clear = change_view(change_of(others=["a.k@private.example"])).actions
    listed = "otherMails become a.k@private.example, ana@newco.example"
    assert write == f"SetMail ana@newco.example; {listed}, and a marker"
    assert reset.startswith("ResetRedemption ana@newco.example; ")
    assert clear == f"ClearMarker ana@newco.example; {listed}, without it"
    first = AddOtherMail(email=EmailAddress("x@y.example"))
    assert change_view(replace(change_of(), actions=(first,))).actions == ("AddOtherMail x@y.example",)


@pytest.mark.parametrize("change", [change_of(), restored_of(), rest_of()])
def test_the_actions_show_no_marker(change: Change) -> None:
    """A marker is no address that anybody could sign in with."""
    assert "reconciler.invalid" not in " ".join(change_view(change).actions)


def test_a_view_holds_what_strangers_wrote_as_it_is() -> None:
    """Each renderer escapes for its own medium, once."""
    name, address = "<b>|`x`\u202e", "a&b@newco.example"
    view = change_view(change_of(name=name, after=address))
    assert (view.display_name, view.after) == (name, address)
