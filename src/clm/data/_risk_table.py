"""Who was at risk, and who was lost, at each distinct age: counted where ages are whole, else sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm.data._time import DAYS
from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.typing import Array, BoolArray, FloatArray, IntArray

_SAMPLE = 1000
_CELLS_A_ROW = 4
_FEW_CELLS = 1 << 20
_ROUNDING = 1e-9


def count_risk(
    durations: FloatArray, observed: BoolArray, entry: FloatArray | None, weights: FloatArray | None, unit: str
) -> tuple[FloatArray, Array, Array]:
    """Return ages, customers lost at them, and customers at risk at them; see `Durations.risk_table`."""
    late = None
    if entry is not None:
        seen = (durations > entry) | (entry <= 0)
        if not seen.all():
            durations, observed, entry = durations[seen], observed[seen], entry[seen]
            weights = None if weights is None else weights[seen]
        late = entry > 0
    begun = entry[late] if entry is not None and late is not None and late.any() else None
    ages, ends, starts = _coded(durations, begun, unit)
    ends += ends  # in place: fresh memory costs more than the sums
    ends += observed
    ended = np.bincount(ends, weights, minlength=2 * len(ages)).reshape(-1, 2)
    change = ended.sum(axis=1)
    moved = change > 0
    if starts is not None:
        entered = np.bincount(starts, None if weights is None else weights[late], minlength=len(ages))
        change = change - entered
        moved |= entered > 0
    # Suffix sums: the last at risk are exactly those who ended last.
    at_risk = np.cumsum(change[::-1])[::-1]
    lost = ended[:, 1]
    if weights is not None:
        at_risk, lost = _without_rounding(at_risk, lost)
    return frozen_array(ages[moved]), frozen_array(lost[moved]), frozen_array(at_risk[moved])


def _coded(durations: FloatArray, begun: FloatArray | None, unit: str) -> tuple[FloatArray, IntArray, IntArray | None]:
    """Return all ages, and the number of the age at which each customer ended and each late one entered."""
    for parts in (1.0, DAYS[unit]):  # whole units; whole days in other units
        ends = _whole(durations, parts)
        starts = None if begun is None else _whole(begun, parts)
        if ends is not None and (begun is None or starts is not None):
            size = 1 + max(int(codes.max(initial=0)) for codes in (ends, starts) if codes is not None)
            return np.arange(size) / parts, ends, starts
    if begun is None:
        ages, ends = np.unique(durations, return_inverse=True)
        return ages, ends.reshape(-1), None
    ages, codes = np.unique(np.concatenate([durations, begun]), return_inverse=True)
    codes = codes.reshape(-1)
    return ages, codes[: len(durations)], codes[len(durations) :]


def _whole(ages: FloatArray, parts: float) -> IntArray | None:
    """Return ages counted in parts of a unit, or None where they are not whole or too far apart to count out."""
    if not len(ages):
        return np.empty(0, np.intp)
    far = ages.max() * parts > max(_CELLS_A_ROW * len(ages), _FEW_CELLS)
    if far or _numbered(ages[:_SAMPLE], parts) is None:
        return None
    return _numbered(ages, parts)


def _numbered(ages: FloatArray, parts: float) -> IntArray | None:
    numbers = (ages if parts == 1 else np.rint(ages * parts)).astype(np.intp)
    exact = numbers == ages if parts == 1 else numbers / parts == ages
    return numbers if exact.all() else None


def _without_rounding(at_risk: Array, lost: Array) -> tuple[Array, Array]:
    """Return sums of weights, counts as whole numbers, and nobody left where only rounding is."""
    if (np.rint(at_risk) == at_risk).all() and (np.rint(lost) == lost).all():
        return at_risk.astype(np.int64), lost.astype(np.int64)
    least = _ROUNDING * at_risk.max(initial=0.0)
    at_risk = np.where(at_risk < least, 0.0, at_risk)
    return at_risk, np.where(np.abs(at_risk - lost) < least, at_risk, lost)
