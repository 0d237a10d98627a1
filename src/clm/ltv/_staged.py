"""Purchases of customers who come to each in k stages, of which some lie behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from clm.ltv._counts import log_chance_of_staying
from clm.ltv._expectation import amounts, chances

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.ltv._belief import Belief
    from clm.typing import FloatArray, IntArray

_MANY: Final = 4096
"""Stages that may be passed before the sum over them gives way to an integral."""

_ENTRIES: Final = 2**20


def purchases(belief: Belief, passed: int, k: int, horizon: float) -> FloatArray:
    """Return the expected purchases within a time, while still there at its beginning.

    Parameters
    ----------
    belief
        m rows: the rate is that of stages, of which k make a purchase.
    passed
        Stages passed since the last purchase.
    k
        From 1 on.
    horizon
        Time ahead, from 0 on, in the unit of ``belief.rate``.

    Returns
    -------
    (m,) ndarray of float64

    Notes
    -----
    ``sum over n of P(kn - passed stages or more) B(a,b+n-1)/B(a,b)``: the n-th purchase comes when it is intended and
    none before was the last. All terms are positive, so that small expectations are as exact as great ones.

    Where the sum would take thousands of terms it is the expectation over p ~ Beta(a, b) of ``(1 - E[z^N])/p``,
    ``z = 1 - p``, with N the intended purchases. Stages follow a negative binomial distribution, whose generating
    function at the k-th roots of z picks out every k-th of them.
    """
    return _moment(belief, passed, k, horizon, 1)


def squared_purchases(belief: Belief, passed: int, k: int, horizon: float) -> FloatArray:
    """Return the expected square of the number of purchases within a time; as `purchases`."""
    return _moment(belief, passed, k, horizon, 2)


def chance_of_at_least(belief: Belief, passed: int, k: int, count: FloatArray, horizon: float) -> FloatArray:
    """Return the chance of at least so many purchases, 1 or more, while still there at the beginning."""
    intended = special.betainc(k * count - passed, belief.shape, horizon / (belief.rate + horizon))
    return np.asarray(intended * np.exp(log_chance_of_staying(belief, count - 1)))


def chance_of_exactly(belief: Belief, passed: int, k: int, count: int, horizon: float) -> FloatArray:
    """Return the chance of exactly so many purchases, while still there at the beginning.

    Either no more were intended, and none before was the last; or the last of them was the last for good.
    """
    stages = np.arange(max(k * count - passed, 0), k * (count + 1) - passed, dtype=np.float64)
    intended = np.exp(_log_chance_of_stages(belief, stages, horizon)).sum(axis=1)
    exactly = intended * np.exp(log_chance_of_staying(belief, np.asarray(float(count))))
    if count == 0:
        return np.asarray(exactly)
    leaving = belief.a / (belief.a + belief.b + count - 1)
    return np.asarray(exactly + chance_of_at_least(belief, passed, k, np.asarray(float(count)), horizon) * leaving)


def discounted_purchases(belief: Belief, passed: int, k: int, discount: float) -> FloatArray:
    """Return the discounted expected purchases over all time, while still there at its beginning.

    Parameters
    ----------
    belief, passed, k
        As in `purchases`.
    discount
        Continuously compounded rate per unit of time, positive.

    Returns
    -------
    (m,) ndarray of float64

    Notes
    -----
    With rate l a stage is worth ``v = l/(l + d)`` today, a purchase ``v^k``, the first ``v^(k - passed)``; all of them
    ``v^(k - passed) / (1 - (1 - p) v^k)``. Its expectation is taken by trapezoidal rules in the logarithm of l and the
    logit of p.
    """
    value = np.empty(len(belief))
    for start in range(0, len(belief), 16):
        rows = slice(start, start + 16)
        value[rows] = _discounted(belief.part(rows), passed, k, discount)
    return value


def _discounted(belief: Belief, passed: int, k: int, discount: float) -> FloatArray:
    # One factor l is taken into the density, whose tail towards 0 is light then: E[l h(l)] = c/A E[h] with shape c + 1.
    c, scaled = belief.shape, discount * belief.rate
    log_p, _, weight_p = chances(belief.a, belief.b, (c + 5) / scaled)
    log_l, weight_l = amounts(c + 1)
    later = np.log1p(scaled[:, None] * np.exp(-log_l))  # -log v
    lost = -np.expm1(-k * later)
    kept = np.exp(-k * later)
    first = weight_l * np.exp(-(k - passed - 1) * later) / (np.exp(log_l) + scaled[:, None])
    worth = first[:, None, :] / (lost[:, None, :] + np.exp(log_p)[:, :, None] * kept[:, None, :])
    return np.asarray(c * np.einsum("ipl,ip->i", worth, weight_p))


def _moment(belief: Belief, passed: int, k: int, horizon: float, power: int) -> FloatArray:
    value = np.zeros(len(belief))
    if horizon == 0:
        return value
    reach = horizon / belief.rate
    mean = belief.shape * reach
    # Beyond this many stages less than 1e-16 of the chance is left.
    most = mean + 10 * np.sqrt(mean * (1 + reach)) + 45 / np.log1p(1 / reach) + k
    for rows, stages in _alike(np.flatnonzero(most <= _MANY), most):
        value[rows] = _summed(belief.part(rows), passed, k, horizon, stages, power)
    far = np.flatnonzero(~(most <= _MANY))
    for start in range(0, far.size, 64):
        rows = far[start : start + 64]
        value[rows] = _integrated(belief.part(rows), passed, k, horizon, power)
    return value


def _alike(rows: IntArray, most: FloatArray) -> Iterator[tuple[IntArray, int]]:
    """Yield rows with similar numbers of stages, and the greatest of these numbers."""
    rows = rows[np.argsort(most[rows], kind="stable")]
    while rows.size:
        size = max(1, min(rows.size, int(_ENTRIES / most[rows[0]] / 2)))
        size = max(1, int(np.searchsorted(most[rows[:size]], 2 * most[rows[0]], side="right")))
        yield rows[:size], int(np.ceil(most[rows[size - 1]]))
        rows = rows[size:]


def _log_chance_of_stages(belief: Belief, stages: FloatArray, horizon: float) -> FloatArray:
    """Return the log chance of exactly so many stages, (m, stages)."""
    c, until = belief.shape[:, None], belief.rate[:, None]
    ways = special.gammaln(c + stages) - special.gammaln(c) - special.gammaln(stages + 1)
    return np.asarray(ways - c * np.log1p(horizon / until) + special.xlogy(stages, horizon / (until + horizon)))


def _summed(belief: Belief, passed: int, k: int, horizon: float, stages: int, power: int) -> FloatArray:
    passing = np.arange(1.0, k * (stages // k + 1))
    c, until = belief.shape[:, None], belief.rate[:, None]
    log_chance = np.log((c + passing - 1) / passing * (horizon / (until + horizon)))
    np.cumsum(log_chance, axis=1, out=log_chance)
    log_chance -= c * np.log1p(horizon / until)
    at_least = np.exp(log_chance, out=log_chance)[:, ::-1].cumsum(axis=1)[:, ::-1]
    intended = at_least[:, k - passed - 1 :: k]
    left = np.arange(intended.shape[1] - 1)
    a, b = belief.a[:, None], belief.b[:, None]
    staying = np.ones_like(intended)
    np.cumprod((b + left) / (a + b + left), axis=1, out=staying[:, 1:])
    if power == 2:
        staying *= 2 * np.arange(intended.shape[1]) + 1
    return np.asarray((intended * staying).sum(axis=1))


def _integrated(belief: Belief, passed: int, k: int, horizon: float, power: int) -> FloatArray:
    reach = horizon / belief.rate
    log_p, log_q, weight = chances(belief.a, belief.b, (belief.shape + k) * reach)
    if power == 1:
        return np.asarray((weight * _until_leaving(belief, passed, k, horizon, log_p, log_q)).sum(axis=1))
    # E[X^2] = S + 2 z dS/dz with S the expectation at a given p. Towards p = 0, where S no longer depends on p, the
    # difference is taken where it does not drown in rounding.
    low = -12 - np.log1p((belief.shape + k) * reach)[:, None]
    logit, step = np.maximum(log_p - log_q, low), 1e-3
    below, at, above = (
        _until_leaving(belief, passed, k, horizon, -np.logaddexp(0, -shifted), -np.logaddexp(0, shifted))
        for shifted in (logit - step, logit, logit + step)
    )
    slope = (above - below) / (2 * step)
    return np.asarray((weight * (at - 2 * slope * (1 + np.exp(-logit)))).sum(axis=1))


def _until_leaving(
    belief: Belief, passed: int, k: int, horizon: float, log_p: FloatArray, log_q: FloatArray
) -> FloatArray:
    """Return the expected purchases at given chances of leaving, (m, points): ``(1 - E[z^N])/p``."""
    c, reach = belief.shape[:, None], (horizon / belief.rate)[:, None]
    # Where p underflows the expectation is at its limit, as it is at the least number taken.
    p, log_q = np.maximum(np.exp(log_p), 1e-250), np.minimum(log_q, -1e-250)
    root = np.exp(log_q / k)
    # The real root: its part of E[z^N] tends to 1 with p to 0, and is kept as a logarithm for the difference.
    log_part = _log_mean_power(-log_q) - _log_mean_power(-log_q / k) + passed * log_q / k
    log_part -= c * np.log1p(-np.expm1(log_q / k) * reach)
    value = -np.expm1(np.minimum(log_part, 50.0)) / p  # greater where it is not used
    z = np.exp(log_q)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # where z underflows the sum below holds
        for turn in range(1, k):
            v = root * np.exp(2j * np.pi * turn / k)
            part = v ** (passed + 1) / (v - 1) * np.exp(-c * np.log(1 + (1 - v) * reach))
            value = value + part.real / (k * z)
    # Where customers hardly ever stay a few terms say it all, and the roots would cancel.
    few = int(np.ceil(53 / k)) + 1
    intended = special.betainc(k * np.arange(1.0, few + 1) - passed, c, horizon / (belief.rate[:, None] + horizon))
    rarely = np.zeros_like(value)
    for of_nth in intended.T[::-1]:
        rarely = rarely * z + of_nth[:, None]
    return np.asarray(np.where(root < 0.5, rarely, value))


def _log_mean_power(y: FloatArray) -> FloatArray:
    """Return ``log((exp(y) - 1)/y)`` for y from 0 on, to full precision near 0."""
    small = y < 0.3
    near, far = np.where(small, y, 0.0), np.where(small, 1.0, y)
    squared = near**2
    series = near / 2 + squared * (1 / 24 - squared * (1 / 2880 - squared * (1 / 181440 - squared / 9676800)))
    return np.where(small, series, far + np.log(-np.expm1(-far)) - np.log(far))
