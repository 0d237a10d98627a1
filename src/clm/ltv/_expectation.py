"""Purchases to expect of a customer whose buying rate and chance of leaving are not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.ltv._belief import Belief
    from clm.typing import FloatArray

_NEGLIGIBLE: Final = 42.0
"""Weights below exp(-42) of the greatest are left out."""

_STEP: Final = 0.25


def purchases(belief: Belief, horizon: float) -> tuple[FloatArray, FloatArray]:
    """Return the expected purchases within a time, while still there at its beginning.

    Parameters
    ----------
    belief
        m rows.
    horizon
        Time ahead, from 0 on, in the unit of ``belief.rate``.

    Returns
    -------
    value : (m,) ndarray of float64
    gradient : (m, 4) ndarray of float64
        By shape, rate, a, b.

    Notes
    -----
    ``E[(1 - (1 + p t/A)^-c) / p]`` over p ~ Beta(a, b), with c the shape and A the rate. The closed form by a Gauss
    hypergeometric function [1]_ divides 0 by 0 at a = 1 and overflows for heavy buyers. The trapezoidal rule in a
    doubly exponential variable [2]_ does neither: its error is about 1e-14 of the value for shapes to 10,000.

    References
    ----------
    .. [1] Fader, Hardie and Lee (2005), Marketing Science 24(2), 275-284.
    .. [2] Takahasi and Mori (1974), Publications of the RIMS 9, 721-741.
    """
    value, gradient = np.empty(len(belief)), np.empty((len(belief), 4))
    for rows in _blocks(len(belief), 256):
        value[rows], gradient[rows] = _purchases(belief.part(rows), horizon)
    return value, gradient


def weighed_purchases(belief: Belief, horizons: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a weighed sum of the expected purchases within several times, as `purchases` returns those within one.

    Parameters
    ----------
    belief
        m rows.
    horizons, weights
        (k,), times ahead from 0 on, in the unit of ``belief.rate``, and what each counts.
    """
    value, gradient = np.empty(len(belief)), np.empty((len(belief), 4))
    for rows in _blocks(len(belief), 256):
        value[rows], gradient[rows] = _weighed(belief.part(rows), horizons, weights)
    return value, gradient


def squared_purchases(belief: Belief, horizon: float) -> FloatArray:
    """Return the expected square of the number of purchases within a time, while still there at its beginning.

    Parameters
    ----------
    belief
        m rows.
    horizon
        Time ahead, from 0 on, in the unit of ``belief.rate``.

    Returns
    -------
    (m,) ndarray of float64
    """
    value = np.empty(len(belief))
    for rows in _blocks(len(belief), 256):
        value[rows] = _squared(belief.part(rows), horizon)
    return value


def discounted_purchases(belief: Belief, discount: float) -> tuple[FloatArray, FloatArray]:
    """Return the discounted expected purchases over all time, while still there at its beginning.

    Parameters
    ----------
    belief
        m rows.
    discount
        Continuously compounded rate per unit of time, positive.

    Returns
    -------
    value : (m,) ndarray of float64
    gradient : (m, 4) ndarray of float64
        By shape, rate, a, b.

    Notes
    -----
    With rate l and chance p the next purchase is worth ``l / (l + d)`` today and is followed by another with chance
    ``1 - p``, so that all of them are worth ``l / (d + l p)``; its expectation is taken by trapezoidal rules in the
    logarithm of l and, as in `purchases`, in the logit of p.
    """
    value, gradient = np.empty(len(belief)), np.empty((len(belief), 4))
    for rows in _blocks(len(belief), 16):
        value[rows], gradient[rows] = _discounted(belief.part(rows), discount)
    return value, gradient


def all_purchases(belief: Belief) -> tuple[FloatArray, FloatArray]:
    """Return the expected purchases over all time without a discount: ``E[1/p] = (a + b - 1)/(a - 1)``.

    NaN, with a gradient of 0, for a of 1 or less, where it has no finite expectation.
    """
    a, b = belief.a, belief.b
    finite = a > 1
    excess = np.where(finite, a - 1, 1.0)
    nothing = np.zeros_like(a)
    gradient = np.stack([nothing, nothing, -b / excess**2, 1 / excess], axis=1)
    return np.where(finite, (excess + b) / excess, np.nan), np.where(finite[:, None], gradient, 0.0)


def _blocks(size: int, rows: int) -> Iterator[slice]:
    return (slice(start, start + rows) for start in range(0, size, rows))


def _purchases(belief: Belief, horizon: float) -> tuple[FloatArray, FloatArray]:
    c, reach = belief.shape, horizon / belief.rate
    log_p, log_q, weight = chances(belief.a, belief.b, (c + 1) * reach)
    # Where p underflows the expectation is at its limit c t/A, as it is at the least normal number.
    p = np.maximum(np.exp(log_p), 1e-300)
    stretch = np.log1p(p * reach[:, None])
    bought = -np.expm1(-c[:, None] * stretch) / p
    silent = np.exp(-c[:, None] * stretch)
    expected = (weight * bought).sum(axis=1)
    gradient = np.stack(
        [
            (weight * stretch * silent / p).sum(axis=1),
            -c * reach / belief.rate * (weight * silent * np.exp(-stretch)).sum(axis=1),
            _covariance(weight, bought, log_p, expected),
            _covariance(weight, bought, log_q, expected),
        ],
        axis=1,
    )
    return expected, gradient


def _weighed(belief: Belief, horizons: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    c, rate = belief.shape[:, None], belief.rate[:, None]
    # The points for the longest time serve all: those of shorter ones bend at greater p, where points are as dense.
    log_p, log_q, chance = chances(belief.a, belief.b, ((c + 1) * horizons.max() / rate)[:, 0])
    p = np.maximum(np.exp(log_p), 1e-300)
    total, by_shape, by_rate = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for horizon, weight in zip(horizons, weights, strict=True):
        reach = horizon / rate
        along = p * reach
        stretch = np.log1p(along)
        left = np.expm1(-c * stretch)
        total -= weight * left
        left += 1
        by_shape += weight * stretch * left
        by_rate -= weight * c * reach / rate * left / (1 + along)
    total /= p
    expected = (chance * total).sum(axis=1)
    gradient = np.stack(
        [
            (chance * by_shape / p).sum(axis=1),
            (chance * by_rate).sum(axis=1),
            _covariance(chance, total, log_p, expected),
            _covariance(chance, total, log_q, expected),
        ],
        axis=1,
    )
    return expected, gradient


def _squared(belief: Belief, horizon: float) -> FloatArray:
    c, reach = belief.shape[:, None], (horizon / belief.rate)[:, None]
    log_p, _, weight = chances(belief.a, belief.b, ((c + 1) * reach)[:, 0])
    p = np.maximum(np.exp(log_p), 1e-300)
    stretch = np.log1p(p * reach)
    bought = -np.expm1(-c * stretch) / p
    # E[X^2] = S + 2 (1 - p) S' with S = sum of (1 - p)^(k-1) P(at least k intended), which is `bought`. Near p = 0 its
    # derivative by 1 - p is the difference of nearly equal terms, and is expanded there.
    near = p * reach * (c + 2) < 1e-4
    slope = (bought - c * reach * np.exp(-(c + 1) * stretch)) / np.where(near, 1.0, p)
    series = c * (c + 1) / 2 * reach**2 * (1 - 2 * (c + 2) / 3 * reach * p)
    return np.asarray((weight * (bought + 2 * (1 - p) * np.where(near, series, slope))).sum(axis=1))


def _discounted(belief: Belief, discount: float) -> tuple[FloatArray, FloatArray]:
    # E[l / (d + l p)] for l ~ Gamma(c, A) is c E[1 / (d A + g p)] for g ~ Gamma(c + 1, 1), whose tail is light.
    c, scaled = belief.shape, discount * belief.rate
    log_p, log_q, weight_p = chances(belief.a, belief.b, (c + 5) / scaled)
    log_g, weight_g = amounts(c + 1)
    worth = 1 / (scaled[:, None, None] + np.exp(log_p)[:, :, None] * np.exp(log_g)[:, None, :])
    by_p = np.einsum("ipg,ig->ip", worth, weight_g)
    by_g = np.einsum("ipg,ip->ig", worth, weight_p)
    expected = (weight_p * by_p).sum(axis=1)
    worth *= worth
    squared = (weight_p * np.einsum("ipg,ig->ip", worth, weight_g)).sum(axis=1)
    gradient = np.stack(
        [
            expected + c * _covariance(weight_g, by_g, log_g, expected),
            -c * discount * squared,
            c * _covariance(weight_p, by_p, log_p, expected),
            c * _covariance(weight_p, by_p, log_q, expected),
        ],
        axis=1,
    )
    return c * expected, gradient


def _covariance(weight: FloatArray, value: FloatArray, score: FloatArray, expected: FloatArray) -> FloatArray:
    """Return how an expectation moves with the exponent of ``exp(score)`` in its density, row by row."""
    return np.asarray((weight * (value - expected[:, None]) * score).sum(axis=1))


def chances(a: FloatArray, b: FloatArray, reach: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log p, log(1 - p) and weights for expectations over p ~ Beta(a, b), (m, points) each.

    ``logit p = y + s - exp(-s) + exp(s - turn)`` with s evenly spaced: both tails fall off doubly exponentially. The
    centre y lies below both the mean of p and the p at which the integrand, of scale 1/`reach`, bends.
    """
    least, mean = np.minimum(a, b), np.log(a / b)
    centre = np.minimum(mean - 4 / np.sqrt(1 + least), -np.log1p(reach)) - 1.5
    turn = np.maximum(mean, 0) - centre + 3
    step = _STEP / np.sqrt(1 + least / 8)
    peak = a * np.log(a / (a + b)) + b * np.log(b / (a + b))
    down, up = _logit_where((_NEGLIGIBLE - peak) / a) + centre, _logit_where((_NEGLIGIBLE - peak) / b) - centre
    low = np.where(down < 0, -down, -np.log(np.maximum(down, 1.0)))
    high = np.maximum(np.minimum(up, turn + np.log(np.maximum(up, 1.0))), low) + 1
    points = int(np.ceil((high - low) / step).max()) + 1
    s = low[:, None] + step[:, None] * np.arange(points)
    left, right = np.exp(-s), np.exp(s - turn[:, None])
    logit = centre[:, None] + s - left + right
    soft = np.log1p(np.exp(-np.abs(logit)))
    log_p, log_q = np.minimum(logit, 0) - soft, -np.maximum(logit, 0) - soft
    weight = np.exp(a[:, None] * log_p + b[:, None] * log_q - peak[:, None]) * (1 + left + right)
    return log_p, log_q, weight / weight.sum(axis=1, keepdims=True)


def _logit_where(exponent: FloatArray) -> FloatArray:
    """Return the logit beyond which ``log(1 - p)`` is below minus the exponent: ``log(exp(e) - 1)``."""
    return np.where(exponent > 30, exponent, np.log(np.expm1(np.minimum(exponent, 30.0))))


def amounts(shape: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return log g and weights for expectations over g ~ Gamma(shape, 1), (m, points) each; shape is at least 1."""
    tail = _NEGLIGIBLE / shape
    low = -np.minimum(tail + 1, tail + np.sqrt(2 * tail))
    high = np.log1p(tail + np.sqrt(2 * tail))
    step = _STEP / np.sqrt(np.maximum(1.0, shape / 4))
    points = int(np.ceil((high - low) / step).max()) + 1
    beyond = low[:, None] + step[:, None] * np.arange(points)
    weight = np.exp(-shape[:, None] * (np.expm1(beyond) - beyond))
    return np.log(shape)[:, None] + beyond, weight / weight.sum(axis=1, keepdims=True)
