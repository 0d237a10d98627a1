"""The BG/CNBD-k and MBG/CNBD-k log-likelihoods with exact gradient and Hessian."""

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
"""Cells worked on at a time: their arrays stay in the processor's cache."""


@final
@frozen(kw_only=True)
class BGCNBDLikelihood:
    """Weighted cells, ready to be evaluated at any parameters.

    Left out is what no parameter moves: ``(k-1)`` times the sum of the logarithms of the gaps, less ``x lnGamma(k)``.

    Attributes
    ----------
    count, weight_of_count : (c,) ndarray of float64
        Distinct numbers of repeat purchases, and the customers who have them.
    frequency, recency, age, weight : (m,) ndarray of float64
        Cells.
    k : int
        Shape of the times between purchases.
    first : {0, 1}
        Occasions to leave before the first repeat purchase: none in the BG model, one in the MBG model.
    """

    count: FloatArray = array_field()
    weight_of_count: FloatArray = array_field()
    frequency: FloatArray = array_field()
    recency: FloatArray = array_field()
    age: FloatArray = array_field()
    weight: FloatArray = array_field()
    k: int
    first: int

    __setstate__ = seal

    @classmethod
    def of(cls, cells: RFM, weight: FloatArray, *, scale: float, k: int, first: int) -> BGCNBDLikelihood:
        """Prepare cells that are ordered by frequency; those of weight 0 are left out, time is divided by `scale`."""
        taken = weight > 0
        x, customers = cells.frequency[taken], weight[taken]
        new_count = np.flatnonzero(np.diff(x, prepend=-1.0))
        return cls(
            count=x[new_count],
            weight_of_count=np.add.reduceat(customers, new_count),
            frequency=x,
            recency=cells.recency[taken] / scale,
            age=cells.T[taken] / scale,
            weight=customers,
            k=k,
            first=first,
        )

    def __call__(self, log_values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient and its Hessian in log parameters.

        The parameters are ``r, alpha, a, b``, alpha in scaled time.
        """
        values = np.exp(log_values)
        loglik, gradient, hessian = self._of_counts(*values)
        for start in range(0, self.frequency.size, _BLOCK):
            rows = slice(start, start + _BLOCK)
            part = _of_times(
                values, self.frequency[rows], self.recency[rows], self.age[rows], self.weight[rows], self.k, self.first
            )
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
        c, stays, customers = r + self.k * x, x + self.first, w.sum()
        loglik = float(w @ log_chance_of_count(x, r, a, b, self.k, self.first) + customers * r * np.log(alpha))
        stay = special.digamma(a + b) - special.digamma(a + b + stays)
        bend = special.zeta(2.0, a + b) - special.zeta(2.0, a + b + stays)
        gradient = np.array(
            [
                w @ (special.digamma(c) - special.digamma(r)) + customers * np.log(alpha),
                customers * r / alpha,
                w @ stay,
                w @ (stay + special.digamma(b + stays) - special.digamma(b)),
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = w @ (special.zeta(2.0, c) - special.zeta(2.0, r))
        hessian[0, 1] = hessian[1, 0] = customers / alpha
        hessian[1, 1] = -customers * r / alpha**2
        hessian[2, 2] = hessian[2, 3] = hessian[3, 2] = w @ bend
        hessian[3, 3] = w @ (bend + special.zeta(2.0, b + stays) - special.zeta(2.0, b))
        return loglik, gradient, hessian


def _of_times(
    values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray, weight: FloatArray, k: int, first: int
) -> tuple[float, FloatArray, FloatArray]:
    """Sum ``log(silent though there + left)`` over cells, both in terms of what is common to them."""
    r, alpha, a, b = values
    c, by_now, by_last = r + k * x, 1 / (alpha + age), 1 / (alpha + recency)
    steps = Stages.of(c, (age - recency) * by_now, k)
    log_there = steps.log_total + c * np.log(by_now)
    occasion = x + first > 0
    after = np.where(occasion, b + x + first - 1, 1.0)
    log_left = np.where(occasion, np.log(a / after) + c * np.log(by_last), -np.inf)
    top = np.maximum(log_there, log_left)
    there, left = np.exp(log_there - top), np.exp(log_left - top)
    total = there + left
    loglik = weight @ (top + np.log(total))
    weight_there, weight_left = weight * there / total, weight * left / total
    nothing = np.zeros_like(c)
    of_there = np.stack([np.log(by_now) + steps.mean(steps.slope), -(c + steps.mean(steps.stage)) * by_now])
    of_left = np.stack(
        [np.log(by_last), -c * by_last, np.where(occasion, 1 / a, 0.0), np.where(occasion, -1 / after, 0.0)]
    )
    apart = of_left - np.concatenate([of_there, [nothing, nothing]])
    gradient = of_left @ weight_left
    gradient[:2] += of_there @ weight_there
    hessian = (apart * (weight_left * there / total)) @ apart.T
    hessian[0, 0] += weight_there @ (steps.covariance(steps.slope, steps.slope) + steps.mean(steps.bend))
    by_both = weight_there @ ((1 + steps.covariance(steps.slope, steps.stage)) * by_now) + weight_left @ by_last
    hessian[0, 1] -= by_both
    hessian[1, 0] -= by_both
    spread = steps.covariance(steps.stage, steps.stage) + c + steps.mean(steps.stage)
    hessian[1, 1] += weight_there @ (spread * by_now**2) + weight_left @ (c * by_last**2)
    hessian[2, 2] -= weight_left @ of_left[2] ** 2
    hessian[3, 3] += weight_left @ of_left[3] ** 2
    return float(loglik), gradient, hessian


@final
@frozen
class Stages:
    """How far customers who are still there have come on their way to the next purchase, of k stages.

    Attributes
    ----------
    chance : (k, m) ndarray of float64
        Of having passed 0 to k - 1 stages, which come like purchases at random.
    log_total : (m,) ndarray of float64
        Log of the sum of ``Gamma(c+j)/Gamma(c)/j! share^j`` over the stages.
    slope, bend : (k, m) ndarray of float64
        First and second derivatives of the logs of the terms by c.
    stage : (k, 1) ndarray of float64
        0 to k - 1.
    """

    chance: FloatArray = array_field()
    log_total: FloatArray = array_field()
    slope: FloatArray = array_field()
    bend: FloatArray = array_field()
    stage: FloatArray = array_field()

    __setstate__ = seal

    @classmethod
    def of(cls, c: FloatArray, share: FloatArray, k: int) -> Stages:
        """Take the shape of the rate at the last purchase, and the silence as a share of ``alpha + T``."""
        stage = np.arange(k, dtype=np.float64)[:, None]
        ahead = c + stage[:-1]
        with np.errstate(divide="ignore"):  # log(0) without a silence: then no stage has been passed
            log_share = np.log(share)
        log_term = np.zeros((k, c.size))
        slope, bend = np.zeros((k, c.size)), np.zeros((k, c.size))
        np.cumsum(np.log(ahead / stage[1:]) + log_share, axis=0, out=log_term[1:])
        np.cumsum(1 / ahead, axis=0, out=slope[1:])
        np.cumsum(-1 / ahead**2, axis=0, out=bend[1:])
        top = log_term.max(axis=0)
        term = np.exp(log_term - top)
        total = term.sum(axis=0)
        return cls(term / total, top + np.log(total), slope, bend, stage)

    def mean(self, of: FloatArray) -> FloatArray:
        """Return the mean over the stages, shape (m,)."""
        return np.asarray((self.chance * of).sum(axis=0))

    def covariance(self, one: FloatArray, other: FloatArray) -> FloatArray:
        """Return the covariance over the stages, shape (m,)."""
        return np.asarray((self.chance * (one - self.mean(one)) * (other - self.mean(other))).sum(axis=0))


def log_chance_of_count(x: FloatArray, r: float, a: float, b: float, k: int, first: int) -> FloatArray:
    """Return what depends on the number of purchases alone, in logs.

    ``Gamma(r+kx)/Gamma(r) B(a,b+n)/B(a,b)`` with n the occasions to leave so far, x of them after a repeat purchase.
    """
    n = x + first
    by_rate = special.gammaln(r + k * x) - special.gammaln(r)
    by_chance = special.gammaln(a + b) - special.gammaln(a + b + n) + special.gammaln(b + n) - special.gammaln(b)
    return np.asarray(by_rate + by_chance)


def log_odds_of_having_left(
    values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray, k: int, first: int
) -> tuple[FloatArray, Stages]:
    """Return the log odds that a customer has left, -inf without an occasion, and how far he is if he has not."""
    r, alpha, a, b = values
    c, occasions = r + k * x, x + first
    steps = Stages.of(c, (age - recency) / (alpha + age), k)
    occasion = occasions > 0
    after = np.where(occasion, b + occasions - 1, 1.0)
    log_odds = np.log(a / after) + c * np.log1p((age - recency) / (alpha + recency)) - steps.log_total
    return np.where(occasion, log_odds, -np.inf), steps


def pointwise(
    values: FloatArray,
    x: FloatArray,
    recency: FloatArray,
    age: FloatArray,
    gaps: FloatArray | float,
    k: int,
    first: int,
) -> FloatArray:
    """Return the log-likelihood of each history, `gaps` being the sum of the logarithms of the times between purchases.

    Notes
    -----
    With ``c = r + kx`` and S the chance that a customer who is there is silent since his last purchase [1]_:
    ``lnGamma(c) - lnGamma(r) + r ln alpha + lnB(a,b+n) - lnB(a,b) - c ln(alpha+t_x) + (k-1) gaps - x lnGamma(k)
    + ln(S + a/(b+n-1))``, where n counts the occasions to leave, x for BG and x + 1 for MBG.

    References
    ----------
    .. [1] Platzer and Reutterer (2016), "Ticking away the moments", Marketing Science 35(5), 779-799.
    """
    r, alpha, a, b = values
    log_odds, steps = log_odds_of_having_left(values, x, recency, age, k, first)
    by_rate = r * np.log(alpha) - (r + k * x) * np.log(alpha + age) + steps.log_total
    still_or_left = np.maximum(log_odds, 0) + np.log1p(np.exp(-np.abs(log_odds)))
    regular = (k - 1) * np.asarray(gaps) - x * special.gammaln(k)
    return np.asarray(log_chance_of_count(x, r, a, b, k, first) + by_rate + still_or_left + regular)
