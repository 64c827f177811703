"""The rules of the commands that edit the files of a desired tree."""

from types import MappingProxyType
from typing import Final

from reconciler.rules.description import Severity, Table, Text, Where, described
from reconciler.rules.ids import Rule

EDITING: Final[Table] = MappingProxyType(
    {
        **described(
            Severity.ERROR,
            (Where.IMPORT, Where.SET_EMAIL, Where.PRUNE),
            {
                Rule.LAYOUT: Text(
                    meaning="The file is written in a way that cannot be edited by position: an anchor, an "
                    "alias, a merge key, a value over several lines, or a list among other text.",
                    remedy="write it on a line of its own as plain or quoted text, or edit it by hand",
                ),
            },
        ),
        **described(
            Severity.REFUSAL,
            (Where.INIT, Where.IMPORT, Where.SET_EMAIL, Where.PRUNE),
            {
                Rule.FILE_CHANGED: Text(
                    meaning="A file of the tree changed while the command worked, so nothing was written.",
                    remedy="run the command again",
                ),
            },
        ),
    }
)
