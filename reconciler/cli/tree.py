"""Loads the validated content of a desired tree from its path."""

from datetime import UTC, datetime
from pathlib import Path

from reconciler.desired import load, read_tree
from reconciler.model import Desired


def load_tree(root: Path) -> Desired:
    """Read and validate the tree at the present time. Raises `InvalidDesired` with every problem."""
    return load(read_tree(root), now=datetime.now(UTC))
