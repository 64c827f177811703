"""The records of decisions: whole, numbered, and listed where people look for them."""

import re
from datetime import date
from pathlib import Path

import pytest

from tests.decisions import INDEX, PAGE, RECORDS, Record, index, records, with_list


def test_the_lists_are_as_written() -> None:
    """Both lists name every record: write them anew with `python -m tests.decisions`."""
    assert INDEX.read_text(encoding="utf-8") == index(records())
    page = PAGE.read_text(encoding="utf-8")
    assert with_list(page, records()) == page


def test_records_are_numbered_in_the_order_of_their_dates() -> None:
    """No number is left out or given twice, a file is called by its number, and no date goes back."""
    listed = records()
    assert [record.number for record in listed] == [f"{n:04d}" for n in range(1, len(listed) + 1)]
    assert all(re.fullmatch(rf"{record.number}-[a-z0-9-]+\.md", record.file) for record in listed)
    dates = [date.fromisoformat(record.date) for record in listed]
    assert dates == sorted(dates)


def test_who_replaces_a_record_says_so_on_both_pages() -> None:
    """From a decision that was given up one gets to the one that holds, and back."""
    pairs = {
        word: {
            (record.file, target)
            for record in records()
            for target in re.findall(rf"{word} \[\d{{4}}\]\(([^)]+)\)", record.status)
        }
        for word in ("replaces", "replaced by")
    }
    assert pairs["replaces"] == {(after, before) for before, after in pairs["replaced by"]}
    for record in records():
        assert record.stands or record.status.startswith("replaced by ["), record.file


@pytest.mark.parametrize("record", records(), ids=lambda record: record.number)
def test_a_record_is_one_page(record: Record) -> None:
    """A record is read in a minute."""
    assert len((RECORDS / record.file).read_text(encoding="utf-8").splitlines()) <= 60


def test_a_page_of_another_shape_is_no_record(tmp_path: Path) -> None:
    """A record that does not say what was rejected is not listed."""
    whole = (RECORDS / records()[0].file).read_text(encoding="utf-8")
    file = tmp_path / "0001-x.md"
    file.write_text(whole.replace("## Rejected\n", ""), encoding="utf-8")
    with pytest.raises(ValueError, match="no record"):
        Record.read(file)
