"""Add up discounted survival, as far as it goes or as far as is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from clm.ltv._contract_curve import ContractCurve
    from clm.typing import FloatArray

_ONE_BY_ONE: Final = 1024
"""Terms added one by one; those that follow are smooth from one to the next."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_WIDTH: Final = 0.5
_GONE: Final = 100.0
"""After so many discount times nothing is left to add."""

_POWER_LAW: Final = 1e12
"""How far beyond its parameters a survival curve is a power law."""

_LAST: Final = 700.0
"""The largest logarithm of a time that a float holds."""


def discounted(
    curve: ContractCurve, first: int, *, given: int, delta: float, count: int | None = None
) -> tuple[float, FloatArray]:
    """Return the sum of ``S(first + k) / S(given) exp(-delta k)`` over k from 0 on, and its derivative.

    Parameters
    ----------
    curve
        Survival S.
    first
        Renewal of the first term.
    given
        Renewals that are known to have been made.
    delta
        Discount a period, continuously compounded.
    count
        Terms; None for all, which takes a discount or ``alpha c > 1``.

    Returns
    -------
    value : float
    gradient : (3,) ndarray of float64
        By the logarithms of alpha, beta and c.

    Notes
    -----
    After 1,024 terms the sum is an integral between them, with the first correction of the midpoint rule: the terms
    change by so little from one to the next that the second would be below 1e-13 of the value. The integral is taken
    in the logarithm of time by Gauss and Legendre; without a discount what lies beyond is a power law.
    """
    summand = _Summand(curve, first, given, delta)
    alone = _ONE_BY_ONE if count is None else min(count, _ONE_BY_ONE)
    total = summand(first + np.arange(float(alone))).sum(axis=-1)
    if count is None or count > alone:
        begins = float(first + alone)
        ends = None if count is None else float(first + count)
        total = total + _integral(summand, begins - 0.5, None if ends is None else ends - 0.5)
        total = total + summand.step(begins) / 24
        if ends is not None:
            total = total - summand.step(ends) / 24
    return float(total[0]), total[1:]


@final
@frozen
class _Summand:
    """One term of the sum, with its derivative by the log parameters: four numbers a time."""

    curve: ContractCurve
    first: int
    given: int
    delta: float

    def __call__(self, t: FloatArray) -> FloatArray:
        """Return terms at some times, shape (4, times)."""
        level, tilt = self.curve.log_survival(self.given), self.curve.survival_slope(self.given)
        term = np.exp(self.curve.log_survival(t) - level - self.delta * (t - self.first))
        slope = self.curve.survival_slope(t) - tilt
        return np.concatenate([term[None], term * slope.T])

    def step(self, t: float) -> FloatArray:
        """Return the change over the period before a time, shape (4,)."""
        return np.asarray(np.diff(self(np.array([t - 1, t])), axis=-1)[:, 0])


def _integral(summand: _Summand, begins: float, ends: float | None) -> FloatArray:
    last = _last(summand, begins) if ends is None else np.log(ends)
    width = _WIDTH / max(1.0, summand.curve.c)
    edges = np.linspace(np.log(begins), last, 2 + int((last - np.log(begins)) / width))
    half = np.diff(edges)[:, None] / 2
    times = np.exp(edges[:-1, None] + half * (1 + _NODES))
    weights = (half * _WEIGHTS * times).ravel()
    total = np.asarray(summand(times.ravel()) @ weights)
    return total if ends is not None or summand.delta > 0 else total + _beyond(summand, last)


def _last(summand: _Summand, begins: float) -> float:
    """Return the logarithm of the time at which an endless integral may stop."""
    curve = summand.curve
    if summand.delta > 0:
        return float(np.log(begins + _GONE / summand.delta))
    far = _POWER_LAW * (1 + curve.alpha) * (1 + curve.alpha + curve.beta)
    return float(min(max(np.log(far) / curve.c, np.log(begins) + 1), _LAST))


def _beyond(summand: _Summand, last: float) -> FloatArray:
    """Return the integral of a power law from there on."""
    curve = summand.curve
    power = curve.alpha * curve.c
    at_last = summand(np.exp(np.array([last])))[:, 0]
    rest = np.exp(last) * at_last / (power - 1)
    # The power itself moves with alpha and c.
    rest[[1, 3]] -= rest[0] * power / (power - 1)
    return np.asarray(rest)
