"""Maximum likelihood in log parameters, with evidence that the maximum is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

import numpy as np
from attrs import evolve, frozen

from clm.errors import ConvergenceError
from clm.stats._arrays import array_field, frozen_array, seal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.typing import BoolArray, FloatArray

FAR: Final = 8.0
"""A logarithm beyond this, in scaled units, is on its way to infinity: the maximum is at the edge."""

_EDGE: Final = 10.0
_STRIDE: Final = 1.5
_CLOSE: Final = 0.03
_FLAT: Final = 1e-10
_NEAR: Final = 0.01
_RIDGE: Final = 1e6


class Likelihood(Protocol):
    """A log-likelihood as a function of log parameters."""

    def __call__(self, log_values: FloatArray, /) -> tuple[float, FloatArray, FloatArray]:
        """Return its value, gradient (k,) and Hessian (k, k)."""


@final
@frozen(kw_only=True)
class Diagnostics:
    """How a maximum was found, and what speaks for it.

    Attributes
    ----------
    converged : bool
        The last Newton step would have moved no parameter by more than the tolerance, in standard errors.
    gradient_norm : float
        Largest derivative of the log-likelihood by a log parameter.
    condition_number : float
        Of the negative Hessian in log parameters: how much better the best known direction is known than the worst;
        ``inf`` where some direction is not known at all.
    iterations : int
        Newton steps on all the data.
    evaluations : int
        Evaluations of the likelihood on all the data, derivatives included.
    trial_evaluations : int
        The same on the subsample on which starting values were tried; 0 where the data were small enough to do without.
    starts : int
        Starting values tried.
    starts_agreeing : int
        Those whose log-likelihood came within 0.01 of the best.
    boundary : tuple of str
        Parameters that ran to the edge of their range.
    ridge : bool
        Some combination of the parameters is hardly known (condition number above a million).
    """

    converged: bool
    gradient_norm: float
    condition_number: float
    iterations: int
    evaluations: int
    trial_evaluations: int
    starts: int
    starts_agreeing: int
    boundary: tuple[str, ...]
    ridge: bool


@final
@frozen(kw_only=True)
class Maximum:
    """Where a likelihood is greatest.

    Attributes
    ----------
    log_values : (k,) ndarray of float64
        The parameters' logarithms.
    value : float
        The log-likelihood there.
    covariance : (k, k) ndarray of float64
        Inverse of the negative Hessian, or NaN where `undefined` says why.
    undefined : str or None
        Why there is no covariance.
    diagnostics : Diagnostics
    """

    log_values: FloatArray = array_field(converter=frozen_array)
    value: float
    covariance: FloatArray = array_field(converter=frozen_array)
    undefined: str | None
    diagnostics: Diagnostics

    __setstate__ = seal


def maximise(
    likelihood: Likelihood,
    starts: Sequence[FloatArray],
    *,
    names: tuple[str, ...],
    edges: Mapping[str, tuple[str, str]],
    trial: Likelihood | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
) -> Maximum:
    """Find the parameters that make the data most likely.

    Every start is followed to its maximum, on a subsample where one is given; the best of them starts the climb on all
    the data, which then takes two or three evaluations.

    Parameters
    ----------
    likelihood
        On all the data, in log parameters scaled so that ordinary ones are near 0.
    starts
        Starting values, (k,) each.
    names
        Names of the parameters.
    edges
        What it means for the customers when a parameter runs to 0, and to infinity, by name.
    trial
        The likelihood on a subsample, for the starts.
    tolerance
        The climb ends when a Newton step moves no parameter by more than this many standard errors.
    max_iterations
        Newton steps a climb.

    Returns
    -------
    Maximum
        Without a covariance where a parameter ran to the edge of its range or the Hessian is not negative definite.

    Raises
    ------
    ConvergenceError
        If the climb on all the data did not end; it carries what was reached.

    Notes
    -----
    Newton's method with eigenvalues made positive and damped as Levenberg and Marquardt do [1]_: it leaves saddles, and
    is quadratic near the maximum. The stopping rule is the Newton decrement, which does not depend on the size of the
    sample or the scale of the parameters.

    References
    ----------
    .. [1] Nocedal and Wright (2006), Numerical Optimization, 2nd ed., chapters 3 and 4.
    """
    trials = [
        _climb(trial or likelihood, np.asarray(start, float), tolerance if trial is None else 1e-3, max_iterations)
        for start in starts
    ]
    best = max(trials, key=lambda climb: climb.value)
    agreeing = sum(climb.value >= best.value - 0.01 for climb in trials)
    tried = sum(climb.evaluations for climb in trials)
    summit = best if trial is None else _climb(likelihood, best.log_values, tolerance, max_iterations)
    far = np.abs(summit.log_values) > FAR
    curvature = np.linalg.eigvalsh(-summit.hessian)
    definite = bool(curvature[0] > _FLAT * curvature[-1])
    condition = float(curvature[-1] / curvature[0]) if definite else np.inf
    diagnostics = Diagnostics(
        converged=summit.converged,
        gradient_norm=float(np.abs(summit.gradient).max()),
        condition_number=condition,
        iterations=summit.iterations,
        evaluations=tried if trial is None else summit.evaluations,
        trial_evaluations=0 if trial is None else tried,
        starts=len(trials),
        starts_agreeing=agreeing,
        boundary=tuple(name for name, is_far in zip(names, far, strict=True) if is_far),
        ridge=condition > _RIDGE,
    )
    undefined = _why_undefined(summit, names, far, edges, definite=definite)
    covariance = np.linalg.inv(-summit.hessian) if undefined is None else np.full_like(summit.hessian, np.nan)
    found = Maximum(
        log_values=summit.log_values,
        value=summit.value,
        covariance=(covariance + covariance.T) / 2,
        undefined=undefined,
        diagnostics=diagnostics,
    )
    if not summit.converged:
        raise ConvergenceError(
            f"the likelihood was still rising after {summit.iterations} steps (largest gradient "
            f"{diagnostics.gradient_norm:.3g}). Raise max_iterations; .result holds what was reached.",
            result=found,
        )
    return found


@frozen(kw_only=True)
class _Climb:
    log_values: FloatArray
    value: float
    gradient: FloatArray
    hessian: FloatArray
    iterations: int = 0
    evaluations: int = 1
    converged: bool = False
    damping: float = 0.0
    decrement: float = np.inf


def _climb(likelihood: Likelihood, start: FloatArray, tolerance: float, max_iterations: int) -> _Climb:
    log_values = np.clip(start, -_EDGE, _EDGE)
    value, gradient, hessian = likelihood(log_values)
    here = _Climb(log_values=log_values, value=value, gradient=gradient, hessian=hessian)
    while here.iterations < max_iterations:
        step, decrement = _newton_step(here)
        # Next to the maximum Newton's steps are right, but the gain drowns in the rounding of a long sum: it is no
        # longer asked for. When steps no longer shrink, what is left of the gradient is rounding too. Towards a
        # maximum at the edge gains are small, but steps are not.
        near = decrement <= _NEAR and bool(np.abs(step).max() <= _NEAR)
        if near and here.damping:
            here = evolve(here, damping=0.0)
            step, _ = _newton_step(here)
        # On its way to the edge the likelihood rises for ever, by less and less.
        enough = tolerance if np.abs(here.log_values).max() <= FAR else _CLOSE
        if decrement <= enough or (near and decrement > here.decrement / 2):
            return evolve(here, converged=True)
        there = np.clip(here.log_values + step, -_EDGE, _EDGE)
        value, gradient, hessian = likelihood(there)
        here = evolve(here, iterations=here.iterations + 1, evaluations=here.evaluations + 1)
        if np.isfinite(value) and np.isfinite(gradient).all() and (near or value > here.value):
            here = evolve(
                here,
                log_values=there,
                value=value,
                gradient=gradient,
                hessian=hessian,
                damping=here.damping / 10 if here.damping > 1e-6 else 0.0,
                decrement=decrement if near else np.inf,
            )
        else:
            here = evolve(here, damping=max(10 * here.damping, 1e-3))
    return here


def _newton_step(here: _Climb) -> tuple[FloatArray, float]:
    """Return the step inside the range, and how far the maximum of the parabola is in standard errors."""
    free = np.ones(here.gradient.size, bool)
    while free.any():
        step, decrement = _free_step(here, free)
        room = np.where(step > 0, _EDGE - here.log_values, _EDGE + here.log_values)
        blocked = (room <= 0) & (step != 0)
        if not blocked.any():
            moving = step != 0
            reach = (room[moving] / np.abs(step[moving])).min(initial=1.0)
            return step * reach, decrement
        free &= ~blocked
    return np.zeros_like(here.gradient), 0.0


def _free_step(here: _Climb, free: BoolArray) -> tuple[FloatArray, float]:
    curvature, directions = np.linalg.eigh(-here.hessian[np.ix_(free, free)])
    slope = directions.T @ here.gradient[free]
    steepest = np.abs(curvature).max()
    # A direction without curvature is walked along its slope, as far as the stride allows.
    known = np.maximum(np.abs(curvature), _FLAT * max(steepest, 1e-300))
    decrement = float(np.sqrt(np.sum(slope**2 / known)))
    step = np.zeros_like(here.gradient)
    step[free] = directions @ (slope / (known + here.damping * steepest))
    return step * min(1.0, _STRIDE / max(float(np.abs(step).max()), 1e-300)), decrement


def _why_undefined(
    summit: _Climb, names: tuple[str, ...], far: BoolArray, edges: Mapping[str, tuple[str, str]], *, definite: bool
) -> str | None:
    if far.any():
        ran = [
            f"{name} runs to {'infinity' if log_value > 0 else '0'}: {edges[name][int(log_value > 0)]}"
            for name, log_value, is_far in zip(names, summit.log_values, far, strict=True)
            if is_far
        ]
        return f"the likelihood has no maximum inside the range of the parameters ({'; '.join(ran)})"
    if not definite:
        _, directions = np.linalg.eigh(-summit.hessian)
        loose = [name for name, share in zip(names, directions[:, 0], strict=True) if abs(share) > 0.1]
        return f"the data do not tell {' and '.join(loose)} apart: along a ridge they are all as likely"
    return None
