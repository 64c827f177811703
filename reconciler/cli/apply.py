"""`reconciler apply`: load, observe, plan, show, guard, apply, show."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from reconciler.apply.engine import apply_plan
from reconciler.apply.settings import Clock, Settings, SystemClock
from reconciler.cli import screen
from reconciler.cli.approvals import plan_files
from reconciler.cli.directory import endpoint
from reconciler.cli.distinct import check_distinct
from reconciler.cli.files import check_writable, clear
from reconciler.cli.leaving import exit_code_without_report, leave_report
from reconciler.cli.progress import progress_on
from reconciler.cli.record import RunRecord
from reconciler.cli.signals import Signals, handled_signals
from reconciler.cli.tree import load_tree
from reconciler.documents import plan_from_json
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
from reconciler.graph.daemon_threads import DaemonThreads
from reconciler.graph.pacing import Pace
from reconciler.graph.perform import open_directory
from reconciler.guard.approval import Work, approve, approve_all
from reconciler.guard.limits import check
from reconciler.journal import Evidence, Journal, open_journal, read_evidence
from reconciler.model import Desired, Plan
from reconciler.plan import make_plan
from reconciler.redeem_links import RedeemLinks, open_redeem_links
from reconciler.render import text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Earlier:
    """What is known of earlier runs."""

    evidence: Evidence

    known: bool
    """Whether a journal or evidence was named that is there, be it empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What the person asked for."""

    tree: Path
    plans: tuple[Path, ...]
    auto_approve: bool
    settings: Settings

    quota_share: int
    """Percent of Graph's quotas to use."""

    evidence: tuple[Path, ...]
    """Journals of earlier runs, and folders of them."""

    earlier: _Earlier = _Earlier(evidence=Evidence(), known=False)
    """What those journals say, once they are read."""

    @property
    def asks(self) -> bool:
        """Whether nobody has approved anything yet."""
        return not self.plans and not self.auto_approve


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """Where the run writes; `None` where nobody asked for it."""

    report: Path | None
    journal: Path | None
    links: Path | None


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
@click.option(
    "--auto-approve", is_flag=True, help="Run everything that is planned, unreviewed and without asking."
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what became of each guest as JSON, however the run ends; an older file is removed first.",
)
@click.option(
    "--journal",
    "journal_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append a JSON line before and after every write.",
)
@click.option(
    "--evidence",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="A journal of an earlier run, or a folder of them, which proves what that run has reset. The file of"
    " --journal is one without being named. May be given several times.",
)
@click.option(
    "--redeem-links",
    "links_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append the redeem links, which are secrets, to a file only you can read.",
)
@click.option(
    "--max-in-flight",
    type=click.IntRange(min=1),
    default=Settings().half_done,
    show_default=True,
    metavar="N",
    help="At most this many guests stand between their first write and their last. Fewer leave fewer people"
    " locked out if the job dies, and take longer.",
)
@click.option(
    "--quota-share",
    type=click.IntRange(min=1, max=100),
    default=80,
    show_default=True,
    metavar="PERCENT",
    help="Use this much of Graph's quotas, and leave the rest to other applications.",
)
@click.option(
    "--watch",
    type=click.IntRange(min=0, max=600),
    default=round(Settings().watch_for),
    show_default=True,
    metavar="SECONDS",
    help="Watch a guest whom an earlier run left just before the reset for so long, and only then send it:"
    " that run may have sent it, and reads lag. With 0 the person may get a second message.",
)
@click.pass_obj
def command(  # noqa: PLR0913 - click hands over each option on its own
    desired: Path,
    *,
    plans: tuple[Path, ...],
    auto_approve: bool,
    report_file: Path | None,
    journal_file: Path | None,
    evidence: tuple[Path, ...],
    links_file: Path | None,
    max_in_flight: int,
    quota_share: int,
    watch: int,
) -> int:
    """Plan again from the whole tree and carry out what is approved.

    Asks on a terminal. Without one, --plan or --auto-approve is needed.

    Exit codes: 0 everything done; 2 no consent, or a file that cannot be used; 3 the desired state
    is invalid; 5 refused as a whole, nothing written; 6 the directory cannot be used, nothing
    written; 7 not everything was done, or the report could not be written; 130 interrupted, what was
    in flight was finished.
    """
    options = _Options(
        tree=desired,
        plans=plans,
        auto_approve=auto_approve,
        settings=Settings(half_done=max_in_flight, watch_for=watch),
        quota_share=quota_share,
        evidence=evidence,
    )
    files = _Files(report=report_file, journal=journal_file, links=links_file)
    # The loop closes last: whatever it waits for then holds up no report.
    with handled_signals() as signals, asyncio.Runner() as runner:
        check_distinct(
            {"--report": report_file, "--journal": journal_file, "--redeem-links": links_file},
            plans,
            evidence=evidence,
        )
        if report_file is not None:
            check_writable(report_file)
            clear(report_file)
        return _run(options, files, signals=signals, runner=runner)


def _run(options: _Options, files: _Files, *, signals: Signals, runner: asyncio.Runner) -> int:
    """Apply, and leave a report however that ends."""
    record = RunRecord(run=str(uuid.uuid4()), clock=SystemClock())
    exit_code = EXIT_BUG
    try:
        try:
            signals.interrupt()
            exit_code = _carry_out(options, files, record=record, signals=signals, runner=runner)
        finally:
            signals.ignore()
    except ReconcilerError as error:
        exit_code = error.exit_code
        record.broke_off(error)
        raise
    except (KeyboardInterrupt, asyncio.CancelledError, click.Abort):
        exit_code = EXIT_INTERRUPTED
        record.interrupted()
        raise KeyboardInterrupt from None
    finally:
        written = leave_report(record.report(exit_code=exit_code), files.report)
    return exit_code if written else exit_code_without_report(exit_code)


def _carry_out(
    options: _Options, files: _Files, *, record: RunRecord, signals: Signals, runner: asyncio.Runner
) -> int:
    _require_consent(options)
    options = replace(options, earlier=_read_earlier(options, files))
    with contextlib.ExitStack() as open_files:
        journal = links = None
        if files.journal is not None:
            journal = open_files.enter_context(open_journal(files.journal, run=record.run))
        if files.links is not None:
            links = open_files.enter_context(open_redeem_links(files.links))
        desired = load_tree(options.tree)
        record.declared(desired)
        approved = [_read_plan(file, desired) for path in options.plans for file in plan_files(path)]
        runner.get_loop().set_default_executor(DaemonThreads())
        return runner.run(
            _apply(options, desired, approved, record=record, journal=journal, links=links, signals=signals)
        )


def _read_earlier(options: _Options, files: _Files) -> _Earlier:
    """Read what journals prove, before this run adds to one of them. Raises `UsageError`."""
    own = [files.journal] if files.journal is not None and files.journal.exists() else []
    paths = [*options.evidence, *own]
    return _Earlier(evidence=read_evidence(paths, now=SystemClock().now()), known=bool(paths))


def _require_consent(options: _Options) -> None:
    # A job without standard input has no terminal either.
    if options.asks and (sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError(
            "there is no terminal to ask on, and nothing was approved beforehand",
            rule="no-consent",
            hint="give --plan FILE with a reviewed plan, or --auto-approve",
        )


async def _apply(
    options: _Options,
    desired: Desired,
    approved: Sequence[Plan],
    *,
    record: RunRecord,
    journal: Journal | None,
    links: RedeemLinks | None,
    signals: Signals,
) -> int:
    clock = SystemClock()
    stop = asyncio.Event()
    with signals.cancelling() as from_now_on_only_set, endpoint(desired, options.tree) as found:
        pace = Pace(share=options.quota_share / 100)
        async with open_directory(found.root, found.tokens, terms=Terms(pace=pace)) as (reader, writer):
            live = await reader.observe(desired)
            plan = make_plan(desired, live, clock.now(), redeem_links=links is not None)
            screen.block(text.plan(plan, width=screen.width(), colour=False))
            approval = approve(plan, approved) if options.plans else approve_all(plan)
            record.planned(plan, approval)
            _guard(approval.work, plan=plan, desired=desired, clock=clock)
            if options.asks and approval.work:
                _ask(approval.work, signals)
            from_now_on_only_set(stop)
            async with progress_on(approval.work, clock=clock, quotas=pace.waiting) as progress:
                finished = await apply_plan(
                    approval.work,
                    reader=reader,
                    writer=writer,
                    journal=journal,
                    links=links,
                    settings=options.settings,
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


def _ask(work: Sequence[Work], signals: Signals) -> None:
    guests = "1 guest" if len(work) == 1 else f"{len(work)} guests"
    # The event loop stands still while somebody thinks, so a signal has to end the question itself.
    with signals.interrupting():
        agreed = click.confirm(f"Apply this to {guests}?", default=False, err=True)
    if not agreed:
        raise Refused("not confirmed, nothing was written", rule="not-confirmed")
