"""The desired state: reads a tree of YAML files, and finds everything that is wrong with it.

`read_tree` is the only part that touches files; `load` takes what it read, or what git says stood
there at some revision.
"""

from reconciler.desired.loading import load
from reconciler.desired.problems import format_problem
from reconciler.desired.tree import Tree, is_declaring, read_tree

__all__ = ["Tree", "format_problem", "is_declaring", "load", "read_tree"]
