"""Draws from a posterior by adaptive importance sampling, with a diagnosis of whether it worked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

from clm.stats import array_field, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.typing import FloatArray

_DF: Final = 5
_FIRST: Final = 1500


@final
@frozen(kw_only=True)
class Weighted:
    """Points with weights that add up to 1.

    Attributes
    ----------
    points : (m, k) ndarray of float64
    weights : (m,) ndarray of float64
    k_hat : float
        Shape of the weights' tail: below 0.7 means of the draws can be trusted.
    """

    points: FloatArray = array_field()
    weights: FloatArray = array_field()
    k_hat: float = array_field()

    __setstate__ = seal

    @property
    def mean(self) -> FloatArray:
        """The weighted mean, shape (k,)."""
        return np.asarray(self.weights @ self.points)

    @property
    def covariance(self) -> FloatArray:
        """The weighted covariance, shape (k, k)."""
        away = self.points - self.mean
        return np.asarray((away * self.weights[:, None]).T @ away)

    @property
    def effective_sizes(self) -> FloatArray:
        """Independent draws that would tell the mean of each coordinate as well, shape (k,)."""
        away = (self.points - self.mean) ** 2
        return np.asarray((self.weights @ away) / np.maximum(self.weights**2 @ away, 1e-300))

    def resampled(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Return points of equal weight, in random order."""
        ends = np.cumsum(self.weights)
        taken = np.searchsorted(ends, (np.arange(size) + rng.random()) / size * ends[-1], side="right")
        return np.asarray(self.points[rng.permutation(np.minimum(taken, ends.size - 1))])


def importance_sample(
    log_density: Callable[[FloatArray], FloatArray],
    mean: FloatArray,
    covariance: FloatArray,
    *,
    size: int,
    rng: np.random.Generator,
) -> Weighted:
    """Draw from Student's t around the mode, learn mean and covariance from the draws, and draw again around these.

    Parameters
    ----------
    log_density
        Takes (m, k) points, returns (m,) log densities up to a constant, -inf outside the range.
    mean, covariance
        Where to begin.
    size
        Points of the second round.
    rng
        Where chance comes from.

    Notes
    -----
    Five degrees of freedom give tails heavier than any posterior's here. The largest weights are smoothed by the
    generalised Pareto distribution that fits them, whose shape is k-hat [1]_.

    References
    ----------
    .. [1] Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed importance sampling", JMLR 25(72), 1-58.
    """
    first = _round(log_density, mean, covariance, min(_FIRST, size), rng)
    spread = first.covariance
    # A first round that hit next to nothing teaches nothing: its few points may lie in a plane.
    learnt = first.effective_sizes.min() > 10 * mean.size
    return _round(log_density, first.mean if learnt else mean, spread if learnt else covariance, size, rng)


def _round(
    log_density: Callable[[FloatArray], FloatArray],
    mean: FloatArray,
    covariance: FloatArray,
    size: int,
    rng: np.random.Generator,
) -> Weighted:
    away = rng.standard_normal((size, mean.size)) / np.sqrt(rng.chisquare(_DF, size) / _DF)[:, None]
    points = mean + away @ np.linalg.cholesky(covariance).T
    log_proposed = -(_DF + mean.size) / 2 * np.log1p((away**2).sum(axis=1) / _DF)
    weights, k_hat = smoothed(log_density(points) - log_proposed)
    return Weighted(points=points, weights=weights, k_hat=k_hat)


def smoothed(log_ratios: FloatArray) -> tuple[FloatArray, float]:
    """Return weights that add up to 1, their tail smoothed, and the shape k-hat of that tail.

    Parameters
    ----------
    log_ratios : (m,) ndarray of float64
        Logs of density over proposal; -inf where the density is 0.
    """
    if not np.isfinite(log_ratios).any():
        return np.full(log_ratios.size, 1 / log_ratios.size), np.inf
    logs = log_ratios - log_ratios.max()
    tail = int(min(logs.size / 5, 3 * np.sqrt(logs.size)))
    order = np.argsort(logs)
    largest = order[-tail:]
    cut = float(np.exp(logs[order[-tail - 1]]))
    excess = np.exp(logs[largest]) - cut
    weights = np.exp(logs)
    k_hat = np.inf
    if tail >= 5 and excess[-1] > 0 and (excess > 0).sum() > tail // 2:
        k_hat, sigma = _generalised_pareto(excess)
        share = (np.arange(tail) + 0.5) / tail
        expected = sigma * (-np.log1p(-share) if abs(k_hat) < 1e-12 else np.expm1(-k_hat * np.log1p(-share)) / k_hat)
        weights[largest] = np.minimum(cut + expected, 1.0)
    return weights / weights.sum(), float(k_hat)


def _generalised_pareto(excess: FloatArray) -> tuple[float, float]:
    """Fit shape and scale to ascending excesses by the method of Zhang and Stephens (2009), Technometrics 51, 316-325.

    The shape is drawn a little towards 1/2, as ten more excesses would.
    """
    excess = np.maximum(excess, 1e-300)
    n = excess.size
    grid = 30 + int(np.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    theta = 1 / excess[-1] + (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3 * quartile)
    shapes = np.log1p(-theta[:, None] * excess).mean(axis=1)
    profile = n * (np.log(-theta / shapes) - shapes - 1)
    weights = 1 / np.exp(np.minimum(profile - profile[:, None], 700.0)).sum(axis=1)
    best = float(theta @ weights / weights.sum())
    shape = float(np.log1p(-best * excess).mean())
    return (shape * n + 5) / (n + 10), -shape / best
