"""What an adopter chooses: the tenant, the CI system, the version of the product, and owners."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reconciler.model import Cloud, TenantId
from reconciler.scaffold.source import Source

# Source: https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
# Source: https://docs.gitlab.com/user/project/codeowners/reference/
_OWNER: Final = re.compile(
    r"@[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?(?:/[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)*"
    r"|[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
)


class CI(StrEnum):
    """The system that plans and applies what is merged."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE = "azure"
    NONE = "none"


OWNED: Final = (CI.GITHUB, CI.GITLAB)
"""Systems that read a file of owners; Azure DevOps has policies of the branch instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Owners as the file for them names them: `@user`, `@organization/team`, `@group`, or an address."""

    administrators: str
    guests: str | None = None
    """The owners of `desired/`, without `tenant.yaml`; `None` for the administrators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The values that differ from one adopter to the next."""

    tenant: TenantId | None
    """`None` for the sample tenant, which lives in the embedded emulator."""

    sample_tenant: TenantId | None = None
    """The id that the sample's tenant gets instead of its own; looked at for the sample tenant only."""

    cloud: Cloud = Cloud.GLOBAL
    """Of the tenant; not looked at for the sample tenant."""

    ci: CI = CI.NONE

    source: Source | None = None
    """`None` with `CI.NONE` only."""

    owners: Owners | None = None
    """`None` where they are not known yet: their file then names an owner who cannot exist."""


def owner_flaw(text: str) -> str | None:
    """Return why a text is no owner in the form of GitHub or GitLab, or `None`."""
    if _OWNER.fullmatch(text):
        return None
    return "must be one owner: @user, @organization/team, @group, or an e-mail address"
