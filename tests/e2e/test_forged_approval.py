"""Who may push a branch makes a forged plan count for nothing, by the workflows' own steps."""

import io
import json
import zipfile
from dataclasses import replace

from reconciler.documents import dump, plan_from_json, plan_to_json
from reconciler.model import TenantId
from tests.e2e.test_main_job import FOUR
from tests.e2e.test_pull_request import CHIARA, MOVE_CHIARA, World, results, said, world
from tests.e2e.test_pull_request import pytestmark as _marks

__all__ = ["world"]

pytestmark = _marks

RENAME_CHIARA = {"guests/fabrikam.yaml": ("name: Chiara Conti", "name: Chiara C.")}


def forge(world: World, number: int) -> None:
    """Put a plan that approves all there is, without origins, in the place of the reviewed one."""
    [kept] = [one for one in world.hosting.artifacts if one.name == f"plan-{number}"]
    with zipfile.ZipFile(io.BytesIO(kept.content)) as files:
        document = json.loads(files.read("plan.json"))
    tenant = TenantId(document["tenantId"])
    plan = plan_from_json(json.dumps(document).encode(), tenant=tenant)
    assert plan.changes
    forged = replace(plan, changes=tuple(replace(one, origin=None) for one in plan.changes))
    content = dump(plan_to_json(forged)).encode()
    assert plan_from_json(content, tenant=tenant).changes
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("plan.json", content)
    kept.content = archive.getvalue()


def test_a_forged_plan_applies_no_drift(world: World) -> None:
    """A merge that only renames an entry for its readers changes nobody, however much its plan approves."""
    pull = world.origin.propose(8, RENAME_CHIARA)
    planned = world.runner.run("plan.yml", world.origin.proposed(pull))
    assert results(planned) == {"plan": "success"}, said(planned)
    forge(world, 8)

    merged = world.runner.run("apply.yml", world.origin.merge(pull))

    assert results(merged) == {"plan": "success", "apply": "skipped", "report": "success"}, said(merged)
    assert world.tenant.history() == []


def test_a_forged_plan_applies_what_was_merged_and_no_more(world: World) -> None:
    """The merged change runs, since somebody reviewed the files; the drift beside it does not."""
    pull = world.origin.propose(8, MOVE_CHIARA)
    planned = world.runner.run("plan.yml", world.origin.proposed(pull))
    assert results(planned) == {"plan": "success"}, said(planned)
    forge(world, 8)

    merged = world.runner.run("apply.yml", world.origin.merge(pull, squash=True))

    assert results(merged) == {"plan": "success", "apply": "success", "report": "success"}, said(merged)
    assert {write.id for write in world.tenant.history()} == {CHIARA}
    outcomes = world.outcomes()
    assert {outcomes[guest] for guest in FOUR} == {"not-approved"}
