"""The GGompertz/NBD process: what it says of customers, with derivatives by the log parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.ltv._counts import least_count
from clm.ltv._evaluated import once_a_pair, weighed
from clm.ltv._ggompertz_leaving import (
    chance_of_at_least,
    chance_of_exactly,
    present_time_there,
    squared_time_there,
    time_there,
)
from clm.ltv._ggompertz_nbd_likelihood import log_odds_of_having_left, pointwise
from clm.ltv._order_log import times_until
from clm.stats import array_field, central_differences, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.data import RFM
    from clm.ltv._evaluated import Evaluated
    from clm.typing import FloatArray, IntArray


@final
@frozen
class GGompertzNBDProcess:
    """Customers who buy at random until a random moment, the hazard of which grows with their age.

    While he is there his rate is Gamma(r + x, alpha + T), and the time until he leaves is of the same kind as at the
    beginning, with another beta.

    Attributes
    ----------
    values : (5,) ndarray of float64
        ``r, alpha, b, s, beta``.
    """

    values: FloatArray = array_field()

    __setstate__ = seal

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log-likelihood of each history."""
        return pointwise(nested(self.values), rfm.frequency, rfm.recency, rfm.T)

    def probability_alive(self, rfm: RFM) -> Evaluated:
        """Return the probability of not having left."""
        log_odds, moves = log_odds_of_having_left(nested(self.values), rfm.frequency, rfm.recency, rfm.T)
        # beta/b falls as b grows.
        moves = moves.copy()
        moves[:, 2] -= moves[:, 4]
        small = np.exp(-np.abs(log_odds))
        return np.where(log_odds > 0, small, 1.0) / (1 + small), -(small / (1 + small) ** 2)[:, None] * moves

    def expected(self, rfm: RFM, ahead: float) -> Evaluated:
        """Return the expected purchases within the time ahead."""
        return self._of_those_there(rfm, lambda c, alpha, b, s, beta: c / alpha * time_there(b, s, beta, ahead))

    def exactly(self, count: int, rfm: RFM, ahead: float) -> Evaluated:
        """Return the probability of exactly so many purchases within the time ahead."""
        return self._of_those_there(
            rfm,
            lambda c, alpha, b, s, beta: chance_of_exactly(count, c, alpha, b, s, beta, ahead),
            float(count == 0),
        )

    def discounted(self, rfm: RFM, rate: float) -> Evaluated:
        """Return the discounted expected purchases without end, which have a sum also without a discount."""
        if rate > 0:
            return self._of_those_there(
                rfm, lambda c, alpha, b, s, beta: c / alpha * present_time_there(b, s, beta, rate)
            )

        def of(c: FloatArray, alpha: FloatArray, b: float, s: float, beta: FloatArray) -> FloatArray:
            # From 1/b on the chance of still being there falls like exp(-s b u).
            until = (50 / s + float(np.log1p(b * beta).max(initial=0.0))) / b
            return c / alpha * time_there(b, s, beta, until)

        return self._of_those_there(rfm, of)

    def without_end(self) -> str:
        """Say why undiscounted purchases have no finite sum: they always have one."""
        return ""

    def variance(self, rfm: RFM, ahead: float) -> FloatArray:
        """Return the variance of each customer's number of purchases within the time ahead."""
        there, _ = self.probability_alive(rfm)
        c, alpha, b, s, beta = _known(self.values, rfm.frequency, rfm.T)
        once = c / alpha * time_there(b, s, beta, ahead)
        square = once + c / alpha * ((c + 1) / alpha) * squared_time_there(b, s, beta, ahead)
        return np.asarray(there * square - (there * once) ** 2)

    def counts_exceeded(self, tail: float, rfm: RFM, ahead: float) -> FloatArray:
        """Return the least count that each customer exceeds with a chance of at most `tail`."""
        there, _ = self.probability_alive(rfm)
        c, alpha, b, s, beta = _known(self.values, rfm.frequency, rfm.T)

        def exceeding(count: FloatArray, rows: IntArray) -> FloatArray:
            return there[rows] * chance_of_at_least(count + 1, c[rows], alpha[rows], b, s, beta[rows], ahead)

        return least_count(exceeding, tail, len(rfm))

    def draw(self, rfm: RFM, ahead: float, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw whose purchases, and when, follow within the time ahead."""
        there, _ = self.probability_alive(rfm)
        alive = rng.random(len(rfm)) < there
        c, alpha, b, s, beta = _known(self.values, rfm.frequency, rfm.T)
        rate = rng.gamma(c, 1 / alpha)
        # A rate so small that it underflows keeps him for good.
        run = rng.exponential(1.0, len(rfm)) / np.maximum(rng.gamma(s, 1 / beta), 1e-300)
        until = np.log1p(b * run) / b
        return times_until(rate, np.where(alive, np.minimum(until, ahead), 0.0), rng)

    def _of_those_there(
        self,
        rfm: RFM,
        of: Callable[[FloatArray, FloatArray, float, float, FloatArray], FloatArray],
        otherwise: float = 0.0,
    ) -> Evaluated:
        def of_alive(x: FloatArray, age: FloatArray) -> Evaluated:
            def at(log_values: FloatArray) -> FloatArray:
                return of(*_known(np.exp(log_values), x, age))

            log_values = np.log(self.values)
            return at(log_values), central_differences(at, log_values)

        return weighed(self.probability_alive(rfm), once_a_pair(rfm, of_alive), otherwise)


def nested(values: FloatArray) -> FloatArray:
    """Return ``r, alpha, b, s, beta/b``, of which the last is the beta of the Pareto/NBD model for b to 0."""
    r, alpha, b, s, beta = values
    return np.array([r, alpha, b, s, beta / b])


def _known(
    values: FloatArray, x: FloatArray, age: FloatArray
) -> tuple[FloatArray, FloatArray, float, float, FloatArray]:
    """Return what is known of customers who are still there: ``r + x, alpha + T, b, s`` and beta/b as of now."""
    r, alpha, b, s, beta = nested(values)
    fading = np.exp(-b * age)
    return r + x, alpha + age, float(b), float(s), beta * fading - np.expm1(-b * age) / b
