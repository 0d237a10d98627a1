"""Integrals over the moment at which a customer of growing hazard leaves, by a Gauss rule in a logarithmic clock."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.stats import array_field, frozen_array, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clm.typing import FloatArray, IntArray

_NEGLIGIBLE: Final = 40.0
"""What has fallen to exp(-40) of the peak is left out."""

_GRID: Final = 17
_ZOOMS: Final = 6
_NODES: Final = ((4.0, 24), (9.0, 40), (22.0, 64))
"""So many nodes are exact to rounding up to these lengths; longer ranges are cut into panels."""

_ROWS: Final = 1024
_MOST: Final = 300.0
"""Exponents beyond this are taken for this where only ratios matter, so that no product of two overflows."""


def clock(b: float, time: FloatArray) -> FloatArray:
    """Return how far the hazard has run by a time: ``K = (exp(bt) - 1)/b``, which is the time itself for b to 0."""
    return np.asarray(np.expm1(np.minimum(b * time, _MOST)) / b)


def log_run(b: float, time: FloatArray, run: FloatArray, beta: float) -> FloatArray:
    """Return ``log(1 + K/beta)``, whatever the time."""
    exponent = b * time
    return np.where(exponent < _MOST, np.log1p(run / beta), exponent - np.log(b * beta))


@final
@frozen(kw_only=True)
class Leavings:
    """Nodes between the last purchase and the end of observation, for some of the histories.

    Attributes
    ----------
    rows : (m,) ndarray of int64
        Which histories.
    log_weight : (m, k) ndarray of float64
        Log of what each node adds to the integral; -inf where no time has passed.
    time, run : (m, k) ndarray of float64
        The moment u of each node, and its `clock`.
    """

    rows: IntArray = array_field()
    log_weight: FloatArray = array_field()
    time: FloatArray = array_field()
    run: FloatArray = array_field()

    __setstate__ = seal


def leavings(
    c: FloatArray, alpha: float, b: float, s: float, beta: float, recency: FloatArray, age: FloatArray
) -> Iterator[Leavings]:
    """Yield the nodes of ``integral of (alpha+u)^-c exp(bu) (1+K/beta)^-(s+1)`` over u from recency to age.

    Parameters
    ----------
    c
        (n,), positive.
    alpha, b, s, beta
        Positive.
    recency, age
        (n,), ``0 <= recency <= age``.

    Yields
    ------
    Leavings
        Every row once, in any order.

    Notes
    -----
    In ``y = log(m + K)``, with m the lesser of beta and ``(1 - exp(-b alpha))/b``, the integrand has no singularity
    within pi of the real line, whatever the parameters; a Gauss-Legendre rule there converges geometrically. The range
    is narrowed to where the integrand is above exp(-40) of its peak. Every term is positive, so that nothing cancels.
    """
    least = min(beta, -np.expm1(-b * alpha) / b)
    # Short silences, by the clock that is taken, need fewer nodes than long ones.
    spans = np.log1p((clock(b, age) - clock(b, recency)) / (least + clock(b, recency)))
    order = np.argsort(spans, kind="stable")
    for start in range(0, c.size, _ROWS):
        rows = order[start : start + _ROWS]
        power, since = c[rows, None], recency[rows, None]
        run_since = clock(b, since)
        begun = least + run_since
        log_begun = np.where(b * since < _MOST, np.log(begun), b * since - np.log(b))
        # Steps from the last purchase, so that short silences keep their digits.
        length = np.log1p((1 + b * run_since) * clock(b, age[rows, None] - since) / begun)

        def at(
            by: FloatArray, since: FloatArray = since, run_since: FloatArray = run_since, begun: FloatArray = begun
        ) -> tuple[FloatArray, FloatArray]:
            more = begun * np.expm1(np.minimum(by, _MOST))
            beyond = np.maximum(by - _MOST, 0.0)
            return since + (np.log1p(b * more / (1 + b * run_since)) + beyond) / b, run_since + more

        def log_of(
            by: FloatArray, power: FloatArray = power, log_begun: FloatArray = log_begun, at: Any = at
        ) -> FloatArray:
            time, run = at(by)
            return np.asarray(log_begun + by - power * np.log(alpha + time) - (s + 1) * log_run(b, time, run, beta))

        low, high = _narrowed(log_of, np.zeros_like(length), length)
        share, log_weight = _rule_for(high - low, 4)
        by = low + (high - low) * share
        time, run = at(by)
        with np.errstate(divide="ignore"):  # log(0) where no time has passed
            log_weight = np.log(high - low) + log_weight + log_of(by)
        yield Leavings(rows=rows, log_weight=log_weight, time=time, run=run)


def log_integral(
    log_of: Callable[[FloatArray, FloatArray], FloatArray],
    b: float,
    power: FloatArray,
    end: FloatArray,
    reach: FloatArray,
) -> FloatArray:
    """Return the log of an integral over u from 0, by the logarithm of its `clock`.

    Parameters
    ----------
    log_of
        Log of the integrand by u and by log K, (m, k) each; it may vary by row.
    b
        Positive.
    power
        (m, 1): the integrand is like u to the power - 1 near 0.
    end
        (m, 1): log K where the integral ends.
    reach
        (m, 1): how far the logarithm of the least scale of time in the integrand lies below that of the end, at least.

    Returns
    -------
    (m,) ndarray of float64
    """

    def log_in(y: FloatArray) -> FloatArray:
        stretch = np.logaddexp(0, np.log(b) + y)
        return np.asarray(log_of(stretch / b, y) + y - stretch)

    # Far down the integrand is like a power of u: begin where all scales of time are beyond reach.
    low, high = _narrowed(log_in, end - 2 * _NEGLIGIBLE / power - reach, end)
    share, log_weight = _rule_for(high - low, 16)
    terms = log_weight + log_in(low + (high - low) * share)
    top = terms.max(axis=1, keepdims=True)
    return np.asarray((top + np.log((high - low) * np.exp(terms - top).sum(axis=1, keepdims=True)))[:, 0])


def _narrowed(
    log_of: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the range in which a smooth function is above exp(-40) of its peak, from looks that are ever closer."""
    grid = np.linspace(0, 1, _GRID)
    for _ in range(_ZOOMS):
        value = log_of(low + (high - low) * grid)
        counts = value > value.max(axis=1, keepdims=True) - _NEGLIGIBLE
        first = np.maximum(counts.argmax(axis=1) - 1, 0)
        last = np.minimum(_GRID - counts[:, ::-1].argmax(axis=1), _GRID - 1)
        if (last - first).min(initial=_GRID) > _GRID // 2:
            break
        low, high = low + (high - low) * grid[first][:, None], low + (high - low) * grid[last][:, None]
    return low, high


def _rule_for(length: FloatArray, most: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes on [0, 1] and the logs of their weights, enough for ranges so long, in at most so many panels."""
    longest = float(length.max(initial=0.0))
    for enough, count in _NODES:
        if longest <= enough:
            return _rule(count, 1)
    return _rule(count, int(min(np.ceil(longest / enough), most)))


@cache
def _rule(count: int, panels: int) -> tuple[FloatArray, FloatArray]:
    points, weights = np.polynomial.legendre.leggauss(count)
    starts = np.arange(panels)[:, None]
    return (
        frozen_array(((starts + (points + 1) / 2) / panels).ravel()),
        frozen_array(np.log(np.tile(weights / (2 * panels), panels))),
    )
