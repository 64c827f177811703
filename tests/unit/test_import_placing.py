"""Which file an entry goes to."""

import pytest

from reconciler.desired import Tree, load
from reconciler.importing import Grouping, new_file, place
from reconciler.importing.placing import LARGEST_FILE
from reconciler.importing.sorting import NewEntry
from tests.support.importing import EMPTY
from tests.support.plans import NOW, guest_id


def entry(number: int, domain: str, *, name: str | None = None) -> NewEntry:
    return NewEntry(id=guest_id(number), domain=domain, name=name, email=f"a{number}@{domain}", alternates=())


def files_of(*entries: NewEntry, files: dict[str, bytes] | None = None) -> list[tuple[str, int]]:
    additions = place(entries, files or {}, grouping=Grouping.DOMAIN)
    return [(addition.file, len(addition.ids)) for addition in additions]


@pytest.mark.parametrize(
    "domain", ["con.example", "nul.example", "com1.example", "aux.con.example", "lpt9.example"]
)
def test_no_file_is_named_like_a_device_of_windows(domain: str) -> None:
    """The part before the first dot decides there."""
    assert files_of(entry(1, domain)) == [(f"guests/_{domain}.yaml", 1)]


def test_other_names_are_the_domain() -> None:
    """Also those that only begin like a device."""
    for domain in ("console.example", "com.example", "x-2.example", "xn--zo-fka.example"):
        assert files_of(entry(1, domain)) == [(f"guests/{domain}.yaml", 1)]


def test_long_domains_have_short_names_of_their_own() -> None:
    """Two domains that begin alike do not share a file."""
    one, other = (f"{'label.' * 30}{end}.example" for end in "ab")
    (first, _), (second, _) = files_of(entry(1, one), entry(2, other))
    assert first != second
    assert max(len(first), len(second)) <= len("guests/.yaml") + 100


def test_the_file_that_stands_there_is_taken() -> None:
    """Whatever the case of its name, which some systems do not tell apart, and with either suffix."""
    files = {"guests/Old.Example.yml": b"guests: []\n", "guests/new.example.yaml": b"guests: []\n"}
    placed = place([entry(1, "old.example"), entry(2, "new.example")], files, grouping=Grouping.DOMAIN)
    assert [(addition.file, addition.before) for addition in placed] == sorted(files.items())


def test_what_a_file_cannot_take_goes_to_the_next() -> None:
    """No file passes the bound, each can be read, and a file that is full stays as it is."""
    entries = [entry(number, "old.example", name="x" * 1000) for number in range(1, 9000)]
    placed = place(entries, {}, grouping=Grouping.DOMAIN)
    assert [addition.file for addition in placed] == [
        "guests/old.example.yaml",
        "guests/old.example_2.yaml",
        "guests/old.example_3.yaml",
    ]
    assert [key for addition in placed for key in addition.ids] == [one.id for one in entries]
    files = {addition.file: new_file(addition.blocks, head="") for addition in placed}
    assert max(map(len, files.values())) <= LARGEST_FILE + len("guests:\n")
    assert len(load(Tree(files={**EMPTY, **files}), now=NOW).guests) == len(entries)
    more = place([entry(9000, "old.example", name="x" * 90_000)], files, grouping=Grouping.DOMAIN)
    assert [(addition.file, addition.before is None) for addition in more] == [
        ("guests/old.example_3.yaml", False)
    ]


def test_all_guests_may_share_a_file() -> None:
    """Sorted as they come, by id."""
    placed = place([entry(1, "old.example"), entry(2, "new.example")], {}, grouping=Grouping.NONE)
    assert [(addition.file, addition.ids) for addition in placed] == [
        ("guests/all.yaml", (guest_id(1), guest_id(2)))
    ]
