"""Rates of small cohorts, drawn towards the mean of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.stats import Estimate, array_field, seal

if TYPE_CHECKING:
    from clm.typing import BoolArray, FloatArray, IntArray

_FEWEST: Final = 3
_SHARPEST: Final = 1e6
"""Customers that the common mean counts for at most: more would leave no digit to a cohort's own rate."""


@final
@frozen
class BetaPosterior:
    """Equal-tailed limits of beta distributions."""

    a: FloatArray = array_field()
    b: FloatArray = array_field()

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "beta posterior"

    @property
    def lowest(self) -> float:
        """The lower end of the range."""
        return 0.0

    @property
    def highest(self) -> float:
        """The upper end of the range."""
        return 1.0

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends; the value itself where it has no error."""
        tail = (1 - level) / 2
        a, b = np.where(self.a > 0, self.a, 1.0), np.where(self.b > 0, self.b, 1.0)
        low, high = special.betaincinv(a, b, tail), special.betaincinv(a, b, 1 - tail)
        unknown, certain = np.isnan(value), standard_error == 0
        low, high = np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)
        return np.where(certain, value, low), np.where(certain, value, high)


def shrunken(
    retained: IntArray, sizes: IntArray, *, known: BoolArray, certain: BoolArray, **described: Any
) -> Estimate[FloatArray]:
    """Return each cohort's rate drawn towards the mean; see `RetentionTable.shrunken_rates`.

    Parameters
    ----------
    retained
        (c, a) counts.
    sizes
        (c,) customers.
    known
        (c, a) cells that can be stated.
    certain
        (a,) columns that are 1 by definition.
    **described
        The rest of the estimate.
    """
    a, b = np.zeros(retained.shape), np.zeros(retained.shape)
    for column in np.flatnonzero(known.any(axis=0) & ~certain):
        rows = known[:, column]
        mean, strength = _prior(retained[rows, column], sizes[rows])
        a[rows, column] = mean * strength + retained[rows, column]
        b[rows, column] = (1 - mean) * strength + sizes[rows] - retained[rows, column]
        # Of no cohort more can be known than of one rate that all customers share.
        sharper = np.maximum((a[rows, column] + b[rows, column]) / (sizes[rows].sum() + 1.0), 1.0)
        a[rows, column] /= sharper
        b[rows, column] /= sharper
    total = np.where(a + b > 0, a + b, 1.0)
    value = np.where(certain, 1.0, a / total)
    error = np.where(certain, 0.0, np.sqrt(a * b / (total**2 * (total + 1))))
    return Estimate(
        value=np.where(known, value, np.nan),
        standard_error=np.where(known, error, np.nan),
        n=np.where(known, sizes[:, None], 0),
        name="retention",
        unit="fraction",
        band=BetaPosterior(a, b),
        **described,
    )


def _prior(retained: IntArray, sizes: IntArray) -> tuple[float, float]:
    """Return mean and strength, in customers, of the beta distribution of cohorts' rates, by moments."""
    cohorts, total = len(sizes), sizes.sum()
    mean = retained.sum() / total
    chance = mean * (1 - mean)
    if cohorts < _FEWEST or chance == 0:
        return _inside(mean, total), _SHARPEST
    rates = retained / sizes
    between = (sizes * (rates - mean) ** 2).sum()
    # What sizes above 1 add to the expected spread of rates; with cohorts of one nothing can be told apart.
    more = total - (sizes**2).sum() / total - (cohorts - 1)
    variance = max(float((between - chance * (cohorts - 1)) / more), 0.0) if more > 1e-9 else 0.0
    strength = chance / variance - 1 if variance > 0 else _SHARPEST
    return mean, float(np.clip(strength, 1e-3, _SHARPEST))


def _inside(mean: float, total: float) -> float:
    # At 0 and 1 a beta distribution has no density: half a customer more on either side.
    return float((mean * total + 0.5) / (total + 1)) if mean in {0.0, 1.0} else float(mean)
