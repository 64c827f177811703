"""`reconciler apply`: load, observe, plan, show, guard, apply, show."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from reconciler.apply import DEFAULT_WATCH, Services, Settings, Terms, apply_plan
from reconciler.cli import actions_output, console
from reconciler.cli.approved_plans import plan_files
from reconciler.cli.desired_option import desired_option
from reconciler.cli.earlier_runs import EarlierRuns, read_earlier_runs
from reconciler.cli.endpoint import Endpoint, endpoint
from reconciler.cli.loading import departed_ids, load_baseline, load_plan, load_tree
from reconciler.cli.output_files import check_writable, clear
from reconciler.cli.path_conflicts import check_distinct, check_outside_tree
from reconciler.cli.progress import progress_on
from reconciler.cli.report_builder import ReportBuilder
from reconciler.cli.report_output import exit_code_without_report, leave_report
from reconciler.cli.secret_files import require_not_offered
from reconciler.cli.signals import Signals, handled_signals
from reconciler.clock import Clock, SystemClock
from reconciler.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    LimitExceeded,
    ReconcilerError,
    Refused,
    UsageError,
)
from reconciler.git import commit_of
from reconciler.graph.daemon_threads import DaemonThreads
from reconciler.graph.rate_limits import RateLimiter
from reconciler.graph.sessions import SessionOptions
from reconciler.graph.writer import open_directory
from reconciler.guard.approval import Approval, Work, approve, approve_all
from reconciler.guard.limits import check
from reconciler.journal import Journal, open_journal
from reconciler.model import Desired, Live, Plan
from reconciler.observation import observe
from reconciler.plan import make_plan
from reconciler.redeem_links import RedeemLinks, open_redeem_links
from reconciler.render import text
from reconciler.render.approval_view import approval_view
from reconciler.render.plan_view import plan_view
from reconciler.render.wording import count_of
from reconciler.rules import Rule
from reconciler.settling import LastWrite


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The options of the command."""

    tree: Path
    plans: tuple[Path, ...]

    base: str | None
    """The git revision since which the entry of a guest must have changed; `None`: whenever it did."""

    auto_approve: bool
    settings: Settings

    watch: float
    """Seconds since the last write of an earlier run until reads count."""

    quota_share: int
    """Percent of Graph's quotas to use."""

    evidence: tuple[Path, ...]
    """Journals of earlier runs, and folders of them."""

    @property
    def asks(self) -> bool:
        """Whether the command has to ask for approval."""
        return not self.plans and not self.auto_approve


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The files the run writes; `None` for a file that was not requested."""

    report: Path | None
    journal: Path | None
    links: Path | None

    @property
    def by_option(self) -> Mapping[str, Path | None]:
        """The same, by the option that names each."""
        return {"--report": self.report, "--journal": self.journal, "--redeem-links": self.links}


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
    "--base",
    metavar="REV",
    help="With --plan: approve only changes of entries that differ from this git revision, whatever the plan"
    " files say.",
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
    default=Settings().max_in_flight,
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
    default=round(DEFAULT_WATCH),
    show_default=True,
    metavar="SECONDS",
    help="Let so long pass since the last write of an earlier run, whose writes may not show in reads yet;"
    " where nothing is known of earlier runs, since the start. With 0 a person may get a second message.",
)
@desired_option
def command(  # noqa: PLR0913 - click passes each option on its own
    desired: Path,
    *,
    plans: tuple[Path, ...],
    base: str | None,
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

    Asks on a terminal. Without one, --plan or --auto-approve is needed. As a step of a GitHub workflow it
    sets the output `run`, the id that its report carries.

    Exit codes: 0 everything done; 2 no consent, or an unusable file or revision; 3 the desired state is
    invalid; 5 refused as a whole, nothing written; 6 the directory cannot be used, nothing written; 7 not
    everything was done, or no report could be written; 130 interrupted, what was in flight was finished.
    """
    options = _Options(
        tree=desired,
        plans=plans,
        base=base,
        auto_approve=auto_approve,
        settings=Settings(max_in_flight=max_in_flight),
        watch=watch,
        quota_share=quota_share,
        evidence=evidence,
    )
    files = _Files(report=report_file, journal=journal_file, links=links_file)
    # The loop closes last: its pending tasks then delay no report.
    with handled_signals() as signals, asyncio.Runner() as runner:
        check_distinct(files.by_option, plans, evidence=evidence)
        check_outside_tree(files.by_option, desired)
        if report_file is not None:
            check_writable(report_file)
            clear(report_file)
        return _run(options, files, signals=signals, runner=runner)


def _run(options: _Options, files: _Files, *, signals: Signals, runner: asyncio.Runner) -> int:
    """Apply, and write a report however that ends."""
    record = ReportBuilder(run=str(uuid.uuid4()), clock=SystemClock())
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
    options: _Options, files: _Files, *, record: ReportBuilder, signals: Signals, runner: asyncio.Runner
) -> int:
    actions_output.give("run", record.run)
    _require_consent(options)
    _require_plan_with_base(options)
    if files.links is not None:
        require_not_offered(files.links, option="--redeem-links")
    earlier = read_earlier_runs(options.evidence, journal=files.journal, now=record.started_at)
    with contextlib.ExitStack() as open_files:
        journal = links = None
        if files.journal is not None:
            journal = open_files.enter_context(open_journal(files.journal, run=record.run))
        if files.links is not None:
            links = open_files.enter_context(open_redeem_links(files.links))
        desired = load_tree(options.tree)
        record.declared(desired, commit=commit_of(options.tree))
        approved = [
            load_plan(file, tenant=desired.tenant_id) for path in options.plans for file in plan_files(path)
        ]
        record.approved(approved)
        runner.get_loop().set_default_executor(DaemonThreads())
        return runner.run(
            _apply(
                options,
                desired,
                approved,
                earlier=earlier,
                record=record,
                journal=journal,
                links=links,
                signals=signals,
            )
        )


def _require_consent(options: _Options) -> None:
    # A job without standard input has no terminal either.
    if options.asks and (sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError(
            "there is no terminal to ask on, and nothing was approved beforehand",
            rule=Rule.NO_CONSENT,
            hint="give --plan FILE with a reviewed plan, or --auto-approve",
        )


def _require_plan_with_base(options: _Options) -> None:
    """Refuse `--base` alone: it narrows what a file approves, and a person approves what they are shown."""
    if options.base is not None and not options.plans:
        raise UsageError(
            "--base narrows what --plan approves, and there is no --plan",
            rule=Rule.BASE_WITHOUT_PLAN,
            hint="give --plan FILE too, or leave --base out",
        )


async def _apply(
    options: _Options,
    desired: Desired,
    approved: Sequence[Plan],
    *,
    earlier: EarlierRuns,
    record: ReportBuilder,
    journal: Journal | None,
    links: RedeemLinks | None,
    signals: Signals,
) -> int:
    base = None if options.base is None else load_baseline(options.base, options.tree, desired=desired)
    clock = SystemClock()
    stop = asyncio.Event()
    with signals.cancelling() as from_now_on_only_set, endpoint(desired, options.tree) as found:
        limiter = RateLimiter(share=options.quota_share / 100)
        async with open_directory(found.root, found.tokens, options=SessionOptions(limiter=limiter)) as (
            reader,
            writer,
        ):
            live = await observe(reader, desired, also=departed_ids(base, desired))
            plan = make_plan(desired, live, clock.now(), base=base, redeem_links=links is not None)
            approval = approve(plan, approved) if options.plans else approve_all(plan)
            console.block(_shown(plan, approval, reviewed=bool(options.plans)))
            record.planned(plan, approval)
            _guard(approval, plan=plan, desired=desired, clock=clock)
            if options.asks and approval.work:
                _ask(approval.work, signals)
            from_now_on_only_set(stop)
            terms = _terms(options, desired, live, earlier=earlier, found=found, started=record.started_at)
            async with progress_on(approval.work, clock=clock, quotas=limiter.waiting) as progress:
                services = Services(
                    reader=reader,
                    writer=writer,
                    clock=clock,
                    observer=progress,
                    journal=journal,
                    links=links,
                    last_write=LastWrite(desired.tenant_id, found.root),
                )
                result = await apply_plan(approval.work, services, terms, shutdown=stop)
            ended = record.finished(result)
    if result.crash is not None:
        raise result.crash
    return ended


def _shown(plan: Plan, approval: Approval, *, reviewed: bool) -> str:
    """Return the whole plan where nobody has seen it, and otherwise what the approved plans allow of it."""
    if reviewed:
        return text.approval(approval_view(plan, approval), width=console.width(), colour=False)
    return text.plan(plan_view(plan), width=console.width(), colour=False)


def _terms(
    options: _Options,
    desired: Desired,
    live: Live,
    *,
    earlier: EarlierRuns,
    found: Endpoint,
    started: datetime,
) -> Terms:
    return Terms(
        settings=options.settings,
        resets=earlier.evidence.resets,
        settled_at=earlier.settled_at(desired.tenant_id, found, started=started, watch=options.watch),
        marker_domains=_marker_domains(desired, live),
    )


def _marker_domains(desired: Desired, live: Live) -> tuple[str, ...]:
    """Return the domains that markers may be in: the declared one, then the tenant's initial domain."""
    domains = (desired.marker_domain, live.initial_domain)
    return tuple(dict.fromkeys(domain for domain in domains if domain is not None))


def _guard(approval: Approval, *, plan: Plan, desired: Desired, clock: Clock) -> None:
    """Refuse the run when its work exceeds a limit, or its markers could be redeemed by somebody."""
    for refusal in plan.refusals:
        if refusal.rule == Rule.MARKER_DOMAIN:
            raise Refused(refusal.message, rule=refusal.rule)
    counted = sum(1 for change in approval.to_run if change.counts_against_limits)
    refusals = check(changes=counted, declared=plan.summary.declared, policy=desired.policy, now=clock.now())
    if refusals:
        raise LimitExceeded(refusals)


def _ask(work: Sequence[Work], signals: Signals) -> None:
    # The event loop is blocked during the prompt, so a signal has to end the prompt itself.
    with signals.interrupting():
        agreed = click.confirm(f"Apply this to {count_of(len(work), 'guest')}?", default=False, err=True)
    if not agreed:
        raise Refused("not confirmed, nothing was written", rule=Rule.NOT_CONFIRMED)
