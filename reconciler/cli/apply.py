"""`reconciler apply`: load, observe, plan, show, guard, apply, show."""

import asyncio
import contextlib
import signal
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click

from reconciler.apply.engine import apply_plan
from reconciler.apply.settings import Clock, Settings, SystemClock
from reconciler.cli import on_github, screen
from reconciler.cli.approvals import plan_files
from reconciler.cli.directory import endpoint
from reconciler.cli.files import check_writable, write_whole
from reconciler.cli.progress import progress_on
from reconciler.cli.record import RunRecord
from reconciler.cli.tree import load_tree
from reconciler.documents import dump, plan_from_json, report_to_json
from reconciler.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    LimitExceeded,
    ReconcilerError,
    Refused,
    UnusablePlan,
    UsageError,
)
from reconciler.graph.client import Terms
from reconciler.graph.pacing import Pace
from reconciler.graph.perform import open_directory
from reconciler.guard.approval import Work, approve, approve_all
from reconciler.guard.limits import check
from reconciler.journal import Journal, open_journal
from reconciler.model import Desired, Plan, Report
from reconciler.plan import make_plan
from reconciler.redeem_links import RedeemLinks, open_redeem_links
from reconciler.render import markdown, text

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What the person asked for."""

    tree: Path
    plans: tuple[Path, ...]
    auto_approve: bool
    half_done: int

    quota_share: int
    """Percent of Graph's quotas to use."""

    @property
    def asks(self) -> bool:
        """Whether nobody has approved anything yet."""
        return not self.plans and not self.auto_approve


@click.command(
    "apply",
    short_help="Carry a plan out.",
    epilog="Example: reconciler apply --plan plan.json --report report.json --journal journal.jsonl",
)
@click.option(
    "--plan",
    "plans",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="An approved plan document, or a folder of them; only changes they approve run. May be given"
    " several times.",
)
@click.option("--auto-approve", is_flag=True, help="Run everything that is planned, without asking.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what became of each guest as JSON, however the run ends.",
)
@click.option(
    "--journal",
    "journal_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append a JSON line before and after every write.",
)
@click.option(
    "--redeem-links",
    "links_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append the redeem links, which are secrets, to a file only you can read.",
)
@click.option(
    "--half-done",
    type=click.IntRange(min=1),
    default=Settings().half_done,
    show_default=True,
    metavar="N",
    help="At most this many guests stand between their first write and their last.",
)
@click.option(
    "--quota-share",
    type=click.IntRange(min=1, max=100),
    default=80,
    show_default=True,
    metavar="PERCENT",
    help="Use this much of Graph's quotas, and leave the rest to other applications.",
)
@click.pass_obj
def command(
    desired: Path,
    *,
    plans: tuple[Path, ...],
    auto_approve: bool,
    report_file: Path | None,
    journal_file: Path | None,
    links_file: Path | None,
    half_done: int,
    quota_share: int,
) -> int:
    """Plan again from the whole tree and carry out what is approved.

    Asks on a terminal. Without one, --plan or --auto-approve is needed.

    Exit codes: 0 everything done; 2 no consent, or a file that cannot be used; 3 the desired state
    is invalid; 5 refused as a whole, nothing written; 6 the directory cannot be used, nothing
    written; 7 not everything was done; 130 interrupted, what was in flight was finished.
    """
    options = _Options(
        tree=desired, plans=plans, auto_approve=auto_approve, half_done=half_done, quota_share=quota_share
    )
    record = RunRecord(run=str(uuid.uuid4()), clock=SystemClock())
    exit_code = EXIT_BUG
    if report_file is not None:
        check_writable(report_file)
    try:
        _require_consent(options)
        with contextlib.ExitStack() as files:
            journal = (
                files.enter_context(open_journal(journal_file, run=record.run)) if journal_file else None
            )
            links = files.enter_context(open_redeem_links(links_file)) if links_file else None
            exit_code = asyncio.run(_apply(options, record=record, journal=journal, links=links))
    except ReconcilerError as error:
        exit_code = error.exit_code
        record.broke_off(error)
        raise
    except (KeyboardInterrupt, asyncio.CancelledError, click.Abort):
        exit_code = EXIT_INTERRUPTED
        record.interrupted()
        raise KeyboardInterrupt from None
    finally:
        _leave(record.report(exit_code=exit_code), report_file)
    return exit_code


def _require_consent(options: _Options) -> None:
    # A job without standard input has no terminal either.
    if options.asks and (sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError(
            "there is no terminal to ask on, and nothing was approved beforehand",
            rule="no-consent",
            hint="give --plan FILE with a reviewed plan, or --auto-approve",
        )


def _leave(report: Report, file: Path | None) -> None:
    """Leave the report in each place there is for it; one that fails hides neither the others nor the run."""
    shown = text.report(report, width=screen.width(), colour=screen.colour())
    summary = markdown.report(report, marker="reconciler-report", elsewhere="the artifacts of this run")
    places: tuple[Callable[[], None], ...] = (
        lambda: write_whole(file, dump(report_to_json(report))) if file else None,
        lambda: screen.result(shown) if report.digest else None,
        lambda: on_github.summarise(summary),
    )
    for place in places:
        try:
            place()
        except UsageError as error:
            screen.show_error(error)


async def _apply(
    options: _Options, *, record: RunRecord, journal: Journal | None, links: RedeemLinks | None
) -> int:
    clock = SystemClock()
    stop = asyncio.Event()
    desired = load_tree(options.tree)
    record.declared(desired)
    approved = [_read_plan(file, desired) for path in options.plans for file in plan_files(path)]
    with endpoint(desired, options.tree) as found, _signals() as from_now_on_only_set:
        pace = Pace(share=options.quota_share / 100)
        async with open_directory(found.root, found.tokens, terms=Terms(pace=pace)) as (reader, writer):
            live = await reader.observe(desired)
            plan = make_plan(desired, live, clock.now(), redeem_links=links is not None)
            screen.block(text.plan(plan, width=screen.width(), colour=False))
            approval = approve(plan, approved) if options.plans else approve_all(plan)
            record.planned(plan, approval)
            _guard(approval.work, plan=plan, desired=desired, clock=clock)
            if options.asks and approval.work:
                _ask(approval.work)
            from_now_on_only_set(stop)
            with progress_on(approval.work, clock=clock, quotas=pace.waiting) as progress:
                finished = await apply_plan(
                    approval.work,
                    reader=reader,
                    writer=writer,
                    journal=journal,
                    links=links,
                    settings=Settings(half_done=options.half_done),
                    clock=clock,
                    progress=progress,
                    stop=stop,
                )
    ended = record.finished(finished)
    if finished.crash is not None:
        raise finished.crash
    return ended


def _read_plan(path: Path, desired: Desired) -> Plan:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnusablePlan(
            f"the plan file {path} cannot be read: {error.strerror}",
            rule="plan-unreadable",
            hint="name a file that reconciler plan --out has written",
        ) from error
    return plan_from_json(data, tenant=desired.tenant_id)


def _guard(work: Sequence[Work], *, plan: Plan, desired: Desired, clock: Clock) -> None:
    """Refuse the run when what would run now breaks a limit."""
    resets = sum(1 for one in work if one.planned is not None and one.planned.resets)
    refusals = check(resets=resets, declared=plan.summary.declared, policy=desired.policy, now=clock.now())
    if refusals:
        raise LimitExceeded(refusals)


def _ask(work: Sequence[Work]) -> None:
    guests = "1 guest" if len(work) == 1 else f"{len(work)} guests"
    # The event loop stands still while somebody thinks, so a signal has to end the question itself.
    with _handlers(signal.default_int_handler):
        agreed = click.confirm(f"Apply this to {guests}?", default=False, err=True)
    if not agreed:
        raise Refused("not confirmed, nothing was written", rule="not-confirmed")


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[asyncio.Event], None]]:
    """Let SIGINT and SIGTERM cancel the run while nothing is written; later, only set an event."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task(loop)
    events: list[asyncio.Event] = []

    def hear() -> None:
        if events:
            screen.notice("Interrupted: finishing what is half done, starting nothing else.")
            events[0].set()
        elif task is not None:
            task.cancel()

    # The callback runs between two steps of the event loop, so nothing is cut in half.
    with _handlers(lambda *_: loop.call_soon_threadsafe(hear)):
        yield events.append


@contextlib.contextmanager
def _handlers(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Handle SIGINT and SIGTERM for the length of the block."""
    previous = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)
