"""Draws from a posterior by Hamiltonian Monte Carlo, for those that importance sampling does not reach."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.typing import FloatArray

CHAINS: Final = 4
_WARM_UP: Final = 150
_STEPS: Final = 4
_STRIDE: Final = 0.55
_LONGEST: Final = 0.65
"""Four strides of 1.6 are a full turn of a normal distribution's orbit, back to the start: stay well below."""


def hamiltonian_chains(
    density: Callable[[FloatArray], tuple[float, FloatArray]],
    mean: FloatArray,
    covariance: FloatArray,
    *,
    length: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Walk four chains along the gradient of a log density, and keep what comes after the warm-up.

    Parameters
    ----------
    density
        Takes a point (k,), returns the log density up to a constant, and its gradient (k,); -inf outside the range.
    mean, covariance
        About where the mass is; chains begin well spread around it.
    length
        Draws a chain.
    rng
        Where chance comes from.

    Returns
    -------
    (4, length, k) ndarray of float64

    Notes
    -----
    Leapfrog steps in coordinates in which the covariance is the identity [1]_; their length adapts in the warm-up to an
    acceptance of about 0.8, and varies at random after it.

    References
    ----------
    .. [1] Neal (2011), "MCMC using Hamiltonian dynamics", Handbook of Markov Chain Monte Carlo, chapter 5.
    """
    root = np.linalg.cholesky(covariance)

    def at(whitened: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = density(mean + root @ whitened)
        return value, root.T @ gradient

    return mean + np.stack([_chain(at, mean.size, length, rng) for _ in range(CHAINS)]) @ root.T


def _chain(
    at: Callable[[FloatArray], tuple[float, FloatArray]], size: int, length: int, rng: np.random.Generator
) -> FloatArray:
    here = _begin(at, size, rng)
    stride, kept = _STRIDE, np.empty((length, size))
    for step in range(-_WARM_UP, length):
        here, chance = _move(at, here, stride * rng.uniform(0.8, 1.2), rng)
        if step < 0:
            stride = min(stride * math.exp((chance - 0.8) * 2 / math.sqrt(step + _WARM_UP + 4)), _LONGEST)
        else:
            kept[step] = here[0]
    return kept


def _begin(
    at: Callable[[FloatArray], tuple[float, FloatArray]], size: int, rng: np.random.Generator
) -> tuple[FloatArray, float, FloatArray]:
    for spread in np.geomspace(1.5, 1e-3, 20):
        point = spread * rng.standard_normal(size)
        value, gradient = at(point)
        if np.isfinite(value):
            return point, value, gradient
    return (np.zeros(size), *at(np.zeros(size)))


def _move(
    at: Callable[[FloatArray], tuple[float, FloatArray]],
    here: tuple[FloatArray, float, FloatArray],
    stride: float,
    rng: np.random.Generator,
) -> tuple[tuple[FloatArray, float, FloatArray], float]:
    """Return where the chain is next, and with what chance it moved."""
    point, value, _ = here
    momentum = rng.standard_normal(point.size)
    energy = value - momentum @ momentum / 2
    there = here
    for _ in range(_STEPS):
        momentum += stride / 2 * there[2]
        reached = there[0] + stride * momentum
        there = (reached, *at(reached))
        if not np.isfinite(there[1]):
            return here, 0.0
        momentum += stride / 2 * there[2]
    chance = math.exp(min(there[1] - float(momentum @ momentum) / 2 - float(energy), 0.0))
    return (there if rng.random() < chance else here), chance


def split_r_hat(chains: FloatArray) -> FloatArray:
    """Return how far apart halves of chains are, 1 where not at all, for each coordinate.

    References
    ----------
    .. [1] Gelman, Carlin, Stern, Dunson, Vehtari and Rubin (2013), Bayesian Data Analysis, 3rd ed., section 11.4.
    """
    half = chains.shape[1] // 2
    halves = np.concatenate([chains[:, :half], chains[:, half : 2 * half]])
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    between = halves.mean(axis=1).var(axis=0, ddof=1)
    return np.asarray(np.sqrt((half - 1) / half + between / np.maximum(within, 1e-300)))


def effective_sizes(chains: FloatArray) -> FloatArray:
    """Return how many independent draws tell the mean of each coordinate as well.

    Notes
    -----
    Autocorrelations are summed in pairs while these are positive and fall [1]_.

    References
    ----------
    .. [1] Geyer (1992), "Practical Markov chain Monte Carlo", Statistical Science 7, 473-483.
    """
    count, length, size = chains.shape
    away = chains - chains.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(away, 2 * length, axis=1)
    covariances = np.fft.irfft(spectrum * np.conj(spectrum), axis=1)[:, :length].mean(axis=0) / length
    within = covariances[0] * length / (length - 1)
    total = within * (length - 1) / length + chains.mean(axis=1).var(axis=0, ddof=1)
    correlation = 1 - (within - covariances * length / (length - 1)) / total
    correlation[0] = 1
    pairs = correlation[: length // 2 * 2].reshape(-1, 2, size).sum(axis=1)
    falling = np.minimum.accumulate(np.where(np.cumprod(pairs > 0, axis=0) > 0, pairs, 0.0), axis=0)
    time = np.maximum(2 * falling.sum(axis=0) - 1, 1 / np.log10(count * length))
    return np.asarray(count * length / time)
