"""The GGompertz/NBD log-likelihood with its exact gradient and Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.ltv._ggompertz_time import clock, leavings, log_run
from clm.stats import array_field, seal

if TYPE_CHECKING:
    from clm.data import RFM
    from clm.ltv._evaluated import Evaluated
    from clm.typing import FloatArray

_R, _ALPHA, _B, _S, _BETA = range(5)
_SERIES: Final = tuple(n / special.factorial(n + 1) for n in range(1, 10))


@final
@frozen(kw_only=True)
class GGompertzNBDLikelihood:
    """Weighted cells, ready to be evaluated at any parameters.

    Attributes
    ----------
    frequency, recency, age, weight : (m,) ndarray of float64
        Cells.
    """

    frequency: FloatArray = array_field()
    recency: FloatArray = array_field()
    age: FloatArray = array_field()
    weight: FloatArray = array_field()

    __setstate__ = seal

    @classmethod
    def of(cls, cells: RFM, weight: FloatArray, *, scale: float) -> GGompertzNBDLikelihood:
        """Prepare cells; those of weight 0 are left out, time is divided by `scale`."""
        taken = weight > 0
        return cls(
            frequency=cells.frequency[taken],
            recency=cells.recency[taken] / scale,
            age=cells.T[taken] / scale,
            weight=weight[taken],
        )

    def __call__(self, log_values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient and its Hessian in log parameters.

        The parameters are ``r, alpha, b, s, beta/b``, in scaled time.
        """
        loglik, gradient, hessian = self._of_counts(*np.exp(log_values))
        parts = _by_rows(np.exp(log_values), self.frequency, self.recency, self.age, self.weight)
        for value, slope, bend in parts:
            loglik += value
            gradient += slope
            hessian += bend
        return float(loglik), gradient, hessian

    def _of_counts(
        self, r: float, alpha: float, b: float, s: float, beta: float
    ) -> tuple[float, FloatArray, FloatArray]:
        del b, s, beta
        x, w, customers = self.frequency, self.weight, self.weight.sum()
        loglik = w @ (special.gammaln(r + x) - special.gammaln(r)) + customers * r * np.log(alpha)
        gradient, hessian = np.zeros(5), np.zeros((5, 5))
        gradient[_R] = r * (w @ (special.digamma(r + x) - special.digamma(r)) + customers * np.log(alpha))
        gradient[_ALPHA] = customers * r
        hessian[_R, _R] = gradient[_R] + r**2 * (w @ (special.zeta(2.0, r + x) - special.zeta(2.0, r)))
        hessian[_R, _ALPHA] = hessian[_ALPHA, _R] = customers * r
        return float(loglik), gradient, hessian


def _by_rows(
    values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray, weight: FloatArray
) -> list[tuple[float, FloatArray, FloatArray]]:
    """Sum ``log(still there + left at some node)``, some rows at a time.

    The derivatives of the log of a sum of exponential terms are the mean of the terms' own first derivatives, and the
    covariance of these plus the mean of the second ones.
    """
    r, alpha, b, s, beta = values
    parts = []
    for nodes in leavings(r + x, alpha, b, s, beta, recency, age):
        rows = nodes.rows
        # A last column holds the customer who is still there.
        time = np.column_stack([nodes.time, age[rows]])
        run = np.column_stack([nodes.run, clock(b, age[rows])])
        left = np.append(np.ones(nodes.time.shape[1]), 0.0)
        log_value, first, second = _terms(values, x[rows, None], time, run, left)
        log_value[:, :-1] = np.log(s / beta) + nodes.log_weight
        top = log_value.max(axis=1)
        share = np.exp(log_value - top[:, None])
        total = share.sum(axis=1)
        share *= (weight[rows] / total)[:, None]
        loglik = float(weight[rows] @ (top + np.log(total)))
        shares = first * share
        means = shares.sum(axis=2)
        flat = first.reshape(5, -1)
        hessian = shares.reshape(5, -1) @ flat.T - (means / weight[rows]) @ means.T
        for (i, j), bend in second.items():
            mean = float((share * bend).sum())
            hessian[i, j] += mean
            if i != j:
                hessian[j, i] += mean
        parts.append((loglik, means.sum(axis=1), hessian))
    return parts


def _terms(
    values: FloatArray, x: FloatArray, time: FloatArray, run: FloatArray, left: FloatArray
) -> tuple[FloatArray, FloatArray, dict[tuple[int, int], FloatArray]]:
    """Return the log of ``(alpha+u)^-c (1+K/beta)^-s`` and its first and second derivatives by the log parameters.

    Where `left` is 1 the derivatives are those of ``(alpha+u)^-c s/beta exp(bu) (1+K/beta)^-(s+1)``.
    """
    r, alpha, b, s, beta = values
    log_age, log_stayed = np.log(alpha + time), log_run(b, time, run, beta)
    passed, grown = run / (beta + run), 1 + b * run
    # How K moves with log b, over beta + K: u exp(bu) - K, by a series where they nearly cancel.
    exponent = b * time
    near = exponent < 0.1
    small = np.where(near, exponent, 0.0)
    series = small * sum(factor * small**n for n, factor in enumerate(_SERIES))
    moved = np.where(near, time * series / (beta + run), time * grown / (beta + run) - passed)
    moved_on = exponent * time * grown / (beta + run)
    power = s + left
    c = r + x
    first = np.stack(
        [
            -r * log_age,
            -alpha * c / (alpha + time),
            left * exponent - power * moved,
            left - s * log_stayed,
            power * passed - left,
        ]
    )
    second = {
        (_R, _R): first[_R],
        (_R, _ALPHA): -r * alpha / (alpha + time),
        (_ALPHA, _ALPHA): -c * alpha * time / (alpha + time) ** 2,
        (_B, _B): left * exponent - power * (moved_on - moved - moved**2),
        (_B, _S): -s * moved,
        (_B, _BETA): power * (1 - passed) * moved,
        (_S, _S): -s * log_stayed,
        (_S, _BETA): s * passed,
        (_BETA, _BETA): -power * passed * (1 - passed),
    }
    return -c * log_age - s * log_stayed, first, second


def log_odds_of_having_left(values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray) -> Evaluated:
    """Return the log odds that a customer has left, given his history, with derivatives by the log parameters.

    The parameters are ``r, alpha, b, s, beta/b``. -inf, with derivatives of 0, where no time has passed since the last
    purchase.
    """
    r, alpha, b, s, beta = values
    log_odds, moves = np.empty(x.size), np.zeros((x.size, 5))
    for nodes in leavings(r + x, alpha, b, s, beta, recency, age):
        rows = nodes.rows
        _, first, _ = _terms(values, x[rows, None], nodes.time, nodes.run, np.ones(nodes.time.shape[1]))
        log_left = np.log(s / beta) + _log_sum(nodes.log_weight)
        share = np.exp(nodes.log_weight - np.maximum(_log_sum(nodes.log_weight), -1e300)[:, None])
        now = age[rows, None]
        log_there, of_there, _ = _terms(values, x[rows, None], now, clock(b, now), np.zeros(1))
        log_odds[rows] = log_left - log_there[:, 0]
        moves[rows] = ((first * share).sum(axis=2) - of_there[:, :, 0]).T
    return log_odds, np.where(np.isfinite(log_odds)[:, None], moves, 0.0)


def pointwise(values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
    """Return the log-likelihood of each history, by ``r, alpha, b, s, beta/b``.

    Notes
    -----
    ``Gamma(c)/Gamma(r) alpha^r [(alpha+T)^-c (1+K(T)/beta')^-s + s/beta' I]`` with ``c = r + x``,
    ``K(u) = (exp(bu) - 1)/b``, ``beta' = beta/b`` and I the integral of
    ``(alpha+u)^-c exp(bu) (1+K(u)/beta')^-(s+1)`` over the moments u at which he may have left [1]_. For b to 0 it is
    the Pareto/NBD likelihood.

    References
    ----------
    .. [1] Bemmaor and Glady (2012), "Modeling purchasing behavior with sudden 'death'", Management Science 58(5),
       1012-1021.
    """
    r, alpha, b, s, beta = values
    c = r + x
    value = np.empty(x.size)
    for nodes in leavings(c, alpha, b, s, beta, recency, age):
        value[nodes.rows] = np.log(s / beta) + _log_sum(nodes.log_weight)
    log_there = -c * np.log(alpha + age) - s * log_run(b, age, clock(b, age), beta)
    of_count = special.gammaln(c) - special.gammaln(r) + r * np.log(alpha)
    return np.asarray(of_count + np.logaddexp(log_there, value))


def _log_sum(log_weight: FloatArray) -> FloatArray:
    """Return the logs of the integrals, shape (m,); -inf where no time has passed."""
    top = np.maximum(log_weight.max(axis=1), -1e300)
    with np.errstate(divide="ignore"):
        return np.asarray(top + np.log(np.exp(log_weight - top[:, None]).sum(axis=1)))
