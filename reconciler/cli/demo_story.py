"""The demo's story in parts: each shows commands with what they print, and tells whether it ended well."""

from collections.abc import Mapping
from typing import Final

from reconciler.cli.demo_stage import Stage, heading, say
from reconciler.emulator.control.client import GuestTruth
from reconciler.errors import EXIT_DONE, EXIT_INCOMPLETE, EXIT_REFUSED

_CASES: Final = {
    "Ana Ruiz": "has a new e-mail address",
    "Bo Hansen": "has the address he had: his home account was deleted and created again",
    "Dmitri Orlov": "moved to another company, from Northwind to Adatum",
    "Tailspin order desk": "was Greta's responsibility, and is now Hugo's",
}

_CHIARA: Final = "3d8c6b2e-ac2e-4f80-9c73-7b5c5b3e9023"

_JOURNAL: Final = "journal.jsonl"

_WATCH: Final = ("--watch", "2")
"""The emulated directory shows a write at once; a real one may take half a minute, which is the default."""

_APPLY: Final = ("apply", "--plan", "plan.json", "--report", "report.json", "--journal", _JOURNAL, *_WATCH)


def _four_cases(stage: Stage, number: int) -> bool:
    heading(f"{number}. Four people need another sign-in; each is one line in desired/guests/")
    for name, case in _CASES.items():
        say(f"  {name} {case}.")
    done = stage.run("validate") == EXIT_DONE
    return stage.run("plan", "--out", "plan.json") == EXIT_DONE and done


def _killed_job(stage: Stage, number: int) -> bool:
    heading(f"{number}. The job that applies the plan is killed half-way, and heals")
    before = stage.tenant.truth()
    # Reads of one guest are slow, so that the process dies after a reset and before the write behind it.
    stage.tenant.set_faults({"latency": [{"on": "GET /users/*", "milliseconds": 600}]})
    killed = stage.run_until(lambda: _resets(stage) > 0, *_APPLY, "--max-in-flight", "1")
    stage.tenant.set_faults({})
    say("\nWhat it left in the tenant:")
    for id_, guest in stage.tenant.truth().items():
        if guest.other_mails != before[id_].other_mails:
            say(f"  {guest.display_name}: mail {guest.mail}; other mails {', '.join(guest.other_mails)}")
    say("The value pending-... is a marker: until it goes, no plan takes this guest for finished.")
    say("\nThe same command once more:")
    done = stage.run(*_APPLY) == EXIT_DONE
    return _kept(stage, before) and done and killed


def _resets(stage: Stage) -> int:
    """Return how many resets the journal shows as done."""
    try:
        lines = (stage.folder / _JOURNAL).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    return sum('"ResetRedemption"' in line and '"done"' in line for line in lines)


def _kept(stage: Stage, before: Mapping[str, GuestTruth]) -> bool:
    """Print from the tenant's own record what each guest has now; return whether all kept their access."""
    after = stage.tenant.truth()
    history = stage.tenant.history()
    touched = {write.id for write in history}
    say("\nWhat the tenant itself recorded of both runs:")
    good = True
    for id_ in sorted(touched, key=lambda one: before[one].display_name or ""):
        was, now = before[id_], after[id_]
        resets = sum(write.operation == "reset" for write in history if write.id == id_)
        good = good and _possessions(was) == _possessions(now) and resets == 1
        say(f"  {was.display_name}: {was.mail} -> {now.mail}; resets: {resets}")
        say(f"    groups {', '.join(now.groups)}; apps {', '.join(now.app_role_assignments)}")
        kept = "yes" if _possessions(was) == _possessions(now) else "NO"
        say(f"    same id, user principal name, groups and apps as before: {kept}")
    say(f"  {len(before) - len(touched)} other guests: not touched")
    return good


def _possessions(guest: GuestTruth) -> tuple[object, ...]:
    return guest.id, guest.user_principal_name, guest.groups, guest.app_role_assignments


def _redemption(stage: Stage, number: int) -> bool:
    heading(f"{number}. They are locked out until they redeem: each follows the link that was sent")
    good = True
    for message in stage.tenant.messages():
        came = stage.tenant.redeem(message.redeem_url, message.to)
        good = good and came.result == "redeemed"
        say(f"  {message.to}: {came.result}")
    say("\nThe former addresses try to open an app:")
    for former in ("ana@fabrikam.example", "dmitri@northwind.example", "greta@tailspin.example"):
        came = stage.tenant.sign_in(former)
        good = good and came.result == "refused"
        say(f"  {former}: {came.result} ({came.reason})")
    say("\nNothing is left to do. Emma Lind waits because her entry says so; that fails nothing.")
    return stage.run("plan", "--detailed-exitcode") == EXIT_DONE and good


def _pull_request(stage: Stage, number: int) -> bool:
    heading(f"{number}. A pull request: Chiara Conti has married, and her address changes")
    stage.git("init", "--quiet", shown=False)
    stage.git("add", "desired", shown=False)
    stage.git("commit", "--quiet", "--message", "The guests as they are", shown=False)
    done = stage.run("set-email", "chiara@fabrikam.example", "chiara.rossi@fabrikam.example") == EXIT_DONE
    stage.git("diff", "--unified=1")
    stage.git("commit", "--all", "--quiet", "--message", "Chiara has a new address")
    say("\nThe comment under the pull request, as Markdown:")
    planned = stage.run("plan", "--base", "HEAD^1", "--format", "markdown", "--out", "reviewed.json")
    return planned == EXIT_DONE and done


def _stale_guest(stage: Stage, number: int) -> bool:
    heading(f"{number}. What was reviewed is what runs: meanwhile somebody edits Chiara in the portal")
    stage.tenant.edit_user(_CHIARA, {"mail": "chiara.conti@fabrikam.example"})
    before = len(stage.tenant.history())
    stale = stage.run("apply", "--plan", "reviewed.json", *_WATCH) == EXIT_INCOMPLETE
    return _untouched(stage, before) and stale


def _refusal(stage: Stage, number: int) -> bool:
    heading(f"{number}. A whole run is refused: a partner is renamed, and more would be reset than allowed")
    policy = stage.folder / "desired" / "tenant.yaml"
    policy.write_bytes(policy.read_bytes().replace(b"maxChanges: 20 ", b"maxChanges: 2  "))
    say("\nThe policy in desired/tenant.yaml allows two in one run now:")
    done = (
        stage.run("set-email", "--domain", "fabrikam.example", "--to", "fabrikam-group.example") == EXIT_DONE
    )
    before = len(stage.tenant.history())
    refused = stage.run("apply", "--auto-approve") == EXIT_REFUSED
    return _untouched(stage, before) and refused and done


def _untouched(stage: Stage, before: int) -> bool:
    writes = len(stage.tenant.history()) - before
    say(f"Writes that reached the tenant: {writes}")
    return writes == 0


PARTS: Final = (_four_cases, _killed_job, _redemption, _pull_request, _stale_guest, _refusal)
"""The parts, in order; each builds on what those before it left in the folder and in the tenant."""


def tell(stage: Stage) -> bool:
    """Run the whole story, and return whether every part ended as it should."""
    good = True
    for number, part in enumerate(PARTS, start=1):
        good = part(stage, number) and good
    return good
