"""Log-likelihoods of customers who each have parameters of their own, given what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.ltv._log_time import silences
from clm.stats import array_field, seal

if TYPE_CHECKING:
    from clm.typing import FloatArray

    ByRow = tuple[FloatArray, FloatArray, FloatArray]
    """Log-likelihoods (m,), with gradients (m, 4) and Hessians (m, 4, 4) by the row's own log parameters."""


class RowLikelihood(Protocol):
    """The likelihood of histories whose parameters (4, m) differ by row."""

    def __call__(self, values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray) -> ByRow:
        """Return log-likelihoods with their derivatives by the logs of the row's own parameters."""


@final
@frozen(kw_only=True)
class CovariateLikelihood:
    """Weighted cells with the parameters' design, ready to be evaluated.

    Attributes
    ----------
    of_rows : callable
        The model's likelihood by row.
    frequency, recency, age, weight : (m,) ndarray of float64
        Cells.
    design : (m, 4, k) ndarray of float64
        How the row's four log parameters follow from the k that are sought: linearly.
    """

    of_rows: RowLikelihood
    frequency: FloatArray = array_field()
    recency: FloatArray = array_field()
    age: FloatArray = array_field()
    weight: FloatArray = array_field()
    design: FloatArray = array_field()

    __setstate__ = seal

    def __call__(self, sought: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient and its Hessian."""
        k = sought.size
        loglik, gradient, hessian = 0.0, np.zeros(k), np.zeros((k, k))
        for start in range(0, self.frequency.size, 8192):
            rows = slice(start, start + 8192)
            design, weight = self.design[rows], self.weight[rows]
            with np.errstate(over="ignore"):  # a step too far gives no number, and is taken back
                values = np.exp(np.clip(design @ sought, -300, 300)).T
            value, slope, bend = self.of_rows(values, self.frequency[rows], self.recency[rows], self.age[rows])
            loglik += float(weight @ value)
            gradient += np.einsum("m,mi,mik->k", weight, slope, design, optimize=True)
            hessian += np.einsum("m,mij,mik,mjl->kl", weight, bend, design, design, optimize=True)
        return loglik, gradient, hessian


def bg_nbd_by_row(values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray) -> ByRow:
    """Return the BG/NBD log-likelihood by row."""
    r, alpha, a, b = values
    c = r + x
    by_now, by_last = 1 / (alpha + age), 1 / (alpha + recency)
    occasion = x > 0
    after = np.where(occasion, b + x - 1, 1.0)
    stretch = np.log1p((age - recency) * by_last)
    log_odds = np.where(occasion, c * stretch + np.log(a / after), -np.inf)
    small = np.exp(-np.abs(log_odds))
    left = np.where(log_odds > 0, 1.0, small) / (1 + small)
    stay = special.gammaln(a + b) - special.gammaln(a + b + x) + special.gammaln(b + x) - special.gammaln(b)
    of_rate = special.gammaln(c) - special.gammaln(r) + r * np.log(alpha) - c * np.log(alpha + age)
    value = of_rate + stay + np.maximum(log_odds, 0) + np.log1p(small)
    moves = np.stack([stretch, c * (by_now - by_last), 1 / a, -1 / after], axis=1)
    together = special.digamma(a + b) - special.digamma(a + b + x)
    gradient = left[:, None] * moves
    gradient[:, 0] += special.digamma(c) - special.digamma(r) + np.log(alpha * by_now)
    gradient[:, 1] += r / alpha - c * by_now
    gradient[:, 2] += together
    gradient[:, 3] += together + special.digamma(b + x) - special.digamma(b)
    hessian = (left * (1 - left))[:, None, None] * moves[:, :, None] * moves[:, None, :]
    bend = special.zeta(2.0, a + b) - special.zeta(2.0, a + b + x)
    hessian[:, 0, 0] += special.zeta(2.0, c) - special.zeta(2.0, r)
    both = 1 / alpha - by_now + left * (by_now - by_last)
    hessian[:, 0, 1] += both
    hessian[:, 1, 0] += both
    hessian[:, 1, 1] += c * by_now**2 - r / alpha**2 + left * c * (by_last**2 - by_now**2)
    hessian[:, 2, 2] += bend - left / a**2
    hessian[:, 2, 3] += bend
    hessian[:, 3, 2] += bend
    hessian[:, 3, 3] += bend + special.zeta(2.0, b + x) - special.zeta(2.0, b) + left / after**2
    return _in_logs(values, value, gradient, hessian)


def pareto_nbd_by_row(values: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray) -> ByRow:
    """Return the Pareto/NBD log-likelihood by row; r and s are the same for all rows."""
    r, alpha, s, beta = values
    c, power = r + x, float(s.max(initial=0.0))
    now = np.stack([-np.log(alpha + age), -c / (alpha + age), -np.log(beta + age), -s / (beta + age)])
    log_there = c * now[0] + s * now[2]
    mixed, gradient, hessian = np.empty(x.size), np.empty((x.size, 4)), np.empty((x.size, 4, 4))
    for nodes in silences(c, alpha, power + 1, beta, recency, age):
        rows, here = nodes.rows, now[:, nodes.rows]
        log_left = np.log(power) + nodes.log_weight
        top = np.maximum(log_there[rows], log_left.max(axis=1))
        there, left = np.exp(log_there[rows] - top), np.exp(log_left - top[:, None])
        total = there + left.sum(axis=1)
        there, left = there / total, left / total[:, None]
        mixed[rows] = top + np.log(total)
        shape = c[rows]
        then = np.stack(
            [
                -nodes.log_alpha,
                -nodes.by_alpha * shape[:, None],
                1 / power - nodes.log_beta,
                -(power + 1) * nodes.by_beta,
            ]
        )
        shares = then * left
        means = shares.sum(axis=2) + here * there
        second = np.einsum("imk,jmk->mij", shares, then) + np.einsum("im,jm->mij", here * there, here)
        second -= np.einsum("im,jm->mij", means, means)
        by_rate, by_leaving = means[1] / shape, shares[3].sum(axis=1) / (power + 1) + here[3] * there / power
        second[:, 0, 1] += by_rate
        second[:, 1, 0] += by_rate
        second[:, 1, 1] += ((shares[1] * then[1]).sum(axis=1) + there * here[1] ** 2) / shape
        second[:, 2, 2] -= left.sum(axis=1) / power**2
        second[:, 2, 3] += by_leaving
        second[:, 3, 2] += by_leaving
        second[:, 3, 3] += (shares[3] * then[3]).sum(axis=1) / (power + 1) + there * here[3] ** 2 / power
        gradient[rows], hessian[rows] = means.T, second
    value = special.gammaln(c) - special.gammaln(r) + r * np.log(alpha) + s * np.log(beta) + mixed
    gradient += np.stack(
        [special.digamma(c) - special.digamma(r) + np.log(alpha), r / alpha, np.log(beta), s / beta], axis=1
    )
    hessian[:, 0, 0] += special.zeta(2.0, c) - special.zeta(2.0, r)
    hessian[:, 0, 1] += 1 / alpha
    hessian[:, 1, 0] += 1 / alpha
    hessian[:, 1, 1] -= r / alpha**2
    hessian[:, 2, 3] += 1 / beta
    hessian[:, 3, 2] += 1 / beta
    hessian[:, 3, 3] -= s / beta**2
    return _in_logs(values, value, gradient, hessian)


def _in_logs(values: FloatArray, value: FloatArray, gradient: FloatArray, hessian: FloatArray) -> ByRow:
    # d/d log v = v d/dv; the second derivative gains the first on its diagonal.
    scale = values.T
    gradient = gradient * scale
    hessian = hessian * scale[:, :, None] * scale[:, None, :]
    hessian[:, np.arange(4), np.arange(4)] += gradient
    return value, gradient, hessian
