"""Blocking calls beside an event loop: their results arrive, and the end waits for none of them."""

import asyncio
import threading
import time

import pytest

from reconciler.graph.daemon_threads import DaemonThreads

_HANGS = 20.0


async def test_a_result_and_an_error_arrive() -> None:
    """Whoever awaits a call gets what it gives, or what it raises."""
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(DaemonThreads(), int, "7") == 7
    with pytest.raises(ValueError, match="seven"):
        await loop.run_in_executor(DaemonThreads(), int, "seven")


def test_the_end_of_a_loop_waits_for_no_call() -> None:
    """A loop whose default threads these are closes at once, though a call hangs."""
    threads: list[threading.Thread] = []
    end = threading.Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonThreads())
        hanging = asyncio.Event()

        def hang() -> None:
            threads.append(threading.current_thread())
            loop.call_soon_threadsafe(hanging.set)
            end.wait(_HANGS)

        call = loop.run_in_executor(None, hang)
        await hanging.wait()
        call.cancel()

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < _HANGS / 2
    assert threads[0].daemon, "nor does the interpreter wait"
    end.set()
    threads[0].join()
