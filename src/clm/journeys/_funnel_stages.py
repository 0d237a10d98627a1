"""Which ranked stages every customer reached from his entry on, by each rule, from visits of whole logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats import seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.core import Lifecycle
    from clm.journeys._visits import Visits
    from clm.typing import BoolArray, IntArray

RULES: Final = ("reached", "strict", "any")
_UNRANKED: Final = -1


@final
@frozen(eq=False)
class Ladder:
    """The ranked stages of a lifecycle, lowest first.

    Attributes
    ----------
    name : str
        Of the lifecycle.
    stages : tuple of str
        Their names.
    codes : tuple of int
        Their numbers among all stages.
    rungs : tuple of int
        For each its rank, counted from 0 without gaps.
    rung_of : (k,) ndarray of int64
        For each of all stages its rung, or -1.
    """

    name: str
    stages: tuple[str, ...]
    codes: tuple[int, ...]
    rungs: tuple[int, ...]
    rung_of: IntArray

    __setstate__ = seal

    @classmethod
    def of(cls, lifecycle: Lifecycle) -> Ladder:
        """Return the ranked stages of a lifecycle.

        Raises
        ------
        InvalidDataError
            If no stage has a rank.
        """
        ranked = sorted((stage.rank, code) for code, stage in enumerate(lifecycle.stages) if stage.rank is not None)
        if not ranked:
            raise InvalidDataError(f"no stage of {lifecycle.name!r} has a rank. Rank the stages of the funnel.")
        ranks = sorted({rank for rank, _ in ranked})
        rungs = tuple(ranks.index(rank) for rank, _ in ranked)
        codes = tuple(code for _, code in ranked)
        rung_of = np.full(len(lifecycle.stages), _UNRANKED)
        rung_of[list(codes)] = rungs
        return cls(lifecycle.name, tuple(lifecycle.stages[code].name for code in codes), codes, rungs, rung_of)

    def codes_at(self, rung: int) -> list[int]:
        """Return the numbers of the stages of one rank."""
        return [code for code, its in zip(self.codes, self.rungs, strict=True) if its == rung]

    @property
    def height(self) -> int:
        """How many ranks there are."""
        return self.rungs[-1] + 1


@final
@frozen(kw_only=True)
class Entry:
    """Who counts, and for how long, in microseconds.

    Attributes
    ----------
    start, last : int or None
        First and last instant of an entry that counts.
    window : int or None
        How long after it a visit counts, the end included.
    through : int
        The last instant of the log.
    """

    start: int | None
    last: int | None
    window: int | None
    through: int


@final
@frozen(eq=False)
class Entrants:
    """The customers who entered the funnel.

    Attributes
    ----------
    first : (n,) ndarray of int64
        The visit with which each entered.
    end : (n,) ndarray of int64
        The visit after the last that counts.
    closed : (n,) ndarray of bool
        Whether the window has closed.
    """

    first: IntArray
    end: IntArray
    closed: BoolArray

    __setstate__ = seal


@final
@frozen(eq=False)
class Reach:
    """Which entrants reached what, one row a stage, one column an entrant.

    Attributes
    ----------
    at : (s, n) ndarray of bool
        Who reached each stage.
    before : (s, n) ndarray of bool
        Who reached the rank before it; everybody for the lowest.
    """

    at: BoolArray
    before: BoolArray

    __setstate__ = seal


def entered(visits: Visits, ladder: Ladder, rule: str, entry: Entry) -> Entrants:
    """Return who entered the funnel: with the first ranked visit, by the strict rule the first of lowest rank."""
    rung = ladder.rung_of[visits.stage_codes]
    rows = np.flatnonzero(rung == 0 if rule == "strict" else rung != _UNRANKED)
    first, there = _first_from(rows, visits.offsets[:-1], visits.offsets[1:])
    at = visits.entered[first[there]]
    kept = np.ones(len(at), bool)
    if entry.start is not None:
        kept &= at >= entry.start
    if entry.last is not None:
        kept &= at <= entry.last
    first, end, at = first[there][kept], visits.offsets[1:][there][kept], at[kept]
    if entry.window is None:
        return Entrants(first, end, np.ones(len(first), bool))
    # Visits of a customer ascend in time: those within his window come before all others.
    owner = np.repeat(np.arange(len(first)), end - first)
    places = np.arange(len(owner)) - np.repeat(np.cumsum(end - first) - (end - first), end - first) + first[owner]
    inside = visits.entered[places] - at[owner] <= entry.window
    return Entrants(first, first + np.bincount(owner[inside], minlength=len(first)), at <= entry.through - entry.window)


def reach(visits: Visits, ladder: Ladder, rule: str, who: Entrants) -> Reach:
    """Return which stages entrants reached."""
    if rule == "strict":
        return _in_order(visits, ladder, who)
    visited = [_visited(visits, [code], who.first, who.end) for code in ladder.codes]
    passed = [_visited(visits, ladder.codes_at(level), who.first, who.end) for level in range(ladder.height)]
    nobody = np.zeros(len(who.first), bool)
    if rule == "reached":
        # Who visited a rank has reached all below it.
        for level in reversed(range(ladder.height - 1)):
            passed[level] = passed[level] | passed[level + 1]
        higher = [*passed[1:], nobody]
        visited = [seen | higher[level] for seen, level in zip(visited, ladder.rungs, strict=True)]
    lower = [~nobody, *passed[:-1]]
    return Reach(np.array(visited), np.array([lower[level] for level in ladder.rungs]))


def _in_order(visits: Visits, ladder: Ladder, who: Entrants) -> Reach:
    """Look for each rank from the visit after the one that took the rank before."""
    at, before = [], []
    place, alive = who.first, np.ones(len(who.first), bool)
    for level in range(ladder.height):
        codes = ladder.codes_at(level)
        at += [alive & _visited(visits, [code], place, who.end) for code in codes]
        before += [alive] * len(codes)
        found, there = _first_from(_rows_of(visits, codes), place, who.end)
        alive = alive & there
        place = np.where(alive, found + 1, who.end)
    return Reach(np.array(at), np.array(before))


def _visited(visits: Visits, codes: Sequence[int], begin: IntArray, end: IntArray) -> BoolArray:
    return _first_from(_rows_of(visits, codes), begin, end)[1]


def _rows_of(visits: Visits, codes: Sequence[int]) -> IntArray:
    return np.flatnonzero(np.isin(visits.stage_codes, codes))


def _first_from(rows: IntArray, begin: IntArray, end: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the first of some rows in each stretch, and whether there is one."""
    found = np.append(rows, np.iinfo(np.int64).max)[np.searchsorted(rows, begin)]
    return found, found < end
