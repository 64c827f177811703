"""The real planner and the real approval, asked about one guest, each question once."""

from typing import NamedTuple

from reconciler.guard.approval import Approval, approve, approve_all
from reconciler.model import (
    EmailAddress,
    Guest,
    Identity,
    Marker,
    Plan,
    ProxyAddress,
    RedemptionState,
    parse_marker,
)
from reconciler.plan import make_plan
from tests.model.world import EMAILS, EVERYBODY, NOBODY, Object, emails, instant
from tests.support.directory import declared, desired, guest, live

_NOW = instant(10**6)

_SAY_WHO = frozenset({"kept-address", "identity-differs", "may-have-redeemed"})
"""Warnings of an unchanged guest that say of a wrong person that they may sign in."""


class _Standing(NamedTuple):
    """What a plan says of one guest."""

    empty: bool
    warned: bool


class Planner:
    """Answers from memory what has been asked before."""

    def __init__(self, *, passcode: bool) -> None:
        """Begin; `passcode` says that the address of who has redeemed can be seen."""
        self._passcode = passcode
        self._guests: dict[object, Guest] = {}
        self._plans: dict[object, Plan] = {}
        self._approvals: dict[object, Approval] = {}
        self._standings: dict[object, _Standing] = {}

    def guest(self, one: Object) -> Guest:
        """Return the guest as Graph shows this state of the object."""
        seen = self._visible(one)
        found = self._guests.get(seen)
        if found is None:
            found = self._guests[seen] = self._built(one)
        return found

    def plan(self, tree: int, one: Object) -> Plan:
        """Return the plan of a tree that declares one address, for this state of the object."""
        key = (tree, self._visible(one))
        found = self._plans.get(key)
        if found is None:
            entry = declared(email=EMAILS[tree].text)
            found = self._plans[key] = make_plan(desired(entry), live(self.guest(one)), _NOW)
        return found

    def approval(self, tree: int, one: Object, approved: Plan | None) -> Approval:
        """Return what of that plan may run, by an approved plan or all of it."""
        key = (tree, self._visible(one), id(approved))
        found = self._approvals.get(key)
        if found is None:
            plan = self.plan(tree, one)
            found = approve_all(plan) if approved is None else approve(plan, [approved])
            self._approvals[key] = found
        return found

    def empty(self, tree: int, one: Object) -> bool:
        """Return whether nothing is to be done for a tree."""
        return self._standing(tree, one).empty

    def warned(self, tree: int, one: Object) -> bool:
        """Return whether the plan says that somebody else may be the one who signs in."""
        return self._standing(tree, one).warned

    def _standing(self, tree: int, one: Object) -> _Standing:
        key = (tree, one._replace(markers=one.markers[:1], at=0, foreign=0, foreign_marked=False))
        found = self._standings.get(key)
        if found is None:
            plan = self.plan(tree, one)
            found = self._standings[key] = _Standing(
                empty=not plan.changes and not plan.blocked,
                warned=any(note.rule in _SAY_WHO for note in plan.warnings),
            )
        return found

    def _visible(self, one: Object) -> object:
        shown = one.bound if self._passcode and one.accepted else NOBODY
        return one._replace(bound=shown, link=NOBODY, foreign=0, foreign_marked=False)

    def _built(self, one: Object) -> Guest:
        return guest(
            mail=EMAILS[one.mail].text,
            others=[email.text for email in emails(one.others)],
            state=RedemptionState.ACCEPTED if one.accepted else RedemptionState.PENDING,
            changed=instant(one.at),
            markers=tuple(sorted(marker_of(each) for each in one.markers)),
            proxy_addresses=tuple(
                sorted(
                    (
                        ProxyAddress(address=EMAILS[bit], primary=bit == one.mail)
                        for bit in EVERYBODY
                        if one.proxies & bit
                    ),
                    key=lambda proxy: proxy.address,
                )
            ),
            identities=self._identities(one),
        )

    def _identities(self, one: Object) -> tuple[Identity, ...]:
        if not (self._passcode and one.accepted):
            return ()
        return (Identity(sign_in_type="federated", issuer="mail", issuer_assigned_id=EMAILS[one.bound].text),)


def marker_of(local_part: str) -> Marker:
    """Return the marker of that name."""
    marker = parse_marker(EmailAddress(f"{local_part}@reconciler.invalid"))
    assert marker is not None
    return marker
