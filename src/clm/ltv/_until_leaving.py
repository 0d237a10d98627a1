"""What a customer buys who leaves at a random moment: expectations, chances of counts, and present values."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from clm.stats import frozen_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.typing import FloatArray

_NEGLIGIBLE: Final = 42.0
_ROWS: Final = 2048


def time_there(s: float, beta: FloatArray, horizon: float) -> FloatArray:
    """Return the expected time until leaving, or until the horizon: ``integral of (beta/(beta+u))^s``.

    ``beta/(s-1) (1 - (beta/(beta+t))^(s-1))``, continued through s = 1.
    """
    by, excess = np.log1p(horizon / beta), s - 1
    return np.asarray(beta * by * special.exprel(-excess * by))


def squared_time_there(s: float, beta: FloatArray, horizon: float) -> FloatArray:
    """Return the expected square of the time until leaving, or until the horizon."""
    length = np.log1p(horizon / beta)
    if s > 2:
        length = np.minimum(length, _NEGLIGIBLE / (s - 2))
    share, weight = _rule(64)
    by = length[:, None] * share
    inside = np.expm1(by) * np.exp((1 - s) * by)
    return np.asarray(2 * (beta * length) * (beta * (inside * weight).sum(axis=1)))  # beta squared may overflow


def present_time_there(s: float, beta: FloatArray, discount: float) -> FloatArray:
    """Return the present value of one unit a unit of time until leaving: ``integral of exp(-d u) (beta/(beta+u))^s``.

    Tricomi's confluent hypergeometric function in the closed form; here a Gauss rule in ``log(1 + u/beta)`` over the
    range where the integrand, which has one peak, is above exp(-42) of it.
    """
    rate = discount * beta

    def log_of(by: FloatArray) -> FloatArray:
        return (1 - s) * by - rate * np.expm1(by)

    peak = np.log(np.maximum((1 - s) / rate, 1.0))
    low = _edge(log_of, peak, np.zeros_like(peak))
    beyond = np.log1p(2 * _NEGLIGIBLE / rate) + peak + 2
    high = _edge(log_of, peak, beyond)
    share, weight = _rule(64)
    by = low[:, None] + (high - low)[:, None] * share
    top = log_of(peak)
    inside = np.exp((1 - s) * by - rate[:, None] * np.expm1(by) - top[:, None])
    return np.asarray(beta * (high - low) * np.exp(top) * (inside * weight).sum(axis=1))


def chance_of_at_least(
    count: FloatArray, c: FloatArray, alpha: FloatArray, s: float, beta: FloatArray, horizon: float
) -> FloatArray:
    """Return the chance of at least so many purchases, 1 or more, of customers who are there at the beginning.

    The rate is Gamma(c, alpha), the moment of leaving Pareto(s, beta): the integral over the moment of the purchase in
    question of its density, times the chance of still being there.
    """
    if horizon == 0:
        return np.zeros_like(c)
    log_integral = _log_integral(count, count + c, alpha, s, beta, horizon)
    log_chance = c * np.log(alpha) + s * np.log(beta) - special.betaln(count, c) + log_integral
    return np.asarray(np.minimum(np.exp(log_chance), 1.0))


def chance_of_exactly(
    count: int, c: FloatArray, alpha: FloatArray, s: float, beta: FloatArray, horizon: float
) -> FloatArray:
    """Return the chance of exactly so many purchases of customers who are there at the beginning.

    Either he buys so often in all the time, or up to the moment at which he leaves.
    """
    if horizon == 0:
        return np.full_like(c, float(count == 0))
    ways = special.gammaln(c + count) - special.gammaln(c) - special.gammaln(count + 1.0)
    of_rate, of_leaving = c * np.log(alpha), s * np.log(beta)
    log_stayed = count * np.log(horizon) - (c + count) * np.log(alpha + horizon) - s * np.log(beta + horizon)
    log_left = np.log(s) + _log_integral(np.full_like(c, count + 1.0), count + c, alpha, s + 1, beta, horizon)
    log_chance = ways + of_rate + of_leaving + np.logaddexp(log_stayed, log_left)
    return np.asarray(np.minimum(np.exp(log_chance), 1.0))


def _log_integral(
    p: FloatArray, q: FloatArray, alpha: FloatArray, d: float, beta: FloatArray, horizon: float
) -> FloatArray:
    """Return ``log of the integral of u^(p-1) (alpha+u)^-q (beta+u)^-d`` over u from 0 to the horizon."""
    value = np.empty(p.size)
    for start in range(0, p.size, _ROWS):
        rows = slice(start, start + _ROWS)
        value[rows] = _log_integrals(p[rows], q[rows], alpha[rows], d, beta[rows], np.log(horizon))
    return value


def _log_integrals(
    p: FloatArray, q: FloatArray, alpha: FloatArray, d: float, beta: FloatArray, end: float
) -> FloatArray:
    # In w = log u the integrand is log-concave: one peak, found from a quadratic equation, and a tail on either side.
    log_alpha, log_beta = np.log(alpha), np.log(beta)

    def log_of(w: FloatArray) -> FloatArray:
        return p * w - q * np.logaddexp(log_alpha, w) - d * np.logaddexp(log_beta, w)

    unit = np.maximum(alpha, beta)
    least = np.minimum(alpha, beta) / unit
    first, linear, last = q + d - p, (q - p) * (beta / unit) + (d - p) * (alpha / unit), p * least
    root = np.hypot(linear, 2 * np.sqrt(first * last))
    # The form of the root without a difference of nearly equal terms.
    mode = np.where(linear > 0, 2 * last / (np.abs(linear) + root), (root - linear) / (2 * np.maximum(first, 1e-300)))
    peak = np.minimum(np.log(np.maximum(mode, 1e-300)) + np.log(unit), end)
    top = log_of(peak)
    low = _edge(log_of, peak, np.minimum(peak, np.minimum(log_alpha, log_beta)) - 2 * _NEGLIGIBLE / p - 8)
    high = _edge(log_of, peak, np.full_like(peak, end))
    share, weight = _rule(96)
    w = low[:, None] + (high - low)[:, None] * share
    log_inside = (
        p[:, None] * w
        - q[:, None] * np.logaddexp(log_alpha[:, None], w)
        - d * np.logaddexp(log_beta[:, None], w)
        - top[:, None]
    )  # fmt: skip
    return np.asarray(top + np.log(high - low) + np.log((np.exp(log_inside) * weight).sum(axis=1)))


def _edge(log_of: Callable[[FloatArray], FloatArray], peak: FloatArray, bound: FloatArray) -> FloatArray:
    """Return where a function with one peak has fallen by what is negligible, or the bound where it has not."""
    top = log_of(peak)
    inside, outside = peak, bound
    negligible = top - log_of(bound) > _NEGLIGIBLE
    for _ in range(14):
        middle = (inside + outside) / 2
        beyond = top - log_of(middle) > _NEGLIGIBLE
        inside, outside = np.where(beyond, inside, middle), np.where(beyond, middle, outside)
    return np.where(negligible, outside, bound)


@cache
def _rule(count: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights on [0, 1]."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return frozen_array((points + 1) / 2), frozen_array(weights / 2)
