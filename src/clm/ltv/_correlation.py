"""Do customers who buy often also spend more an order? Spend models take it that they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from clm.stats import Estimate, Normal

if TYPE_CHECKING:
    from clm.typing import FloatArray


def correlation(orders: FloatArray, value: FloatArray, weight: FloatArray) -> tuple[Estimate[float], float]:
    """Correlate frequency and mean order value over customers, and test that they are independent.

    Parameters
    ----------
    orders, value, weight
        Repeat orders, their mean value, and customers that stands for.

    Returns
    -------
    Estimate
        Pearson's correlation; its standard error follows from its influence function, whatever the distributions.
    float
        Two-sided p-value: under independence its variance is 1 / (n - 1), also whatever the distributions. NaN where
        the correlation is.
    """
    n = weight.sum()
    x, z = (_standardised(column, weight) for column in (orders, value))
    constant = x is None or z is None
    product = float((weight * x * z).sum() / n) if x is not None and z is not None else np.nan
    error = np.nan
    if x is not None and z is not None and n > 1:
        influence = x * z - product * (x**2 + z**2) / 2
        error = float(np.sqrt((weight * influence**2).sum() / n / (n - 1)))
    estimate = Estimate(
        value=product,
        standard_error=error,
        n=round(float(n)),
        name="correlation of frequency and order value",
        unit="correlation",
        definition="Correlation of repeat orders and their mean value over customers with a repeat order.",
        undefined="all customers ordered equally often, or for equal amounts" if constant else None,
        band=Normal(lowest=-1.0, highest=1.0),
    )
    return estimate, float(2 * special.ndtr(-abs(product) * np.sqrt(max(n - 1, 0))))


def _standardised(column: FloatArray, weight: FloatArray) -> FloatArray | None:
    if column.min() == column.max():
        return None
    centred = column - (weight * column).sum() / weight.sum()
    return np.asarray(centred / np.sqrt((weight * centred**2).sum() / weight.sum()))
