"""The BG/BB log-likelihood with its exact gradient and Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.stats import array_field, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.data import RFM
    from clm.typing import FloatArray

_TERMS: Final = 8192
"""Terms worked on at a time: their arrays stay in the processor's cache."""


@final
@frozen(kw_only=True)
class BGBBLikelihood:
    """Weighted cells, ready to be evaluated at any parameters.

    Attributes
    ----------
    frequency, recency, age, weight : (m,) ndarray of float64
        Cells; times are whole numbers of opportunities to buy.
    """

    frequency: FloatArray = array_field()
    recency: FloatArray = array_field()
    age: FloatArray = array_field()
    weight: FloatArray = array_field()

    __setstate__ = seal

    @classmethod
    def of(cls, cells: RFM, weight: FloatArray) -> BGBBLikelihood:
        """Prepare cells; those of weight 0 are left out."""
        taken = weight > 0
        return cls(
            frequency=cells.frequency[taken], recency=cells.recency[taken], age=cells.T[taken], weight=weight[taken]
        )

    def __call__(self, log_values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient and its Hessian in the logs of ``alpha, beta, gamma, delta``."""
        values = np.exp(log_values)
        loglik, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
        width = int((self.age - self.recency).max(initial=0.0)) + 1
        step = max(1, _TERMS // width)
        for start in range(0, self.age.size, step):
            rows = slice(start, start + step)
            part = _mixed(values, self.frequency[rows], self.recency[rows], self.age[rows], self.weight[rows])
            loglik += part[0]
            gradient += part[1]
            hessian += part[2]
        # d/d log v = v d/dv; the second derivative gains the first on its diagonal.
        gradient *= values
        hessian *= np.outer(values, values)
        hessian[np.diag_indices(4)] += gradient
        return float(loglik), gradient, hessian


def _ends(recency: FloatArray, age: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return at how many opportunities he was there, (m, k), and whether he left after them; -1 for no case.

    The first column is that of customers who are still there.
    """
    waited = age - recency
    after = np.arange(int(waited.max(initial=0.0)))
    left = np.where(after < waited[:, None], recency[:, None] + after, -1.0)
    there = np.concatenate([age[:, None], left], axis=1)
    return there, np.concatenate([np.zeros(1), np.ones(after.size)])


def _log_terms(values: FloatArray, x: FloatArray, there: FloatArray, left: FloatArray) -> FloatArray:
    """Return the logs of the terms that the likelihood is the sum of; -inf for no case."""
    alpha, beta, gamma, delta = values
    case = there >= 0
    seen = np.where(case, there, x[:, None])
    chances = _gain(special.gammaln, alpha, x)[:, None] + _gain(special.gammaln, beta, seen - x[:, None])
    stays = _gain(special.gammaln, gamma, left) + _gain(special.gammaln, delta, seen)
    either = _gain(special.gammaln, alpha + beta, seen) + _gain(special.gammaln, gamma + delta, seen + left)
    return np.where(case, chances + stays - either, -np.inf)


def _mixed(
    values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray, weight: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Sum ``log(still there + left after some opportunity)`` over cells.

    The derivatives of the log of a sum of exponential terms are the mean of the terms' own first derivatives, and the
    covariance of these plus the mean of the second ones.
    """
    alpha, beta, gamma, delta = values
    there, left = _ends(recency, age)
    terms = _log_terms(values, x, there, left)
    top = terms.max(axis=1)
    share = np.exp(terms - top[:, None])
    total = share.sum(axis=1)
    loglik = weight @ (top + np.log(total))
    share *= (weight / total)[:, None]
    seen = np.where(there >= 0, there, x[:, None])
    bought = np.broadcast_to(x[:, None], seen.shape)
    gone = np.broadcast_to(left, seen.shape)
    then = np.empty((4, *seen.shape))
    bends = np.zeros((4, 4))
    for i, (first, by, second, other) in enumerate(((alpha, bought, beta, seen - bought), (gamma, gone, delta, seen))):
        one, two, both = slice(2 * i, 2 * i + 1), slice(2 * i + 1, 2 * i + 2), slice(2 * i, 2 * i + 2)
        together = _gain(special.digamma, first + second, by + other)
        then[one] = _gain(special.digamma, first, by) - together
        then[two] = _gain(special.digamma, second, other) - together
        bends[both, both] = -(share * _gain(_trigamma, first + second, by + other)).sum()
        bends[one, one] += (share * _gain(_trigamma, first, by)).sum()
        bends[two, two] += (share * _gain(_trigamma, second, other)).sum()
    shares = then * share
    means = shares.sum(axis=2)
    hessian = shares.reshape(4, -1) @ then.reshape(4, -1).T - (means / weight) @ means.T + bends
    return float(loglik), means.sum(axis=1), hessian


def _trigamma(value: Any) -> FloatArray:
    return np.asarray(special.zeta(2.0, value))


def _gain(function: Callable[[Any], Any], start: float, by: FloatArray) -> FloatArray:
    """Return ``function(start + by) - function(start)`` for whole numbers, computed once for each."""
    table = function(start + np.arange(int(by.max(initial=0.0)) + 1)) - function(start)
    return np.asarray(table[by.astype(np.intp)])


def log_likelihood_and_there(values: FloatArray, rfm: RFM) -> tuple[FloatArray, FloatArray]:
    """Return the log-likelihood of each history, and the log of the chance of still being there after it.

    Notes
    -----
    The sum of ``B(alpha+x, beta+k-x) B(gamma+l, delta+k)`` over the cases: there at all n opportunities (k = n, l = 0),
    or left after k of them, not before the last gift (l = 1); divided by ``B(alpha, beta) B(gamma, delta)`` [1]_.

    References
    ----------
    .. [1] Fader, Hardie and Shang (2010), "Customer-base analysis in a discrete-time noncontractual setting",
       Marketing Science 29(6), 1086-1108.
    """
    loglik, log_there = np.empty(len(rfm)), np.empty(len(rfm))
    width = int((rfm.T - rfm.recency).max(initial=0.0)) + 1
    step = max(1, _TERMS // width)
    for start in range(0, len(rfm), step):
        rows = slice(start, start + step)
        there, left = _ends(rfm.recency[rows], rfm.T[rows])
        terms = _log_terms(values, rfm.frequency[rows], there, left)
        top = terms.max(axis=1)
        loglik[rows] = top + np.log(np.exp(terms - top[:, None]).sum(axis=1))
        log_there[rows] = terms[:, 0] - loglik[rows]
    return loglik, np.minimum(log_there, 0.0)
