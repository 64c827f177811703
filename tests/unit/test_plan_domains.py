"""What is said about the domain of a new address."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Note
from reconciler.plan import make_plan
from reconciler.plan.domains import CONSUMER, _one_edit_apart, _shortened
from tests.support.directory import NOW, OLD, declared, desired, guest, live
from tests.support.worlds import LAW

RULES = {"unseen-domain", "look-alike-domain", "consumer-domain"}
SEEN = {"old.example": 2, "fabrikam.example": 40, "contoso.com": 7, "cornwall.example": 1}


def notes(email: str, *, mail: str = OLD, alternates: list[str] | None = None, **fields: Any) -> list[Note]:
    found = live(guest(mail=mail), **{"domains": SEEN, **fields})
    plan = make_plan(desired(declared(email=email, alternates=alternates)), found, NOW)
    assert len(plan.changes) == 1
    return [note for note in plan.changes[0].warnings if note.rule in RULES]


def rules(email: str, **fields: Any) -> list[str]:
    return [note.rule for note in notes(email, **fields)]


def test_a_domain_that_no_guest_has_is_named() -> None:
    """A typing error, or another company: somebody should look."""
    (note,) = notes("ana@newco.example")
    assert note.rule == "unseen-domain"
    assert "newco.example" in note.message


@pytest.mark.parametrize("email", ["ana@fabrikam.example", "ana@FABRIKAM.example", "ana2@old.example"])
def test_a_domain_that_guests_have_is_nothing_to_tell(email: str) -> None:
    """Most new addresses are like others, whatever the case of their letters."""
    assert rules(email) == []


@pytest.mark.parametrize("fields", [{"listed_all": False}, {"domains": {}}])
def test_without_the_whole_listing_nothing_is_called_unseen(fields: dict[str, Any]) -> None:
    """Who saw a part of the tenant cannot say what nobody has."""
    assert rules("ana@newco.example", **fields) == []


@pytest.mark.parametrize(
    ("email", "other"),
    [
        ("ana@fabrikan.example", "fabrikam.example"),
        ("ana@fabrkam.example", "fabrikam.example"),
        ("ana@faabrikam.example", "fabrikam.example"),
        ("ana@fabirkam.example", "fabrikam.example"),
        ("ana@fabrikarn.example", "fabrikam.example"),
        ("ana@fabr1kam.example", "fabrikam.example"),
        ("ana@fabrlkarn.example", "fabrikam.example"),
        ("ana@c0nt0s0.com", "contoso.com"),
        ("ana@contoso.co", "contoso.com"),
        ("ana@cornvvall.example", "cornwall.example"),
        ("ana@gmai1.com", "gmail.com"),
        ("ana@gmial.com", "gmail.com"),
        ("ana@contoso1.example", "contoso.example"),
    ],
)
def test_a_domain_that_looks_like_a_known_one_is_named_with_it(email: str, other: str) -> None:
    """One character off, or letters that look like others, against guests, the tenant and providers."""
    (note,) = notes(email)
    assert note.rule == "look-alike-domain"
    assert f"looks like {other}" in note.message


def test_why_the_other_domain_is_known_is_told() -> None:
    """A reviewer learns how likely it is that the other one was meant."""
    assert "40 guests have" in notes("a@fabrikan.example")[0].message
    assert "1 guest has" in notes("a@cornwal.example")[0].message
    assert "this tenant's own" in notes("a@contos.example")[0].message
    assert "well-known provider" in notes("a@gmial.com")[0].message


@pytest.mark.parametrize(
    ("domain", "shown", "other"),
    [
        ("xn--c1yn36f.example", "\u9ede\u770b.example", None),
        ("xn--contso-exa.com", "cont\u00f3so.com", "contoso.com"),
        ("xn--ontoso-hrf.com", None, "contoso.com"),
        ("xn--99999999.example", "\ufffd.example", None),
    ],
    ids=["letters", "accent", "cyrillic", "broken"],
)
def test_an_internationalised_domain_is_shown_as_people_will_see_it(
    domain: str, shown: str | None, other: str | None
) -> None:
    """Punycode hides what it says, and what it says may look like something else."""
    (note,) = notes(f"ana@{domain}")
    assert note.rule == "look-alike-domain"
    assert domain in note.message
    assert shown is None or shown in note.message
    assert ("looks like" in note.message) is (other is not None)
    assert other is None or other in note.message


def test_punycode_is_told_even_when_guests_have_it() -> None:
    """That somebody got in with it does not make it easier to read."""
    domain = "xn--contso-exa.com"
    assert rules(f"ana@{domain}", domains={**SEEN, domain: 3}) == ["look-alike-domain"]


def test_correcting_a_typing_error_is_not_told_as_one() -> None:
    """The only guest with the wrong domain is leaving it, unless others have it too."""
    seen = {"fabrikan.example": 1, "other.example": 9}
    assert rules("ana@fabrikam.example", mail="ana@fabrikan.example", domains=seen) == ["unseen-domain"]
    assert rules(
        "ana@fabrikam.example", mail="ana@fabrikan.example", domains={**seen, "fabrikan.example": 2}
    ) == ["look-alike-domain"]


@pytest.mark.parametrize("domain", sorted(CONSUMER))
def test_a_provider_for_everybody_is_told(domain: str) -> None:
    """An address at work that became a private one is worth a question, seen before or not."""
    assert rules(f"ana@{domain}") == ["consumer-domain"]
    assert rules(f"ana@{domain}", domains={**SEEN, domain: 9}) == ["consumer-domain"]


def test_every_new_address_counts_and_no_other() -> None:
    """Declared alternate addresses let somebody in as well; a reset brings no new one."""
    assert rules("ana@fabrikam.example", alternates=["a@gmail.com", "a@newco.example"]) == [
        "consumer-domain",
        "unseen-domain",
    ]
    again = declared(email="ana@gmail.com", reset_after=NOW)
    found = live(guest(mail="ana@gmail.com"), domains=SEEN)
    (change,) = make_plan(desired(again), found, NOW).changes
    assert change.warnings == ()


@LAW
@given(st.text("ab.", max_size=5), st.text("ab.", max_size=5))
def test_one_edit_is_what_is_left_when_a_character_is_left_out(one: str, other: str) -> None:
    """The index finds every pair that is one edit apart, whichever comes first."""
    if one == other:
        return
    assert _one_edit_apart(one, other) == _one_edit_apart(other, one)
    if _one_edit_apart(one, other):
        assert set(_shortened(one)) & set(_shortened(other))
    inserted = any(other == one[:at] + char + one[at:] for at in range(len(one) + 1) for char in "ab.")
    replaced = any(other == one[:at] + char + one[at + 1 :] for at in range(len(one)) for char in "ab.")
    swapped = any(
        other == one[:at] + one[at + 1] + one[at] + one[at + 2 :] for at in range(max(len(one) - 1, 0))
    )
    removed = any(other == one[:at] + one[at + 1 :] for at in range(len(one)))
    assert _one_edit_apart(one, other) == (inserted or replaced or swapped or removed)
