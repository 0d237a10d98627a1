"""The BG/NBD log-likelihood with its exact gradient and Hessian, and the MBG/NBD one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.stats import array_field, seal

if TYPE_CHECKING:
    from clm.data import RFM
    from clm.typing import FloatArray

_BLOCK: Final = 8192
"""Cells worked on at a time: their arrays stay in the processor's cache, and no sum is long enough for threads."""


@final
@frozen(kw_only=True)
class BGNBDLikelihood:
    """Weighted cells, ready to be evaluated at any parameters.

    Customers without a repeat purchase contribute through their age alone, and what depends on the number of purchases
    alone is summed over its distinct values.

    Attributes
    ----------
    count, weight_of_count : (c,) ndarray of float64
        Distinct numbers of repeat purchases, and the customers who have them.
    age_of_single, weight_of_single : (s,) ndarray of float64
        Ages of customers without a repeat purchase.
    frequency, recency, age, weight : (m,) ndarray of float64
        Cells with a repeat purchase, or with any occasion to leave.
    first : {0, 1}
        Occasions to leave before the first repeat purchase: none in the BG/NBD model, one in the MBG/NBD model.
    """

    count: FloatArray = array_field()
    weight_of_count: FloatArray = array_field()
    age_of_single: FloatArray = array_field()
    weight_of_single: FloatArray = array_field()
    frequency: FloatArray = array_field()
    recency: FloatArray = array_field()
    age: FloatArray = array_field()
    weight: FloatArray = array_field()
    first: int = 0

    __setstate__ = seal

    @classmethod
    def of(cls, cells: RFM, weight: FloatArray, *, scale: float, first: int = 0) -> BGNBDLikelihood:
        """Prepare cells that are ordered by frequency.

        Parameters
        ----------
        cells
            Distinct histories.
        weight
            Customers a cell stands for; cells with 0 are left out.
        scale
            Unit of time that the likelihood counts in, as a number of the cells' own.
        first
            Occasions to leave before the first repeat purchase.
        """
        taken = weight > 0
        x, recency, age = cells.frequency[taken], cells.recency[taken] / scale, cells.T[taken] / scale
        customers = weight[taken]
        new_count = np.flatnonzero(np.diff(x, prepend=-1.0))
        repeat = int(np.searchsorted(x, 0.5 - first))
        return cls(
            count=x[new_count],
            weight_of_count=np.add.reduceat(customers, new_count),
            age_of_single=age[:repeat],
            weight_of_single=customers[:repeat],
            frequency=x[repeat:],
            recency=recency[repeat:],
            age=age[repeat:],
            weight=customers[repeat:],
            first=first,
        )

    def __call__(self, log_values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient and its Hessian in log parameters.

        The parameters are ``r, alpha, a, b``, alpha in scaled time.
        """
        values = np.exp(log_values)
        loglik, gradient, hessian = self._of_counts(*values)
        for part in (self._of_singles(*values), *self._of_repeaters(*values)):
            loglik += part[0]
            gradient += part[1]
            hessian += part[2]
        # d/d log v = v d/dv; the second derivative gains the first on its diagonal.
        gradient *= values
        hessian *= np.outer(values, values)
        hessian[np.diag_indices(4)] += gradient
        return float(loglik), gradient, hessian

    def _of_counts(self, r: float, alpha: float, a: float, b: float) -> tuple[float, FloatArray, FloatArray]:
        x, w = self.count, self.weight_of_count
        customers = w.sum()
        loglik = float(w @ log_chance_of_count(x, r, a, b, self.first) + customers * r * np.log(alpha))
        stays = x + self.first
        stay = special.digamma(a + b) - special.digamma(a + b + stays)
        bend = special.zeta(2.0, a + b) - special.zeta(2.0, a + b + stays)
        gradient = np.array(
            [
                w @ (special.digamma(r + x) - special.digamma(r)) + customers * np.log(alpha),
                customers * r / alpha,
                w @ stay,
                w @ (stay + special.digamma(b + stays) - special.digamma(b)),
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = w @ (special.zeta(2.0, r + x) - special.zeta(2.0, r))
        hessian[0, 1] = hessian[1, 0] = customers / alpha
        hessian[1, 1] = -customers * r / alpha**2
        hessian[2, 2] = hessian[2, 3] = hessian[3, 2] = w @ bend
        hessian[3, 3] = w @ (bend + special.zeta(2.0, b + stays) - special.zeta(2.0, b))
        return loglik, gradient, hessian

    def _of_singles(self, r: float, alpha: float, a: float, b: float) -> tuple[float, FloatArray, FloatArray]:
        del a, b  # they have not yet had a purchase after which to leave
        until, w = alpha + self.age_of_single, self.weight_of_single
        share = w / until
        logs = w @ np.log(until)
        gradient = np.array([-logs, -r * share.sum(), 0.0, 0.0])
        hessian = np.zeros((4, 4))
        hessian[0, 1] = hessian[1, 0] = -share.sum()
        hessian[1, 1] = r * (share / until).sum()
        return float(-r * logs), gradient, hessian

    def _of_repeaters(self, r: float, alpha: float, a: float, b: float) -> list[tuple[float, FloatArray, FloatArray]]:
        return [
            _repeaters(
                (r, alpha, a, b + self.first),
                self.frequency[start : start + _BLOCK],
                self.recency[start : start + _BLOCK],
                self.age[start : start + _BLOCK],
                self.weight[start : start + _BLOCK],
            )
            for start in range(0, self.frequency.size, _BLOCK)
        ]


def _repeaters(
    parameters: tuple[float, float, float, float],
    x: FloatArray,
    recency: FloatArray,
    age: FloatArray,
    weight: FloatArray,
) -> tuple[float, FloatArray, FloatArray]:
    """Sum what is left of the likelihood over cells with a repeat: ``-c log(alpha + T) + log(1 + odds)``.

    ``odds = a / (b + x - 1) ((alpha + T) / (alpha + recency))^c`` of having left, ``c = r + x``.
    """
    r, alpha, a, b = parameters
    shape, after = r + x, b + x - 1
    by_now, by_last = 1 / (alpha + age), 1 / (alpha + recency)
    log_now = np.log(alpha + age)
    moves = np.empty((4, x.size))  # derivatives of the log odds
    moves[0] = log_now - np.log(alpha + recency)
    moves[1] = shape * (by_now - by_last)
    moves[2] = 1 / a
    moves[3] = -1 / after
    log_odds = shape * moves[0] + np.log(a / after)
    small = np.exp(-np.abs(log_odds))
    left = np.where(log_odds > 0, 1.0, small) / (1 + small)
    weight_left = weight * left
    weighted_shape = weight * shape
    loglik = weight @ (np.maximum(log_odds, 0) + np.log1p(small)) - weighted_shape @ log_now
    # Sums of one row each: a product of the whole would start threads, which cost more than they save here.
    gradient = np.array([move @ weight_left for move in moves])
    gradient[0] -= weight @ log_now
    gradient[1] -= weighted_shape @ by_now
    # The log odds enter through log(1 + odds): curvature of that, and of the log odds themselves.
    hessian = (moves * (weight_left * (1 - left))) @ moves.T
    hessian[0, 1] += weight_left @ (by_now - by_last) - weight @ by_now
    hessian[1, 0] = hessian[0, 1]
    hessian[1, 1] += (weight_left * shape) @ (by_last**2 - by_now**2) + weighted_shape @ by_now**2
    hessian[2, 2] -= weight_left.sum() / a**2
    hessian[3, 3] += weight_left @ moves[3] ** 2
    return float(loglik), gradient, hessian


def log_chance_of_count(x: FloatArray, r: float, a: float, b: float, first: int = 0) -> FloatArray:
    """Return what depends on the number of purchases alone, in logs.

    ``Gamma(r+x)/Gamma(r) B(a,b+n)/B(a,b)`` with n the occasions to leave so far, x of them after a repeat purchase.
    """
    n = x + first
    by_rate = special.gammaln(r + x) - special.gammaln(r)
    by_chance = special.gammaln(a + b) - special.gammaln(a + b + n) + special.gammaln(b + n) - special.gammaln(b)
    return np.asarray(by_rate + by_chance)


def log_odds_of_having_left(
    values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray, first: int = 0
) -> FloatArray:
    """Return the log odds that a customer has left, given his history; -inf without an occasion to leave."""
    r, alpha, a, b = values
    occasions = x + first
    occasion = occasions > 0
    after = np.where(occasion, b + occasions - 1, 1.0)
    log_odds = np.log(a / after) + (r + x) * np.log1p((age - recency) / (alpha + recency))
    return np.where(occasion, log_odds, -np.inf)


def pointwise(values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray, first: int = 0) -> FloatArray:
    """Return the log-likelihood of each history.

    Notes
    -----
    With ``c = r + x`` [1]_, eq. 6, rearranged so that no term can overflow [2]_:
    ``lnGamma(c) - lnGamma(r) + r ln alpha + lnB(a,b+n) - lnB(a,b) - c ln(alpha+T) + ln(1 + odds of having left)``,
    where n counts the occasions to leave: x in the BG/NBD model, x + 1 in the MBG/NBD model [3]_.

    References
    ----------
    .. [1] Fader, Hardie and Lee (2005), Marketing Science 24(2), 275-284.
    .. [2] Hardie (2014), "Overcoming the BG/NBD model's #NUM! error problem", brucehardie.com/notes/027.
    .. [3] Batislam, Denizel and Filiztekin (2007), International Journal of Research in Marketing 24(3), 201-209.
    """
    r, alpha, a, b = values
    log_odds = log_odds_of_having_left(values, x, recency, age, first)
    by_rate = r * np.log(alpha) - (r + x) * np.log(alpha + age)
    still_or_left = np.maximum(log_odds, 0) + np.log1p(np.exp(-np.abs(log_odds)))
    return np.asarray(log_chance_of_count(x, r, a, b, first) + by_rate + still_or_left)
