"""Carries approved work out, all guests at once, each on their own clock, and strands nobody.

It decides by `FailureKind` and by what reads show; it knows no status, code or text of Graph.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.apply.course import Course
from reconciler.apply.progress import Progress
from reconciler.apply.run import Ending, Run, first_of
from reconciler.apply.settings import Clock, Settings
from reconciler.errors import EXIT_DONE, EXIT_INCOMPLETE, EXIT_INTERRUPTED
from reconciler.guard.approval import Work
from reconciler.journal import Journal
from reconciler.model import DirectoryReader, DirectoryWriter, GuestOutcome, Note, Outcome
from reconciler.redeem_links import RedeemLinks

_COUNTS_AS_DONE = frozenset({Outcome.APPLIED, Outcome.ALREADY_APPLIED, Outcome.BLOCKED, Outcome.NOT_APPROVED})

Courses = Mapping[asyncio.Task[Ending], Course]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run leaves to be reported."""

    outcomes: tuple[GuestOutcome, ...]
    """One for each piece of work, sorted by id."""

    notes: tuple[Note, ...]
    """Why the run broke off; empty when every guest had their turn."""

    interrupted: bool
    """Whether a person or the system ended the run."""

    crash: BaseException | None
    """A bug that ended one guest's course: raise it, once the report is written."""


async def apply_plan(  # noqa: PLR0913 - each is a seam of its own; a bag of them would hide that
    work: Sequence[Work],
    *,
    reader: DirectoryReader,
    writer: DirectoryWriter,
    journal: Journal | None,
    links: RedeemLinks | None,
    settings: Settings,
    clock: Clock,
    progress: Progress,
    stop: asyncio.Event,
) -> Finished:
    """Carry out `work` and tell what became of each guest; a guest who fails is no exception.

    Guests start in the order of `work`. When `stop` is set, no other guest starts, those whose reset was
    sent are finished first without being read back, and the call returns within `settings.grace` seconds.
    """
    run = Run(
        reader=reader,
        writer=writer,
        journal=journal,
        links=links,
        settings=settings,
        clock=clock,
        progress=progress,
        hurried=stop,
    )
    outcomes: list[GuestOutcome] = []
    courses = {asyncio.ensure_future(course.go()): course for course in (Course(item, run) for item in work)}
    run.expect({course.id: task for task, course in courses.items()})

    def finish(task: asyncio.Task[Ending]) -> None:
        outcome = courses[task].outcome(_ending(task, run, courses[task]))
        outcomes.append(outcome)
        progress.guest_finished(outcome)

    for task in courses:
        task.add_done_callback(finish)
    watching = asyncio.ensure_future(_leave_when_closing(run, courses))
    try:
        await _all_or_grace(courses, run)
    finally:
        for running in (watching, *courses):
            running.cancel()
        await asyncio.wait([watching, *courses])
    crashes = (task.exception() for task in courses if not task.cancelled())
    return Finished(
        outcomes=tuple(sorted(outcomes, key=lambda outcome: outcome.id)),
        notes=(run.closed,) if run.closed else (),
        interrupted=stop.is_set(),
        crash=next((crash for crash in crashes if crash), None),
    )


def exit_code(outcomes: Iterable[GuestOutcome], *, interrupted: bool) -> int:
    """Give the exit code of an apply: what was not approved and what is blocked does not count."""
    if interrupted:
        return EXIT_INTERRUPTED
    done = all(outcome.outcome in _COUNTS_AS_DONE for outcome in outcomes)
    return EXIT_DONE if done else EXIT_INCOMPLETE


async def _all_or_grace(courses: Courses, run: Run) -> None:
    """Wait for all courses: once the run is hurried no longer than the grace, once it stalls for nobody."""
    if courses:
        await first_of(asyncio.wait(courses), run.hurried.wait(), run.until_stalled())
    if run.stall.reached:
        _break_off(courses)
        await first_of(asyncio.wait(courses), run.hurried.wait())
    if not all(task.done() for task in courses):
        await first_of(asyncio.wait(courses), run.clock.sleep(run.settings.grace))


def _break_off(courses: Courses) -> None:
    """End everybody who only waits; who has something in flight ends with the answer."""
    for task, course in courses.items():
        if not course.in_flight:
            task.cancel()


async def _leave_when_closing(run: Run, courses: Courses) -> None:
    """Break courses off where nothing is lost by it: when the run closes, and again when it is hurried."""
    await first_of(run.closing.wait(), run.hurried.wait())
    if not run.hurried.is_set():
        _leave(courses)
        await run.hurried.wait()
    run.writer.hurry()
    run.close(run.reason)
    _leave(courses)


def _leave(courses: Courses) -> None:
    for task, course in courses.items():
        if course.may_be_left():
            task.cancel()


def _ending(task: asyncio.Task[Ending], run: Run, course: Course) -> Ending:
    if task.cancelled():
        return course.broken_off()
    crash = task.exception()
    if crash is None:
        return task.result()
    note = Note(rule="internal-error", message=f"a bug in the reconciler: {type(crash).__name__}")
    run.close(note)
    return Ending(outcome=Outcome.FAILED, rule=note.rule, message=note.message)
