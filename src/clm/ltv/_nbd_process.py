"""The NBD process at given parameters: what it says of customers, with derivatives by the log parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.ltv._counts import least_count
from clm.ltv._order_log import times_until
from clm.stats import array_field, central_differences, seal

if TYPE_CHECKING:
    from clm.data import RFM
    from clm.ltv._evaluated import Evaluated
    from clm.typing import FloatArray, IntArray


@final
@frozen
class NBDProcess:
    """Customers who buy at random, for ever, at rates Gamma(r + x, alpha + T).

    Attributes
    ----------
    values : (2,) ndarray of float64
        ``r, alpha``.
    """

    values: FloatArray = array_field()

    __setstate__ = seal

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log-likelihood of each history: that of its purchase times, as of the models with leaving."""
        r, alpha = self.values
        x = rfm.frequency
        by_rate = r * np.log(alpha) - (r + x) * np.log(alpha + rfm.T)
        return np.asarray(special.gammaln(r + x) - special.gammaln(r) + by_rate)

    def probability_alive(self, rfm: RFM) -> Evaluated:
        """Return 1: nobody leaves."""
        return np.ones(len(rfm)), np.zeros((len(rfm), 2))

    def expected(self, rfm: RFM, ahead: float) -> Evaluated:
        """Return the expected purchases within the time ahead."""
        return self._rate(rfm, ahead)

    def exactly(self, count: int, rfm: RFM, ahead: float) -> Evaluated:
        """Return the probability of exactly so many purchases within the time ahead."""

        def chance(log_values: FloatArray) -> FloatArray:
            r, alpha = np.exp(log_values)
            c, until = r + rfm.frequency, alpha + rfm.T
            ways = special.gammaln(c + count) - special.gammaln(c) - special.gammaln(count + 1.0)
            log_share = special.xlogy(count, ahead / (until + ahead))
            return np.asarray(np.exp(ways - c * np.log1p(ahead / until) + log_share))

        log_values = np.log(self.values)
        if count and not ahead:
            return np.zeros(len(rfm)), np.zeros((len(rfm), 2))
        return chance(log_values), central_differences(chance, log_values)

    def discounted(self, rfm: RFM, rate: float) -> Evaluated:
        """Return the discounted expected purchases without end; NaN where they have no finite sum."""
        if rate > 0:
            return self._rate(rfm, 1 / rate)
        return np.full(len(rfm), np.nan), np.zeros((len(rfm), 2))

    def without_end(self) -> str:
        """Say why undiscounted purchases have no finite sum."""
        return "undiscounted it has no finite expectation, as nobody ever leaves"

    def variance(self, rfm: RFM, ahead: float) -> FloatArray:
        """Return the variance of each customer's number of purchases within the time ahead."""
        expected, _ = self._rate(rfm, ahead)
        return np.asarray(expected * (1 + ahead / (self.values[1] + rfm.T)))

    def counts_exceeded(self, tail: float, rfm: RFM, ahead: float) -> FloatArray:
        """Return the least count that each customer exceeds with a chance of at most `tail`."""
        r, alpha = self.values
        shape, share = r + rfm.frequency, ahead / (alpha + rfm.T + ahead)

        def exceeding(count: FloatArray, rows: IntArray) -> FloatArray:
            return np.asarray(special.betainc(count + 1, shape[rows], share[rows]))

        return least_count(exceeding, tail, len(rfm))

    def draw(self, rfm: RFM, ahead: float, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw whose purchases, and when, follow within the time ahead."""
        r, alpha = self.values
        rate = rng.gamma(r + rfm.frequency, 1 / (alpha + rfm.T))
        return times_until(rate, np.full(len(rfm), ahead), rng)

    def _rate(self, rfm: RFM, time: float) -> Evaluated:
        """Return the expected rate, times so much time, with derivatives by the log parameters."""
        r, alpha = self.values
        each = time / (alpha + rfm.T)
        value = (r + rfm.frequency) * each
        return value, np.stack([r * each, -value * alpha / (alpha + rfm.T)], axis=1)
