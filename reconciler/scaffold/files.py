"""Which files an adopter's repository begins with, and what stands in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, assert_never

from jinja2 import Environment, PackageLoader, StrictUndefined

from reconciler.desired.changes import FileChange
from reconciler.scaffold.choices import CI, OWNED, Choices, Owners

ADMINISTRATORS: Final = "@-your-organization-/identity-admins"
"""Stands where no owner is known yet. No name begins with a hyphen: every system calls it an error."""

_SCHEMAS: Final = ("guests", "tenant")
_SEED_SCHEMA: Final = "emulator"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageData:
    """Files of the package that are written as they are."""

    schemas: Mapping[str, bytes]
    """By name, such as `tenant.schema.json`."""

    sample: Mapping[str, bytes]
    """The tree of the sample, with the seed of its tenant, by path relative to it."""

    sample_tenant: str
    """The id of that tenant, wherever the files of the sample spell it."""


def new_files(choices: Choices, data: PackageData) -> tuple[FileChange, ...]:
    """Return the files of a repository, sorted, by their paths relative to it."""
    return tuple(
        sorted(
            FileChange(file=file, before=None, after=content)
            for part in (_tree(choices, data), _schemas(choices, data), _around(choices))
            for file, content in part
        )
    )


def _tree(choices: Choices, data: PackageData) -> Iterator[tuple[str, bytes]]:
    if choices.tenant is None:
        own = data.sample_tenant.encode()
        given = (choices.sample_tenant or data.sample_tenant).encode()
        yield from ((f"desired/{file}", content.replace(own, given)) for file, content in data.sample.items())
        return
    for file in ("tenant.yaml", "guests/guests.yaml"):
        yield f"desired/{file}", _rendered(f"desired/{file}", choices)


def _schemas(choices: Choices, data: PackageData) -> Iterator[tuple[str, bytes]]:
    for name in (*_SCHEMAS, *((_SEED_SCHEMA,) if choices.tenant is None else ())):
        file = f"{name}.schema.json"
        yield f"schemas/{file}", data.schemas[file]


def _around(choices: Choices) -> Iterator[tuple[str, bytes]]:
    yield ".gitignore", _rendered("gitignore", choices)
    yield "README.md", _rendered("README.md", choices)
    if choices.ci in OWNED:
        yield f".{choices.ci}/CODEOWNERS", _rendered("CODEOWNERS", choices)
    for file, template in _ci_files(choices.ci).items():
        yield file, _rendered(template, choices)


def _ci_files(ci: CI) -> Mapping[str, str]:
    """Return the template of each file by its path."""
    match ci:
        case CI.GITHUB:
            return {
                f".github/workflows/{name}.yml": f"github/{name}.yml" for name in ("apply", "drift", "plan")
            }
        case CI.GITLAB:
            return {".gitlab-ci.yml": "gitlab/gitlab-ci.yml"}
        case CI.AZURE:
            return {"azure-pipelines.yml": "azure/azure-pipelines.yml"}
        case CI.NONE:
            return {}
        case _ as unknown:
            assert_never(unknown)


def _rendered(template: str, choices: Choices) -> bytes:
    values: dict[str, object] = {
        "tenant": choices.tenant,
        "cloud": choices.cloud.value,
        "ci": choices.ci.value,
        "emulator": choices.tenant is None,
        "owners": choices.owners or Owners(administrators=ADMINISTRATORS),
        "owners_known": choices.owners is not None,
        "source": choices.source,
    }
    return _environment().get_template(template).render(values).encode()


@cache
def _environment() -> Environment:
    """Prepare the templates. Their marks are brackets: braces belong to GitHub's expressions and shells."""
    return Environment(
        loader=PackageLoader("reconciler.scaffold"),
        autoescape=False,  # noqa: S701 - YAML and Markdown; each value has passed the check of its form
        undefined=StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
