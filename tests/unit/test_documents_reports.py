"""Reading a report back, for showing it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.documents import dump, plan_from_json, plan_to_json, report_from_json, report_to_json
from reconciler.errors import UnusablePlan
from reconciler.model import Cloud, Note, Report
from reconciler.rules import Rule
from tests.support.plans import mixed_report, small_plan

DIGEST = f"sha256:{'0' * 64}"


def bytes_of(report: Report) -> bytes:
    return dump(report_to_json(report)).encode()


@pytest.mark.parametrize(
    "report",
    [
        replace(mixed_report(), digest=DIGEST),
        replace(mixed_report(cloud=Cloud.EMULATOR), digest=DIGEST),
        replace(
            mixed_report(),
            digest=DIGEST,
            complete=False,
            warnings=(Note(rule=Rule.NOT_CHECKED, message="roles not checked"),),
            commit="0" * 40,
        ),
        replace(mixed_report(), tenant_id=None, cloud=None, digest=None, outcomes=()),
    ],
    ids=["mixed", "emulator", "incomplete", "invalid tree"],
)
def test_a_report_read_back_is_the_report_that_was_written(report: Report) -> None:
    """Nothing is lost on the way through a file, also where there was no valid tree to name a tenant."""
    assert report_from_json(bytes_of(report)) == report


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        ({"formatVersion": "2.0"}, "newer-report"),
        ({"exitCode": "0"}, "invalid-report"),
        ({"complete": None}, "invalid-report"),
        ({"outcomes": [{"id": "none"}]}, "invalid-report"),
        ({"startedAt": "2026-99-01T08:00:00Z"}, "invalid-report"),
    ],
)
def test_a_report_of_another_form_is_refused_by_name(edit: dict[str, Any], rule: str) -> None:
    """A file that only looks like a report is never shown as one."""
    document = {**json.loads(bytes_of(replace(mixed_report(), digest=DIGEST))), **edit}
    with pytest.raises(UnusablePlan) as caught:
        report_from_json(json.dumps(document).encode())
    assert caught.value.rule == rule


def test_what_is_no_json_is_no_report() -> None:
    """A broken file gets a sentence, not a traceback."""
    with pytest.raises(UnusablePlan) as caught:
        report_from_json(b"\xff")
    assert caught.value.rule == "unreadable-report"


def test_a_plan_can_be_read_for_showing_without_naming_its_tenant() -> None:
    """Whoever only wants to look at a plan need not know the tenant."""
    with pytest.raises(UnusablePlan) as caught:
        # The sample's digests are made up, so reading gets as far as checking them.
        plan_from_json(dump(plan_to_json(small_plan())).encode(), tenant=None)
    assert caught.value.rule == "tampered-plan"
