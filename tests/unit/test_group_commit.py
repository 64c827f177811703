"""One blocking call for many who wait: nobody returns before a call that began after they came."""

import asyncio
import threading

import pytest

from reconciler.group_commit import GroupCommit


class Disk:
    """A disk that is slow as long as a test says so, and counts."""

    def __init__(self) -> None:
        self.begun = 0
        self.turn = threading.Condition()
        self.go_on = threading.Event()
        self.errors: dict[int, OSError] = {}

    def force(self) -> None:
        """Count the call, and be busy with it."""
        with self.turn:
            self.begun += 1
            self.turn.notify_all()
        self.go_on.wait(60)
        if self.begun in self.errors:
            raise self.errors[self.begun]

    async def until_begun(self, number: int) -> None:
        """Wait until that many calls have begun."""
        async with asyncio.timeout(60):
            await asyncio.to_thread(self._until, number)

    def _until(self, number: int) -> None:
        with self.turn:
            self.turn.wait_for(lambda: self.begun >= number)


async def test_who_comes_during_a_commit_waits_for_the_next() -> None:
    """A line written while the disk is busy is not covered by what the disk is doing."""
    disk = Disk()
    commits = GroupCommit(disk.force)
    first = asyncio.ensure_future(commits.commit())
    await disk.until_begun(1)
    late = [asyncio.ensure_future(commits.commit()) for _ in range(100)]
    await asyncio.sleep(0)
    assert not first.done(), "the event loop goes on while the disk is busy"
    disk.go_on.set()
    await asyncio.gather(first, *late)
    assert disk.begun == 2


async def test_an_error_is_told_to_those_it_concerns() -> None:
    """Whoever waited for a commit that failed hears of it, and the next commit is another one."""
    disk = Disk()
    disk.errors[1] = OSError(5, "Input/output error")
    commits = GroupCommit(disk.force)
    first = [asyncio.ensure_future(commits.commit()) for _ in range(2)]
    await disk.until_begun(1)
    late = asyncio.ensure_future(commits.commit())
    disk.go_on.set()
    ended = await asyncio.gather(*first, late, return_exceptions=True)
    assert ended == [disk.errors[1], disk.errors[1], None]


async def test_who_gives_up_takes_the_commit_from_nobody() -> None:
    """A waiter that is cancelled leaves the others' lines on their way to the disk."""
    disk = Disk()
    commits = GroupCommit(disk.force)
    impatient, patient = (asyncio.ensure_future(commits.commit()) for _ in range(2))
    await disk.until_begun(1)
    impatient.cancel()
    disk.go_on.set()
    await patient
    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert disk.begun == 1


async def test_an_error_that_nobody_waits_for_is_no_noise() -> None:
    """When all waiters were cancelled, a failing disk is nobody's surprise, and the next commit works."""
    disk = Disk()
    disk.errors[1] = OSError(5, "Input/output error")
    commits = GroupCommit(disk.force)
    only = asyncio.ensure_future(commits.commit())
    await disk.until_begun(1)
    only.cancel()
    disk.go_on.set()
    await commits.commit()
    assert disk.begun == 2
