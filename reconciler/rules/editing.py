"""The rules of the commands that edit the files of a desired tree."""

from types import MappingProxyType
from typing import Final

from reconciler.rules.description import Severity, Table, Text, Where, described
from reconciler.rules.ids import Rule

EDITING: Final[Table] = MappingProxyType(
    {
        **described(
            Severity.ERROR,
            (Where.IMPORT, Where.SET_EMAIL, Where.PRUNE),
            {
                Rule.LAYOUT: Text(
                    meaning="The file is written in a way that cannot be edited by position: an anchor, an "
                    "alias, a merge key, a value over several lines, or a list among other text.",
                    remedy="write it on a line of its own as plain or quoted text, or edit it by hand",
                ),
            },
        ),
        **described(
            Severity.ERROR,
            (Where.SET_EMAIL, Where.PRUNE),
            {
                Rule.NOT_DECLARED: Text(
                    meaning="No entry of the tree is about the guest who was named.",
                    remedy="bring the guest under the tree first: reconciler import; or correct the name",
                ),
                Rule.AMBIGUOUS_GUEST: Text(
                    meaning="The address that was named is the live `mail` of several declared guests.",
                    remedy="name the guest by object id",
                ),
            },
        ),
        **described(
            Severity.ERROR,
            (Where.SET_EMAIL,),
            {
                Rule.SET_EMAIL_FORM: Text(
                    meaning="The arguments and options of `set-email` do not fit together.",
                    remedy="give WHO and EMAIL, or --from FILE, or --domain OLD --to NEW",
                ),
                Rule.DOMAIN_FORM: Text(
                    meaning="A domain of `--domain` or `--to` is none, or both are the same.",
                    remedy="give two different domain names such as fabrikam.example, without @",
                ),
                Rule.RAISE_FORM: Text(
                    meaning="`--raise-until` is no day to come, or one of it and `--reason` is missing.",
                    remedy="give both: --raise-until YYYY-MM-DD --reason TEXT",
                ),
                Rule.ROWS_UNREADABLE: Text(
                    meaning="The list of `--from` cannot be read.",
                    remedy="name a CSV file, or - for stdin",
                ),
                Rule.ROWS_FORM: Text(
                    meaning="The list of `--from` is not a CSV file of the form that is read.",
                    remedy="begin with the line id,email or from,to, and give each row two cells",
                ),
                Rule.GIVEN_TWICE: Text(
                    meaning="Two rows of the list are about the same guest.",
                    remedy="keep one row for each guest",
                ),
            },
        ),
        **described(
            Severity.REFUSAL,
            (Where.PRUNE,),
            {
                Rule.PRUNE_LIMIT: Text(
                    meaning="`prune` would remove more than `policy.maxChangePercent` of all entries, or all "
                    "entries of a file.",
                    remedy="look at the list; if these guests are really gone, repeat with --yes",
                ),
            },
        ),
        **described(
            Severity.ERROR,
            (Where.PRUNE,),
            {
                Rule.GUEST_NOT_READ: Text(
                    meaning="A guest or the deleted users could not be read, so it is not known who is gone.",
                    remedy="put right what the message names, and prune again",
                ),
            },
        ),
        **described(
            Severity.REFUSAL,
            (Where.INIT, Where.IMPORT, Where.SET_EMAIL, Where.PRUNE),
            {
                Rule.FILE_CHANGED: Text(
                    meaning="A file of the tree changed while the command worked, so nothing was written.",
                    remedy="run the command again",
                ),
            },
        ),
    }
)
