"""Each folder beside this file is a case, described in `casebook.py`."""

import json

import pytest

from reconciler import schemas
from tests.cases.plan.casebook import CASES, HERE, as_text, planned


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    """A desired tree and a directory give the plan that was reviewed, byte by byte."""
    document = planned(case)
    assert as_text(document) == (HERE / case / "plan.json").read_text(encoding="utf-8")
    assert list(schemas.violations("plan", json.loads(json.dumps(document)))) == []
