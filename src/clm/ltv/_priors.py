"""Prior beliefs on the parameters of purchase models, the same whatever unit time is counted in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, final

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.stats import Likelihood
    from clm.typing import FloatArray

    Part: TypeAlias = Callable[[float, float], tuple[float, FloatArray, FloatArray]]
    """A log density of two log parameters, with its gradient and Hessian."""

_SHAPE: Final = 1.5
_MEAN: Final = 2.0
_USUAL_CHANCE: Final = -1.0
_USUAL_SIZE: Final = 1.0


def of_rates(log_shape: float, log_scale: float) -> tuple[float, FloatArray, FloatArray]:
    """Return the log density of a gamma distribution's parameters, with time counted in mean ages of the customers.

    The log of the shape is normal with mean 0 and standard deviation 1.5; the log of the mean rate, of events within
    the mean age, normal with mean 0 and standard deviation 2.
    """
    log_mean = log_shape - log_scale
    value = -0.5 * (log_shape / _SHAPE) ** 2 - 0.5 * (log_mean / _MEAN) ** 2
    slope = log_mean / _MEAN**2
    gradient = np.array([-log_shape / _SHAPE**2 - slope, slope])
    curve = 1 / _MEAN**2
    return value, gradient, np.array([[-1 / _SHAPE**2 - curve, curve], [curve, -curve]])


def of_chances(log_a: float, log_b: float) -> tuple[float, FloatArray, FloatArray]:
    """Return the log density of a beta distribution's parameters.

    The logit of the mean chance is normal with mean -1 and standard deviation 1.5, the log of a + b normal with mean 1
    and standard deviation 1.5.
    """
    away = log_a - log_b - _USUAL_CHANCE
    size = float(np.logaddexp(log_a, log_b))
    share = np.exp(log_a - size)
    more = size - _USUAL_SIZE
    precision = 1 / _SHAPE**2
    parts = np.array([share, 1 - share])
    turn = np.array([1.0, -1.0])
    gradient = -precision * (away * turn + more * parts)
    bend = more * share * (1 - share)
    hessian = -precision * (np.outer(turn, turn) + np.outer(parts, parts) + bend * np.outer(turn, turn))
    return float(-0.5 * precision * (away**2 + more**2)), gradient, hessian


@final
@frozen
class Prior:
    """Independent beliefs on pairs of parameters.

    Attributes
    ----------
    parts : tuple of callable
        One for each two parameters, in their order.
    """

    parts: tuple[Part, ...]

    def __call__(self, log_values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log density at log parameters in scaled time, with its gradient and Hessian."""
        total, gradient = 0.0, np.zeros(log_values.size)
        hessian = np.zeros((log_values.size, log_values.size))
        for i, part in enumerate(self.parts):
            pair = slice(2 * i, 2 * i + 2)
            value, gradient[pair], hessian[pair, pair] = part(*log_values[pair])
            total += value
        return total, gradient, hessian


@final
@frozen
class LogPosterior:
    """A log-likelihood and a prior added up, as a function of log parameters."""

    likelihood: Likelihood
    prior: Prior

    def __call__(self, log_values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return its value, gradient and Hessian."""
        with np.errstate(all="ignore"):  # far out a likelihood may overflow: the value is then not finite, and refused
            data = self.likelihood(log_values)
        belief = self.prior(log_values)
        return data[0] + belief[0], data[1] + belief[1], data[2] + belief[2]


RATES: Final = Prior((of_rates,))
RATES_AND_CHANCES: Final = Prior((of_rates, of_chances))
RATES_TWICE: Final = Prior((of_rates, of_rates))
CHANCES_TWICE: Final = Prior((of_chances, of_chances))
