"""Bringing an existing tenant in: which guests are declared as they are, in which file, and who is left out.

Pure. Everything written is declared as the directory has it, so that a plan right after is empty.
"""

from reconciler.importing.candidates import Candidate, candidate
from reconciler.importing.placing import Addition, Grouping, Import, new_file, place
from reconciler.importing.sorting import Finding, Hint, Selection, Sorted, sort_out

__all__ = [
    "Addition",
    "Candidate",
    "Finding",
    "Grouping",
    "Hint",
    "Import",
    "Selection",
    "Sorted",
    "candidate",
    "new_file",
    "place",
    "sort_out",
]
