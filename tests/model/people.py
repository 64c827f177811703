"""What Graph makes of a request, and what people, another tool, git and time do to the guest."""

from collections.abc import Iterable, Iterator

from tests.model.planner import Planner
from tests.model.scenario import OutsideChange, Scenario
from tests.model.world import (
    EVERYBODY,
    MINUTE,
    NAMES,
    NEW1,
    NOBODY,
    OLD,
    Object,
    Stage,
    World,
    X,
    named,
    written,
)

Step = tuple[str, World]

_RECENT = 12
_FORGED = "pending-1000000-f0f0f0f0-"


def patched(one: Object, *, mail: int, others: int, markers: tuple[str, ...], link_dies: bool) -> Object:
    """Return the object after a PATCH of `mail` and `otherMails`."""
    dead = link_dies and not (mail | others) & one.link
    return one._replace(
        mail=mail,
        others=others,
        markers=markers,
        proxies=one.proxies | mail,
        link=NOBODY if dead else one.link,
    )


def invited(one: Object, to: int, *, at: int, pending_moves: bool) -> Object:
    """Return the object after an invitation that resets."""
    moves = one.accepted or pending_moves
    return one._replace(
        accepted=False,
        at=at if moves else one.at,
        bound=NOBODY,
        link=to,
        foreign=0,
        foreign_marked=False,
    )


def takes_invitation(one: Object, to: int, *, only_mail: bool) -> bool:
    """Return whether Graph resets to an address."""
    return one.mail == to or (not only_mail and bool(one.others & to))


def stamps(world: World, scenario: Scenario) -> Iterable[int]:
    """Return what the state-change time of something that happens now may be."""
    return (world.now, world.now + scenario.skew) if scenario.skew else (world.now,)


class People:
    """Everybody but our runs."""

    def __init__(self, scenario: Scenario, planner: Planner, first: Object, digits: tuple[str, ...]) -> None:
        """Begin; `digits` are those a forger may have seen."""
        self._scenario = scenario
        self._planner = planner
        self._first = first
        self._digits = digits

    def steps(self, world: World) -> Iterator[Step]:
        """Yield all that may happen without a run."""
        recent = world.past or world.now - world.object.at <= _RECENT or _is_busy(world)
        if recent and not self._scenario.still:
            yield (
                "a minute passes",
                world._replace(past=(), now=world.now + MINUTE, minutes=world.minutes + 1),
            )
        if world.left.redeem and not world.object.accepted:
            yield from self._redemptions(world)
        if world.left.human:
            spent = world._replace(left=world.left._replace(human=world.left.human - 1))
            yield from self._resets(spent)
            yield from self._edits(spent)
        if world.left.git:
            left = world.left._replace(git=world.left.git - 1)
            for tree in self._scenario.trees:
                if tree != world.tree:
                    yield f"git: the tree says {NAMES[tree]}", world._replace(tree=tree, left=left)
        if OutsideChange.BACKUP in self._scenario.outside_changes and world.backup is None:
            yield "a backup is taken", world._replace(backup=world.object)

    def _redemptions(self, world: World) -> Iterator[Step]:
        one, scenario = world.object, self._scenario
        for who in EVERYBODY:
            if one.link == who:
                how, excuse = "by the link", world.ghost.excuse
            elif one.mail == who:
                how, excuse = "by opening an app", world.ghost.excuse
            elif one.others & who:
                how, excuse = "by opening an app, with an address of otherMails", "H5"
            elif scenario.proxies and one.proxies & who:
                how, excuse = "by opening an app, with an address of proxyAddresses", "old-address-remains"
            else:
                continue
            for at in stamps(world, scenario):
                redeemed = one._replace(accepted=True, at=at, bound=who, link=NOBODY)
                after = written(world, redeemed, lag=scenario.lag, ours=False, since=world.ghost.since)
                yield (
                    f"{NAMES[who]} redeems {how}",
                    after._replace(
                        left=world.left._replace(redeem=world.left.redeem - 1),
                        ghost=after.ghost._replace(excuse=excuse),
                    ),
                )

    def _resets(self, world: World) -> Iterator[Step]:
        one, scenario = world.object, self._scenario
        if OutsideChange.PORTAL in scenario.outside_changes:
            last = one.bound or one.link
            to = last if scenario.portal_last else one.mail
            if (one.mail | one.others) & to:
                yield from self._reset(world, to, f"an administrator resets in the portal: {named(to)}")
        if OutsideChange.TOOL in scenario.outside_changes:
            for to in EVERYBODY:
                if to != one.mail and takes_invitation(one, to, only_mail=scenario.only_mail):
                    yield from self._reset(world, to, f"another tool resets to {NAMES[to]}")

    def _reset(self, world: World, to: int, label: str) -> Iterator[Step]:
        one, scenario = world.object, self._scenario
        for at in stamps(world, scenario):
            reset = invited(one, to, at=at, pending_moves=scenario.pending_moves)
            reset = reset._replace(foreign=at, foreign_marked=bool(one.markers))
            after = written(world, reset, lag=scenario.lag, ours=False)
            done = bool(world.tree) and self._planner.empty(world.tree, reset) and to != world.tree
            excuse = "H3" if done else after.ghost.excuse
            yield label, after._replace(ghost=after.ghost._replace(interfered=True, excuse=excuse))

    def _edits(self, world: World) -> Iterator[Step]:
        one, outside_changes = world.object, self._scenario.outside_changes
        for mail in self._mails():
            if mail != one.mail:
                yield self._edit(world, f"an administrator sets mail to {NAMES[mail]}", mail=mail)
        if OutsideChange.ADDS_X in outside_changes and not one.others & X:
            yield self._edit(world, "an administrator adds X", others=one.others | X)
        if OutsideChange.ADDS_OLD in outside_changes and not one.others & OLD:
            yield self._edit(world, "an administrator adds OLD", others=one.others | OLD)
        if OutsideChange.REMOVES_MARKER in outside_changes and one.markers:
            label, after = self._edit(world, "an administrator removes the marker", markers=())
            yield label, after._replace(ghost=after.ghost._replace(interfered=world.ghost.interfered))
        for digits in self._digits if OutsideChange.FORGES_MARKER in outside_changes else ():
            forged = tuple(sorted({*one.markers, _FORGED + digits}))
            yield self._edit(world, f"an administrator forges a marker of {digits}", markers=forged)
        yield from self._restorations(world)

    def _mails(self) -> tuple[int, ...]:
        """Return what an administrator may set `mail` to."""
        if OutsideChange.MAIL in self._scenario.outside_changes:
            return OLD, NEW1, X
        return (X,) if OutsideChange.MAIL_X in self._scenario.outside_changes else ()

    def _restorations(self, world: World) -> Iterator[Step]:
        outside_changes = self._scenario.outside_changes
        if OutsideChange.BACKUP in outside_changes and world.backup is not None:
            yield self._restore(world, world.backup, "an administrator restores the backup")
        if OutsideChange.FIRST_DAY in outside_changes:
            yield self._restore(world, self._first, "an administrator restores the first day's backup")

    def _restore(self, world: World, to: Object, label: str) -> Step:
        return self._edit(world, label, mail=to.mail, others=to.others, markers=to.markers)

    def _edit(
        self,
        world: World,
        label: str,
        *,
        mail: int | None = None,
        others: int | None = None,
        markers: tuple[str, ...] | None = None,
    ) -> Step:
        one = world.object
        edited = patched(
            one,
            mail=one.mail if mail is None else mail,
            others=one.others if others is None else others,
            markers=one.markers if markers is None else markers,
            link_dies=self._scenario.link_dies,
        )
        after = written(world, edited, lag=self._scenario.lag, ours=False)
        hidden = (
            bool(world.tree)
            and self._planner.empty(world.tree, edited)
            and not self._planner.empty(world.tree, one)
            and edited.holder != world.tree
        )
        excuse = "H2" if hidden else after.ghost.excuse
        return label, after._replace(ghost=after.ghost._replace(interfered=True, excuse=excuse))


def _is_busy(world: World) -> bool:
    return any(run.stage is Stage.WORKING for run in world.runs)
