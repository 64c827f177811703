"""The desired state: reads a tree of YAML files, and finds every problem in it.

`read_tree` is the only part that touches files; `load` parses the files it read, or those that git holds at a
revision.
"""

from reconciler.desired.loading import load
from reconciler.desired.problems import format_problem
from reconciler.desired.tree import Tree, is_declaring, read_tree

__all__ = ["Tree", "format_problem", "is_declaring", "load", "read_tree"]
