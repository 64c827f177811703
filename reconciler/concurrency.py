"""Concurrent reads that fail together."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar, cast

_T = TypeVar("_T")
_A = TypeVar("_A")
_B = TypeVar("_B")


async def gather_or_raise(reads: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Run coroutines concurrently and return their results in order.

    The first error cancels the others and is raised itself, so that callers need no task group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def both(one: Coroutine[Any, Any, _A], other: Coroutine[Any, Any, _B]) -> tuple[_A, _B]:
    """Run two coroutines of different types concurrently; otherwise as `gather_or_raise`."""
    return cast("tuple[_A, _B]", tuple(await gather_or_raise((one, other))))
