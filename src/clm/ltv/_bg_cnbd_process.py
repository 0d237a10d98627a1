"""The BG/CNBD-k and MBG/CNBD-k processes: what they say of customers, with derivatives by the log parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.ltv._belief import Belief
from clm.ltv._bg_cnbd_likelihood import Stages, log_odds_of_having_left, pointwise
from clm.ltv._counts import least_count
from clm.ltv._evaluated import once_a_pair, weighed
from clm.ltv._expectation import all_purchases
from clm.ltv._order_log import times_until
from clm.ltv._staged import (
    chance_of_at_least,
    chance_of_exactly,
    discounted_purchases,
    purchases,
    squared_purchases,
)
from clm.stats import array_field, central_differences, figure, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.data import RFM
    from clm.ltv._evaluated import Evaluated
    from clm.typing import FloatArray, IntArray


@final
@frozen
class BGCNBDProcess:
    """Customers who come to each purchase in k stages at random times, and may leave after it.

    Of a customer who is there and has been silent it is not known how many stages lie behind him: what follows is a
    mixture over 0 to k - 1 of them.

    Attributes
    ----------
    values : (4,) ndarray of float64
        ``r, alpha, a, b``; the first two are those of the rate of stages.
    k : int
        Stages a purchase.
    first : {0, 1}
        Occasions to leave before the first repeat purchase: none in the BG model, one in the MBG model.
    """

    values: FloatArray = array_field()
    k: int = 2
    first: int = 0

    __setstate__ = seal

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log-likelihood of each history, without its gaps where they are not known."""
        gaps = 0.0 if rfm.sum_log_gaps is None else rfm.sum_log_gaps
        return pointwise(self.values, rfm.frequency, rfm.recency, rfm.T, gaps, self.k, self.first)

    def probability_alive(self, rfm: RFM) -> Evaluated:
        """Return the probability of not having left, 1 without an occasion to leave."""
        return self._there(rfm)[0]

    def expected(self, rfm: RFM, ahead: float) -> Evaluated:
        """Return the expected purchases within the time ahead."""
        return self._mixed(rfm, lambda known, passed: purchases(known, passed, self.k, ahead))

    def exactly(self, count: int, rfm: RFM, ahead: float) -> Evaluated:
        """Return the probability of exactly so many purchases within the time ahead."""
        return self._mixed(
            rfm, lambda known, passed: chance_of_exactly(known, passed, self.k, count, ahead), float(count == 0)
        )

    def discounted(self, rfm: RFM, rate: float) -> Evaluated:
        """Return the discounted expected purchases without end; NaN where they have no finite sum."""
        if rate > 0:
            return self._mixed(rfm, lambda known, passed: discounted_purchases(known, passed, self.k, rate))
        _, _, a, b = self.values

        def of_alive(x: FloatArray, _: FloatArray) -> Evaluated:
            value, gradient = all_purchases(Belief(x, x, np.full_like(x, a), b + x + self.first))
            return value, gradient * self.values

        return weighed(self.probability_alive(rfm), once_a_pair(rfm, of_alive))

    def without_end(self) -> str:
        """Say why undiscounted purchases have no finite sum, where they have none."""
        return f"undiscounted it has no finite expectation, as a is {figure(float(self.values[2]))}, not above 1"

    def variance(self, rfm: RFM, ahead: float) -> FloatArray:
        """Return the variance of each customer's number of purchases within the time ahead."""

        def squared(x: FloatArray, age: FloatArray) -> Evaluated:
            value = self._by_stage(
                self.values, x, age, lambda known, passed: squared_purchases(known, passed, self.k, ahead)
            )
            return value, np.zeros((x.size, self.k, 4))

        there, steps = self._there(rfm)
        value, _ = once_a_pair(rfm, squared)
        return there[0] * steps.mean(value.T) - self.expected(rfm, ahead)[0] ** 2

    def counts_exceeded(self, tail: float, rfm: RFM, ahead: float) -> FloatArray:
        """Return the least count that each customer exceeds with a chance of at most `tail`."""
        there, steps = self._there(rfm)

        def exceeding(count: FloatArray, rows: IntArray) -> FloatArray:
            chances = self._by_stage(
                self.values,
                rfm.frequency[rows],
                rfm.T[rows],
                lambda known, passed: chance_of_at_least(known, passed, self.k, count + 1, ahead),
            )
            return np.asarray(there[0][rows] * (steps.chance[:, rows] * chances.T).sum(axis=0))

        return least_count(exceeding, tail, len(rfm))

    def draw(self, rfm: RFM, ahead: float, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw whose purchases, and when, follow within the time ahead."""
        there, steps = self._there(rfm)
        alive = rng.random(len(rfm)) < there[0]
        passed = (rng.random(len(rfm)) > np.cumsum(steps.chance, axis=0)[:-1]).sum(axis=0)
        known = self._belief(self.values, rfm.frequency, rfm.T, passed)
        rate = rng.gamma(known.shape, 1 / known.rate)
        chance = np.maximum(rng.beta(known.a, known.b), 1e-15)  # below, the last purchase has no int64
        last = rng.geometric(chance)
        row, time = times_until(rate, np.where(alive, ahead, 0.0), rng)
        size = np.bincount(row, minlength=len(rfm))
        stage = np.arange(1, row.size + 1) - np.repeat(np.cumsum(size) - size, size) + passed[row]
        made = (stage % self.k == 0) & (stage // self.k <= last[row])
        return row[made], time[made]

    def _there(self, rfm: RFM) -> tuple[Evaluated, Stages]:
        """Return the probability of not having left, and how far customers have come if they have not."""
        r, alpha, _, b = self.values
        x, recency, age = rfm.frequency, rfm.recency, rfm.T
        log_odds, steps = log_odds_of_having_left(self.values, x, recency, age, self.k, self.first)
        small = np.exp(-np.abs(log_odds))
        occasions = x + self.first
        occasion = occasions > 0
        moves = np.stack(
            [
                r * (np.log1p((age - recency) / (alpha + recency)) - steps.mean(steps.slope)),
                alpha
                * ((r + self.k * x) * (recency - age) / (alpha + recency) + steps.mean(steps.stage))
                / (alpha + age),
                np.ones_like(x),
                -b / np.where(occasion, b + occasions - 1, 1.0),
            ],
            axis=1,
        )
        swing = np.where(occasion, small / (1 + small) ** 2, 0.0)
        return (np.where(log_odds > 0, small, 1.0) / (1 + small), -swing[:, None] * moves), steps

    def _mixed(self, rfm: RFM, of: Callable[[Belief, int], FloatArray], otherwise: float = 0.0) -> Evaluated:
        """Return the mean over the stages that may lie behind each customer, and over his having left."""

        def of_alive(x: FloatArray, age: FloatArray) -> Evaluated:
            def at(log_values: FloatArray) -> FloatArray:
                return self._by_stage(np.exp(log_values), x, age, of)

            log_values = np.log(self.values)
            return at(log_values), central_differences(at, log_values)

        r, alpha, *_ = self.values
        there, steps = self._there(rfm)
        by_stage, moves = once_a_pair(rfm, of_alive)
        gradient = np.einsum("km,mkp->mp", steps.chance, moves)
        gradient[:, 0] += r * steps.covariance(steps.slope, by_stage.T)
        gradient[:, 1] -= alpha / (alpha + rfm.T) * steps.covariance(steps.stage, by_stage.T)
        return weighed(there, (steps.mean(by_stage.T), gradient), otherwise)

    def _by_stage(
        self, values: FloatArray, x: FloatArray, age: FloatArray, of: Callable[[Belief, int], FloatArray]
    ) -> FloatArray:
        """Return what holds of customers who are there, after 0 to k - 1 stages, (m, k)."""
        return np.stack([of(self._belief(values, x, age, passed), passed) for passed in range(self.k)], axis=1)

    def _belief(self, values: FloatArray, x: FloatArray, age: FloatArray, passed: int | IntArray) -> Belief:
        r, alpha, a, b = values
        return Belief(r + self.k * x + passed, alpha + age, np.full_like(x, a), b + x + self.first)
