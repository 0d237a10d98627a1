"""A lifecycle as tables of small whole numbers, and the one place that chooses what a touchpoint does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from attrs import frozen

from clm.core._duration import MICROSECOND
from clm.core._names import PREVIOUS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from clm.core._guards import Guard
    from clm.core._lifecycle import Lifecycle
    from clm.core._parts import Timeout

AFTER: Final = 0
IDLE: Final = 1
IDLE_OF: Final = 2
ATTRIBUTE: Final = 3

_BACK: Final = -1


@final
@frozen(eq=False)
class Machine:
    """What engines run: the lifecycle's stages, kinds, transitions and timeouts by number.

    Attributes
    ----------
    stages : tuple of str
        Names of the stages, in declaration order.
    initial : int
        The stage that a customer opens in.
    kinds : tuple of str
        The kinds that matter: first the `known` ones, then those that only guards count.
    known : int
        How many of `kinds` are known; the others feed their count and nothing else.
    codes : mapping of str to int
        Number of each kind.
    timeouts : tuple
        For each stage its timeouts in declaration order: the clock, its length in microseconds, the set of kinds or the
        attribute that it looks at, and the target.
    clocks : tuple of tuple of str
        The sets of kinds whose silence a timeout counts.
    clocks_of : tuple of tuple of int
        For each known kind the sets that it is in.
    attributes : tuple of str
        The customers' attributes that timeouts look at.
    counted, summed : frozenset of str
        The kinds whose count, and whose amounts' sum, guards look at.
    reads : frozenset of str
        Fields of a touchpoint that guards look at: amount, score, channel.
    """

    stages: tuple[str, ...]
    initial: int
    kinds: tuple[str, ...]
    known: int
    codes: Mapping[str, int]
    timeouts: tuple[tuple[tuple[int, int, int, int], ...], ...]
    clocks: tuple[tuple[str, ...], ...]
    clocks_of: tuple[tuple[int, ...], ...]
    attributes: tuple[str, ...]
    counted: frozenset[str]
    summed: frozenset[str]
    reads: frozenset[str]
    _candidates: tuple[tuple[tuple[tuple[Guard | None, int, bool], ...], ...], ...]
    _below: tuple[frozenset[int], ...]

    def outcome(self, stage: int, previous: int, kind: int, holds: Callable[[Guard], bool]) -> tuple[int, bool, bool]:
        """Choose what a touchpoint of a known kind does.

        Parameters
        ----------
        stage, previous
            Where the customer is, and the stage of the visit before.
        kind
            The touchpoint's kind.
        holds
            Tells whether a guard holds for the touchpoint.

        Returns
        -------
        target : int
            The stage that the customer is in afterwards.
        moved : bool
            Whether a visit to it is opened.
        legal : bool
            Whether a transition was taken.
        """
        for guard, target, reenter in self._candidates[stage][kind]:
            if guard is None or holds(guard):
                resolved = previous if target == _BACK else target
                if resolved in self._below[stage]:
                    break
                return resolved, resolved != stage or reenter, True
        return stage, False, False

    @property
    def looks_back(self) -> bool:
        """Whether some touchpoint leads to the stage of the visit before."""
        return any(target == _BACK for kinds in self._candidates for found in kinds for _, target, _ in found)

    def guards_on(self, kind: int) -> Iterator[Guard]:
        """Go through the conditions that a touchpoint of a known kind may have to meet, stage by stage."""
        for kinds in self._candidates:
            yield from (guard for guard, _, _ in kinds[kind] if guard is not None)

    def targets(self, stage: int, kind: int) -> tuple[str, ...]:
        """Return where a touchpoint of a known kind may lead from a stage, in the order in which it is tried."""
        found = []
        for guard, target, _ in self._candidates[stage][kind]:
            if target not in self._below[stage]:
                found.append(PREVIOUS if target == _BACK else self.stages[target])
            if guard is None:
                break
        return tuple(dict.fromkeys(found))


def compiled(lifecycle: Lifecycle) -> Machine:
    """Return a lifecycle's tables."""
    stages = tuple(stage.name for stage in lifecycle.stages)
    number = {name: code for code, name in enumerate(stages)}
    known = tuple(lifecycle.known_kinds)
    guards = [transition.when for transition in lifecycle.transitions if transition.when is not None]
    comparisons = [comparison for guard in guards for comparison in guard.comparisons()]
    counted = frozenset(c.kind for c in comparisons if c.register == "count" and c.kind is not None)
    summed = frozenset(c.kind for c in comparisons if c.register == "total" and c.kind is not None)
    kinds = (*known, *sorted((counted | summed).difference(known)))
    clocks = tuple(dict.fromkeys(tuple(sorted(x.of)) for x in lifecycle.timeouts if x.of is not None))
    attributes = tuple(dict.fromkeys(x.attribute for x in lifecycle.timeouts if x.attribute is not None))

    def clock(timeout: Timeout) -> tuple[int, int, int, int]:
        target = number[timeout.target]
        if timeout.after is not None:
            return AFTER, timeout.after // MICROSECOND, 0, target
        if timeout.attribute is not None:
            return ATTRIBUTE, 0, attributes.index(timeout.attribute), target
        assert timeout.idle is not None
        length = timeout.idle // MICROSECOND
        if timeout.of is None:
            return IDLE, length, 0, target
        return IDLE_OF, length, clocks.index(tuple(sorted(timeout.of))), target

    own = {comparison.register for comparison in comparisons} & {"amount", "score", "channel"}
    return Machine(
        stages=stages,
        initial=number[lifecycle.initial],
        kinds=kinds,
        known=len(known),
        codes={kind: code for code, kind in enumerate(kinds)},
        timeouts=tuple(tuple(clock(x) for x in lifecycle.timeouts if x.source == name) for name in stages),
        clocks=clocks,
        clocks_of=tuple(tuple(i for i, of in enumerate(clocks) if kind in of) for kind in known),
        attributes=attributes,
        counted=counted,
        summed=summed,
        reads=frozenset(own | ({"amount"} if summed else set())),
        candidates=tuple(tuple(_candidates(lifecycle, name, kind, number) for kind in known) for name in stages),
        below=tuple(_below(lifecycle, name, number) for name in stages),
    )


def _candidates(
    lifecycle: Lifecycle, stage: str, kind: str, number: Mapping[str, int]
) -> tuple[tuple[Guard | None, int, bool], ...]:
    return tuple(
        (entry.when, _BACK if entry.target == PREVIOUS else number[entry.target], entry.reenter)
        for entry in lifecycle.candidates(stage, kind)
    )


def _below(lifecycle: Lifecycle, stage: str, number: Mapping[str, int]) -> frozenset[int]:
    """Return the stages that no touchpoint may lead to from a stage, since that would be backward."""
    ranks = {entry.name: entry.rank for entry in lifecycle.stages}
    here = ranks[stage]
    if lifecycle.backward == "allow" or here is None:
        return frozenset()
    return frozenset(number[name] for name, rank in ranks.items() if rank is not None and rank < here)
