"""Verifies an edited file: it is read again, and holds exactly what was asked for."""

from dataclasses import dataclass
from typing import Any, Final

from reconciler.desired.document import Position
from reconciler.desired.reader import read
from reconciler.editing.layout import CannotEdit

_BY_HAND: Final = "this is not written in a way that can be edited by position"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """A file after edits that is not verified yet."""

    data: bytes

    expected: Any
    """The content that it must have."""

    place: Position
    """The place of an edit in the old file, to name when the content is another."""

    @property
    def refused(self) -> CannotEdit:
        """The error for a file that holds another content."""
        return CannotEdit(_BY_HAND, self.place)


def verified(edited: Edited) -> bytes:
    """Return an edited file that holds what it must. Raises `CannotEdit`."""
    document = read(edited.data)
    if document.flaws or document.value != _as_read(edited.expected):
        raise edited.refused
    return edited.data


def _as_read(value: Any) -> Any:
    """Return a value as it is read without a schema, which alone makes numbers of digits."""
    if isinstance(value, dict):
        return {key: _as_read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_read(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
