"""`python -m tests.decisions`: write the lists of decisions from the records in docs/decisions."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

DOCS: Final = Path(__file__).parents[1] / "docs"
RECORDS: Final = DOCS / "decisions"
INDEX: Final = RECORDS / "README.md"
PAGE: Final = DOCS / "architecture.md"

BEGIN: Final = "<!-- listed by `python -m tests.decisions`: begin -->\n"
END: Final = "<!-- listed by `python -m tests.decisions`: end -->\n"

_HEAD = """\
# Decisions

One page each: what was decided, when, and what was rejected. A decision that no longer holds keeps its page,
and its status names the one that replaced it. Commits are named by their subject.

A new record takes the next number and the headings of the others. `python -m tests.decisions` then writes
this list and the one in [architecture.md](../architecture.md); a test holds that both are whole.

| number | decision | date | status |
|---|---|---|---|
"""

_SHAPE: Final = re.compile(
    r"# (?P<number>\d{4}): (?P<title>[^\n]+)\n\n"
    r"- Date: (?P<date>\d{4}-\d\d-\d\d)\n"
    r"- Status: (?P<status>[^\n]+)\n"
    r"- Commits?: .+?\n\n"
    r"## Context\n\n.+?\n\n## Decision\n\n.+?\n\n## Rejected\n\n.+?\n\n## Consequences\n\n.+\n\Z",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the lists show of one decision."""

    file: str
    number: str
    title: str
    date: str
    """ISO 8601; as text it sorts as the day does."""

    status: str

    @property
    def stands(self) -> bool:
        """Whether no later decision has replaced this one."""
        return self.status.startswith("accepted")

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a record. Raises `ValueError` for a page of another shape."""
        found = _SHAPE.match(file.read_text(encoding="utf-8"))
        if found is None:
            raise ValueError(f"{file.name} is no record of a decision")
        return cls(file=file.name, **found.groupdict())


def records() -> tuple[Record, ...]:
    """Return all decisions by number."""
    return tuple(Record.read(file) for file in sorted(RECORDS.glob("*.md")) if file != INDEX)


def index(listed: Iterable[Record]) -> str:
    """Return the list of all decisions as a page."""
    return _HEAD + "".join(
        f"| {each.number} | [{each.title}]({each.file}) | {each.date} | {each.status} |\n" for each in listed
    )


def with_list(page: str, listed: Iterable[Record]) -> str:
    """Return a page with a line for each standing decision between its marks.

    Raises `ValueError` for a page without the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the page has no marks to list between")
    lines = (f"- {each.number} [{each.title}](decisions/{each.file})\n" for each in listed if each.stands)
    return f"{before}{begin}\n{''.join(lines)}\n{end}{after}"


def main() -> int:
    """Write both lists."""
    INDEX.write_text(index(records()), encoding="utf-8", newline="\n")
    page = with_list(PAGE.read_text(encoding="utf-8"), records())
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
