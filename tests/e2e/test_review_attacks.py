"""What the author of a pull request might hide from its reviewers, played through the command."""

import json
import re
import uuid
from pathlib import Path

import pytest

from reconciler.render.markdown_page import LIMIT
from tests.e2e.shell import Shell
from tests.support.repository import commit, new_repository

INES = "82d1b073-f173-44d5-a1c8-c0a0a083e578"
VICTIM = "aaaaaaaa-0000-4000-8000-000000000001"


@pytest.fixture
def pull(shell: Shell) -> Shell:
    """Give the sample tree as the base of a pull request."""
    commit(new_repository(shell.folder))
    return shell


def markdown(pull: Shell, *options: str, code: int = 0) -> str:
    """Plan the pull request as its check does."""
    done = pull.run("plan", "--base", "HEAD", "--format", "markdown", "--fail-on-blocked", *options)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_an_address_added_behind_many_others_is_named(pull: Shell) -> None:
    """However many innocent addresses stand before it, the one that is added stands there as such."""
    innocent = [f"femi.{n:02}.of.the.department.of.design@northwind.example" for n in range(30)]
    added = ", ".join([*innocent, "zed@fabrikam.example"])
    pull.edit(
        "guests/northwind.yaml", "[femi.ade@northwind.example]", f"[femi.ade@northwind.example, {added}]"
    )
    shown = markdown(pull)
    for address in (*innocent, "zed@fabrikam.example"):
        assert f"+ `{address}`" in shown
    assert "Nobody is reset. 31 new addresses will be able to sign in." in shown
    assert "They keep their way to sign in." not in shown.partition("<details>")[0]
    text = pull.run("plan", "--base", "HEAD").stdout
    assert "    + zed@fabrikam.example\n" in text
    page = pull.run("plan", "--base", "HEAD", "--format", "html").stdout
    assert re.search(r'class="added">\+ <bdi>zed@<wbr>fabrikam\.example</bdi>', page)


def pad(shell: Shell, rows: int, *, name: str, addresses: int) -> None:
    """Declare many guests who get other addresses, in a domain that looks odd, and one takeover."""
    seeds, entries = [], []
    for n in range(rows):
        guest = uuid.UUID(int=(4 << 76) | (8 << 60) | n)
        seeds.append(f'  - id: {guest}\n    name: "{name} {n}"\n    email: g{n}@pad.example\n')
        more = "".join(f", {chr(97 + k)}{n}{'-long' * 11}@pad.example" for k in range(addresses))
        entries.append(
            f"  - id: {guest}\n    email: g{n}@pad.example\n"
            f"    alternateEmails: [x{n}@rnicrosoft.example{more}]\n"
        )
    seeds.append(f"  - id: {VICTIM}\n    name: Victim\n    email: victim@pad.example\n")
    entries.append(f"  - id: {VICTIM}\n    email: attacker@pad.example\n")
    shell.edit("emulator.yaml", "guests:\n", "guests:\n" + "".join(seeds))
    raised = (
        "policy:\n  raise: {maxChanges: 500, until: 2099-01-01, reason: a test}\n  maxChangePercent: 100\n"
    )
    shell.edit("tenant.yaml", "  maxChangePercent: 10     #", "  #")
    shell.edit("tenant.yaml", "policy:\n", raised)
    commit(shell.folder)
    (shell.folder / "desired" / "guests" / "pad.yaml").write_text("guests:\n" + "".join(entries))


@pytest.mark.parametrize(
    ("rows", "name", "addresses"),
    [(60, "Guest", 11), (120, "\\u202e" * 240, 0)],
    ids=["fat rows", "fat names"],
)
def test_a_takeover_cannot_be_pushed_off_the_page(
    pull: Shell, tmp_path: Path, rows: int, name: str, addresses: int
) -> None:
    """A guest handed to another person stands first, and no row of the pull request is only counted."""
    pad(pull, rows, name=name, addresses=addresses)
    assert "more: see" not in markdown(pull, "--out", "plan.json")
    done = pull.run("render", "plan.json", "--format", "markdown", "--pages", "pages")
    assert done.returncode == 0, done.stderr
    files = [tmp_path / line for line in done.stdout.splitlines()]
    assert files == [tmp_path / "pages" / f"plan-{n}.md" for n in range(1, len(files) + 1)]
    pages = [file.read_text() for file in files]
    assert len(pages) > 1
    assert all(len(page) <= LIMIT for page in pages)
    first = pages[0].index("**Changes, the riskiest first**")
    assert pages[0].index("`victim@pad.example` → `attacker@pad.example`") - first < 300
    whole = "".join(pages)
    for n in range(rows):
        assert f"`g{n}@pad.example` → (the same)<br>+ " in whole
        assert f"+ `x{n}@rnicrosoft.example`" in whole


def test_a_plan_that_nobody_can_read_fails_the_check(pull: Shell) -> None:
    """From ten pages on the check is red, and says why."""
    pad(pull, 400, name="\\u202e" * 120, addresses=0)
    done = pull.run("plan", "--base", "HEAD", "--fail-on-blocked")
    assert done.returncode == 4
    assert "split the change" in done.stderr
    assert pull.run("plan", "--base", "HEAD").returncode == 0


def test_loosened_guard_rails_and_the_invitation_are_shown(pull: Shell) -> None:
    """What a pull request allows itself, and where it sends people, is what reviewers read first."""
    pull.edit("tenant.yaml", "policy:\n", f"policy:\n  protected: [{INES}]\n")
    commit(pull.folder)
    for old, new in {
        f"  protected: [{INES}]\n": "",
        "deniedDomains:\n    - wingtip.example ": "deniedDomains: [] ",
        "maxChanges: 20 ": "maxChanges: 5000 ",
        "maxChangePercent: 10 ": "maxChangePercent: 100 ",
    }.items():
        pull.edit("tenant.yaml", old, new)
    pull.edit(
        "guests/tailspin.yaml",
        "email: ines@tailspin.example",
        "email: ines@wingtip.example\n    invitation:\n      redirectUrl: https://login.evil.example/owa\n"
        "      cc: mallory@evil.example\n      message: 'Your mailbox is full: sign in again'",
    )
    done = pull.run("plan", "--base", "HEAD", "--format", "markdown", GITHUB_ACTIONS="true")
    shown = done.stdout
    assert shown.index("**Guard rails changed here**") < shown.index("**Changes, the riskiest first**")
    assert "| `policy.maxChanges` | 20 | 5000 |  |" in shown
    assert "- `wingtip.example`" in shown
    assert f"- `{INES}`" in shown
    (row,) = [line for line in shown.splitlines() if f"`{INES}` | `ines@tailspin" in line]
    for words in (
        "**Warning** `was-blocked`",
        "message: `Your mailbox is full: sign in again`",
        "cc: `mallory@evil.example`",
        "redirectUrl: `https://login.evil.example/owa`",
    ):
        assert words in row
    assert "::warning file=desired/tenant.yaml,title=guard-rail::" in done.stderr


def test_a_plan_that_apply_would_refuse_fails_the_check(pull: Shell) -> None:
    """A required check is red where apply would end with 5; drift of others does not count."""
    pull.edit("tenant.yaml", "maxChanges: 20 ", "maxChanges: 1 ")
    commit(pull.folder)
    markdown(pull)
    pull.edit("guests/tailspin.yaml", "email: ines@tailspin.example", "email: ines@adatum.example")
    markdown(pull)
    pull.edit("guests/fabrikam.yaml", "email: chiara@fabrikam.example", "email: chiara@adatum.example")
    shown = markdown(pull, code=4)
    assert "```yaml\n# in tenant.yaml\npolicy:\n  raise:\n    maxChanges: 2\n" in shown


@pytest.mark.parametrize("folder", ["new/pages", "empty"])
def test_pages_go_into_a_new_or_an_empty_folder(shell: Shell, folder: str) -> None:
    """Files of an earlier plan cannot be taken for pages of this one."""
    (shell.folder / "empty").mkdir()
    assert shell.run("plan", "--out", "plan.json").returncode == 0
    render = ("render", "plan.json", "--format", "markdown", "--pages", folder)
    assert shell.run(*render).returncode == 0
    assert [file.name for file in (shell.folder / folder).iterdir()] == ["plan-1.md"]
    again = shell.run(*render)
    assert again.returncode == 2
    assert "file-unusable" in again.stderr


def test_only_a_plan_in_markdown_has_pages(shell: Shell) -> None:
    """Another form, a report, and a path that is no folder are refused, and nothing is written."""
    done = shell.run("apply", "--auto-approve", "--report", "report.json")
    assert done.returncode == 0, done.stderr
    assert shell.run("plan", "--out", "plan.json").returncode == 0
    for arguments, rule in (
        (["plan.json", "--pages", "p"], "no-such-form"),
        (["report.json", "--format", "markdown", "--pages", "p"], "no-such-form"),
        (["plan.json", "--format", "markdown", "--pages", "plan.json/p"], "file-unusable"),
    ):
        done = shell.run("render", *arguments)
        assert done.returncode == 2
        assert rule in done.stderr
    assert not (shell.folder / "p").exists()
    assert json.loads((shell.folder / "plan.json").read_text())["changes"] == []
