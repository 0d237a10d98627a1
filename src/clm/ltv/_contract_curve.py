"""How long contracts last: survival of customers who differ in how likely they are to leave at a renewal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.typing import BoolArray, FloatArray

_MOST: Final = 1e150
"""A clock that shows more than this has stopped: nobody is left, or nobody leaves any more."""

_LIFT: Final = 10.0
"""From here on seven terms of Stirling's series leave nothing that a float could hold."""

_STIRLING: Final = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
_DIGAMMA: Final = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
_TRIGAMMA: Final = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


@final
@frozen
class ContractCurve:
    """Survival ``S(t) = B(alpha, beta + t**c) / B(alpha, beta)`` at whole numbers of renewals t.

    A customer leaves at his first renewal with a chance of his own, Beta(alpha, beta) over customers, and is still
    there after t of them with the chance ``(1 - theta)**(t**c)``: for c = 1 the shifted beta geometric distribution.

    Attributes
    ----------
    alpha, beta, c : float
        All positive.
    """

    alpha: float
    beta: float
    c: float = 1.0

    def clock(self, t: Any) -> FloatArray:
        """Return ``t**c``, no more than a float holds with room to multiply."""
        with np.errstate(over="ignore"):
            return np.asarray(np.minimum(np.power(t, self.c, dtype=np.float64), _MOST))

    def log_survival(self, t: Any) -> FloatArray:
        """Return the logarithm of the share still there after t renewals, of t's shape."""
        return log_beta_fall(np.asarray(self.beta), self.alpha, self.clock(t))

    def log_retention(self, t: Any) -> FloatArray:
        """Return the logarithm of the share that makes the t-th renewal, of those who made the one before; t from 1."""
        t = np.asarray(t, np.float64)
        if self.c == 1:
            return np.asarray(-np.log1p(self.alpha / (self.beta + (t - 1))))
        before = self.clock(t - 1)
        return log_beta_fall(self.beta + before, self.alpha, self.clock(t) - before)

    def survival_slope(self, t: Any) -> FloatArray:
        """Return the derivative of `log_survival` by log alpha, beta and c; of t's shape with a last axis."""
        return np.asarray(self._slope(t) - self._slope(0.0))

    def retention_slope(self, t: Any) -> FloatArray:
        """Return the derivative of `log_retention` by the logarithms of alpha, beta and c."""
        t = np.asarray(t, np.float64)
        return np.asarray(self._slope(t) - self._slope(t - 1))

    def _slope(self, t: Any) -> FloatArray:
        t = np.asarray(t, np.float64)
        clock = self.clock(t)
        x = self.beta + clock
        above, by_x = special.digamma(x + self.alpha), -digamma_rise(x, self.alpha)
        by_log_c = by_x * self.c * clock * _log(t)
        return np.stack([-self.alpha * above, self.beta * by_x, by_log_c], axis=-1)

    def bend(self, t: FloatArray) -> FloatArray:
        """Return second derivatives of ``lnB(alpha, beta + t**c)`` by the logarithms, shape (t, 3, 3).

        Their differences between two times are those of `log_survival` and `log_retention`.
        """
        clock = self.clock(t)
        x, rate = self.beta + clock, self.c * _log(t)
        moves = rate * clock
        above, bent = special.digamma(x + self.alpha), special.zeta(2.0, x + self.alpha)
        by_x, by_x_twice = -digamma_rise(x, self.alpha), trigamma_fall(x, self.alpha)
        second = np.empty((*np.shape(t), 3, 3))
        second[..., 0, 0] = -self.alpha * (above + self.alpha * bent)
        second[..., 0, 1] = second[..., 1, 0] = -self.alpha * self.beta * bent
        second[..., 0, 2] = second[..., 2, 0] = -self.alpha * moves * bent
        second[..., 1, 1] = self.beta * (by_x + self.beta * by_x_twice)
        second[..., 1, 2] = second[..., 2, 1] = self.beta * moves * by_x_twice
        second[..., 2, 2] = moves * (moves * by_x_twice + by_x * (1 + rate))
        return second


def log_beta_fall(x: FloatArray, a: float, by: FloatArray) -> FloatArray:
    """Return ``lnB(a, x + by) - lnB(a, x)``.

    It does not change when `a` and `by` change places; the smaller of them leaves fewer digits to cancel.
    """
    less, more = np.minimum(a, by), np.maximum(a, by)
    return np.asarray(log_gamma_ratio(x + more, less) - log_gamma_ratio(x, less))


def log_gamma_ratio(x: FloatArray, a: FloatArray) -> FloatArray:
    """Return ``lnGamma(x) - lnGamma(x + a)`` for positive x and a from 0 on, to a few units in its last place.

    The difference of two library calls would lose as many digits as the logarithms are larger than their difference:
    ten of sixteen where alpha is small and the contract long.

    Notes
    -----
    By Stirling's series with the large parts taken together before they are rounded; small x are lifted by ten with
    ``Gamma(x + 1) = x Gamma(x)``.
    """
    x, a = np.broadcast_arrays(x, a)
    low = x < _LIFT
    z = np.where(low, x + _LIFT, x)
    w = a / z
    rise = np.log1p(w)
    ratio = a * np.log(z) + z * ((1 + w) * rise - w) - rise / 2 + _remainder(z + a) - _remainder(z)
    return np.asarray(_lifted(lambda step: np.log1p(a[..., None] / step), x, low) - ratio)


def digamma_rise(x: FloatArray, a: float) -> FloatArray:
    """Return ``digamma(x + a) - digamma(x)``, as precisely as `log_gamma_ratio`."""
    low = x < _LIFT
    z = np.where(low, x + _LIFT, x)
    rise = np.log1p(a / z) + a / (z + a) / (2 * z) - _tail(z + a, _DIGAMMA) + _tail(z, _DIGAMMA)
    return np.asarray(rise + _lifted(lambda step: a / (step + a) / step, x, low))


def trigamma_fall(x: FloatArray, a: float) -> FloatArray:
    """Return ``trigamma(x) - trigamma(x + a)``, as precisely as `log_gamma_ratio`."""
    low = x < _LIFT
    z = np.where(low, x + _LIFT, x)
    first = a / (z + a) / z * (1 + (1 / z + 1 / (z + a)) / 2)
    fall = first + _tail(z, _TRIGAMMA) / z - _tail(z + a, _TRIGAMMA) / (z + a)
    return np.asarray(fall + _lifted(lambda step: a * (2 * step + a) / (step * (step + a)) ** 2, x, low))


def _lifted(change: Callable[[FloatArray], FloatArray], x: FloatArray, low: BoolArray) -> FloatArray:
    """Return what small arguments are short of by having been lifted."""
    if not np.any(low):
        return np.zeros(np.shape(x))
    steps = np.where(low, x, 1.0)[..., None] + np.arange(_LIFT)
    return np.where(low, change(steps).sum(axis=-1), 0.0)


def _tail(z: FloatArray, series: tuple[float, ...]) -> FloatArray:
    """Return a series in ``1 / z**2``, the constant left out."""
    with np.errstate(over="ignore"):  # far out nothing is left of it
        by_square = 1 / (z * z)
    total = np.zeros_like(z)
    for coefficient in reversed(series):
        total = (total + coefficient) * by_square
    return np.asarray(total)


def _remainder(z: FloatArray) -> FloatArray:
    return np.asarray(z * _tail(z, _STIRLING))


def _log(t: Any) -> FloatArray:
    """Return log t, 0 at 0: there the clock stands still whatever c is."""
    return np.log(np.where(np.asarray(t) > 0, t, 1.0))
