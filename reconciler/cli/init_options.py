"""The options of `reconciler init`, from text to choices: each in its form, and none that has no effect."""

from typing import Final

import click

from reconciler.errors import UsageError
from reconciler.graph.guids import GUID
from reconciler.model import Cloud, TenantId
from reconciler.rules import Rule
from reconciler.scaffold import CI, OWNED, Choices, Owners, Source, SourceFlaw, owner_flaw, parse_source

_FIND_TENANT: Final = "az account show --query tenantId --output tsv prints it"


def chosen(
    *,
    tenant: str | None,
    cloud: str | None,
    ci: str,
    uses: str | None,
    admins: str | None,
    guest_owners: str | None,
    emulator: bool,
    terminal: bool,
) -> Choices:
    """Return what the options say; without `--tenant` a terminal is asked. Raises `UsageError`."""
    system = CI(ci)
    source = _source(uses, system)
    owners = _owners(admins, guest_owners, system)
    if emulator:
        _check_cloud_of_sample(cloud)
        renamed = None if tenant is None else _tenant(tenant, terminal=False)
        return Choices(tenant=None, sample_tenant=renamed, ci=system, source=source, owners=owners)
    found = _tenant(tenant, terminal=terminal)
    return Choices(tenant=found, cloud=Cloud(cloud or Cloud.GLOBAL), ci=system, source=source, owners=owners)


def _source(uses: str | None, ci: CI) -> Source | None:
    if uses is None:
        if ci is CI.NONE:
            return None
        raise UsageError(
            f"--ci {ci} needs --uses: which version of the product the CI files run",
            rule=Rule.OPTION_MISSING,
            hint="give --uses OWNER/REPO@COMMIT: the product's repository on GitHub, and the 40 hexadecimal "
            "digits of a commit that you trust (git rev-parse HEAD in a clone of it)",
        )
    try:
        return parse_source(uses)
    except SourceFlaw as flaw:
        raise UsageError(f"--uses {uses} {flaw}", rule=Rule.SOURCE_FORM) from flaw


def _owners(admins: str | None, guests: str | None, ci: CI) -> Owners | None:
    for option, owner in (("--admins", admins), ("--guest-owners", guests)):
        if owner is None:
            continue
        if ci not in OWNED:
            raise UsageError(
                f"{option} has no effect with --ci {ci}, which reads no file of owners",
                rule=Rule.OPTION_CONFLICT,
                hint="make them required reviewers of the main branch"
                if ci is CI.AZURE
                else "give --ci github or --ci gitlab, or leave it out",
            )
        flaw = owner_flaw(owner)
        if flaw is not None:
            raise UsageError(f"{option} {owner} {flaw}", rule=Rule.OWNER_FORM)
    if admins is None and guests is not None:
        raise UsageError(
            "--guest-owners needs --admins, who own everything else",
            rule=Rule.OPTION_MISSING,
            hint="give --admins OWNER too",
        )
    return None if admins is None else Owners(administrators=admins, guests=guests)


def _check_cloud_of_sample(cloud: str | None) -> None:
    if cloud not in {None, Cloud.EMULATOR}:
        raise UsageError(
            f"--emulator and --cloud {cloud} contradict each other: the sample lives in the emulator",
            rule=Rule.OPTION_CONFLICT,
            hint="leave --emulator or --cloud out",
        )


def _tenant(given: str | None, *, terminal: bool) -> TenantId:
    if given is None:
        if not terminal:
            raise UsageError(
                "which tenant? There is no terminal to ask, and no --tenant",
                rule=Rule.OPTION_MISSING,
                hint=f"give --tenant GUID ({_FIND_TENANT}), or --emulator for a sample",
            )
        return TenantId(click.prompt("Id of the Entra tenant", value_proc=_asked, err=True))
    if not GUID.fullmatch(given):
        raise UsageError(
            f"--tenant {given} is no GUID of the form 8-4-4-4-12 hexadecimal digits",
            rule=Rule.TENANT_FORM,
            hint=f"give the tenant's id: {_FIND_TENANT}",
        )
    return TenantId(given.lower())


def _asked(answer: str) -> str:
    """Return an answer that is a GUID, in lower case; click asks again after another one."""
    if not GUID.fullmatch(answer.strip()):
        raise click.BadParameter(f"this is no GUID; {_FIND_TENANT}")
    return answer.strip().lower()
