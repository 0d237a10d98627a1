"""Repeated purchase histories counted once, so that a model's cost follows the distinct ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from clm.data._time import DAYS, days_in

if TYPE_CHECKING:
    from clm.typing import FloatArray, IntArray

NANO: Final = 1e9
"""Sums of logarithms are added up in billionths."""

_ROOM = 64
"""Entries of the counting table allowed per row; above that, sorting is cheaper."""


def distinct(frequency: FloatArray, recency: FloatArray, age: FloatArray, unit: str) -> tuple[IntArray, IntArray]:
    """Find the distinct rows.

    Times are mostly whole days or weeks, so that a row's place in a table of all possible rows can be counted out;
    where they are not, the rows are sorted.

    Parameters
    ----------
    frequency, recency, age
        Rows of a valid history, equally long.
    unit
        Unit of recency and age.

    Returns
    -------
    rows : (cells,) ndarray of int64
        One row of each distinct kind, in the order of frequency, recency, age.
    cell_of : (n,) ndarray of int64
        The kind of each row.
    """
    counted = _places(frequency, recency, age, unit)
    if counted is None:
        return _sorted(frequency, recency, age)
    places, size = counted
    taken = np.zeros(size, bool)
    taken[places] = True
    kinds = np.flatnonzero(taken)
    number = np.empty(size, np.int32)
    number[kinds] = np.arange(kinds.size)
    cell_of = number[places].astype(np.int64)
    rows = np.empty(kinds.size, np.int64)
    rows[cell_of] = np.arange(places.size)
    return rows, cell_of


def added(values: FloatArray, weights: FloatArray | None, cell_of: IntArray) -> FloatArray:
    """Add up values by cell so that the order of the rows does not matter.

    Whole billionths are added up exactly, and what is left of a value is too little to tell the order.
    """
    scaled = values * (NANO if weights is None else NANO * weights)
    whole = np.rint(scaled)
    with np.errstate(invalid="ignore"):  # infinite values leave nothing
        rest = scaled - whole
        # So little is the rounding of a whole number.
        rest = np.where(np.abs(rest) > np.maximum(1e-4, 4 * np.spacing(np.abs(scaled))), rest, 0.0)
    return np.asarray((np.bincount(cell_of, whole) + np.bincount(cell_of, rest)) / NANO)


def _sorted(frequency: FloatArray, recency: FloatArray, age: FloatArray) -> tuple[IntArray, IntArray]:
    order = np.lexsort((age, recency, frequency))
    new = np.ones(order.size, bool)
    for column in (frequency, recency, age):
        ordered = column[order]
        new[1:] &= ordered[1:] == ordered[:-1]
    new[1:] = ~new[1:]
    cell_of = np.empty(order.size, np.int64)
    cell_of[order] = np.cumsum(new) - 1
    return order[new].astype(np.int64, copy=False), cell_of


def _places(frequency: FloatArray, recency: FloatArray, age: FloatArray, unit: str) -> tuple[IntArray, int] | None:
    # Rows that no history can have are left to the sort, which does not mind: whoever uses them refuses them.
    sound = (frequency >= 0) & (frequency < 2**31) & (recency >= 0) & (recency <= age) & (age < 2**31)
    if not sound.size or not sound.all():
        return None
    slots = _slots((recency, age), unit)
    if slots is None:
        return None
    last, now = slots
    count = frequency.astype(np.int64)
    width = int(now.max()) + 1
    room = _ROOM * count.size + 2**16
    if (int(count.max()) + 1) * width > room:
        return None
    pair = count * width + last
    used = np.zeros(int(pair.max()) + 1, bool)
    used[pair] = True
    pairs = np.flatnonzero(used)
    # The age is at least the recency: the table of a pair starts there.
    spans = width - pairs % width
    if int(spans.sum()) > room:
        return None
    offset = np.zeros(used.size, np.int64)
    offset[pairs] = np.cumsum(spans) - spans - pairs % width
    return offset[pair] + now, int(spans.sum())


def _slots(columns: tuple[FloatArray, ...], unit: str) -> tuple[IntArray, ...] | None:
    """Return times as whole numbers of hours, days, ... where they are that to the last bit."""
    length = days_in(unit)
    for step in sorted((days for days in DAYS.values() if days <= length), reverse=True):
        per_unit = length / step
        # A few rows tell most grids apart; all of them decide.
        if all(_whole(column[:32], per_unit) for column in columns) and all(
            _whole(column, per_unit) for column in columns
        ):
            return tuple(np.rint(column * per_unit).astype(np.int64) for column in columns)
    return None


def _whole(column: FloatArray, per_unit: float) -> bool:
    slot = np.rint(column * per_unit)
    return np.array_equal(slot / per_unit, column) or np.array_equal(slot * (1 / per_unit), column)
