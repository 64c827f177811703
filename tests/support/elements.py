"""What a browser would make of a page, reduced to what tests ask about."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "input", "wbr"})


@dataclass
class Element:
    """An element with the text below it."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Elements(HTMLParser):
    """Collects elements in document order; scripts and styles are kept apart as text of their element."""

    found: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, and that what follows is inside it."""
        element = Element(tag=tag, attributes=dict(attrs))
        self.found.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Leave the innermost element, which must be this one."""
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        """Add text to all elements around it."""
        for element in self.open:
            element.text += data


def elements_of(page: str) -> list[Element]:
    """Parse a page whose elements are all closed as they should be."""
    parser = Elements()
    parser.feed(page)
    parser.close()
    assert not parser.open
    return parser.found
