"""Reads that run side by side and fail as one."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

_T = TypeVar("_T")


async def together(reads: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Run coroutines side by side and give their results in order.

    The first error ends the others and is raised itself, so that callers need not open a group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
