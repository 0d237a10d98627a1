"""How many customers of a cohort will still be there: limits for the expectation and for the count itself."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.stats import LogitNormal, LogNormal

if TYPE_CHECKING:
    from clm.typing import FloatArray

_COUNTED_OUT: Final = 100_000
"""Cohorts up to this size have exact limits; in larger ones a count is as good as a share."""

_LEAST: Final = 1e-3  # both shapes of a beta distribution together, where hardly anything is known of the share


@final
@frozen
class Between:
    """Delta method on the logit of how far a quantity has come from its least to its greatest value.

    Without a greatest value, on the logarithm of how far it is above its least.
    """

    lowest: float
    highest: float

    @property
    def method(self) -> str:
        """The method's name."""
        return self._band.method

    @property
    def _band(self) -> LogitNormal | LogNormal:
        return LogitNormal() if self.highest < inf else LogNormal()

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends inside the range."""
        span = self.highest - self.lowest if self.highest < inf else 1.0
        unit = span if span > 0 else 1.0
        low, high = self._band.limits((value - self.lowest) / unit, standard_error / unit, level)
        return self.lowest + unit * low, self.lowest + unit * high


def count_limits(customers: int, share: float, error: float, level: float) -> tuple[float, float]:
    """Return between which counts so many customers, each there with a chance known with an error, will lie.

    Parameters
    ----------
    customers
        How many there are.
    share, error
        The chance, and its standard error.
    level
        Nominal coverage, at most ``1 - level`` shared by both sides.

    Returns
    -------
    low, high : float
        Whole, both included.

    Notes
    -----
    Beta-binomial: the share is taken as beta distributed with that mean and standard error.
    """
    if not customers or share in {0, 1}:
        return customers * share, customers * share
    if error == 0:
        return _quantiles(_binomial(customers, share), level)
    together = max(share * (1 - share) / error**2 - 1, _LEAST)
    a, b = share * together, (1 - share) * together
    if customers <= _COUNTED_OUT:
        return _quantiles(_beta_binomial(customers, a, b), level)
    # The chance of single customers adds as much variance as so many fewer observations behind the share would.
    spread = error**2 + (share * (1 - share) - error**2) / customers
    together = max(share * (1 - share) / spread - 1, _LEAST)
    tail = (1 - level) / 2
    low, high = special.betaincinv(share * together, (1 - share) * together, np.array([tail, 1 - tail]))
    return float(np.floor(customers * low)), float(np.ceil(customers * high))


def _binomial(customers: int, share: float) -> FloatArray:
    k = np.arange(customers + 1.0)
    return np.asarray(special.bdtr(k, customers, share))


def _beta_binomial(customers: int, a: float, b: float) -> FloatArray:
    """Return the distribution function at 0 to `customers`."""
    k = np.arange(customers + 1.0)
    log_chance = special.betaln(k + a, customers - k + b) - special.betaln(k + 1, customers - k + 1)
    chance = np.exp(log_chance - log_chance.max())
    return np.asarray(chance.cumsum() / chance.sum())


def _quantiles(distribution: FloatArray, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = np.searchsorted(distribution, [tail, 1 - tail])
    return float(low), float(min(high, len(distribution) - 1))
