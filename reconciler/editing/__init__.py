"""Edits files of a desired tree by position: each function takes bytes and returns bytes.

Every byte outside of an edit stays as it stands: comments, quotation marks, order, line ends, a byte order
mark, a missing last line end. An edited file is read again, and never leaves this package when it holds
anything else than what was asked for. What cannot be edited that way is refused with its place, by
`CannotEdit`.
"""

from reconciler.editing.entries import append_entries
from reconciler.editing.layout import CannotEdit
from reconciler.editing.removal import remove_entries, removed
from reconciler.editing.spelling import entry_block
from reconciler.editing.values import Assignment, assign, assigned
from reconciler.editing.verifying import Edited, verified

__all__ = [
    "Assignment",
    "CannotEdit",
    "Edited",
    "append_entries",
    "assign",
    "assigned",
    "entry_block",
    "remove_entries",
    "removed",
    "verified",
]
