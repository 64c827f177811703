"""The law of chains: no address is given to a guest while another one can still come in by it."""

from datetime import timedelta

from hypothesis import given, note
from hypothesis import strategies as st

from reconciler.model import Desired, EmailAddress, Guest, ObjectId, RedemptionState
from tests.support.applying import apply, new_tenant, work_for
from tests.support.directory import REDEEMED, declared, desired, guest, guest_id
from tests.support.tenant import Tenant
from tests.support.tenant_calls import Fault, Kind, refused
from tests.support.worlds import LAW

NUMBERS = (1, 2, 3)


def address(number: int, use: str) -> str:
    return f"g{number}-{use}@old.example"


@st.composite
def trees(draw: st.DrawFn) -> Desired:
    """Let guests take over each other's addresses, new ones among them, as `mail` or as an alternate."""
    pool = [address(number, use) for number in NUMBERS for use in ("mail", "spare", "new")]
    free = draw(st.permutations(pool))
    entries = []
    for number in NUMBERS:
        stays = draw(st.booleans()) and address(number, "mail") in free
        email = address(number, "mail") if stays else free[0]
        free = [each for each in free if each != email]
        alternates = None
        if draw(st.booleans()):
            alternates = list(free[: draw(st.integers(0, 2))])
            free = [each for each in free if each not in alternates]
        due = draw(st.none() | st.just(REDEEMED + timedelta(days=1)))
        entries.append(declared(number, email, alternates=alternates, reset_after=due))
    return desired(*entries)


@st.composite
def tenants(draw: st.DrawFn) -> Tenant:
    """Make a tenant of guests who have two addresses each, some of whose writes are refused."""
    tenant = new_tenant()
    tenant.keeps_stale_proxies = draw(st.booleans())
    tenant.read_lag = draw(st.sampled_from([0.0, 20.0]))
    for number in NUMBERS:
        both = [address(number, "mail"), address(number, "spare")]
        tenant.add(guest(number, both[0], others=both, state=draw(st.sampled_from(RedemptionState))))
        if draw(st.integers(0, 3)) == 0:
            kind = draw(st.sampled_from([Kind.OTHER_MAILS, Kind.RESET, Kind.MAIL, Kind.CLEAR]))
            tenant.answers(kind, Fault(answer=refused()), guest=guest_id(number))
    return tenant


@LAW
@given(trees(), tenants())
def test_an_address_is_free_before_it_is_given_to_another(tree: Desired, tenant: Tenant) -> None:
    """In no moment of a run does an address stand on two guests, whoever fails."""
    apply(tenant, work_for(tenant, tree))
    history = sorted(
        (at, number, found) for number in NUMBERS for at, found in tenant.truth[guest_id(number)].versions
    )
    now: dict[ObjectId, Guest] = {}
    for at, _, found in history:
        now[found.id] = found
        held = [each for guest_ in now.values() for each in addresses_of(guest_)]
        note(f"{at}: {sorted(map(str, held))}")
        assert len(held) == len(set(held))


def addresses_of(found: Guest) -> set[EmailAddress]:
    """Give all that lets somebody in as this guest."""
    own = {*found.other_mails, *(proxy.address for proxy in found.proxy_addresses)}
    return own if found.mail is None else own | {found.mail}
