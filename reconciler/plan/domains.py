"""The warnings about the domain of a new address: unseen, easily mistaken, open to everybody.

Reviewers overlook a domain that looks like the right one. So each new domain is compared with those of this
tenant's guests, the tenant's own, and the well-known providers.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

from reconciler.model import Live, Note
from reconciler.plan.difference import Difference
from reconciler.rules import Rule

CONSUMER: Final = frozenset(
    {
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com"),
        *("yahoo.com", "ymail.com", "aol.com", "icloud.com", "me.com", "mac.com", "mail.com"),
        *("gmx.com", "gmx.net", "gmx.de", "web.de", "t-online.de", "proton.me", "protonmail.com"),
        *("fastmail.com", "zoho.com", "yandex.com", "yandex.ru", "mail.ru", "qq.com", "163.com"),
    }
)
"""Providers that give an address to everybody: a short list of the well-known ones."""

_PUNYCODE = "xn--"

# Pairs that many typefaces hardly distinguish, each mapped to one of them.
_TWINS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_LOOKS = str.maketrans("01i528", "ollszb")

# Letters of other alphabets that look like a Latin letter.
# Source: https://www.unicode.org/reports/tr39/#Confusable_Detection
_CYRILLIC = (
    "\u0430\u0441\u0501\u0435\u04bb\u0456\u0458\u04cf\u043e\u0440\u051b\u0455\u0443\u0445",
    "acdehijlopqsyx",
)
_GREEK = ("\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5", "aeikvoptu")
_FOREIGN = str.maketrans(*_CYRILLIC) | str.maketrans(*_GREEK)


class KnownDomains:
    """The domains a new one is compared with; built once for a plan, and lazily: few plans need it."""

    def __init__(self, live: Live) -> None:
        self._guests = live.domains
        self._verified = live.verified_domains or frozenset()
        self._can_miss = live.listed_all and bool(live.domains)
        self._known = frozenset({*self._guests, *self._verified, *CONSUMER})
        self._twins: dict[str, tuple[str, ...]] = {}

    @cached_property
    def _looks(self) -> Mapping[str, list[str]]:
        """The known domains by their simplified form."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for domain in self._known:
            found[_look(domain)].append(domain)
        return dict(found)

    @cached_property
    def _shorter(self) -> Mapping[str, list[str]]:
        """The known domains by each form that lacks one character."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for domain in self._known:
            for shorter in _shortened(domain):
                found[shorter].append(domain)
        return dict(found)

    def about(self, difference: Difference) -> Iterable[Note]:
        """Warn about the domains of the addresses that a guest gains."""
        mail = difference.guest.mail
        # The change may correct a typing error in the guest's own domain.
        own = mail.domain if mail is not None and self._guests.get(mail.domain, 0) < 2 else None
        for domain in sorted({address.domain for address in difference.added}):
            yield from self._about(domain, own)

    def _about(self, domain: str, own: str | None) -> Iterable[Note]:
        if domain not in self._twins:
            self._twins[domain] = self._find_twins(domain)
        twins = [twin for twin in self._twins[domain] if twin != own]
        if _decoded(domain) != domain or twins:
            yield Note(rule=Rule.LOOK_ALIKE_DOMAIN, message=self._mistaken(domain, twins))
        elif domain in CONSUMER:
            yield Note(
                rule=Rule.CONSUMER_DOMAIN,
                message=f"{domain} gives an address to anybody: make sure that it is this person's, and that "
                "a private address will do",
            )
        elif self._can_miss and domain not in self._guests:
            yield Note(
                rule=Rule.UNSEEN_DOMAIN,
                message=f"no guest of this tenant has an address in {domain} yet: make sure that it is "
                "spelled right, and whose it is",
            )

    def _find_twins(self, domain: str) -> tuple[str, ...]:
        """Find the known domains that look like this one, those with the most guests first."""
        if domain in self._known:
            return ()
        plain = _plain(domain)
        found = {*self._looks.get(_look(plain), ())}
        if plain == domain:
            near = (known for shorter in _shortened(domain) for known in self._shorter.get(shorter, ()))
            found |= {known for known in near if _one_edit_apart(domain, known)}
        return tuple(sorted(found, key=lambda known: (-self._guests.get(known, 0), known)))

    def _mistaken(self, domain: str, twins: list[str]) -> str:
        shown = _decoded(domain)
        spelled = f", which is shown as {shown}" if shown != domain else ""
        if not twins:
            return (
                f"{domain} holds letters outside of ASCII{spelled}, and they may look like others: compare "
                "it letter by letter with what the person gave"
            )
        known = self._known_as(twins[0])
        return f"{domain}{spelled} looks like {twins[0]}, {known}: compare it letter by letter"

    def _known_as(self, domain: str) -> str:
        count = self._guests.get(domain, 0)
        if count:
            return "which 1 guest has" if count == 1 else f"which {count} guests have"
        return "which is this tenant's own" if domain in self._verified else "a well-known provider"


def _decoded(domain: str) -> str:
    """Decode a domain to the form that programs display; a label that cannot be decoded becomes U+FFFD.

    Source: https://www.rfc-editor.org/rfc/rfc3492
    """
    return ".".join(_decoded_label(label) for label in domain.split("."))


def _decoded_label(label: str) -> str:
    if not label.startswith(_PUNYCODE):
        return label
    try:
        return label.removeprefix(_PUNYCODE).encode().decode("punycode")
    except UnicodeError:
        return "\ufffd"


def _plain(domain: str) -> str:
    """Replace letters outside of ASCII by the letters they look like, and remove accents."""
    apart = unicodedata.normalize("NFKD", _decoded(domain).lower())
    return "".join(char for char in apart if not unicodedata.combining(char)).translate(_FOREIGN)


def _look(domain: str) -> str:
    """Return the simplified form of a domain, equal for domains that a reader could confuse."""
    for pair, single in _TWINS:
        domain = domain.replace(pair, single)
    return domain.translate(_LOOKS)


def _shortened(domain: str) -> Iterable[str]:
    """Yield the domain, and the domain without each of its characters.

    Two domains that are one edit apart share one of these.
    """
    yield domain
    yield from {domain[:at] + domain[at + 1 :] for at in range(len(domain))}


def _one_edit_apart(one: str, other: str) -> bool:
    """Return whether one character too many, too few or wrong, or two swapped, is the only difference."""
    at = next((place for place, pair in enumerate(zip(one, other, strict=False)) if len(set(pair)) > 1), None)
    if at is None:
        at = min(len(one), len(other))
    rest, others = one[at:], other[at:]
    return (
        rest[1:] in {others, others[1:]}
        or rest == others[1:]
        or (rest[1::-1] == others[:2] and rest[2:] == others[2:])
    )
