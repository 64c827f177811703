"""Questions about many addresses are as few as the limits of Graph allow, and leave nothing out."""

from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.emulator.odata.filters import parse_filter
from reconciler.emulator.odata.projection import CONTACT, GROUP, USER
from reconciler.graph.lookups import LONGEST_URL, MOST_OPERANDS, Lookup, pack, requests_for
from reconciler.graph.places import CONTACTS, GROUPS, USERS, Place
from reconciler.model import EmailAddress
from tests.support.worlds import LAW

TYPES = {USERS.path: USER, GROUPS.path: GROUP, CONTACTS.path: CONTACT}


def operands(lookup: Lookup) -> list[str]:
    """Take the filter of a URL apart, as whoever is asked does."""
    return parse_qs(urlsplit(lookup.url).query)["$filter"][0].split(" or ")


def sizes(place: Place, *addresses: str) -> list[int]:
    return [len(operands(lookup)) for lookup in pack(place, map(EmailAddress, addresses))]


def numbered(count: int) -> list[str]:
    return [f"a{number}@new.example" for number in range(count)]


@pytest.mark.parametrize(
    ("place", "addresses", "expected"),
    [
        (USERS, 0, []),
        (USERS, 1, [5]),
        (USERS, 3, [15]),
        (USERS, 4, [15, 5]),
        (GROUPS, 5, [15]),
        (CONTACTS, 6, [15, 3]),
    ],
)
def test_fifteen_operands_are_one_question(place: Place, addresses: int, expected: list[int]) -> None:
    """The sixteenth operand begins a question of its own."""
    assert sizes(place, *numbered(addresses)) == expected


def test_capitals_double_the_operands() -> None:
    """An address that is declared with capitals is asked for in two spellings, over questions' borders."""
    assert sizes(USERS, "Ana@new.example", "bo@new.example", "Eva@new.example") == [15, 10]


def test_quotes_are_doubled_and_everything_is_encoded() -> None:
    """An address cannot end its literal, its option or its URL."""
    (lookup,) = pack(GROUPS, [EmailAddress("o'hara&b#c+d%{}@new.example")])
    assert operands(lookup) == [
        "mail eq 'o''hara&b#c+d%{}@new.example'",
        "proxyAddresses/any(p:p eq 'smtp:o''hara&b#c+d%{}@new.example')",
        "proxyAddresses/any(p:p eq 'SMTP:o''hara&b#c+d%{}@new.example')",
    ]
    assert lookup.url.isascii()
    assert set("'&#+ ") & set(lookup.url.partition("$filter=")[2]) == set()


def test_long_addresses_make_shorter_questions() -> None:
    """A URL stays within the 2,048 characters that Graph documents, whatever the root."""
    longest = [f"{'p' * 230}{number}@new.example" for number in range(6)]
    assert all(0 < size < MOST_OPERANDS for size in sizes(USERS, *longest))
    root = "https://microsoftgraph.chinacloudapi.cn/v1.0"
    assert max(len(root + lookup.url) for lookup in pack(USERS, map(EmailAddress, longest))) <= 2048


@pytest.mark.parametrize(("lookups", "expected"), [(0, 0), (1, 2), (20, 21), (21, 23), (40, 42)])
def test_items_of_batches_and_batches_are_counted(lookups: int, expected: int) -> None:
    """Graph counts each item of a batch; twenty fit in one."""
    assert requests_for([Lookup(USERS, ("mail eq 'x'",))] * lookups) == expected


LOCAL = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="@"), min_size=1)
ADDRESSES = st.lists(
    st.builds(
        lambda local, times: EmailAddress(f"{(local * times)[:230]}@new.example"),
        LOCAL,
        st.integers(1, 40),
    ),
    max_size=30,
    unique=True,
)


@LAW
@given(st.sampled_from([USERS, GROUPS, CONTACTS]), ADDRESSES)
def test_every_operand_is_asked_once_within_the_limits(place: Place, addresses: list[EmailAddress]) -> None:
    """Whatever the addresses: all operands, in order, in questions the directory can read."""
    lookups = pack(place, addresses)
    wanted = [
        text.replace("{}", spelling.replace("'", "''"))
        for address in addresses
        for text in place.filters
        for spelling in sorted({address.text, address.key})
    ]
    filters = [parse_qs(urlsplit(lookup.url).query)["$filter"][0] for lookup in lookups]
    assert " or ".join(filters) == " or ".join(wanted)
    for lookup, text in zip(lookups, filters, strict=True):
        parse_filter(text, of=TYPES[place.path])
        assert len(lookup.operands) <= MOST_OPERANDS
        assert len(lookup.url) <= LONGEST_URL or len(lookup.operands) == 1
    for before, after in pairwise(lookups):
        longer = Lookup(place, (*before.operands, after.operands[0]))
        assert len(before.operands) == MOST_OPERANDS or len(longer.url) > LONGEST_URL
