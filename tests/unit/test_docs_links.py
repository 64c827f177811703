"""The pages of the documentation against the files and headings that they lead to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

TOUR = re.search(
    r"^## One guest, from YAML to Graph and back\n(.*?)^## ",
    (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


def links(page: Path) -> list[str]:
    """Return the targets of a page's links to other pages, files and headings of the repository."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"(?<!`)\]\(([^)\s]+)\)", text)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> frozenset[str]:
    """Return what GitHub makes of a page's headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """A file that is moved, or a heading that is renamed, takes the links to it along."""
    for target in links(page):
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


def test_the_tour_has_ten_stops() -> None:
    """Each stop is numbered, and names the files in which it happens."""
    assert TOUR is not None
    stops = re.split(r"^(?=\d+\. \*\*)", TOUR[1], flags=re.MULTILINE)[1:]
    assert [stop.partition(".")[0] for stop in stops] == [str(number) for number in range(1, 11)]
    for stop in stops:
        assert re.search(r"\[[\w/]+\.py\]\(\.\./reconciler/[\w/]+\.py\)", stop), stop
        assert re.search(r"\bnever\b", stop, re.IGNORECASE), stop


def test_a_file_of_the_tour_is_called_as_it_lies() -> None:
    """The name that is read is the end of the path that is opened."""
    assert TOUR is not None
    named = re.findall(r"\[([\w/]+\.py)\]\(\.\./reconciler/([\w/]+\.py)\)", TOUR[1])
    assert len(named) > 10
    assert [(shown, path) for shown, path in named if shown != path] == []
