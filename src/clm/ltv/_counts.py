"""How many times a customer will buy: chances and limits of the count itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.ltv._belief import Belief
    from clm.typing import FloatArray, IntArray


def log_chance_of_staying(belief: Belief, purchases: FloatArray) -> FloatArray:
    """Return the log chance of not leaving after any of so many purchases: ``ln B(a, b + k) - ln B(a, b)``."""
    a, b = belief.a, belief.b
    stay = special.gammaln(b + purchases) - special.gammaln(b)
    return np.asarray(stay - special.gammaln(a + b + purchases) + special.gammaln(a + b))


def chance_of_at_least(belief: Belief, count: FloatArray, horizon: float) -> FloatArray:
    """Return the chance of at least so many purchases, 1 or more, while still there at the beginning.

    The rate must allow as many, and none of the purchases before the last may have been the last.
    """
    intended = special.betainc(count, belief.shape, horizon / (belief.rate + horizon))
    return np.asarray(intended * np.exp(log_chance_of_staying(belief, count - 1)))


def chance_of_exactly(belief: Belief, count: int, horizon: float) -> FloatArray:
    """Return the chance of exactly so many purchases, while still there at the beginning.

    Either no more were intended, and none before was the last; or the last of them was the last for good.
    """
    c, share = belief.shape, horizon / (belief.rate + horizon)
    log_intended = (
        special.gammaln(c + count) - special.gammaln(c) - special.gammaln(count + 1.0)
        - c * np.log1p(horizon / belief.rate) + special.xlogy(count, share)
    )  # fmt: skip
    exactly = np.exp(log_intended + log_chance_of_staying(belief, np.asarray(float(count))))
    if count == 0:
        return np.asarray(exactly)
    leaving = belief.a / (belief.a + belief.b + count - 1)
    return np.asarray(exactly + chance_of_at_least(belief, np.asarray(float(count)), horizon) * leaving)


def least_count(exceeding: Callable[[FloatArray, IntArray], FloatArray], tail: float, size: int) -> FloatArray:
    """Return the least count that is exceeded with a chance of at most `tail`, for each of `size` rows.

    Parameters
    ----------
    exceeding
        Chance of more than so many purchases: takes one count a row and the rows' numbers.
    tail
        Inside (0, 1).
    size
        How many rows.

    Returns
    -------
    (size,) ndarray of float64
        Whole numbers.
    """
    low, high = np.zeros(size), np.zeros(size)
    rows = np.arange(size)
    while rows.size:
        rows = rows[exceeding(high[rows], rows) > tail]
        low[rows] = high[rows] + 1
        high[rows] = 2 * high[rows] + 1
    rows = np.flatnonzero(low < high)
    while rows.size:
        middle = np.floor((low[rows] + high[rows]) / 2)
        beyond = exceeding(middle, rows) > tail
        low[rows] = np.where(beyond, middle + 1, low[rows])
        high[rows] = np.where(beyond, high[rows], middle)
        rows = rows[low[rows] < high[rows]]
    return high
