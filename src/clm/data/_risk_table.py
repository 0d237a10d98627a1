"""Who was at risk, and who was lost, at each distinct age: counted where ages are whole, else sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.data._time import DAYS
from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.typing import Array, BoolArray, FloatArray

_BLOCK = 1 << 16  # rows that fit the processor's cache together with what is derived from them
_CELLS_A_ROW = 4
_FEW_CELLS = 1 << 20
_WIDE = 1 << 30
_ROUNDING = 1e-9


@final
@frozen(eq=False)
class Rows:
    """One row a customer: his age at the end, whether it was seen, where he entered late, and how often he counts."""

    durations: FloatArray
    observed: BoolArray
    entry: FloatArray | None
    weights: FloatArray | None

    def __len__(self) -> int:
        return len(self.durations)

    def take(self, rows: slice | BoolArray) -> Rows:
        """Return some of the rows."""
        entry = None if self.entry is None else self.entry[rows]
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.durations[rows], self.observed[rows], entry, weights)

    def ever_at_risk(self) -> Rows:
        """Return the rows without those who end as they enter, and no entries where nobody enters late."""
        if self.entry is None:
            return self
        seen = (self.durations > self.entry) | (self.entry <= 0)
        rows = self if seen.all() else self.take(seen)
        assert rows.entry is not None
        return rows if (rows.entry > 0).any() else Rows(rows.durations, rows.observed, None, rows.weights)


def count_risk(rows: Rows, unit: str) -> tuple[FloatArray, Array, Array]:
    """Return ages, customers lost at them, and customers at risk at them; see `Durations.risk_table`."""
    rows = rows.ever_at_risk()
    # Whole units, whole days in other units, anything else.
    counted = _count_out(rows, 1.0) or _count_out(rows, DAYS[unit]) or _sort_out(rows)
    ages, lost, left, entered = counted
    # Suffix sums: the last at risk are exactly those who ended last.
    at_risk = np.cumsum((lost + left - entered)[::-1])[::-1]
    moved = (lost + left + entered) > 0
    if rows.weights is not None:
        lost, at_risk = _without_rounding(lost, at_risk)
    return frozen_array(ages[moved]), frozen_array(lost[moved]), frozen_array(at_risk[moved])


def _count_out(rows: Rows, parts: float) -> tuple[FloatArray, Array, Array, Array] | None:
    """Count at every multiple of a part of a unit, or return None where ages are no multiples, or too far apart."""
    oldest = rows.durations.max(initial=0.0) * parts
    if oldest > max(_CELLS_A_ROW * len(rows), _FEW_CELLS):
        return None
    size = round(oldest) + 1
    ended = np.zeros((size, 2), np.int64 if rows.weights is None else np.float64)
    entered = np.zeros(size, ended.dtype)
    block = max(_BLOCK, size)
    for start in range(0, len(rows), block):
        some = rows.take(slice(start, start + block))
        ends = _numbered(some.durations, parts)
        if ends is None:
            return None
        ended += _count_ends(ends, some, size)
        if some.entry is not None:
            late = some.entry > 0
            starts = _numbered(some.entry[late], parts)
            if starts is None:
                return None
            entered += np.bincount(starts, None if some.weights is None else some.weights[late], minlength=size)
    return np.arange(size) / parts, ended[:, 1], ended[:, 0], entered


def _sort_out(rows: Rows) -> tuple[FloatArray, Array, Array, Array]:
    """Count at every distinct age."""
    late = None if rows.entry is None else rows.entry > 0
    begun = np.empty(0) if rows.entry is None else rows.entry[late]
    ages, codes = np.unique(np.concatenate([rows.durations, begun]), return_inverse=True)
    codes = codes.reshape(-1)
    ended = _count_ends(codes[: len(rows)], rows, len(ages))
    weights = None if rows.weights is None or late is None else rows.weights[late]
    return ages, ended[:, 1], ended[:, 0], np.bincount(codes[len(rows) :], weights, minlength=len(ages))


def _count_ends(ends: Array, rows: Rows, size: int) -> Array:
    """Count those last seen and those lost at each number; the numbers are used up."""
    ends += ends
    ends += rows.observed
    return np.bincount(ends, rows.weights, minlength=2 * size).reshape(-1, 2)


def _numbered(ages: FloatArray, parts: float) -> Array | None:
    # Conversion to 32 bits is the fastest; twice a number must fit.
    width: Any = np.int32 if ages.max(initial=0.0) * parts < _WIDE else np.int64
    numbers: Array = (ages if parts == 1 else np.rint(ages * parts)).astype(width)
    exact = numbers == ages if parts == 1 else np.divide(numbers, parts) == ages
    return numbers if exact.all() else None


def _without_rounding(lost: Array, at_risk: Array) -> tuple[Array, Array]:
    """Return sums of weights, as whole numbers where they are, and nobody left where only rounding is."""
    if (np.rint(at_risk) == at_risk).all() and (np.rint(lost) == lost).all():
        return lost.astype(np.int64), at_risk.astype(np.int64)
    least = _ROUNDING * at_risk.max(initial=0.0)
    at_risk = np.where(at_risk < least, 0.0, at_risk)
    return np.where(np.abs(at_risk - lost) < least, at_risk, lost), at_risk
