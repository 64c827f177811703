"""Random desired trees and directories for laws, and a small pure model of what the writes do.

The pools are small on purpose: guests meet each other's addresses, in other spellings, often.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st

from reconciler.model import (
    Action,
    AddOtherMail,
    AddressOwner,
    AddressUse,
    CallerKind,
    ClearMarker,
    Desired,
    DesiredGuest,
    EmailAddress,
    Guest,
    Hold,
    Identity,
    InvitesFrom,
    Live,
    Marker,
    NotChecked,
    ObjectId,
    OwnerKind,
    Policy,
    ProxyAddress,
    RedemptionState,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)
from tests.support.directory import REDEEMED, declared, desired, guest, guest_id, live
from tests.support.plans import NOW, marker_of

LAW = settings(deadline=None, max_examples=60)
"""No law looks at seconds: they tell of the machine."""

MARKER = marker_of()
"""What the writes of `after` leave beside a new `mail`."""

NUMBERS = range(1, 6)
ADDRESSES = tuple(f"{name}@{domain}" for name in "abcdef" for domain in ("old.example", "new.example"))
DOMAINS = ("old.example", "new.example")
INSTANTS = tuple(REDEEMED + timedelta(days=days) for days in (0, 1, 2))

_email = st.sampled_from([*ADDRESSES, *map(str.upper, ADDRESSES), *map(str.title, ADDRESSES)])
_addresses = st.lists(_email, max_size=3, unique_by=str.lower)


@st.composite
def trees(draw: st.DrawFn, *, policies: st.SearchStrategy[Policy] | None = None) -> Desired:
    """Declare some guests; no id and no address twice, as the loader promises."""
    numbers = draw(st.lists(st.sampled_from(NUMBERS), unique=True))
    free = list(draw(st.permutations(ADDRESSES)))
    entries: list[DesiredGuest] = []
    for number in numbers:
        email = draw(st.sampled_from([str.lower, str.upper]))(free.pop())
        alternates = None
        if len(free) > len(NUMBERS) and draw(st.booleans()):
            alternates = [free.pop() for _ in range(draw(st.integers(0, 1)))]
        entries.append(
            declared(
                number,
                email=email,
                alternates=alternates,
                reset_after=draw(st.none() | st.sampled_from(INSTANTS)),
                send_message=draw(st.booleans()),
                message=draw(st.none() | st.just("hello")),
                hold=draw(st.none() | st.builds(Hold, reason=st.just("leave"), until=_days)),
            )
        )
    return desired(*entries, policy=draw(_policies if policies is None else policies))


_days = st.sampled_from([NOW.date() + timedelta(days=days) for days in (-1, 0, 1)])
_policies = st.builds(
    Policy,
    max_changes=st.integers(0, 3),
    allowed_domains=st.just(()) | st.just(DOMAINS[1:]),
    denied_domains=st.just(()) | st.just(DOMAINS[:1]),
    protected=st.lists(st.sampled_from([guest_id(number) for number in NUMBERS]), max_size=1).map(tuple),
)


@st.composite
def _guests(draw: st.DrawFn, number: int) -> Guest:
    mail = draw(st.none() | _email)
    return guest(
        number,
        mail,
        others=draw(_addresses),
        state=draw(st.sampled_from([None, *RedemptionState])),
        changed=draw(st.none() | st.sampled_from(INSTANTS)),
        creation_type=draw(st.sampled_from(["Invitation", "Invitation", None])),
        account_enabled=draw(st.booleans()),
        on_premises_synced=draw(st.sampled_from([False, False, False, True])),
        proxy_addresses=tuple(
            ProxyAddress(address=EmailAddress(text), primary=draw(st.booleans())) for text in draw(_addresses)
        ),
        identities=tuple(
            Identity(sign_in_type="federated", issuer="mail", issuer_assigned_id=text)
            for text in draw(st.lists(_email, max_size=1))
        ),
        markers=draw(_markers),
    )


_markers = st.sampled_from(
    [(), (), (), (marker_of("0" * 16),), (marker_of("0" * 16), marker_of("f" * 16, nonce="ffffffff"))]
)


_owners = st.builds(
    AddressOwner,
    id=st.sampled_from([guest_id(number) for number in range(1, 9)]),
    kind=st.sampled_from(OwnerKind),
    display_name=st.just("Somebody"),
    use=st.sampled_from(AddressUse),
    primary=st.booleans(),
)


@st.composite
def directories(draw: st.DrawFn, *, calm: bool = False) -> Live:
    """Make a directory; a calm one has nothing in the way of a change but the guests themselves."""
    numbers = draw(st.lists(st.sampled_from(NUMBERS), unique=True, min_size=len(NUMBERS) if calm else 0))
    guests = [draw(_guests(number)) for number in numbers]
    if calm:
        return live(*(replace(each, on_premises_synced=False, creation_type="Invitation") for each in guests))
    ids = st.sampled_from([guest_id(number) for number in NUMBERS])
    return live(
        *guests,
        owners=draw(st.lists(st.tuples(st.sampled_from(ADDRESSES), _owners), max_size=3)),
        verified_domains=draw(st.none() | st.just(frozenset(DOMAINS[:1])) | st.just(frozenset())),
        invites_from=draw(st.none() | st.sampled_from(InvitesFrom)),
        caller=draw(st.sampled_from(CallerKind)),
        deleted=draw(st.frozensets(ids, max_size=2)),
        role_holders=dict.fromkeys(draw(st.lists(ids, max_size=1)), "direct"),
        not_checked=draw(st.lists(_missed, max_size=2).map(tuple)),
        domains=draw(st.dictionaries(st.sampled_from(DOMAINS), st.integers(1, 3))),
        markers_left=tuple(sorted(draw(st.frozensets(st.just(guest_id(9)))))),
        listed_all=draw(st.booleans()),
    )


_missed = st.builds(
    NotChecked,
    check=st.sampled_from(["role assignments", "groups"]),
    permission=st.none() | st.just("Group.Read.All"),
    essential=st.booleans(),
    reason=st.just("access was denied"),
)


def after(found: Guest, actions: Iterable[Action], at: datetime = NOW, *, marker: Marker = MARKER) -> Guest:
    """Give the guest as the directory would show it once the actions were carried out."""
    for action in actions:
        match action:
            case AddOtherMail():
                found = replace(found, other_mails=_listed({*found.other_mails, action.email}))
            case ResetRedemption():
                assert action.email in {*found.other_mails, found.mail}, "Graph would refuse this reset"
                found = replace(found, state=RedemptionState.PENDING, state_changed_at=at)
            case SetMail() | ClearMarker():
                found = replace(
                    found,
                    mail=action.email,
                    other_mails=action.other_mails,
                    proxy_addresses=(ProxyAddress(address=action.email, primary=True),),
                    markers=(marker,) if isinstance(action, SetMail) else (),
                )
            case SetOtherMails():
                found = replace(found, other_mails=action.other_mails)
    return found


def in_other_letters(found: Live) -> Live:
    """Spell every address of a directory in capitals."""

    def loud(address: EmailAddress) -> EmailAddress:
        return EmailAddress(address.text.upper())

    guests = (
        replace(
            each,
            mail=None if each.mail is None else loud(each.mail),
            other_mails=tuple(map(loud, each.other_mails)),
            proxy_addresses=tuple(
                replace(proxy, address=loud(proxy.address)) for proxy in each.proxy_addresses
            ),
        )
        for each in found.guests.values()
    )
    return with_guests(found, guests)


def with_guests(found: Live, guests: Iterable[Guest]) -> Live:
    """Put other guests into a directory."""
    changed: dict[ObjectId, Guest] = {each.id: each for each in guests}
    return replace(found, guests={**found.guests, **changed})


def _listed(addresses: Iterable[EmailAddress]) -> tuple[EmailAddress, ...]:
    return tuple(sorted(addresses))
