"""Extrapolate what a customer brings per period by a curve, with the sampling error of the ages it is fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import least_squares

from clm.errors import InvalidDataError, nearest
from clm.ltv._contract_curve import ContractCurve
from clm.stats import whole_number

if TYPE_CHECKING:
    from clm.typing import FloatArray, IntArray

_LONGEST: Final = 10_000  # ages: beyond, a fitted curve is no statement about customers any more
_FEWEST: Final = {"power": 3, "sbg": 4}
_STARTS: Final = ((0.0, 0.0), (-1.0, 1.0), (1.0, 2.0))  # log alpha and log beta


def projected(steps: FloatArray, n: IntArray, *, horizon: int, shape: str) -> tuple[FloatArray, FloatArray]:
    """Extend observed steps by a fitted curve and add them up.

    Parameters
    ----------
    steps
        Value per customer at each observed age alone, shape (k,).
    n
        Customers behind each.
    horizon
        Last age.
    shape
        ``"power"`` or ``"sbg"``.

    Returns
    -------
    cumulative : (horizon + 1,) ndarray of float64
        Value through each age.
    gradient : (horizon + 1, k) ndarray of float64
        Its derivative by the steps.

    Raises
    ------
    InvalidDataError
        If the horizon is none, or the steps do not carry the fit.
    """
    if shape not in _FEWEST:
        raise InvalidDataError(f"shape {shape!r} is not one of power, sbg.{nearest(str(shape), _FEWEST)}")
    known, last = len(steps), whole_number(horizon, "horizon")
    if not known <= last <= _LONGEST:
        raise InvalidDataError(
            f"horizon must lie beyond the last complete age ({known - 1}) and be {_LONGEST:,} at most, not {last:,}."
        )
    if known - 1 < _FEWEST[shape]:
        raise InvalidDataError(
            f"{known - 1} complete ages after age 0 are too few for shape={shape!r}, which takes {_FEWEST[shape]}. "
            "Choose a shorter period, or wait."
        )
    fitted, later = np.arange(1.0, known), np.arange(float(known), last + 1)
    fit = _power if shape == "power" else _sbg
    ahead, slope = fit(steps[1:], n[1:].astype(float), fitted, later)
    gradient = np.zeros((last + 1, known))
    gradient[:known] = np.tri(known)
    gradient[known:] = 1.0
    gradient[known:, 1:] += slope.cumsum(axis=0)
    return np.append(steps, ahead).cumsum(), gradient


def _power(
    steps: FloatArray, weights: FloatArray, fitted: FloatArray, later: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Fit a straight line through logs of step and age; return later steps and their derivative by the fitted ones."""
    if (steps <= 0).any():
        raise InvalidDataError(
            f"the value of age {int(np.flatnonzero(steps <= 0)[0]) + 1} is not positive, so that a power law cannot be "
            "fitted on logs. Choose a longer period, or shape='sbg'."
        )
    design = np.stack([np.ones_like(fitted), np.log(fitted)], axis=1)
    weighted = design * weights[:, None]
    solution = np.linalg.solve(design.T @ weighted, weighted.T)
    ahead_design = np.stack([np.ones_like(later), np.log(later)], axis=1)
    ahead = np.exp(ahead_design @ (solution @ np.log(steps)))
    return ahead, ahead[:, None] * (ahead_design @ solution) / steps


def _sbg(
    steps: FloatArray, weights: FloatArray, fitted: FloatArray, later: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Fit a scaled survival curve by least squares; return later steps and their derivative by the fitted ones."""
    if not (steps > 0).any():
        raise InvalidDataError("no age after age 0 brought any value: there is no curve to fit.")
    root = np.sqrt(weights / weights.max())
    unit = float(np.abs(steps).max())

    def missed(parameters: FloatArray) -> FloatArray:
        return np.asarray(root * (_survival(parameters, fitted) - steps / unit))

    def jacobian(parameters: FloatArray) -> FloatArray:
        return np.asarray(root[:, None] * _derivative(parameters, fitted))

    first = np.log(max(steps[0], unit / 100) / unit)
    # Bounds far beyond any customer: where survival no longer depends on a parameter, the search would not end.
    fits = [least_squares(missed, np.array([first, *start]), jac=jacobian, bounds=(-12.0, 12.0)) for start in _STARTS]
    best = min(fits, key=lambda fit: float(fit.cost)).x
    # Directions that the steps do not tell apart hardly move the curve either: the pseudo-inverse leaves them alone.
    per_step = np.linalg.pinv(jacobian(best), rcond=1e-6) * root
    return unit * _survival(best, later), _derivative(best, later) @ per_step


def _survival(parameters: FloatArray, ages: FloatArray) -> FloatArray:
    scale, alpha, beta = map(float, np.exp(parameters))
    return np.asarray(scale * np.exp(ContractCurve(alpha, beta).log_survival(ages)))


def _derivative(parameters: FloatArray, ages: FloatArray) -> FloatArray:
    """Return the derivative of `_survival` by its log parameters, shape (ages, 3)."""
    _, alpha, beta = map(float, np.exp(parameters))
    by_shape = ContractCurve(alpha, beta).survival_slope(ages)[:, :2]
    logs = np.concatenate([np.ones((len(ages), 1)), by_shape], axis=1)
    return np.asarray(_survival(parameters, ages)[:, None] * logs)
