"""`reconciler init` as a person types it: the files, the refusals, and what the next commands make of it."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.sample import SAMPLE_TENANT, SAMPLE_TREE
from reconciler.schemas import PUBLISHED
from tests.e2e.shell import Shell
from tests.support.repository import git

TENANT = "8e1a2b3c-6c1c-4d68-a01f-3a4d7a2a3b21"
USES = "contoso/reconciler@0123456789abcdef0123456789abcdef01234567"
ALWAYS = {".gitignore", "README.md", "schemas/guests.schema.json", "schemas/tenant.schema.json"}
TREE = {"desired/tenant.yaml", "desired/guests/guests.yaml"}
SAMPLE = {
    "desired/tenant.yaml",
    "desired/emulator.yaml",
    "desired/guests/fabrikam.yaml",
    "desired/guests/northwind.yaml",
    "desired/guests/tailspin.yaml",
    "schemas/emulator.schema.json",
}
CI_FILES = {
    "github": {
        ".github/CODEOWNERS",
        ".github/workflows/plan.yml",
        ".github/workflows/apply.yml",
        ".github/workflows/drift.yml",
    },
    "gitlab": {".gitlab/CODEOWNERS", ".gitlab-ci.yml"},
    "azure": {"azure-pipelines.yml"},
    "none": set(),
}
IGNORED = [
    "plan.json",
    "x/plan.json",
    "plan.html",
    "plan-7.json",
    "report.json",
    "import.json",
    "desired/report.json",
    "journal.jsonl",
    "x/y/journal-2.jsonl",
    "links.jsonl",
    "x/links.jsonl",
    "links.json",
    "notices/a.eml",
    "notices/a.txt",
    "x/notices/a.eml",
    "desired/notices/a.eml",
    "desired/notices/a.txt",
    "approved/p.json",
    "approved/plans/own.json",
    ".reconciler/x",
    "x/.reconciler/emulator.sqlite",
    "desired/.reconciler/x",
    "journals/1/journal.jsonl",
]
KEPT = [
    "desired/tenant.yaml",
    "desired/guests/guests.yaml",
    "desired/guests/links.yaml",
    "desired/guests/plan.yml",
    "desired/approved/fabrikam.yaml",
    "desired/notices/tailspin.yml",
    "README.md",
    ".gitignore",
    ".github/CODEOWNERS",
    "schemas/tenant.schema.json",
]

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Give an empty folder."""
    (tmp_path / "work").mkdir()
    return Shell(folder=tmp_path / "work")


def init(shell: Shell, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = shell.run("init", *arguments)
    assert done.returncode == code, done.stderr
    return done


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def state_of(folder: Path) -> str:
    """Hash every name below a folder, with its kind, mode, time and content."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
        digest.update(repr((path.as_posix(), found.st_mode, found.st_mtime_ns, content)).encode())
    return digest.hexdigest()


def uses_for(ci: str) -> list[str]:
    return [] if ci == "none" else ["--uses", USES]


@pytest.mark.parametrize("ci", CI_FILES)
def test_a_tenant(shell: Shell, ci: str) -> None:
    """For each CI system exactly its files are written and listed, the tree is valid, and import is next."""
    done = init(shell, "--tenant", TENANT, "--ci", ci, *uses_for(ci))
    expected = ALWAYS | TREE | CI_FILES[ci]
    assert files_of(shell.folder) == expected
    assert set(done.stdout.splitlines()) == expected
    assert done.stderr.splitlines()[-1] == "reconciler import"
    assert shell.run("import", "--help").returncode == 0
    validated = shell.run("validate")
    assert (validated.returncode, validated.stdout) == (0, "")
    assert "guests: []" in (shell.folder / "desired" / "guests" / "guests.yaml").read_text()
    for path in (shell.folder / "schemas").iterdir():
        assert path.read_bytes() == (PUBLISHED / path.name).read_bytes()


@pytest.mark.parametrize("ci", CI_FILES)
def test_a_trial(shell: Shell, ci: str) -> None:
    """With the emulator the sample is written as it is, and the command named next shows its changes."""
    done = init(shell, "--emulator", "--ci", ci, *uses_for(ci))
    assert files_of(shell.folder) == ALWAYS | SAMPLE | CI_FILES[ci]
    for path in SAMPLE_TREE.rglob("*.yaml"):
        written = shell.folder / "desired" / path.relative_to(SAMPLE_TREE)
        assert written.read_bytes() == path.read_bytes()
    assert shell.run("validate").returncode == 0
    program, *following = done.stderr.splitlines()[-1].split()
    assert program == "reconciler"
    planned = shell.run(*following)
    assert planned.returncode == 0, planned.stderr
    assert "EMULATOR" in planned.stdout
    assert "ana@fabrikam.example" in planned.stdout
    assert "ana.ruiz@fabrikam.example" in planned.stdout


def test_a_trial_with_another_id(shell: Shell) -> None:
    """--tenant gives the sample's tenant another id, in the tree and in the seed."""
    init(shell, "--emulator", "--tenant", TENANT.upper(), "--cloud", "emulator")
    assert TENANT != SAMPLE_TENANT
    assert SAMPLE_TENANT not in (shell.folder / "desired" / "tenant.yaml").read_text()
    planned = shell.run("plan")
    assert planned.returncode == 0, planned.stderr
    assert f"Plan for tenant {TENANT}" in planned.stdout
    assert "4 guests to change" in planned.stdout


@needs_git
def test_git_ignores_what_commands_write_and_no_guest(shell: Shell) -> None:
    """Plans, journals, links and notices stay out of git in any folder, files of guests never do."""
    init(shell, "--tenant", TENANT)
    git(shell.folder, "init", "--quiet")
    for path in (*IGNORED, *KEPT):
        (shell.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (shell.folder / path).touch()
    git(shell.folder, "add", "--all")
    added = set(git(shell.folder, "ls-files").splitlines())
    assert added & set(IGNORED) == set()
    assert set(KEPT) <= added
    shown = git(shell.folder, "check-ignore", *IGNORED).splitlines()
    assert shown == IGNORED


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], ["--tenant"]),
        (["--tenant", "contoso.onmicrosoft.com"], ["--tenant", "GUID"]),
        (["--tenant", f"{{{TENANT}}}"], ["--tenant", "GUID"]),
        (["--tenant", TENANT, "--ci", "github"], ["--uses OWNER/REPO@COMMIT"]),
        (["--tenant", TENANT, "--ci", "gitlab"], ["--uses OWNER/REPO@COMMIT"]),
        (["--emulator", "--ci", "azure"], ["--uses OWNER/REPO@COMMIT"]),
        (["--emulator", "--uses", "contoso/reconciler@v1"], ["--uses", "tag"]),
        (["--emulator", "--uses", "contoso/reconciler@main"], ["--uses", "branch"]),
        (["--emulator", "--uses", "contoso/reconciler@0123456"], ["--uses", "7 digits"]),
        (["--emulator", "--uses", "./"], ["--uses", "OWNER/REPOSITORY@COMMIT"]),
        (["--emulator", "--tenant", "contoso"], ["--tenant", "GUID"]),
        (["--emulator", "--cloud", "usgov"], ["--emulator", "--cloud"]),
        (["--emulator", "--admins", "@contoso/admins"], ["--admins"]),
        (
            ["--emulator", "--ci", "azure", "--uses", USES, "--admins", "@a"],
            ["--admins", "required reviewers"],
        ),
        (["--emulator", "--ci", "github", "--uses", USES, "--guest-owners", "@a"], ["--admins"]),
        (["--emulator", "--ci", "github", "--uses", USES, "--admins", "a b"], ["--admins", "one owner"]),
        (["--emulator", "--ci", "jenkins"], ["--ci"]),
    ],
)
def test_a_wrong_call_writes_nothing(shell: Shell, arguments: list[str], named: list[str]) -> None:
    """An option that is missing, malformed or in vain ends with 2, is named, and leaves the folder empty."""
    done = init(shell, *arguments, code=2)
    assert done.stdout == ""
    assert [each for each in named if each not in done.stderr] == []
    assert "Traceback" not in done.stderr
    assert files_of(shell.folder) == set()


def test_desired_is_no_option_of_it(shell: Shell) -> None:
    """The tree becomes DIR/desired, so --desired would have no effect, and is refused."""
    done = shell.run("--desired", "elsewhere", "init", "--emulator")
    assert done.returncode == 2
    assert "--desired" in done.stderr
    assert files_of(shell.folder) == set()


def test_everything_in_the_way_is_named_and_stays(shell: Shell) -> None:
    """Files, links, a file where a folder would be, and a tree are all named, and no byte is changed."""
    folder = shell.folder
    (folder / "README.md").write_text("mine")
    (folder / ".gitignore").symlink_to("nowhere")
    (folder / "schemas").write_text("a file")
    (folder / "desired" / "guests").mkdir(parents=True)
    (folder / "desired" / "tenant.yaml").write_text("mine")
    (folder / "desired" / "guests" / "adatum.yml").write_text("mine")
    (folder / "elsewhere").mkdir()
    (folder / ".github").symlink_to("elsewhere")
    before = state_of(folder)
    done = init(shell, "--tenant", TENANT, "--ci", "github", "--uses", USES, code=2)
    named = {
        ".github",
        ".gitignore",
        "README.md",
        "desired/guests/adatum.yml",
        "desired/tenant.yaml",
        "schemas",
    }
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("Error: target-exists"))
    assert set(line.partition("there already: ")[2].split(", ")) == named
    assert state_of(folder) == before


def test_a_second_run_changes_nothing(shell: Shell) -> None:
    """What the first run has written is in the way of the second, all of it."""
    init(shell, "--emulator", "--ci", "gitlab", "--uses", USES)
    before = state_of(shell.folder)
    done = init(shell, "--emulator", "--ci", "gitlab", "--uses", USES, code=2)
    for file in ALWAYS | SAMPLE | CI_FILES["gitlab"]:
        assert file in done.stderr
    assert state_of(shell.folder) == before


def test_what_else_is_there_stays(shell: Shell) -> None:
    """A repository with other files in it gets those of init beside them."""
    (shell.folder / "docs").mkdir()
    (shell.folder / "docs" / "notes.md").write_text("mine")
    (shell.folder / "desired").mkdir()
    init(shell, "--tenant", TENANT)
    assert files_of(shell.folder) == ALWAYS | TREE | {"docs/notes.md"}


def test_a_folder_is_made_with_those_above_it(shell: Shell) -> None:
    """DIR need not exist; the message says where the next command has its place."""
    done = init(shell, "a/b/guests", "--tenant", TENANT)
    assert files_of(shell.folder / "a" / "b" / "guests") == ALWAYS | TREE
    assert "a/b/guests" in done.stderr.splitlines()[-2]


def test_a_folder_that_cannot_be_made(shell: Shell) -> None:
    """A file above the folder is named; nothing is left behind."""
    (shell.folder / "file").write_text("mine")
    done = init(shell, "new/../file/guests", "--tenant", TENANT, code=2)
    assert "file/guests cannot be made: something else is there" in done.stderr
    assert files_of(shell.folder) == {"file"}
    assert not (shell.folder / "new").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this account may write everywhere")
def test_a_folder_that_cannot_be_written(shell: Shell) -> None:
    """No right to write ends with 2, and without a file."""
    shell.folder.chmod(0o500)
    try:
        done = init(shell, "--tenant", TENANT, code=2)
    finally:
        shell.folder.chmod(0o700)
    assert "file-unusable" in done.stderr
    assert files_of(shell.folder) == set()


@needs_git
def test_a_dry_run_is_a_patch(shell: Shell) -> None:
    """The diff, given to git apply, makes the same files, and the dry run itself makes none."""
    arguments = ("--tenant", TENANT, "--ci", "github", "--uses", USES)
    dry = init(shell, *arguments, "--dry-run")
    assert files_of(shell.folder) == set()
    assert "Nothing was written" in dry.stderr
    subprocess.run(["git", "apply"], cwd=shell.folder, input=dry.stdout, text=True, check=True)
    init(shell, "other", *arguments)
    other = shell.folder / "other"
    assert files_of(other) == ALWAYS | TREE | CI_FILES["github"]
    for file in files_of(other):
        assert (shell.folder / file).read_bytes() == (other / file).read_bytes()


def test_a_dry_run_refuses_what_a_run_refuses(shell: Shell) -> None:
    """What is in the way is named by a dry run too."""
    (shell.folder / "README.md").write_text("mine")
    assert "README.md" in init(shell, "--emulator", "--dry-run", code=2).stderr


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_json(shell: Shell, dry: list[str]) -> None:
    """Programs get the files, what is to be done, and the next command."""
    done = init(shell, "--tenant", TENANT, "--ci", "github", "--uses", USES, "--format", "json", *dry)
    document = json.loads(done.stdout)
    assert set(document["files"]) == ALWAYS | TREE | CI_FILES["github"]
    assert document["written"] == (not dry)
    assert document["next"] == "reconciler import"
    assert [line for line in document["toDo"] if ".github/CODEOWNERS" in line]
    assert ("diff" in document) == bool(dry)


def test_owners_are_written_and_nothing_is_to_be_done(shell: Shell) -> None:
    """With owners given, CODEOWNERS names them; without, the command says that it is to be done."""
    arguments = ("--tenant", TENANT, "--ci", "github", "--uses", USES)
    owners = ("--admins", "@contoso/identity-admins", "--guest-owners", "@contoso/guest-owners")
    done = init(shell, "named", *arguments, *owners)
    assert "To do" not in done.stderr
    lines = (shell.folder / "named" / ".github" / "CODEOWNERS").read_text().splitlines()
    assert lines[0].split() == ["*", "@contoso/identity-admins"]
    assert "To do: put your owners into .github/CODEOWNERS" in init(shell, "unnamed", *arguments).stderr


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_modes_follow_the_umask(shell: Shell) -> None:
    """Files are what an editor would make them: never executable, and readable as the umask allows."""
    for umask, mode in (("022", 0o644), ("077", 0o600)):
        script = f'umask {umask}; exec "$@"'
        command = [sys.executable, "-m", "reconciler", "init", umask, "--emulator"]
        subprocess.run(
            ["sh", "-c", script, "sh", *command], cwd=shell.folder, check=True, capture_output=True
        )
        paths = [path for path in (shell.folder / umask).rglob("*") if path.is_file()]
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {mode}


RECORDER = """
import sys
def _record(event, arguments):
    if event.startswith("socket.") and event not in {"socket.gethostname"}:
        with open(__file__ + ".events", "a") as opened:
            opened.write(event + "\\n")
sys.addaudithook(_record)
"""


def test_no_request_leaves(shell: Shell, tmp_path: Path) -> None:
    """Python makes no socket and looks up no name; that planning does both shows that it would be seen."""
    recorder = tmp_path / "hook" / "sitecustomize.py"
    recorder.parent.mkdir()
    recorder.write_text(RECORDER)
    events = recorder.with_name("sitecustomize.py.events")
    path = os.pathsep.join([str(recorder.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    shell.environment["PYTHONPATH"] = path
    init(shell, "--emulator", "--ci", "github", "--uses", USES)
    init(shell, "other", "--tenant", TENANT)
    assert not events.exists()
    assert shell.run("plan").returncode == 0
    assert "socket." in events.read_text()


def test_an_emulator_of_ones_own_is_to_be_done(shell: Shell) -> None:
    """A tree for an emulator without a seed is valid; what it lacks is said, and that --emulator has it."""
    done = init(shell, "--tenant", TENANT, "--cloud", "emulator")
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("To do: "))
    assert "RECONCILER_GRAPH_URL" in line
    assert "--emulator" in line
    assert shell.run("validate").returncode == 0
