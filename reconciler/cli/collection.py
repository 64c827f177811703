"""Suspends garbage collection while a command builds a large result."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Suspend garbage collection until the block ends, and exempt from it what was built.

    Next to nothing of a result is garbage, and each full collection would traverse all of it once more, also
    the one at the exit of the command.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.enable()
