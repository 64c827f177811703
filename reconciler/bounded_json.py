"""Parses JSON from outside within bounds: a few megabytes of brackets are a gigabyte of empty lists."""

import json
from collections.abc import Callable
from typing import Any, Final

MAX_VALUES: Final = 3_000_000
"""Most commas and opening brackets of a text, and so about the most values."""


def parse(data: bytes, *, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Parse UTF-8 JSON; `pairs` builds each object from its keys and values.

    Raises `ValueError` when it is no JSON, holds more than `MAX_VALUES` values or a number of thousands of
    digits, or is nested too deeply.
    """
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise ValueError(f"it holds more than {MAX_VALUES} values")
    try:
        # The parser itself would accept UTF-16 too, in which the bytes above may stand for anything.
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=pairs)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
