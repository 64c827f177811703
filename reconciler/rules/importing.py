"""The rules of an import beside those that it shares with plans and trees."""

from types import MappingProxyType
from typing import Final

from reconciler.rules.description import Severity, Table, Text, Where, described
from reconciler.rules.ids import Rule

ALSO_IN_IMPORT: Final = frozenset(
    {
        Rule.GUEST_DISABLED,
        Rule.HALF_DONE,
        Rule.HOLDS_ROLE,
        Rule.NO_MAIL,
        Rule.NOT_B2B,
        Rule.NOT_CHECKED,
        Rule.ODD_GUEST,
        Rule.ON_PREMISES_SYNCED,
    }
)
"""The rules of other tables that an import gives as the reason of a guest's place, or ends with."""

IMPORTING: Final[Table] = MappingProxyType(
    {
        **described(
            Severity.REFUSAL,
            (Where.IMPORT,),
            {
                Rule.IMPORT_TOO_LARGE: Text(
                    meaning="The tree would have more guests, files or bytes than can be read again.",
                    remedy="import some of the domains (--domain), or all in few files (--group-by none)",
                ),
            },
        ),
        **described(
            Severity.WARNING,
            (Where.IMPORT,),
            {
                Rule.ALREADY_DECLARED: Text(
                    meaning="The tree declares the guest, so no entry was added.",
                    remedy="nothing to do: plan shows whether entry and directory agree",
                ),
                Rule.MANAGEMENT_RESTRICTED: Text(
                    meaning="The guest is in a restricted administrative unit, so Microsoft refuses writes "
                    "of everybody but its own administrators.",
                    remedy="have the guest taken out of the unit for the time of the change",
                ),
                Rule.MAY_SIGN_IN_AS: Text(
                    meaning="`mail` may have been edited by hand without a reset, so that another address "
                    "still signs in. A hint, no proof: an identity shows another address, or the user "
                    "principal name spells one and the state has not changed since soon after the guest was "
                    "created. No plan acts on it.",
                    remedy="ask the person, or see the sign-in log; then: reconciler set-email WHO --reset",
                ),
                Rule.ALTERNATES_LEFT_OUT: Text(
                    meaning="The other values of `otherMails` are not declared: declaring them would change "
                    "something, or would not be valid. They stay, and can sign in.",
                    remedy="remove what is in the way in the directory, or declare alternateEmails by hand",
                ),
                Rule.NAME_ALTERED: Text(
                    meaning="The display name holds half of a surrogate pair; `name` has U+FFFD there.",
                    remedy="put the display name right in the directory, or name in the file",
                ),
            },
        ),
    }
)
