"""Renders plans and reports as one self-contained HTML file, complete without JavaScript.

The page's own policy lets only its own style and script run, by their hashes.
"""

import base64
import hashlib
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reconciler.render.change_view import KINDS
from reconciler.render.escape import visible
from reconciler.render.plan_view import DEPARTED, GUARD_RAILS, REFUSED, TO_RAISE, PlanView
from reconciler.render.report_view import OUTCOMES, ReportView
from reconciler.render.wording import NO_NAME

WARNED: Final = ("warned", "with a warning")
BLOCKED: Final = ("blocked", "blocked")


def plan(view: PlanView) -> str:
    """Render a plan as a page: the riskiest changes first, then blocked guests; sortable and filterable."""
    kinds = [(kind.value, words) for kind, words in KINDS.items()]
    return _page(
        "plan.html",
        title=f"Plan for tenant {view.tenant_id}",
        view=view,
        kinds=[*kinds, BLOCKED, WARNED],
        own_title=view.own.title if view.drift else None,
        departed_title=DEPARTED,
        guard_rails_title=GUARD_RAILS,
        refused=REFUSED,
        to_raise=TO_RAISE,
    )


def report(view: ReportView) -> str:
    """Render a report as a page, guests who need attention first; sortable and filterable."""
    return _page(
        "report.html",
        title=f"Run {view.run} on tenant {view.tenant_id}",
        view=view,
        kinds=[(outcome.value, outcome.value) for outcome in OUTCOMES],
    )


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
        no_name=NO_NAME,
    )
    return environment


def _finalized(value: object) -> object:
    """Escape a value with `visible`; `Markup` comes from the page's own macros and is kept."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _csp_hash(text: str) -> str:
    """Return an element's hash for a policy, as https://www.w3.org/TR/CSP3/#grammardef-hash-source says."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
