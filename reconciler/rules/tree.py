"""The rules a desired tree can break. Their remedies are the hints that problems are printed with."""

from types import MappingProxyType
from typing import Final

from reconciler.rules.description import Severity, Table, Text, Where, described
from reconciler.rules.ids import Rule

PROBLEMS: Final[Table] = MappingProxyType(
    described(
        Severity.PROBLEM,
        (Where.VALIDATE, Where.IMPORT, Where.SET_EMAIL, Where.PRUNE, Where.PLAN, Where.APPLY),
        {
            # The folder.
            Rule.NO_TREE: Text(
                meaning="The folder of the desired tree cannot be read.",
                remedy="give the folder that holds tenant.yaml with --desired DIR, or write a new tree with "
                "reconciler init",
            ),
            Rule.MISSING_TENANT: Text(
                meaning="The desired tree has no `tenant.yaml`.",
                remedy="put a tenant.yaml with the key tenantId at the root of the tree",
            ),
            Rule.UNREADABLE: Text(
                meaning="A file or folder of the tree cannot be read.",
                remedy="make it readable for the account that runs this",
            ),
            Rule.SYMBOLIC_LINK: Text(
                meaning="A symbolic link stands in the tree.",
                remedy="put the file itself here: links are not followed",
            ),
            Rule.GIT_REPOSITORY: Text(
                meaning="The tree holds what git takes for a repository: `HEAD`, `objects` or `refs` at its "
                "root, or the three together in a folder. Whoever runs git there would run what its "
                "configuration says.",
                remedy="remove these files; nothing that the tree declares has such a name",
            ),
            Rule.NOT_A_FILE: Text(
                meaning="Something in the tree is neither a regular file nor a folder.",
                remedy="keep only regular files and folders in the tree",
            ),
            Rule.FILE_NAME: Text(
                meaning="The name of a file holds a colon or a character that cannot be shown.",
                remedy="use letters, digits, dots, hyphens and underscores in names of files and folders",
            ),
            Rule.TOO_LARGE: Text(
                meaning="A file or the whole tree is larger than what is read.",
                remedy="split it into smaller files",
            ),
            # YAML.
            Rule.ENCODING: Text(
                meaning="The file is not UTF-8, or holds a control character.",
                remedy="save the file as UTF-8 without control characters",
            ),
            Rule.HIDDEN_LINE_BREAK: Text(
                meaning="A character ends a line for a YAML parser and for no diff, so a reviewer would take "
                "for a comment what is read as a key: U+0085, U+2028, U+2029, or a carriage return without a "
                "line feed.",
                remedy="end the line with a line feed, or remove the character",
            ),
            Rule.HIDDEN_CHARACTER: Text(
                meaning="A character shows nothing, or changes the direction of writing, where no script "
                "needs it, so a reviewer cannot see what the file says.",
                remedy="remove the character; in quotation marks an escape such as \\u200B shows it",
            ),
            Rule.SYNTAX: Text(
                meaning="The file is not YAML from here on.",
                remedy="correct the YAML here; the rest of the file was not checked",
            ),
            Rule.TAG: Text(
                meaning="A YAML tag stands before a value.",
                remedy="remove the tag: values are read as plain data",
            ),
            Rule.ALIAS: Text(
                meaning="A YAML anchor or alias stands in the file.",
                remedy="write the value out: anchors and aliases are not read",
            ),
            Rule.DUPLICATE_KEY: Text(
                meaning="A mapping holds the same key twice.",
                remedy="keep one of the two",
            ),
            Rule.KEY_NOT_TEXT: Text(
                meaning="A list or a mapping stands where a key is expected.",
                remedy="use plain text as the key",
            ),
            Rule.TOO_DEEP: Text(
                meaning="Values are nested deeper than what is read.",
                remedy="remove the nesting; the rest of the file was not checked",
            ),
            Rule.SECOND_DOCUMENT: Text(
                meaning="A second YAML document begins in the file.",
                remedy="move what follows '---' to a file of its own",
            ),
            Rule.TOO_MANY_PROBLEMS: Text(
                meaning="There are more problems than are listed.",
                remedy="correct the others first; the rest was not checked",
            ),
            # The schema.
            Rule.UNKNOWN_KEY: Text(
                meaning="The schema does not know this key.",
                remedy="remove it",
            ),
            Rule.MISSING_KEY: Text(
                meaning="A key that the schema requires is missing.",
                remedy="add it",
            ),
            Rule.WRONG_TYPE: Text(
                meaning="The value is of another type than the schema wants.",
                remedy="write what the message says is expected there",
            ),
            Rule.NOT_ALLOWED: Text(
                meaning="The value is not one of those that the schema lists.",
                remedy="use one of the values listed",
            ),
            Rule.WRONG_FORM: Text(
                meaning="The text does not have the form that the schema wants.",
                remedy="correct the value",
            ),
            Rule.OUT_OF_RANGE: Text(
                meaning="The number lies outside the limits of the schema.",
                remedy="use a number within the limits",
            ),
            Rule.TOO_MANY_ITEMS: Text(
                meaning="The list is longer than the schema allows.",
                remedy="shorten the list",
            ),
            # Values.
            Rule.ADDRESS: Text(
                meaning="Microsoft Graph would refuse the address in an invitation.",
                remedy="use an address that Microsoft Graph can invite",
            ),
            Rule.MARKER_ADDRESS: Text(
                meaning="The address reads as the marker of an unfinished change.",
                remedy="use another address: nobody can sign in with a marker",
            ),
            Rule.DATE: Text(
                meaning="The text is not a day.",
                remedy="write a day that exists as YYYY-MM-DD, such as 2026-12-31",
            ),
            Rule.INSTANT: Text(
                meaning="The text is not an instant with a time zone.",
                remedy="write an instant with its time zone, such as 2026-11-20T09:00:00Z",
            ),
            Rule.FUTURE_RESET: Text(
                meaning="`resetAfter` lies in the future.",
                remedy="write when the home account was created anew, or now: a moment that has passed, such "
                "as 2026-11-20T09:00:00Z; a reset cannot be ordered in advance",
            ),
            Rule.EMAIL_IN_ALTERNATES: Text(
                meaning="`alternateEmails` holds the `email` of the same guest.",
                remedy="remove it from the list: email always belongs to the other mails",
            ),
            # The tree as a whole.
            Rule.DUPLICATE_ID: Text(
                meaning="Two entries declare the same object id.",
                remedy="keep one entry for each guest",
            ),
            Rule.DUPLICATE_ADDRESS: Text(
                meaning="The same address is declared twice.",
                remedy="give each address to one guest only, and once",
            ),
        },
    )
)
