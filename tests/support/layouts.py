"""Files of guests in every layout that people write, with the place of each address known."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

_WORDS = st.sampled_from(
    ["on leave", "it's", 'say "no"', "a: b", "#1", "caf\u00e9", "\U0001f600", "[x]", "- y", "no"]
)
_COMMENTS = st.sampled_from(
    ["", "# why", "#", "# a: b, [c] {d} - e", "# \u00e9 'quoted\" email: x@y.example"]
)
_TAILS = ("", "\n", "\n\n\n", "\n# the end", "\n\n# the end\n", "\n...\n")
"""What stands below the last entry."""

_OWN_TAILS = (
    *("\n        # hold: {reason: on leave}\n", "\n      # a: b\n\n        # c"),
    *("\n\n  # d\n      # e\n\n", "\n\n        # f\n# g"),
)
"""Such with keys of the last entry that were commented out."""

_STYLES = ("plain", "single", "double")


@dataclass(frozen=True, slots=True)
class Address:
    """An `email` in a file: how it is written, and how another one is written in its place."""

    text: str
    style: str
    spelled: str

    def replaced(self, new: str) -> str:
        """Return the spelling of another address in this place: folded text becomes plain."""
        return {"single": f"'{new}'", "double": f'"{new}"'}.get(self.style, new)


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A file as its parts: text, or the address of one entry."""

    parts: tuple[str | Address, ...]
    entries: tuple[dict[str, Any], ...]
    newline: str
    mark: bytes

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self._written({})

    @property
    def addresses(self) -> list[Address]:
        """The address of each entry."""
        return [part for part in self.parts if isinstance(part, Address)]

    def with_address(self, number: int, new: str) -> bytes:
        """Return the bytes of the file with another address in one entry."""
        return self._written({id(self.addresses[number]): new})

    def _written(self, changed: dict[int, str]) -> bytes:
        spelled = (
            part
            if isinstance(part, str)
            else part.replaced(changed[id(part)])
            if id(part) in changed
            else part.spelled
            for part in self.parts
        )
        return self.mark + "".join(spelled).replace("\n", self.newline).encode()


def quoted(text: str, style: str) -> str:
    """Return a text in a style; what is not safe as plain text is put in single quotation marks."""
    if style == "double":
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if style == "single" or not text.replace(" ", "a").replace("-", "a").isalnum() or text.startswith("-"):
        return "'" + text.replace("'", "''") + "'"
    return text


@st.composite
def _address(draw: st.DrawFn, number: int, *, block: bool, column: int) -> Address:
    text = f"{draw(st.sampled_from(['ana', 'o-b', 'X_y']))}{number}@old.example"
    style = draw(st.sampled_from([*_STYLES, "lines", *(["folded", "literal"] if block else [])]))
    inner = "\n" + " " * (column + 2)
    spelled = {
        "plain": text,
        "single": f"'{text}'",
        "double": f'"{text}"',
        "lines": f'"{text[:3]}\\{inner}{text[3:]}"',
        "folded": f">-{inner}{text}",
        "literal": f"|-{inner}{text}",
    }[style]
    return Address(text, "double" if style == "lines" else style, spelled)


@st.composite
def _values(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """Draw an entry without its address, in an order of its own."""
    entry: dict[str, Any] = {"id": f"{number:08x}-0000-4000-8000-000000000000", "email": None}
    if draw(st.booleans()):
        entry["name"] = draw(_WORDS)
    if draw(st.booleans()):
        entry["alternateEmails"] = [
            f"other{number}.{each}@old.example" for each in range(draw(st.integers(0, 2)))
        ]
    if draw(st.booleans()):
        entry["hold"] = {"reason": draw(_WORDS), "until": "2026-12-31"}
    if draw(st.booleans()):
        entry["resetAfter"] = "2026-11-20T09:00:00Z"
    return {key: entry[key] for key in draw(st.permutations(list(entry)))}


def _flow(value: Any, style: str) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item, style)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item, style) for item in value) + "]"
    return quoted(value, style)


@st.composite
def _flow_entry(draw: st.DrawFn, values: dict[str, Any], number: int, inner: str) -> list[str | Address]:
    between = draw(st.sampled_from([", ", ",", ",  ", f",\n{inner}", f", # c, d\n{inner}"]))
    parts: list[str | Address] = ["{", draw(st.sampled_from(["", " "]))]
    for position, (key, value) in enumerate(values.items()):
        parts.append(("" if position == 0 else between) + f"{key}: ")
        style = draw(st.sampled_from(_STYLES))
        parts.append(
            draw(_address(number, block=False, column=len(inner))) if value is None else _flow(value, style)
        )
    return [*parts, draw(st.sampled_from(["", " ", ","])), "}"]


@st.composite
def _block_entry(draw: st.DrawFn, values: dict[str, Any], number: int, column: int) -> list[str | Address]:
    """Draw the lines of an entry, from its first key on, without the line end of the last one."""
    parts: list[str | Address] = []
    lead = " " * column
    for position, (key, value) in enumerate(values.items()):
        name = draw(st.sampled_from([key, f'"{key}"', f"'{key}'"]))
        parts.append(("" if position == 0 else f"\n{lead}") + name + draw(st.sampled_from([":", " :"])))
        style = draw(st.sampled_from(_STYLES))
        if value is None:
            address = draw(_address(number, block=True, column=column))
            parts += [draw(st.sampled_from([" ", "   "])), address]
            if address.style in ("folded", "literal"):
                continue
        elif isinstance(value, dict) and draw(st.booleans()):
            parts.append(
                "".join(f"\n{lead}  {inner}: {quoted(text, style)}" for inner, text in value.items())
            )
        elif value and isinstance(value, list) and draw(st.booleans()):
            parts.append("".join(f"\n{lead}- {quoted(text, style)}" for text in value))
        else:
            parts.append(" " + _flow(value, style))
        comment = draw(_COMMENTS)
        parts.append(f"  {comment}" if comment else "")
        if draw(st.integers(0, 5)) == 0 and position + 1 < len(values):
            parts.append(draw(st.sampled_from(["\n", "\n# at the margin", f"\n{lead}  # further right"])))
    return parts


@st.composite
def _block_list(draw: st.DrawFn, entries: list[dict[str, Any]]) -> list[str | Address]:
    margin = draw(st.integers(0, 4))
    parts: list[str | Address] = ["guests:", draw(st.sampled_from(["", "  # the guests"]))]
    for number, values in enumerate(entries):
        gaps = [
            "",
            "\n",
            f"\n{' ' * margin}# above",
            "\n\n# at the margin\n",
            f"\n{' ' * (margin + 3)}# below",
        ]
        parts.append(draw(st.sampled_from(gaps)) + "\n" + " " * margin + "-")
        column = margin + 1 + draw(st.integers(1, 3))
        alone = draw(st.integers(0, 4)) == 0
        parts.append(f" # alone\n{' ' * column}" if alone else " " * (column - margin - 1))
        if draw(st.integers(0, 3)) == 0:
            parts += draw(_flow_entry(values, number, " " * (column + 1)))
        else:
            parts += draw(_block_entry(values, number, column))
    return parts


@st.composite
def _flow_list(draw: st.DrawFn, entries: list[dict[str, Any]]) -> list[str | Address]:
    break_ = draw(st.sampled_from(["", " ", "\n  ", " # c, d\n  "]))
    parts: list[str | Address] = ["guests: [" + break_]
    for number, values in enumerate(entries):
        parts += draw(_flow_entry(values, number, "    "))
        last = number == len(entries) - 1
        parts.append(draw(st.sampled_from(["", ", "])) if last else f",{break_}")
    below = draw(st.sampled_from(["", "    # hold: {}\n", "\n    # a, b\n  # c\n"])) if "\n" in break_ else ""
    return [*parts, break_.rstrip(" ") + below + ("  " if "\n" in break_ else ""), "]"]


@st.composite
def laid_out(draw: st.DrawFn) -> LaidOut:
    """Draw a file of one to four guests that a reader accepts."""
    entries = [draw(_values(number)) for number in range(draw(st.integers(1, 4)))]
    listed = draw(_flow_list(entries) if draw(st.integers(0, 3)) == 0 else _block_list(entries))
    head = draw(
        st.sampled_from(["", "# yaml-language-server: $schema=x\n\n", "---\n", "\n# a\n\n", "--- # b\n"])
    )
    last = next(part for part in reversed(listed) if part)
    # Below a text over lines that is not quoted, what stands further right is text.
    is_text = isinstance(last, Address) and last.style in ("folded", "literal")
    tail = draw(st.sampled_from(_TAILS if is_text else (*_TAILS, *_OWN_TAILS)))
    parts = (head, *listed, tail)
    texts = iter(part.text for part in parts if isinstance(part, Address))
    return LaidOut(
        parts=parts,
        entries=tuple({**entry, "email": next(texts)} for entry in entries),
        newline=draw(st.sampled_from(["\n", "\r\n"])),
        mark=draw(st.sampled_from([b"", b"\xef\xbb\xbf"])),
    )
