"""The Pareto/NBD log-likelihood with its exact gradient and Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.ltv._log_time import silences
from clm.stats import array_field, seal

if TYPE_CHECKING:
    from clm.data import RFM
    from clm.ltv._evaluated import Evaluated
    from clm.ltv._log_time import Silences
    from clm.typing import FloatArray


@final
@frozen(kw_only=True)
class ParetoNBDLikelihood:
    """Weighted cells, ready to be evaluated at any parameters.

    Attributes
    ----------
    count, weight_of_count : (c,) ndarray of float64
        Distinct numbers of repeat purchases, and the customers who have them.
    frequency, recency, age, weight : (m,) ndarray of float64
        Cells.
    """

    count: FloatArray = array_field()
    weight_of_count: FloatArray = array_field()
    frequency: FloatArray = array_field()
    recency: FloatArray = array_field()
    age: FloatArray = array_field()
    weight: FloatArray = array_field()

    __setstate__ = seal

    @classmethod
    def of(cls, cells: RFM, weight: FloatArray, *, scale: float) -> ParetoNBDLikelihood:
        """Prepare cells that are ordered by frequency; those of weight 0 are left out, time is divided by `scale`."""
        taken = weight > 0
        x, customers = cells.frequency[taken], weight[taken]
        first = np.flatnonzero(np.diff(x, prepend=-1.0))
        return cls(
            count=x[first],
            weight_of_count=np.add.reduceat(customers, first),
            frequency=x,
            recency=cells.recency[taken] / scale,
            age=cells.T[taken] / scale,
            weight=customers,
        )

    def __call__(self, log_values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient and its Hessian in log parameters.

        The parameters are ``r, alpha, s, beta``, alpha and beta in scaled time.
        """
        values = np.exp(log_values)
        r, alpha, s, beta = values
        loglik, gradient, hessian = self._of_counts(r, alpha, s, beta)
        for nodes in silences(r + self.frequency, alpha, s + 1, beta, self.recency, self.age):
            part = _mixed(values, nodes, self.frequency[nodes.rows], self.age[nodes.rows], self.weight[nodes.rows])
            loglik += part[0]
            gradient += part[1]
            hessian += part[2]
        # d/d log v = v d/dv; the second derivative gains the first on its diagonal.
        gradient *= values
        hessian *= np.outer(values, values)
        hessian[np.diag_indices(4)] += gradient
        return float(loglik), gradient, hessian

    def _of_counts(self, r: float, alpha: float, s: float, beta: float) -> tuple[float, FloatArray, FloatArray]:
        x, w = self.count, self.weight_of_count
        customers = w.sum()
        loglik = w @ (special.gammaln(r + x) - special.gammaln(r)) + customers * (r * np.log(alpha) + s * np.log(beta))
        gradient = np.array(
            [
                w @ (special.digamma(r + x) - special.digamma(r)) + customers * np.log(alpha),
                customers * r / alpha,
                customers * np.log(beta),
                customers * s / beta,
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = w @ (special.zeta(2.0, r + x) - special.zeta(2.0, r))
        hessian[0, 1] = hessian[1, 0] = customers / alpha
        hessian[1, 1] = -customers * r / alpha**2
        hessian[2, 3] = hessian[3, 2] = customers / beta
        hessian[3, 3] = -customers * s / beta**2
        return float(loglik), gradient, hessian


def _mixed(
    values: FloatArray, nodes: Silences, x: FloatArray, age: FloatArray, weight: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Sum ``log(still there + left at some node)`` over cells.

    The derivatives of the log of a sum of exponential terms are the mean of the terms' own first derivatives, and the
    covariance of these plus the mean of the second ones.
    """
    r, alpha, s, beta = values
    c = r + x
    now = np.stack([-np.log(alpha + age), -c / (alpha + age), -np.log(beta + age), -s / (beta + age)])
    log_there = c * now[0] + s * now[2]
    log_left = np.log(s) + nodes.log_weight
    top = np.maximum(log_there, log_left.max(axis=1))
    there, left = np.exp(log_there - top), np.exp(log_left - top[:, None])
    total = there + left.sum(axis=1)
    loglik = weight @ (top + np.log(total))
    there *= weight / total
    left *= (weight / total)[:, None]
    then = np.empty((4, *left.shape))
    np.negative(nodes.log_alpha, out=then[0])
    np.multiply(nodes.by_alpha, -c[:, None], out=then[1])
    np.subtract(1 / s, nodes.log_beta, out=then[2])
    np.multiply(nodes.by_beta, -(s + 1), out=then[3])
    shares = then * left
    means = shares.sum(axis=2) + now * there
    flat = then.reshape(4, -1)
    hessian = shares.reshape(4, -1) @ flat.T + (now * there) @ now.T - (means / weight) @ means.T
    # Second derivatives of the terms themselves: by_alpha is -then[1] / c, and its square gives the curvature.
    by_rate = -(means[1] / c).sum()
    by_leaving = -(shares[3].sum() / (s + 1) + (now[3] * there).sum() / s)
    hessian[0, 1] -= by_rate
    hessian[1, 0] -= by_rate
    hessian[1, 1] += (((shares[1] * then[1]).sum(axis=1) + there * now[1] ** 2) / c).sum()
    hessian[2, 2] -= left.sum() / s**2
    hessian[2, 3] -= by_leaving
    hessian[3, 2] -= by_leaving
    hessian[3, 3] += (shares[3] * then[3]).sum() / (s + 1) + (there @ now[3] ** 2) / s
    return float(loglik), means.sum(axis=1), hessian


def log_odds_of_having_left(values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray) -> Evaluated:
    """Return the log odds that a customer has left, given his history, with derivatives by the log parameters.

    -inf, with derivatives of 0, where no time has passed since the last purchase.
    """
    r, alpha, s, beta = values
    c = r + x
    log_odds, moves = np.empty(x.size), np.zeros((x.size, 4))
    for nodes in silences(c, alpha, float(np.max(s)) + 1, beta, recency, age):
        rows, log_integral = nodes.rows, nodes.log_integral
        log_odds[rows] = log_integral
        share = np.exp(nodes.log_weight - np.maximum(log_integral, -1e300)[:, None])
        for i, move in enumerate((nodes.log_alpha, nodes.by_alpha, nodes.log_beta, nodes.by_beta)):
            moves[rows, i] = (share * move).sum(axis=1)
    log_odds += np.log(s) + c * np.log(alpha + age) + s * np.log(beta + age)
    derivatives = np.stack(
        [
            r * (np.log(alpha + age) - moves[:, 0]),
            alpha * c * (1 / (alpha + age) - moves[:, 1]),
            1 + s * (np.log(beta + age) - moves[:, 2]),
            beta * (s / (beta + age) - (s + 1) * moves[:, 3]),
        ],
        axis=1,
    )
    return log_odds, np.where(np.isfinite(log_odds)[:, None], derivatives, 0.0)


def pointwise(values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
    """Return the log-likelihood of each history.

    Notes
    -----
    ``Gamma(r+x)/Gamma(r) alpha^r beta^s [(alpha+T)^-(r+x) (beta+T)^-s + s I]`` with I the integral of
    ``(alpha+u)^-(r+x) (beta+u)^-(s+1)`` over the moments u at which he may have left [1]_.

    References
    ----------
    .. [1] Schmittlein, Morrison and Colombo (1987), "Counting your customers", Management Science 33(1), 1-24.
    """
    r, alpha, s, beta = values
    c = r + x
    log_left = np.empty(x.size)
    for nodes in silences(c, alpha, float(np.max(s)) + 1, beta, recency, age):
        log_left[nodes.rows] = nodes.log_integral
    log_there = -c * np.log(alpha + age) - s * np.log(beta + age)
    of_count = special.gammaln(c) - special.gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return np.asarray(of_count + np.logaddexp(log_there, np.log(s) + log_left))
