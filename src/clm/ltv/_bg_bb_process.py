"""The BG/BB process at given parameters: what it says of customers, with derivatives by the log parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.errors import InvalidDataError
from clm.ltv._bg_bb_likelihood import log_likelihood_and_there
from clm.ltv._evaluated import once_a_pair, weighed
from clm.ltv._expectation import chances
from clm.stats import array_field, central_differences, figure, refuse, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.data import RFM
    from clm.ltv._evaluated import Evaluated
    from clm.typing import FloatArray, IntArray

_MOST: Final = 10_000
"""Opportunities ahead; beyond, what is summed over them would take long."""


@final
@frozen
class BGBBProcess:
    """Customers who at each opportunity first may leave for good, and if they stay may buy.

    Given that he was there at the last of n opportunities, his chance of buying is Beta(alpha + x, beta + n - x) and
    his chance of leaving before each next one Beta(gamma, delta + n).

    Attributes
    ----------
    values : (4,) ndarray of float64
        ``alpha, beta, gamma, delta``.
    """

    values: FloatArray = array_field()

    __setstate__ = seal

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log-likelihood of each history."""
        check_opportunities(rfm)
        return log_likelihood_and_there(self.values, rfm)[0]

    def probability_alive(self, rfm: RFM) -> Evaluated:
        """Return the probability of being there at the next opportunity."""

        def stays(values: FloatArray, n: FloatArray) -> FloatArray:
            return np.asarray((values[3] + n) / (values[2] + values[3] + n))

        return weighed(self._there(rfm), self._given_there(rfm, lambda values, _, n: stays(values, n)))

    def expected(self, rfm: RFM, ahead: float) -> Evaluated:
        """Return the expected purchases at the opportunities ahead."""
        count = opportunities(ahead)

        def purchases(values: FloatArray, x: FloatArray, n: FloatArray) -> FloatArray:
            alpha, beta, gamma, delta = values
            ages, slot = np.unique(n, return_inverse=True)
            times = np.array([_stays(gamma, delta + age, count).sum() for age in ages])
            return np.asarray((alpha + x) / (alpha + beta + n) * times[slot])

        return weighed(self._there(rfm), self._given_there(rfm, purchases))

    def exactly(self, count: int, rfm: RFM, ahead: float) -> Evaluated:
        """Return the probability of exactly so many purchases at the opportunities ahead."""
        ahead_of_him = opportunities(ahead)

        def chance(values: FloatArray, x: FloatArray, n: FloatArray) -> FloatArray:
            return _chances_of(values, x, n, np.array([count]), ahead_of_him)[:, 0]

        return weighed(self._there(rfm), self._given_there(rfm, chance), float(count == 0))

    def discounted(self, rfm: RFM, rate: float) -> Evaluated:
        """Return the discounted expected purchases without end; NaN where they have no finite sum."""
        if rate <= 0 and self.values[2] <= 1:
            return np.full(len(rfm), np.nan), np.zeros((len(rfm), 4))

        def worth(values: FloatArray, x: FloatArray, n: FloatArray) -> FloatArray:
            alpha, beta, gamma, delta = values
            ages, slot = np.unique(n, return_inverse=True)
            times = _present_stays(gamma, delta + ages, rate)
            return np.asarray((alpha + x) / (alpha + beta + n) * times[slot])

        return weighed(self._there(rfm), self._given_there(rfm, worth))

    def without_end(self) -> str:
        """Say why undiscounted purchases have no finite sum, where they have none."""
        return f"undiscounted it has no finite expectation, as gamma is {figure(float(self.values[2]))}, not above 1"

    def variance(self, rfm: RFM, ahead: float) -> FloatArray:
        """Return the variance of each customer's number of purchases at the opportunities ahead."""
        count = opportunities(ahead)
        alpha, beta, gamma, delta = self.values
        there, _ = self._there(rfm)
        ages, slot = np.unique(rfm.T, return_inverse=True)
        stays = np.array([_stays(gamma, delta + age, count) for age in ages]).reshape(len(ages), count)
        once = (stays.sum(axis=1))[slot]
        pairs = (stays @ np.arange(count))[slot]  # he is there at two of them whenever he is at the later one
        buys, misses = alpha + rfm.frequency, beta + rfm.T - rfm.frequency
        mean = buys / (buys + misses)
        square = mean * once + 2 * mean * (buys + 1) / (buys + misses + 1) * pairs
        return np.asarray(there * square - (there * mean * once) ** 2)

    def counts_exceeded(self, tail: float, rfm: RFM, ahead: float) -> FloatArray:
        """Return the least count that each customer exceeds with a chance of at most `tail`."""
        count = opportunities(ahead)
        there, _ = self._there(rfm)

        def beyond(x: FloatArray, n: FloatArray) -> Evaluated:
            each = _chances_of(self.values, x, n, np.arange(1, count + 1), count)
            return x, np.cumsum(each[:, ::-1], axis=1)[:, ::-1]  # of more than 0, 1, ... purchases

        _, more = once_a_pair(rfm, beyond)
        return np.asarray((there[:, None] * more > tail).sum(axis=1), float)

    def draw(self, rfm: RFM, ahead: float, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw whose purchases, and at which opportunities, follow."""
        count = opportunities(ahead)
        alpha, beta, gamma, delta = self.values
        there, _ = self._there(rfm)
        alive = rng.random(len(rfm)) < there
        buys = rng.beta(alpha + rfm.frequency, beta + rfm.T - rfm.frequency)
        leaves = np.maximum(rng.beta(gamma, delta + rfm.T), 1e-15)  # below, the last opportunity has no int64
        until = np.where(alive, np.minimum(rng.geometric(leaves) - 1, count), 0)
        row = np.repeat(np.arange(len(rfm)), until)
        time = np.arange(row.size) - np.repeat(np.cumsum(until) - until, until) + 1.0
        bought = rng.random(row.size) < buys[row]
        return row[bought], time[bought]

    def _there(self, rfm: RFM) -> Evaluated:
        """Return the chance of having been there at the last opportunity."""
        check_opportunities(rfm)

        def chance(log_values: FloatArray) -> FloatArray:
            return np.exp(log_likelihood_and_there(np.exp(log_values), rfm)[1])

        log_values = np.log(self.values)
        return chance(log_values), central_differences(chance, log_values)

    def _given_there(self, rfm: RFM, of: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]) -> Evaluated:
        def of_pairs(x: FloatArray, n: FloatArray) -> Evaluated:
            def at(log_values: FloatArray) -> FloatArray:
                return of(np.exp(log_values), x, n)

            log_values = np.log(self.values)
            return at(log_values), central_differences(at, log_values)

        return once_a_pair(rfm, of_pairs)


def check_opportunities(rfm: RFM) -> None:
    """Refuse histories that are not counted in opportunities to buy.

    Raises
    ------
    InvalidDataError
        If a time is not whole, or there are more purchases than opportunities up to the last one.
    """
    remedy = (
        "The BG/BB model counts opportunities to buy: recency and T are whole numbers of them, with at most one "
        "purchase at each. For purchases at any time take clm.ParetoNBD()."
    )
    refuse((rfm.recency % 1 != 0) | (rfm.T % 1 != 0), "recency or T is not whole", remedy)
    refuse(rfm.frequency > rfm.recency, "frequency exceeds recency", remedy)


def opportunities(ahead: float) -> int:
    """Return the horizon as a number of opportunities.

    Raises
    ------
    InvalidDataError
        If it is not whole or beyond what can be summed.
    """
    if ahead % 1 != 0:
        raise InvalidDataError(f"horizon must be a whole number of opportunities in the BG/BB model, not {ahead:g}.")
    if ahead > _MOST:
        raise InvalidDataError(f"horizon must be at most {_MOST:,} opportunities in the BG/BB model, not {ahead:,.0f}.")
    return int(ahead)


def _stays(gamma: float, delta: float, count: int) -> FloatArray:
    """Return the chances of being there at the next opportunity, the one after it, and so on."""
    m = np.arange(count)
    return np.asarray(np.cumprod((delta + m) / (gamma + delta + m)), float)


def _present_stays(gamma: float, delta: FloatArray, rate: float) -> FloatArray:
    """Return the sum of the chances of being there at each opportunity ahead, at their present values.

    With chance q of staying and v the value of the next opportunity it is ``q v / (1 - q v)``, in expectation.
    """
    if not delta.size:
        return delta
    if rate <= 0:
        return delta / (gamma - 1)
    _, log_stay, weight = chances(np.full_like(delta, gamma), delta, np.full_like(delta, 1 / rate))
    return np.asarray((weight * np.exp(log_stay - rate) / -np.expm1(log_stay - rate)).sum(axis=1))


def _chances_of(values: FloatArray, x: FloatArray, n: FloatArray, counts: IntArray, ahead: int) -> FloatArray:
    """Return the chances of exactly so many purchases, (m, counts), of customers there at the last opportunity.

    He is there at j more opportunities and then leaves, or at all; at those he is there at he buys as a beta-binomial
    variable has it.
    """
    alpha, beta, gamma, delta = values
    buys, misses = alpha + x[:, None], beta + (n - x)[:, None]
    remaining = (delta + n)[:, None]
    found = np.zeros((x.size, counts.size))
    of_leaving = special.betaln(gamma, remaining)
    for j in range(ahead + 1):
        log_until = special.betaln(gamma + (j < ahead), remaining + j) - of_leaving
        possible = counts <= j
        k = counts[possible]
        log_ways = special.gammaln(j + 1.0) - special.gammaln(k + 1.0) - special.gammaln(j - k + 1.0)
        log_chance = log_ways + special.betaln(buys + k, misses + j - k) - special.betaln(buys, misses)
        found[:, possible] += np.exp(log_until + log_chance)
    return found
