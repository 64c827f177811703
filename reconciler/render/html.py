"""Renders plans and reports as one self-contained HTML file, complete without JavaScript.

The page's own policy lets only its own style and script run, by their hashes.
"""

import base64
import hashlib
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reconciler.model import Plan, Report
from reconciler.render import groups, wording
from reconciler.render.escape import visible
from reconciler.render.groups import Rows

WARNED: Final = ("warned", "with a warning")
BLOCKED: Final = ("blocked", "blocked")


def plan(shown: Plan) -> str:
    """Render a plan as a page: the riskiest changes first, then blocked guests; sortable and filterable."""
    ours, drift, many = groups.here(shown), groups.elsewhere(shown), groups.many(shown)
    kinds = [(kind.value, words) for kind, words in wording.KINDS.items()]
    return _page(
        "plan.html",
        title=f"Plan for tenant {shown.tenant_id}",
        headline=groups.headline(shown),
        partial=groups.partial(shown),
        emulated=wording.emulated(shown.cloud),
        kinds=[*kinds, BLOCKED, WARNED],
        plan=shown,
        counts=wording.counts(shown),
        usual=wording.USUAL if many else None,
        incomplete=wording.incomplete(shown),
        made=wording.moment(shown.created_at),
        names=wording.KINDS,
        groups=[
            ("here", groups.HERE if drift else None, _rows(ours, unusual_only=many), ours.blocked),
            ("elsewhere", groups.drift_title(drift), _rows(drift, unusual_only=many), drift.blocked),
        ],
        gone_title=groups.GONE,
        gone=[(one, groups.left(one)) for one in shown.no_longer_declared],
        warnings=groups.warnings(shown),
    )


def report(shown: Report) -> str:
    """Render a report as a page, guests who need attention first; sortable and filterable."""
    urgency = {outcome: place for place, outcome in enumerate(wording.OUTCOMES)}
    return _page(
        "report.html",
        title=f"Run {shown.run} on tenant {shown.tenant_id}",
        headline=wording.tally(shown),
        emulated=wording.emulated(shown.cloud),
        kinds=[(outcome.value, outcome.value) for outcome in wording.OUTCOMES],
        report=shown,
        incomplete=wording.incomplete(shown),
        made_of=wording.made_of(shown),
        started=wording.moment(shown.started_at),
        ended=wording.moment(shown.ended_at),
        outcomes=[
            (one, wording.OUTCOMES[one.outcome], [wording.record(record) for record in one.actions])
            for one in sorted(shown.outcomes, key=lambda one: urgency[one.outcome])
        ],
    )


def _rows(rows: Rows, *, unusual_only: bool) -> list[tuple[object, ...]]:
    """Prepare the rows of changes for a template, the riskiest first."""
    return [
        (
            change,
            *wording.from_to(change),
            wording.effects(change),
            wording.special_warnings(change, unusual_only=unusual_only),
            [wording.action(one) for one in change.actions],
        )
        for change in sorted(rows.changes, key=wording.risk)
    ]


def _page(template: str, **values: object) -> str:
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    """Prepare the templates: every value is passed through `visible`, then escaped."""
    loader = PackageLoader("reconciler.render")
    environment = Environment(
        loader=loader,
        autoescape=True,
        finalize=_finalized,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, _, _ = loader.get_source(environment, "style.css")
    script, _, _ = loader.get_source(environment, "table.js")
    environment.globals.update(
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        emulator=wording.EMULATOR,
        no_name=wording.NO_NAME,
    )
    return environment


def _finalized(value: object) -> object:
    """Escape a value with `visible`; `Markup` comes from the page's own macros and is kept."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _csp_hash(text: str) -> str:
    """Return an element's hash for a policy, as https://www.w3.org/TR/CSP3/#grammardef-hash-source says."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
