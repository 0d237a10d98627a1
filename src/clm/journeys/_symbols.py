"""Turn touchpoints into symbols: their kind, and which conditions on that kind hold."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import field, frozen

from clm.core import OPERATORS, All, Comparison, Either, Not

if TYPE_CHECKING:
    from clm.core import Guard
    from clm.journeys._compile import Program
    from clm.journeys._walked import Grouped
    from clm.typing import Array, BoolArray, FloatArray, IntArray

_FEW: Final = 64
"""So few customers are added up one after the other."""


def symbols_of(program: Program, log: Grouped, kind: Array) -> Array:
    """Return the symbol of each row that counts; any of those whose kind is not known.

    Parameters
    ----------
    program
        What the symbols belong to.
    log
        The log.
    kind
        The machine's number of the kind of each row, in the order of ``log.rows``.
    """
    small = program.symbols <= np.iinfo(np.int16).max
    base = np.zeros(len(program.machine.kinds), np.int16 if small else np.int32)
    base[: program.machine.known] = program.base
    symbol = base.take(kind)
    facts = _Facts(program, log, kind)
    for code, guards in enumerate(program.guards):
        if guards:
            places = np.flatnonzero(kind == code)
            bits = np.zeros(len(places), symbol.dtype)
            for bit, guard in enumerate(guards):
                bits |= facts.truth(guard, places).astype(symbol.dtype) << bit
            symbol[places] = program.base[code] + bits
    return symbol


@final
@frozen(eq=False, slots=False)
class _Facts:
    """What conditions read, at any place of a log."""

    program: Program
    log: Grouped
    kind: Array
    _counts: dict[tuple[str, bool], tuple[Array, Array]] = field(factory=dict, init=False)
    _sums: dict[str, FloatArray] = field(factory=dict, init=False)

    @cached_property
    def owner(self) -> IntArray:
        """The customer of each place."""
        return np.repeat(np.arange(len(self.log.counts), dtype=np.int32), self.log.counts)

    def truth(self, guard: Guard, places: IntArray) -> BoolArray:
        """Tell at which places a condition holds."""
        if isinstance(guard, All):
            return self.truth(guard.first, places) & self.truth(guard.second, places)
        if isinstance(guard, Either):
            return self.truth(guard.first, places) | self.truth(guard.second, places)
        if isinstance(guard, Not):
            return ~self.truth(guard.guard, places)
        assert isinstance(guard, Comparison)
        return self._compared(guard, places)

    def _compared(self, guard: Comparison, places: IntArray) -> BoolArray:
        compare, value = OPERATORS[guard.operator], guard.value
        if guard.register == "channel":
            channel = self.log.channel
            assert channel is not None
            # The last entry answers negative codes: no channel.
            true = np.array([*(compare(name, value) for name in channel.values.tolist()), False])
            return true[np.maximum(channel.codes[self.log.rows[places]], -1)]
        if guard.kind is not None:
            known = self._count(guard.kind, places) if guard.register == "count" else self._total(guard.kind, places)
            return np.asarray(compare(known, value))
        column = self.log.amount if guard.register == "amount" else self.log.score
        assert column is not None
        own = column[self.log.rows[places]]
        return np.asarray(compare(own, value)) & ~np.isnan(own)

    def _count(self, kind: str, places: IntArray) -> Array:
        """Return how many touchpoints of a kind each customer has had by each place, that one included."""
        running, before = self._counted(kind, with_amount=False)
        return running[places] - before[self.owner[places]]

    def _total(self, kind: str, places: IntArray) -> FloatArray:
        """Return the sum of their amounts."""
        running, before = self._counted(kind, with_amount=True)
        last = running[places]
        some = last > before[self.owner[places]]
        totals = np.zeros(len(places))
        totals[some] = self._sums_of(kind)[last[some] - 1]
        return totals

    def _is(self, kind: str, *, with_amount: bool) -> BoolArray:
        found = np.equal(self.kind, self.program.machine.codes[kind])
        if with_amount:
            assert self.log.amount is not None
            places = np.flatnonzero(found)
            found[places] = ~np.isnan(self.log.amount[self.log.rows[places]])
        return found

    def _counted(self, kind: str, *, with_amount: bool) -> tuple[Array, Array]:
        """Count from the start of the block, and what had been counted before each customer."""
        key = kind, with_amount
        if key not in self._counts:
            running = np.cumsum(self._is(kind, with_amount=with_amount), dtype=np.int32)
            ends = np.cumsum(self.log.counts)
            before = np.concatenate([[0], running])[ends - self.log.counts].astype(np.int32)
            self._counts[key] = running, before
        return self._counts[key]

    def _sums_of(self, kind: str) -> FloatArray:
        """Return the running sum of each touchpoint of a kind that has an amount, in their order."""
        if kind not in self._sums:
            assert self.log.amount is not None
            places = np.flatnonzero(self._is(kind, with_amount=True))
            sizes = np.bincount(self.owner[places], minlength=len(self.log.counts))
            self._sums[kind] = running_sums(self.log.amount[self.log.rows[places]], sizes)
        return self._sums[kind]


def running_sums(values: FloatArray, sizes: IntArray) -> FloatArray:
    """Add up values group by group.

    They are added one to the other, as the scalar machine does: a difference of running sums of the whole column would
    round otherwise, and a condition could turn out differently.

    Parameters
    ----------
    values
        Values, group by group, shape (n,).
    sizes
        How many each group has, shape (k,).

    Returns
    -------
    (n,) ndarray of float64
    """
    sums = values.copy()
    by_size = np.argsort(-sizes, kind="stable")
    begin, size = (np.cumsum(sizes) - sizes)[by_size], sizes[by_size]
    rank = 1
    while (alive := int(np.searchsorted(-size, -rank, side="left"))) > _FEW:
        here = begin[:alive] + rank
        sums[here] += sums[here - 1]
        rank += 1
    for first, length in zip(begin[:alive].tolist(), size[:alive].tolist(), strict=True):
        rest = slice(first + rank - 1, first + length)
        sums[rest] = np.cumsum(sums[rest])
    return sums
