"""Draw from the posterior of a purchase model by whichever method the data allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError, nearest
from clm.ltv._arguments import generator
from clm.ltv._coordinates import Logs
from clm.ltv._estimation import ENOUGH
from clm.ltv._hamiltonian import CHAINS, effective_sizes, hamiltonian_chains, split_r_hat
from clm.ltv._importance import importance_sample
from clm.ltv._mixture import at_values
from clm.ltv._posterior_fit import PosteriorFit
from clm.ltv._priors import LogPosterior
from clm.ltv._subsample import subsample
from clm.stats import Parameters, array_field, maximise, seal, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clm.data import RFM
    from clm.ltv._coordinates import Coordinates
    from clm.ltv._estimation import OpenEndedProcess
    from clm.ltv._importance import Weighted
    from clm.ltv._priors import Prior
    from clm.ltv._purchase_fit import PurchaseFit
    from clm.stats import Likelihood
    from clm.typing import FloatArray, RandomState

Sampler: TypeAlias = Literal["auto", "importance", "hmc", "laplace"]

_SAMPLERS: Final = ("auto", "importance", "hmc", "laplace")
_FEWEST_DRAWS: Final = 100
_MANY_CELLS: Final = 20_000
"""Distinct histories from which on the posterior is first compared with a normal distribution."""

_CHECKS: Final = 50
_EFFICIENT: Final = 0.9
_TRUSTED: Final = 0.7
_FARTHEST: Final = 25.0
"""A log parameter beyond this, in scaled units, is given no mass: the prior gives it less than exp(-78)."""

_FLATTEST: Final = 0.05


@final
@frozen(kw_only=True)
class PosteriorProblem:
    """What a model says of its posterior.

    Attributes
    ----------
    cells : RFM
        Distinct histories with weights.
    likelihood_of : callable
        Takes weights, returns the log-likelihood in the logs of scaled parameters.
    starts : sequence of (k,) ndarray
        Where the mode is looked for.
    names : tuple of str
    edges : mapping
        As in `maximise`.
    scale : (k,) ndarray of float64
        What each parameter is multiplied by.
    prior : Prior
        In scaled units.
    coordinates : Coordinates
        In which points are drawn.
    stated : callable
        Takes parameters, returns the fit that has them.
    """

    cells: RFM
    likelihood_of: Callable[[FloatArray], Likelihood]
    starts: Sequence[FloatArray]
    names: tuple[str, ...]
    edges: Mapping[str, tuple[str, str]]
    scale: FloatArray = array_field()
    prior: Prior
    coordinates: Coordinates = Logs()
    stated: Callable[[Parameters], PurchaseFit]

    __setstate__ = seal

    @property
    def weights(self) -> FloatArray:
        """Customers that each distinct history stands for."""
        return np.asarray(self.cells.weights)

    def mode(self) -> tuple[FloatArray, FloatArray]:
        """Return the scaled log parameters of greatest density, and the covariance that the curvature there implies."""
        target = LogPosterior(self.likelihood_of(self.weights), self.prior)
        trial = None
        if self.weights.sum() > 2 * ENOUGH:
            trial = LogPosterior(self.likelihood_of(subsample(self.weights, ENOUGH)), self.prior)
        found = maximise(target, self.starts, names=self.names, edges=self.edges, trial=trial)
        curvature, directions = np.linalg.eigh(-target(found.log_values)[2])
        # A direction in which the mode is nearly flat is as wide as the prior makes it, not wider.
        return found.log_values, (directions / np.maximum(curvature, _FLATTEST)) @ directions.T

    def log_density(self, process: OpenEndedProcess, log_values: FloatArray) -> float:
        """Return the log posterior density at log parameters in scaled units, up to a constant."""
        if not (np.abs(log_values) < _FARTHEST).all():
            return -np.inf
        with np.errstate(all="ignore"):  # far out a likelihood may overflow: the density is then taken as 0
            there = at_values(process, np.exp(log_values) * self.scale)
            value = float(self.weights @ there.pointwise_loglik(self.cells)) + self.prior(log_values)[0]
        return value if np.isfinite(value) else -np.inf


def posterior_fit(problem: PosteriorProblem, *, draws: Any, rng: RandomState, sampler: Any) -> PosteriorFit:
    """Draw from the posterior and state what follows.

    Many distinct histories make it a normal distribution in the logs: then it is taken for one, if a check agrees. Else
    points are drawn by importance sampling; where these miss the mass, by Hamiltonian Monte Carlo.

    Raises
    ------
    InvalidDataError
        If there are too few draws, the sampler is unknown, or `rng` is no source of chance.
    """
    size, chance = whole_number(draws, "draws"), generator(rng)
    if size < _FEWEST_DRAWS:
        raise InvalidDataError(f"draws must be {_FEWEST_DRAWS} or more, not {size}: fewer tell no interval.")
    if sampler not in _SAMPLERS:
        raise InvalidDataError(
            f"sampler={sampler!r} is not one of {', '.join(_SAMPLERS)}.{nearest(str(sampler), _SAMPLERS)}"
        )
    mode, covariance = problem.mode()
    process = problem.stated(_parameters(problem, mode, covariance)).process
    if sampler == "laplace" or (sampler == "auto" and len(problem.cells) > _MANY_CELLS):
        points = mode + chance.standard_normal((size, mode.size)) @ np.linalg.cholesky(covariance).T
        efficiency = _efficiency(problem, process, mode, covariance, points[:_CHECKS])
        if sampler == "laplace" or efficiency >= _EFFICIENT:
            told = np.full(mode.size, size * efficiency)
            normal = problem.stated(_parameters(problem, mode, covariance))
            return _fit(problem, points, "Laplace", told, efficiency=efficiency, centre=normal)
    weighted = _weighted(problem, process, mode, covariance, size, chance) if sampler != "hmc" else None
    if weighted is not None and (sampler == "importance" or weighted.k_hat <= _TRUSTED):
        points, _ = problem.coordinates.back(weighted.resampled(size, chance))
        # Drawing again from weighted points costs as much as so many draws more would have told.
        told = 1 / (1 / weighted.effective_sizes + 1 / size)
        return _fit(problem, points, "importance sampling", told, k_hat=weighted.k_hat)
    length = -(-size // CHAINS)
    chains = _walked(problem, mode, covariance, length, chance)
    logs, _ = problem.coordinates.back(chains)
    flat = logs.reshape(-1, mode.size)
    return _fit(
        problem,
        flat,
        "Hamiltonian Monte Carlo",
        effective_sizes(logs),
        r_hat=split_r_hat(logs),
        k_hat=np.nan if weighted is None else weighted.k_hat,
        chains=CHAINS,
    )


def _parameters(problem: PosteriorProblem, log_values: FloatArray, covariance: FloatArray) -> Parameters:
    return Parameters(
        names=problem.names,
        values=np.exp(log_values) * problem.scale,
        log_covariance=covariance,
        loglik=np.nan,
        n=problem.cells.n,
    )


def _fit(
    problem: PosteriorProblem,
    points: FloatArray,
    method: str,
    effective_size: FloatArray,
    *,
    centre: PurchaseFit | None = None,
    **diagnosed: Any,
) -> PosteriorFit:
    if centre is None:
        centre = problem.stated(_parameters(problem, points.mean(axis=0), np.cov(points.T)))
    return PosteriorFit(
        centre=centre,
        log_draws=points + np.log(problem.scale),
        method=method,
        effective_size=effective_size,
        **diagnosed,
    )


def _at_coordinates(problem: PosteriorProblem, process: OpenEndedProcess, points: FloatArray) -> FloatArray:
    logs, log_volume = problem.coordinates.back(points)
    return np.array(
        [
            volume + problem.log_density(process, log_values) if np.isfinite(volume) else -np.inf
            for log_values, volume in zip(logs, log_volume, strict=True)
        ]
    )


def _in_coordinates(
    problem: PosteriorProblem, mode: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    centre = problem.coordinates.of(mode)
    slopes = np.linalg.inv(problem.coordinates.slopes(centre)[0])
    return centre, slopes @ covariance @ slopes.T


def _weighted(
    problem: PosteriorProblem,
    process: OpenEndedProcess,
    mode: FloatArray,
    covariance: FloatArray,
    size: int,
    chance: np.random.Generator,
) -> Weighted:
    centre, spread = _in_coordinates(problem, mode, covariance)
    return importance_sample(
        lambda points: _at_coordinates(problem, process, points), centre, spread, size=size, rng=chance
    )


def _walked(
    problem: PosteriorProblem, mode: FloatArray, covariance: FloatArray, length: int, chance: np.random.Generator
) -> FloatArray:
    target = LogPosterior(problem.likelihood_of(problem.weights), problem.prior)
    centre, spread = _in_coordinates(problem, mode, covariance)

    def density(point: FloatArray) -> tuple[float, FloatArray]:
        log_values, volume = problem.coordinates.back(point)
        if not np.isfinite(volume) or not (np.abs(log_values) < _FARTHEST).all():
            return -np.inf, np.zeros(point.size)
        value, gradient, _ = target(log_values)
        slopes, of_volume = problem.coordinates.slopes(point)
        return value + float(volume), slopes.T @ gradient + of_volume

    return hamiltonian_chains(density, centre, spread, length=length, rng=chance)


def _efficiency(
    problem: PosteriorProblem,
    process: OpenEndedProcess,
    mode: FloatArray,
    covariance: FloatArray,
    points: FloatArray,
) -> float:
    """Return how evenly the posterior weighs draws from the normal distribution at its mode; 1 where it is that."""
    away = np.linalg.solve(np.linalg.cholesky(covariance), (points - mode).T)
    log_normal = -0.5 * (away**2).sum(axis=0)
    logs = np.array([problem.log_density(process, point) for point in points]) - log_normal
    if not np.isfinite(logs).any():
        return 0.0
    weights = np.exp(logs - logs.max())
    return float(weights.sum() ** 2 / (weights**2).sum() / weights.size)
