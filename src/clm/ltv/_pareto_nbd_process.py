"""The Pareto/NBD process at given parameters: what it says of customers, with derivatives by the log parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.ltv._counts import least_count
from clm.ltv._evaluated import once_a_pair, weighed
from clm.ltv._order_log import times_until
from clm.ltv._pareto_nbd_likelihood import log_odds_of_having_left, pointwise
from clm.ltv._until_leaving import (
    chance_of_at_least,
    chance_of_exactly,
    present_time_there,
    squared_time_there,
    time_there,
)
from clm.stats import array_field, central_differences, figure, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.data import RFM
    from clm.ltv._evaluated import Evaluated
    from clm.typing import FloatArray, IntArray


@final
@frozen
class ParetoNBDProcess:
    """Customers who buy at random until a random moment.

    While he is there his rate is Gamma(r + x, alpha + T) and the time until he leaves Pareto(s, beta + T).

    Attributes
    ----------
    values : (4,) ndarray of float64
        ``r, alpha, s, beta``; of shape (4, m) where each of m histories has its own, r and s the same for all.
    """

    values: FloatArray = array_field()

    __setstate__ = seal

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log-likelihood of each history."""
        return pointwise(self.values, rfm.frequency, rfm.recency, rfm.T)

    def probability_alive(self, rfm: RFM) -> Evaluated:
        """Return the probability of not having left."""
        log_odds, moves = log_odds_of_having_left(self.values, rfm.frequency, rfm.recency, rfm.T)
        small = np.exp(-np.abs(log_odds))
        return np.where(log_odds > 0, small, 1.0) / (1 + small), -(small / (1 + small) ** 2)[:, None] * moves

    def expected(self, rfm: RFM, ahead: float) -> Evaluated:
        """Return the expected purchases within the time ahead."""
        return self._of_those_there(rfm, lambda c, alpha, s, beta: c / alpha * time_there(s, beta, ahead))

    def expected_weighed(self, rfm: RFM, ahead: FloatArray, weights: FloatArray) -> Evaluated:
        """Return a weighed sum of the expected purchases within several times ahead."""

        def bought(c: FloatArray, alpha: FloatArray, s: float, beta: FloatArray) -> FloatArray:
            spells = [weight * time_there(s, beta, float(time)) for time, weight in zip(ahead, weights, strict=True)]
            return np.asarray(c / alpha * sum(spells))

        return self._of_those_there(rfm, bought)

    def exactly(self, count: int, rfm: RFM, ahead: float) -> Evaluated:
        """Return the probability of exactly so many purchases within the time ahead."""
        return self._of_those_there(
            rfm,
            lambda c, alpha, s, beta: chance_of_exactly(count, c, alpha, s, beta, ahead),
            float(count == 0),
        )

    def discounted(self, rfm: RFM, rate: float) -> Evaluated:
        """Return the discounted expected purchases without end; NaN where they have no finite sum."""
        if rate > 0:
            return self._of_those_there(rfm, lambda c, alpha, s, beta: c / alpha * present_time_there(s, beta, rate))
        if np.max(self.values[2]) <= 1:
            return np.full(len(rfm), np.nan), np.zeros((len(rfm), 4))
        return self._of_those_there(rfm, lambda c, alpha, s, beta: c / alpha * beta / (s - 1))

    def without_end(self) -> str:
        """Say why undiscounted purchases have no finite sum, where they have none."""
        of_all = figure(float(np.max(self.values[2])))
        return f"undiscounted it has no finite expectation, as s is {of_all}, not above 1"

    def variance(self, rfm: RFM, ahead: float) -> FloatArray:
        """Return the variance of each customer's number of purchases within the time ahead."""
        there, _ = self.probability_alive(rfm)
        c, alpha, s, beta = _known(self.values, rfm.frequency, rfm.T)
        once = c / alpha * time_there(s, beta, ahead)
        square = once + c / alpha * ((c + 1) / alpha) * squared_time_there(s, beta, ahead)
        return np.asarray(there * square - (there * once) ** 2)

    def counts_exceeded(self, tail: float, rfm: RFM, ahead: float) -> FloatArray:
        """Return the least count that each customer exceeds with a chance of at most `tail`."""
        there, _ = self.probability_alive(rfm)
        c, alpha, s, beta = _known(self.values, rfm.frequency, rfm.T)

        def exceeding(count: FloatArray, rows: IntArray) -> FloatArray:
            return there[rows] * chance_of_at_least(count + 1, c[rows], alpha[rows], s, beta[rows], ahead)

        return least_count(exceeding, tail, len(rfm))

    def draw(self, rfm: RFM, ahead: float, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw whose purchases, and when, follow within the time ahead."""
        there, _ = self.probability_alive(rfm)
        alive = rng.random(len(rfm)) < there
        c, alpha, s, beta = _known(self.values, rfm.frequency, rfm.T)
        rate = rng.gamma(c, 1 / alpha)
        leaving = rng.gamma(s, 1 / beta)
        # A rate so small that it underflows keeps him for good.
        until = rng.exponential(1.0, len(rfm)) / np.maximum(leaving, 1e-300)
        return times_until(rate, np.where(alive, np.minimum(until, ahead), 0.0), rng)

    def _of_those_there(
        self,
        rfm: RFM,
        of: Callable[[FloatArray, FloatArray, float, FloatArray], FloatArray],
        otherwise: float = 0.0,
    ) -> Evaluated:
        def of_alive(x: FloatArray, age: FloatArray) -> Evaluated:
            def at(shift: FloatArray) -> FloatArray:
                return of(*_known((self.values.T * np.exp(shift)).T, x, age))

            return at(np.zeros(4)), central_differences(at, np.zeros(4))

        by_row = self.values.ndim > 1
        then = of_alive(rfm.frequency, rfm.T) if by_row else once_a_pair(rfm, of_alive)
        return weighed(self.probability_alive(rfm), then, otherwise)


def _known(values: FloatArray, x: FloatArray, age: FloatArray) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    """Return what is known of customers who are still there: ``r + x, alpha + T, s, beta + T``."""
    r, alpha, s, beta = values
    return r + x, alpha + age, float(np.max(s)), beta + age
