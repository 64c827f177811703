"""The glossary as a newcomer uses it: looks a word up, and goes to the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^\*\*([a-z -]+)\*\*: (.*?)(?=^\*\*|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_words_stand_in_order() -> None:
    """A word stands where the alphabet puts it, and once."""
    words = re.findall(r"^\*\*([a-z -]+)\*\*", PAGE, re.MULTILINE)
    assert words == sorted(set(words))
    assert len(words) == len(ENTRIES)
    assert len(words) >= 15


def test_every_word_says_where_it_lives() -> None:
    """From each word a link leads into the code; that it leads somewhere is held for all pages."""
    assert [word for word, told in ENTRIES.items() if "](../reconciler/" not in told] == []


def test_the_glossary_is_found() -> None:
    """The list of pages and the page for newcomers both lead to it."""
    assert "(docs/glossary.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(glossary.md)" in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
