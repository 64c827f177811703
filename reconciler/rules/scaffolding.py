"""The rules of the command that writes a repository's first files."""

from types import MappingProxyType
from typing import Final

from reconciler.rules.description import Severity, Table, Text, Where, described
from reconciler.rules.ids import Rule

SCAFFOLDING: Final[Table] = MappingProxyType(
    described(
        Severity.ERROR,
        (Where.INIT,),
        {
            Rule.OPTION_MISSING: Text(
                meaning="An option is missing that the others, or a run without a terminal, ask for.",
                remedy="give the option that the message names",
            ),
            Rule.OPTION_CONFLICT: Text(
                meaning="Two options contradict each other, or one has no effect beside the others.",
                remedy="leave one of them out",
            ),
            Rule.TENANT_FORM: Text(
                meaning="`--tenant` is no GUID.",
                remedy="give the tenant's id, which az account show --query tenantId prints",
            ),
            Rule.SOURCE_FORM: Text(
                meaning="`--uses` names no repository on GitHub with a whole commit: a tag or a branch can "
                "be moved to other code.",
                remedy="give OWNER/REPOSITORY@COMMIT with the 40 hexadecimal digits of a commit",
            ),
            Rule.OWNER_FORM: Text(
                meaning="An owner is written in no form that GitHub or GitLab knows.",
                remedy="give @user, @organization/team, @group, or an e-mail address",
            ),
            Rule.TARGET_EXISTS: Text(
                meaning="Files that would be written are there already, or a tree is; nothing was written.",
                remedy="name a new folder, and take from there what you need",
            ),
        },
    )
)
