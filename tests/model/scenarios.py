"""What is explored: small bounds for every run of the tests, larger ones for `make model`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from tests.model.scenario import OutsideChange, Refused, Scenario
from tests.model.world import NEW1, NEW2, NOBODY, OLD, Left, X

_KILLED: Final = Left(kill=1, starts=1)
_INTERFERED: Final = _KILLED._replace(human=1)
_REFUSED: Final = Left(kill=1, starts=4, redeem=1)

_HOLES: Final[Mapping[OutsideChange, frozenset[str]]] = {
    OutsideChange.TOOL: frozenset({"H3", "H4"}),
    OutsideChange.MAIL: frozenset({"H2"}),
    OutsideChange.ADDS_X: frozenset({"H1"}),
    OutsideChange.REMOVES_MARKER: frozenset({"H2"}),
}

DAILY: Final = (
    Scenario(name="nobody interferes", left=_KILLED._replace(redeem=1)),
    Scenario(name="nobody interferes, pending", left=_KILLED, accepted=False),
    Scenario(name="nobody interferes, no journal", left=_KILLED, journal=False),
    Scenario(name="a signal", left=Left(signal=1, starts=1, kill=1)),
    Scenario(name="portal", left=_INTERFERED, outside_changes=frozenset({OutsideChange.PORTAL})),
    Scenario(
        name="portal, a read behind, no kill",
        left=Left(human=1, lost=1),
        outside_changes=frozenset({OutsideChange.PORTAL}),
    ),
    Scenario(
        name="tool",
        left=_INTERFERED,
        kept=X,
        outside_changes=frozenset({OutsideChange.TOOL}),
        holes=_HOLES[OutsideChange.TOOL],
    ),
    Scenario(
        name="adds X",
        left=Left(human=1, kill=1),
        outside_changes=frozenset({OutsideChange.ADDS_X}),
        holes=_HOLES[OutsideChange.ADDS_X],
    ),
    Scenario(
        name="adds OLD",
        left=Left(human=1, redeem=1),
        outside_changes=frozenset({OutsideChange.ADDS_OLD}),
        holes=frozenset({"H5"}),
    ),
    Scenario(
        name="the marker removed",
        left=_INTERFERED,
        outside_changes=frozenset({OutsideChange.REMOVES_MARKER}),
        holes=_HOLES[OutsideChange.REMOVES_MARKER],
    ),
    Scenario(
        name="a marker forged",
        left=Left(human=1, starts=1),
        outside_changes=frozenset({OutsideChange.FORGES_MARKER}),
    ),
    Scenario(name="an answer lost", left=Left(lost=1, starts=1)),
    Scenario(name="later writes refused", left=_REFUSED, refused=Refused.LATER, file=False),
    Scenario(
        name="mail restored by hand",
        bound=NEW1,
        left=_INTERFERED,
        passcode=True,
        file=False,
        outside_changes=frozenset({OutsideChange.PORTAL}),
    ),
    Scenario(name="two runs, one plan", left=Left(), two=True, lag=0, still=True, holes=frozenset({"H6"})),
    Scenario(
        name="two runs, two trees",
        left=Left(git=1),
        two=True,
        lag=0,
        still=True,
        trees=(NEW2,),
        file=False,
        holes=frozenset({"H7"}),
    ),
    Scenario(name="taken back", left=_KILLED._replace(git=1), trees=(OLD,), file=False),
)
"""Explored by `make test`."""

_GRAPHS: Final[Mapping[str, Mapping[str, Any]]] = {
    "a pending reset keeps its time": {"pending_moves": False},
    "a link dies with its address": {"link_dies": True},
    "the portal goes to the last address": {"portal_last": True},
    "only mail is reset to": {"only_mail": True},
    "proxy addresses redeem": {"proxies": True},
    "passcodes are seen": {"passcode": True},
    "clocks are 3 s apart": {"skew": 3},
    "reads are two writes behind": {"lag": 2},
    "no journal": {"journal": False},
}


def _full() -> Iterator[Scenario]:
    for accepted in (True, False):
        who = "accepted" if accepted else "pending"
        left = _KILLED._replace(redeem=1)
        yield Scenario(name=f"{who}, killed twice", accepted=accepted, left=Left(kill=2, starts=2, redeem=1))
        for change in OutsideChange:
            yield Scenario(
                name=f"{who}, {change}",
                accepted=accepted,
                left=left._replace(human=1),
                outside_changes=frozenset({change}),
                kept=X if change is OutsideChange.TOOL else NOBODY,
                holes=_HOLES.get(change, frozenset())
                | (frozenset({"H5"}) if change is OutsideChange.ADDS_OLD else frozenset()),
            )
        portal = Scenario(
            name=f"{who}, portal",
            accepted=accepted,
            left=left._replace(human=1),
            outside_changes=frozenset({OutsideChange.PORTAL}),
        )
        for name, switches in _GRAPHS.items():
            holes = frozenset({"old-address-remains"}) if "proxies" in switches else frozenset()
            yield replace(portal, name=f"{who}, portal, {name}", holes=holes, **switches)
        yield replace(portal, name=f"{who}, portal, reads do not settle", settles=False)
        yield Scenario(
            name=f"{who}, reads do not settle",
            accepted=accepted,
            left=_KILLED,
            settles=False,
            holes=frozenset({"H6"}),
        )
        yield Scenario(name=f"{who}, an answer lost", accepted=accepted, left=left._replace(lost=1))
        yield replace(portal, name=f"{who}, portal, an answer lost", left=_INTERFERED._replace(lost=1))
        for refused in Refused:
            for journal in (True, False) if refused is not Refused.NOTHING else ():
                yield Scenario(
                    name=f"{who}, {refused} refused{'' if journal else ', no journal'}",
                    accepted=accepted,
                    left=_REFUSED._replace(redeem=2),
                    refused=refused,
                    file=False,
                    journal=journal,
                )
    yield Scenario(
        name="mail set to X, and the portal",
        left=_KILLED._replace(human=2),
        outside_changes=frozenset({OutsideChange.MAIL_X, OutsideChange.PORTAL}),
    )
    yield Scenario(
        name="the first day restored, and the portal",
        left=Left(human=2, redeem=2, starts=1, kill=1),
        passcode=True,
        outside_changes=frozenset({OutsideChange.FIRST_DAY, OutsideChange.PORTAL}),
    )
    yield Scenario(name="git", left=Left(git=3, kill=2, starts=2), trees=(NEW2, OLD, NOBODY), file=False)
    yield Scenario(name="two runs, one plan, a kill", left=Left(kill=1), two=True, holes=frozenset({"H6"}))
    trees = Scenario(
        name="two runs, two trees, a kill", left=Left(git=1, kill=1), two=True, trees=(NEW2,), file=False
    )
    yield trees
    yield replace(trees, name="two runs, two trees, a kill, and again", left=Left(git=1, kill=1, starts=1))
    yield replace(
        trees, name="two runs, two trees, a person", left=Left(git=1, redeem=1), holes=frozenset({"H7"})
    )


FULL: Final = (*DAILY, *_full())
"""Explored by `make model`."""
