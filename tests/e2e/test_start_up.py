"""What a command imports before it does anything, because that is what makes people wait."""

import subprocess
import sys

import pytest

from tests.e2e.shell import Shell, clean_environment

_MICROSOFT = ("msgraph", "azure", "kiota", "httpx")


def _imported(shell: Shell, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "reconciler", *arguments],
        cwd=shell.folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    lines = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line)
    return {name.partition(".")[0].partition("_")[0] for name in lines}


@pytest.mark.parametrize("arguments", [["validate"], ["--help"]])
def test_what_needs_no_directory_does_not_import_microsofts_sdk(shell: Shell, arguments: list[str]) -> None:
    """Validating and asking for help load neither the SDK nor azure-identity."""
    imported = _imported(shell, *arguments)

    assert "reconciler" in imported
    assert imported.isdisjoint(_MICROSOFT)
