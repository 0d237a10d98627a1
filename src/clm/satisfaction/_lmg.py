"""Share the explained variance out among correlated drivers, fairly: Shapley values of R squared."""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.typing import FloatArray, IntArray

_COLLINEAR: Final = 1e-10
_AT_ONCE: Final = 1 << 18  # subsets of all samples that are worked on together


def shapley_of_r_squared(covariance: FloatArray) -> FloatArray:
    """Return each driver's average gain in R squared, over every order of entering the regression.

    Parameters
    ----------
    covariance : (samples, drivers + 1, drivers + 1) ndarray
        Covariance matrices, the outcome last.

    Returns
    -------
    (samples, drivers) ndarray of float64
        Rows add up to R squared; NaN where the outcome does not vary. A driver that others determine shares with them.

    Examples
    --------
    >>> clm.satisfaction.shapley_of_r_squared(np.array([[[1, 0, 0.6], [0, 1, 0.5], [0.6, 0.5, 1]]])).round(2)
    array([[0.36, 0.25]])
    """
    drivers = covariance.shape[-1] - 1
    gains = _gains(drivers)
    size = max(_AT_ONCE >> drivers, 1)
    parts = [
        _r_squared_of_subsets(covariance[start : start + size]) @ gains for start in range(0, len(covariance), size)
    ]
    return np.concatenate(parts) if parts else np.empty((0, drivers))


def _gains(drivers: int) -> FloatArray:
    """Return what R squared of each subset counts for in each driver's value, shape (2 ** drivers, drivers)."""
    subsets = np.arange(1 << drivers)
    inside = (subsets[:, None] >> np.arange(drivers)) & 1
    chance = np.array([factorial(k) * factorial(drivers - k - 1) / factorial(drivers) for k in range(drivers)])
    size = inside.sum(axis=1)[:, None]
    gains: FloatArray = np.where(inside == 1, chance[np.maximum(size - 1, 0)], -chance[np.minimum(size, drivers - 1)])
    return gains


def _r_squared_of_subsets(covariance: FloatArray) -> FloatArray:
    """Return R squared of the regression on every subset of the drivers, shape (samples, 2 ** drivers).

    One driver after the other is swept out of a copy of what is left, so that all subsets share the work.
    """
    of_outcome = covariance[:, -1, -1]
    left = covariance[:, None, :, :]
    for driver in range(covariance.shape[-1] - 1):
        pivot, column = left[..., 0, 0], left[..., 1:, 0]
        # What earlier drivers determine adds nothing.
        free = pivot > _COLLINEAR * covariance[:, None, driver, driver]
        inverse = np.where(free, 1 / np.where(free, pivot, 1.0), 0.0)
        without = left[..., 1:, 1:]
        within = without - column[..., :, None] * (column * inverse[..., None])[..., None, :]
        left = np.concatenate([without, within], axis=1)
    varies = of_outcome > 0
    unexplained = left[..., 0, 0] / np.where(varies, of_outcome, np.nan)[:, None]
    return np.clip(1 - unexplained, 0.0, 1.0)


def resampled_covariances(rows: FloatArray, counts: IntArray, resamples: int, rng: np.random.Generator) -> FloatArray:
    """Return covariance matrices of resampled respondents.

    Parameters
    ----------
    rows : (distinct, columns) ndarray
        Distinct rows.
    counts : (distinct,) ndarray of int64
        How often each occurs.
    resamples
        How many samples, each as large as the data.
    rng
        Where chance comes from.

    Returns
    -------
    (resamples, columns, columns) ndarray of float64
    """
    return np.stack([*_covariances(rows, counts, resamples, rng)]) if resamples else np.empty((0, *2 * rows.shape[1:]))


def _covariances(rows: FloatArray, counts: IntArray, resamples: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    n = int(counts.sum())
    for _ in range(resamples):
        yield covariance_of(rows, rng.multinomial(n, counts / n))


def covariance_of(rows: FloatArray, counts: IntArray) -> FloatArray:
    """Return the covariance matrix of rows that occur several times, divided by their number."""
    n = counts.sum()
    centred = rows - counts @ rows / n
    covariance: FloatArray = (centred * counts[:, None]).T @ centred / n
    return covariance
