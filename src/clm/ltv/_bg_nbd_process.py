"""The BG/NBD and MBG/NBD processes: what they say of customers, with derivatives by the log parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.ltv._belief import Belief
from clm.ltv._bg_nbd_likelihood import log_odds_of_having_left, pointwise
from clm.ltv._counts import chance_of_at_least, chance_of_exactly, least_count
from clm.ltv._evaluated import once_a_pair, weighed
from clm.ltv._expectation import (
    all_purchases,
    discounted_purchases,
    purchases,
    squared_purchases,
    weighed_purchases,
)
from clm.ltv._order_log import purchase_times
from clm.stats import array_field, central_differences, figure, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.data import RFM
    from clm.ltv._evaluated import Evaluated
    from clm.typing import FloatArray, IntArray


@final
@frozen
class BGNBDProcess:
    """Customers who buy at random and may leave after each repeat purchase, or after each purchase.

    Attributes
    ----------
    values : (4,) ndarray of float64
        ``r, alpha, a, b``; of shape (4, m) where each of m histories has its own.
    first : {0, 1}
        Occasions to leave before the first repeat purchase: none in the BG/NBD model, one in the MBG/NBD model.
    """

    values: FloatArray = array_field()
    first: int = 0

    __setstate__ = seal

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log-likelihood of each history."""
        return pointwise(self.values, rfm.frequency, rfm.recency, rfm.T, self.first)

    def probability_alive(self, rfm: RFM) -> Evaluated:
        """Return the probability of not having left, 1 without an occasion to leave."""
        r, alpha, _, b = self.values
        x, recency, age = rfm.frequency, rfm.recency, rfm.T
        log_odds = log_odds_of_having_left(self.values, x, recency, age, self.first)
        small = np.exp(-np.abs(log_odds))
        occasions = x + self.first
        occasion = occasions > 0
        moves = np.stack(
            [
                r * np.log1p((age - recency) / (alpha + recency)),
                alpha * (r + x) * (recency - age) / ((alpha + age) * (alpha + recency)),
                np.ones_like(x),
                -b / np.where(occasion, b + occasions - 1, 1.0),
            ],
            axis=1,
        )
        swing = np.where(occasion, small / (1 + small) ** 2, 0.0)
        return np.where(log_odds > 0, small, 1.0) / (1 + small), -swing[:, None] * moves

    def expected(self, rfm: RFM, ahead: float) -> Evaluated:
        """Return the expected purchases within the time ahead."""

        def of_alive(x: FloatArray, age: FloatArray) -> Evaluated:
            return self._chained(purchases(_belief(self.values, x, age, self.first), ahead))

        return weighed(self.probability_alive(rfm), self._pairs(rfm, of_alive))

    def expected_weighed(self, rfm: RFM, ahead: FloatArray, weights: FloatArray) -> Evaluated:
        """Return a weighed sum of the expected purchases within several times ahead."""

        def of_alive(x: FloatArray, age: FloatArray) -> Evaluated:
            return self._chained(weighed_purchases(_belief(self.values, x, age, self.first), ahead, weights))

        return weighed(self.probability_alive(rfm), self._pairs(rfm, of_alive))

    def exactly(self, count: int, rfm: RFM, ahead: float) -> Evaluated:
        """Return the probability of exactly so many purchases within the time ahead."""

        def of_alive(x: FloatArray, age: FloatArray) -> Evaluated:
            def chance(shift: FloatArray) -> FloatArray:
                values = (self.values.T * np.exp(shift)).T
                return chance_of_exactly(_belief(values, x, age, self.first), count, ahead)

            return chance(np.zeros(4)), central_differences(chance, np.zeros(4))

        return weighed(self.probability_alive(rfm), self._pairs(rfm, of_alive), float(count == 0))

    def discounted(self, rfm: RFM, rate: float) -> Evaluated:
        """Return the discounted expected purchases without end; NaN where they have no finite sum."""

        def of_alive(x: FloatArray, age: FloatArray) -> Evaluated:
            known = _belief(self.values, x, age, self.first)
            return self._chained(discounted_purchases(known, rate) if rate > 0 else all_purchases(known))

        return weighed(self.probability_alive(rfm), self._pairs(rfm, of_alive))

    def without_end(self) -> str:
        """Say why undiscounted purchases have no finite sum, where they have none."""
        least = figure(float(np.min(self.values[2])))
        return f"undiscounted it has no finite expectation, as a is {least}, not above 1"

    def variance(self, rfm: RFM, ahead: float) -> FloatArray:
        """Return the variance of each customer's number of purchases within the time ahead."""

        def squared(x: FloatArray, age: FloatArray) -> Evaluated:
            return squared_purchases(_belief(self.values, x, age, self.first), ahead), np.zeros((x.size, 4))

        square, _ = weighed(self.probability_alive(rfm), self._pairs(rfm, squared))
        return square - self.expected(rfm, ahead)[0] ** 2

    def counts_exceeded(self, tail: float, rfm: RFM, ahead: float) -> FloatArray:
        """Return the least count that each customer exceeds with a chance of at most `tail`."""
        there, _ = self.probability_alive(rfm)
        known = _belief(self.values, rfm.frequency, rfm.T, self.first)

        def exceeding(count: FloatArray, rows: IntArray) -> FloatArray:
            return there[rows] * chance_of_at_least(known.part(rows), count + 1, ahead)

        return least_count(exceeding, tail, len(rfm))

    def draw(self, rfm: RFM, ahead: float, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw whose purchases, and when, follow within the time ahead."""
        there, _ = self.probability_alive(rfm)
        alive = rng.random(len(rfm)) < there
        known = _belief(self.values, rfm.frequency, rfm.T, self.first)
        rate = rng.gamma(known.shape, 1 / known.rate)
        chance = np.maximum(rng.beta(known.a, known.b), 1e-15)  # below, the last purchase has no int64
        return purchase_times(np.where(alive, rate, 0.0), rng.geometric(chance), ahead, rng)

    def _chained(self, by_belief: Evaluated) -> Evaluated:
        # shape = r + x, rate = alpha + T, a, b + occasions: each moves with one parameter, and d/d log v = v d/dv.
        value, gradient = by_belief
        return value, gradient * self.values.T

    def _pairs(self, rfm: RFM, evaluate: Callable[[FloatArray, FloatArray], Evaluated]) -> Evaluated:
        """Evaluate what depends on frequency and age alone, row by row where parameters differ by row."""
        return evaluate(rfm.frequency, rfm.T) if self.values.ndim > 1 else once_a_pair(rfm, evaluate)


def _belief(values: FloatArray, x: FloatArray, age: FloatArray, first: int) -> Belief:
    r, alpha, a, b = values
    return Belief(r + x, alpha + age, np.broadcast_to(a, x.shape), b + x + first)
