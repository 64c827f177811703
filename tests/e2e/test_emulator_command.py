"""`reconciler emulator` as a person starts it: it says where it is, serves, and stops when told."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from azure.identity import ClientSecretCredential

from tests.e2e.shell import COMMAND, Shell, clean_environment

_TOKEN = {"authorization": "Bearer emulator"}
_TENANT = "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10"
_CLIENT = "0c3e5a7b-1111-4222-8333-444455556666"


@dataclass(frozen=True, kw_only=True)
class Serving:
    """The command while it serves."""

    root: str
    process: subprocess.Popen[str]

    def authority(self) -> str:
        """Read on stderr where tokens are issued."""
        assert self.process.stderr is not None
        found = next(re.search(r"https://\S+", line) for line in self.process.stderr if "tokens" in line)
        assert found
        return found.group().rstrip(",")


@contextmanager
def _serving(shell: Shell, *options: str) -> Iterator["Serving"]:
    """Run the command on a free port; give its root; stop it, and check that it ended well."""
    process = subprocess.Popen(
        [COMMAND, "emulator", "--port", "0", *options],
        cwd=shell.folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        root = process.stdout.readline().strip()
        try:
            yield Serving(root=root, process=process)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0


def _users(root: str) -> int:
    answer = httpx.get(f"{root}/v1.0/users?$top=999", headers=_TOKEN, trust_env=False)
    return len(answer.json()["value"])


def test_the_sample_tenant_is_served(shell: Shell) -> None:
    """Without options the seed of the desired tree is served, and the command line can use it."""
    with _serving(shell) as serving:
        assert _users(serving.root) > 8
        assert shell.run("plan", RECONCILER_GRAPH_URL=serving.root).returncode == 0


def test_the_state_outlives_the_process(shell: Shell) -> None:
    """With --state, what was applied is still there when the emulator is started again."""
    with _serving(shell, "--state", "tenant.sqlite") as serving:
        applied = shell.run("apply", "--auto-approve", RECONCILER_GRAPH_URL=serving.root)
        assert applied.returncode == 0, applied.stderr
    with _serving(shell, "--state", "tenant.sqlite") as serving:
        planned = shell.run("plan", "--detailed-exitcode", RECONCILER_GRAPH_URL=serving.root)
        assert planned.returncode == 0


def test_another_seed_can_be_named(shell: Shell) -> None:
    """--seed takes any file; a broken one is told with place and rule."""
    (shell.folder / "empty.yaml").write_text("guests: []\n")
    with _serving(shell, "--seed", "empty.yaml") as serving:
        assert _users(serving.root) == 0
    (shell.folder / "broken.yaml").write_text("guests: {}\n")
    assert shell.run("emulator", "--seed", "broken.yaml").returncode == 3


def test_tokens_are_issued_over_tls(shell: Shell) -> None:
    """With --certificates azure-identity gets a token there, which opens what its application may do."""
    seed = shell.folder / "desired" / "emulator.yaml"
    permissions = "[User.Read.All, Organization.Read.All, Policy.Read.All]"
    application = f"{{name: plan, clientId: {_CLIENT}, secret: not a real one, permissions: {permissions}}}"
    seed.write_text(f"{seed.read_text()}\napplications:\n  - {application}\n")
    pem = shell.folder / "ca.pem"
    with _serving(shell, "--certificates", str(pem)) as serving:
        credential = ClientSecretCredential(
            _TENANT,
            _CLIENT,
            "not a real one",
            authority=serving.authority(),
            disable_instance_discovery=True,
            connection_verify=str(pem),
        )
        with credential:
            token = credential.get_token("https://graph.microsoft.com/.default").token
        access = {"RECONCILER_GRAPH_URL": serving.root, "RECONCILER_GRAPH_TOKEN": token}
        planned = shell.run("plan", "--format", "json", **access)
        applied = shell.run("apply", "--auto-approve", **access)

    plan = json.loads(planned.stdout)
    assert plan["complete"] is False, "the application may not read who holds a role"
    assert "RoleManagement.Read.Directory" in str(plan["warnings"])
    assert applied.returncode == 7
    assert "User.ReadWrite.All" in applied.stdout


def test_faults_can_be_named(shell: Shell) -> None:
    """--faults makes the served tenant misbehave as the file says."""
    (shell.folder / "faults.yaml").write_text("rules:\n  - {on: GET /users, do: fail, status: 503}\n")
    with _serving(shell, "--faults", "faults.yaml") as serving:
        answer = httpx.get(f"{serving.root}/v1.0/users", headers=_TOKEN, trust_env=False)
    assert answer.status_code == 503


def test_faults_can_turn_switches_of_a_kept_state(shell: Shell) -> None:
    """The switches of the --faults file are turned over what --state keeps."""
    with _serving(shell, "--state", "tenant.sqlite"):
        pass
    (shell.folder / "faults.yaml").write_text("switches: {allowInvitesFrom: none}\n")
    with _serving(shell, "--state", "tenant.sqlite", "--faults", "faults.yaml") as serving:
        url = f"{serving.root}/v1.0/policies/authorizationPolicy"
        policy = httpx.get(url, headers=_TOKEN, trust_env=False).json()
    assert policy["allowInvitesFrom"] == "none"


def test_a_broken_fault_plan_is_told_as_one(shell: Shell) -> None:
    """A fault plan with a mistake is exit 3, with the place, and speaks of that file."""
    (shell.folder / "faults.yaml").write_text("rules:\n  - {do: cut-body, where: before}\n")
    refused = shell.run("emulator", "--faults", "faults.yaml")
    assert refused.returncode == 3
    assert "faults.yaml:2" in refused.stderr
    assert "the fault plan faults.yaml has 1 problem" in refused.stderr
    assert "desired state" not in refused.stderr


@pytest.mark.parametrize("option", [["--port", "70000"], ["--state", "desired"], ["--faults", "missing"]])
def test_unusable_options_are_refused(shell: Shell, option: list[str]) -> None:
    """A port that is none, or a file that is not there, is wrong usage."""
    assert shell.run("emulator", *option).returncode == 2


def test_a_state_that_is_no_file_is_refused(shell: Shell) -> None:
    """A device or a folder never becomes a database, and nobody is advised to delete it."""
    (shell.folder / "link").symlink_to("/dev/null")
    for state in ("/dev/null", "link", "desired"):
        done = shell.run("emulator", "--port", "0", "--state", state)
        assert done.returncode == 2
        assert "delete" not in done.stderr
    assert Path("/dev/null").is_char_device()


def test_a_certificate_goes_where_a_link_or_a_device_leads(shell: Shell) -> None:
    """The certificate to trust is written through links and devices, and replaces none."""
    link = shell.folder / "link.pem"
    link.symlink_to("real.pem")
    for certificates in ("link.pem", "/dev/null"):
        with _serving(shell, "--certificates", certificates):
            pass
    assert link.is_symlink()
    assert (shell.folder / "real.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert Path("/dev/null").is_char_device()
