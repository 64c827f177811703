"""What `init` writes, as contents of files, without a folder."""

from collections.abc import Mapping
from typing import Final

from reconciler.model import TenantId
from reconciler.sample import SAMPLE_TENANT, SAMPLE_TREE
from reconciler.scaffold import CI, Choices, Owners, PackageData, Source, new_files
from reconciler.schemas import PUBLISHED

TENANT: Final = TenantId("7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10")
SOURCE: Final = Source(repository="contoso/reconciler", commit="0123456789abcdef" * 2 + "01234567")
OWNERS: Final = Owners(administrators="@contoso/identity-admins", guests="@contoso/guest-owners")

DATA: Final = PackageData(
    schemas={path.name: path.read_bytes() for path in PUBLISHED.iterdir()},
    sample={
        path.relative_to(SAMPLE_TREE).as_posix(): path.read_bytes() for path in SAMPLE_TREE.rglob("*.yaml")
    },
    sample_tenant=SAMPLE_TENANT,
)


def scaffolded(ci: CI, *, emulator: bool = False, source: Source = SOURCE) -> Mapping[str, str]:
    """Give the files of a repository by their paths."""
    owners = OWNERS if ci in {CI.GITHUB, CI.GITLAB} else None
    choices = Choices(tenant=None if emulator else TENANT, ci=ci, source=source, owners=owners)
    return {change.file: change.after.decode() for change in new_files(choices, DATA)}


CI_FILES: Final = {
    CI.GITHUB: tuple(f".github/workflows/{name}.yml" for name in ("apply", "drift", "plan")),
    CI.GITLAB: (".gitlab-ci.yml",),
    CI.AZURE: ("azure-pipelines.yml",),
}
"""The files that a system runs."""
