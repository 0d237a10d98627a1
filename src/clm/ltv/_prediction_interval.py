"""Limits for what will be counted, as against limits for its expectation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.ltv._counts import least_count
from clm.stats import Interval, array_field, frozen_array, seal, z_score

if TYPE_CHECKING:
    from clm.typing import Array, FloatArray, IntArray

_PARTS: Final = "with the variance of the counts and of the estimated parameters"


@final
@frozen(kw_only=True, repr=False)
class PredictionInterval:
    """Between which counts each customer's purchases will lie, and their sum.

    Attributes
    ----------
    low, high : (n,) ndarray of int64
        Ends for each customer, both included.
    total : Interval
        Ends for the sum over all customers; NaN where the parameters' errors are not known.
    index : (n,) ndarray, or None
        Customer ids.
    level : float
        The least chance, as the model has it, that a count lies between its ends.
    method : str
        How the ends follow from the data.
    """

    low: IntArray = array_field(converter=lambda ends: frozen_array(ends, np.int64))
    high: IntArray = array_field(converter=lambda ends: frozen_array(ends, np.int64))
    total: Interval[float]
    index: Array | None = array_field(default=None)
    level: float
    method: str

    __setstate__ = seal

    def __repr__(self) -> str:
        low, high = self.total
        total = "undefined" if np.isnan(low) else f"{low:,.0f} to {high:,.0f}"
        return f"<PredictionInterval: {len(self.low):,} customers, {100 * self.level:g}%, total {total}>"


def interval_of_total(
    *, expected: float, of_counts: float, of_parameters: float, level: float, undefined: str | None
) -> Interval[float]:
    """Return limits for a sum of counts.

    A negative binomial distribution with both moments, or a normal one where the variance is below the expectation.

    Parameters
    ----------
    expected
        Of the sum.
    of_counts, of_parameters
        Its variance at the estimated parameters, and that of its expectation by their error.
    level
        Nominal coverage.
    undefined
        Why the error of the parameters is not known, where it is not: chance alone would promise too narrow a range.
    """
    if undefined is not None:
        return Interval(low=np.nan, high=np.nan, level=level, method=f"undefined: {undefined}")
    variance = of_counts + of_parameters
    if variance <= expected * (1 + 1e-9):
        half = z_score(level) * np.sqrt(max(variance, 0.0))
        low, high = max(0.0, float(np.floor(expected - half))), float(np.ceil(expected + half))
        return Interval(low=low, high=high, level=level, method=f"normal {_PARTS}")
    size, share = expected**2 / (variance - expected), (variance - expected) / variance

    def exceeding(count: FloatArray, _: IntArray) -> FloatArray:
        return np.asarray(special.betainc(count + 1, size, share))

    low, high = (float(least_count(exceeding, tail, 1)[0]) for tail in ((1 + level) / 2, (1 - level) / 2))
    return Interval(low=low, high=high, level=level, method=f"negative binomial {_PARTS}")
