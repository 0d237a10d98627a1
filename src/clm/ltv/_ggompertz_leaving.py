"""What a customer buys whose hazard of leaving grows: expectations, chances of counts, and present values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from clm.ltv._ggompertz_time import log_integral

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.typing import FloatArray

_ROWS: Final = 1024


def time_there(b: float, s: float, beta: FloatArray, horizon: float) -> FloatArray:
    """Return the expected time until leaving, or until the horizon: ``integral of (1 + K/beta)^-s``."""
    return _integral(lambda _, log_k, beta: -s * _log1p_ratio(log_k, beta), b, 1.0, beta, beta, horizon)


def squared_time_there(b: float, s: float, beta: FloatArray, horizon: float) -> FloatArray:
    """Return the expected square of the time until leaving, or until the horizon."""

    def log_of(time: FloatArray, log_k: FloatArray, beta: FloatArray) -> FloatArray:
        return np.log(time) - s * _log1p_ratio(log_k, beta)

    return 2 * _integral(log_of, b, 2.0, beta, beta, horizon)


def present_time_there(b: float, s: float, beta: FloatArray, discount: float) -> FloatArray:
    """Return the present value of one unit a unit of time until leaving: ``integral of exp(-du) (1 + K/beta)^-s``."""

    def log_of(time: FloatArray, log_k: FloatArray, beta: FloatArray) -> FloatArray:
        return -discount * time - s * _log1p_ratio(log_k, beta)

    return _integral(log_of, b, 1.0, beta, np.minimum(beta, 1 / discount), 50 / discount)


def chance_of_at_least(
    count: FloatArray, c: FloatArray, alpha: FloatArray, b: float, s: float, beta: FloatArray, horizon: float
) -> FloatArray:
    """Return the chance of at least so many purchases, 1 or more, of customers who are there at the beginning.

    The integral over the moment of the purchase in question of its density, times the chance of still being there.
    """

    def log_of(
        time: FloatArray, log_k: FloatArray, beta: FloatArray, count: FloatArray, c: FloatArray, alpha: FloatArray
    ) -> FloatArray:
        of_rate = c * np.log(alpha) - special.betaln(count, c)
        of_time = (count - 1) * np.log(time) - (c + count) * np.log(alpha + time)
        return np.asarray(of_rate + of_time - s * _log1p_ratio(log_k, beta))

    chance = _integral(log_of, b, count, beta, np.minimum(alpha, beta), horizon, count, c, alpha)
    return np.asarray(np.minimum(chance, 1.0))


def chance_of_exactly(
    count: int, c: FloatArray, alpha: FloatArray, b: float, s: float, beta: FloatArray, horizon: float
) -> FloatArray:
    """Return the chance of exactly so many purchases of customers who are there at the beginning.

    Either he buys so often in all the time, or up to the moment at which he leaves.
    """
    if horizon == 0:
        return np.full_like(c, float(count == 0))
    ways = special.gammaln(c + count) - special.gammaln(c) - special.gammaln(count + 1.0)

    def log_of(
        time: FloatArray, log_k: FloatArray, beta: FloatArray, ways: FloatArray, c: FloatArray, alpha: FloatArray
    ) -> FloatArray:
        bought = ways + c * np.log(alpha) + special.xlogy(count, time) - (c + count) * np.log(alpha + time)
        leaving = np.log(s / beta) + b * time - (s + 1) * _log1p_ratio(log_k, beta)
        return np.asarray(bought + leaving)

    left = _integral(log_of, b, count + 1.0, beta, np.minimum(alpha, beta), horizon, ways, c, alpha)
    log_k = np.log(horizon) + _log_growth(b * horizon)
    stayed = ways + count * np.log(horizon) + c * np.log(alpha) - (c + count) * np.log(alpha + horizon)
    return np.asarray(np.minimum(left + np.exp(stayed - s * _log1p_ratio(log_k, beta)), 1.0))


def _integral(
    log_of: Callable[..., FloatArray],
    b: float,
    power: FloatArray | float,
    beta: FloatArray,
    least: FloatArray,
    until: float,
    *more: FloatArray,
) -> FloatArray:
    """Return the integral of ``exp(log_of(u, log K, beta, *more))`` over u from 0, row by row."""
    value = np.zeros_like(beta)
    if until == 0:
        return value
    powers = np.broadcast_to(power, beta.shape)
    end = np.log(until) + _log_growth(b * until)
    reach = np.maximum(end - np.log(np.minimum(least, 1 / b)), 0.0)
    for start in range(0, beta.size, _ROWS):
        rows = slice(start, start + _ROWS)
        of_rows = [column[rows, None] for column in (beta, *more)]
        log_value = log_integral(
            lambda time, log_k, of_rows=of_rows: log_of(time, log_k, *of_rows),  # type: ignore[misc]  # bound to this turn
            b,
            powers[rows, None],
            np.array([[end]]),
            reach[rows, None],
        )
        value[rows] = np.exp(log_value)
    return value


def _log1p_ratio(log_k: FloatArray | float, beta: FloatArray) -> FloatArray:
    """Return ``log(1 + K/beta)``."""
    return np.asarray(np.logaddexp(0, log_k - np.log(beta)))


def _log_growth(x: float) -> float:
    """Return ``log((exp(x) - 1)/x)`` for x from 0 on."""
    if x > 30:
        return float(x - np.log(x))
    return float(np.log(np.expm1(x) / x)) if x > 0 else 0.0
