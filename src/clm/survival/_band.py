"""Limits of a survival curve, and of what is read off it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, final

import numpy as np
from attrs import field, frozen
from scipy import special

from clm.errors import InvalidDataError, nearest
from clm.stats import array_field, numbers, seal, z_score

if TYPE_CHECKING:
    from clm.survival._curve import SurvivalCurve
    from clm.typing import Array, FloatArray

BandScale: TypeAlias = Literal["log-log", "log", "plain"]

SCALES = ("log-log", "log", "plain")


def _scale(_: object, __: object, scale: object) -> None:
    if scale not in SCALES:
        raise InvalidDataError(f"method={scale!r} is not one of {', '.join(SCALES)}.{nearest(str(scale), SCALES)}")


@final
@frozen
class SurvivalBand:
    """Greenwood's variance on a scale; beta-product limits at survival 1 and 0, where the variance says nothing.

    Parameters
    ----------
    scale : {"log-log", "log", "plain"}
        Scale on which the limits are symmetric.
    at_zero : tuple of float, optional
        Shapes of the beta distribution that stands for survival where the estimate is 0.
    remaining : array_like
        Customers at risk just after each age.

    References
    ----------
    .. [1] Fay, Brittain and Proschan (2013), Biostatistics 14, 723-736.
    """

    scale: BandScale = field(validator=_scale)
    at_zero: tuple[float, float] | None
    remaining: FloatArray = array_field(converter=lambda remaining: numbers(remaining, "remaining"))

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return f"Greenwood, {self.scale}, beta product at 1 and 0"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends inside [0, 1], never of zero width."""
        inside = (value > 0) & (value < 1)
        safe = np.where(inside, value, 0.5)
        low, high = self._between(safe, np.where(inside, standard_error, 0.0), z_score(level))
        low = np.where(value == 1, least_survival(self.remaining, level), np.where(value == 0, 0.0, low))
        high = np.where(value == 1, 1.0, np.where(value == 0, self._most(level), high))
        known = ~np.isnan(value)
        return np.where(known, low, np.nan), np.where(known, high, np.nan)

    def _most(self, level: float) -> float:
        return np.nan if self.at_zero is None else float(special.betainccinv(*self.at_zero, (1 - level) / 2))

    def _between(self, value: FloatArray, error: FloatArray, z: float) -> tuple[FloatArray, FloatArray]:
        relative = z * error / value
        if self.scale == "plain":
            return np.maximum(value - z * error, 0.0), np.minimum(value + z * error, 1.0)
        with np.errstate(over="ignore"):  # an error without bound gives (0, 1)
            if self.scale == "log":
                return value * np.exp(-relative), np.minimum(value * np.exp(relative), 1.0)
            power = np.exp(relative / -np.log(value))
            return value**power, value ** (1 / power)


def least_survival(remaining: FloatArray, level: float) -> FloatArray:
    """Return the lower limit where none of so many customers at risk was lost; 0 where nobody is left."""
    left = np.asarray(remaining) > 0
    return np.where(left, ((1 - level) / 2) ** (1 / np.where(left, remaining, 1.0)), 0.0)


def beta_product(lost: Array, at_risk: Array) -> tuple[float, float]:
    """Return the shapes of the one beta distribution with the mean and variance of the product over the ages.

    Factors are Beta(at_risk - lost + 1, lost), one an age with losses.
    """
    left = np.asarray(at_risk - lost, float)
    mean = float(np.exp(np.sum(np.log1p(-lost / (at_risk + 1.0)))))
    spread = float(np.expm1(np.sum(np.log1p(lost / (at_risk + 2.0) / (left + 1.0)))))
    total = (1 - mean) / (mean * spread) - 1
    return mean * total, (1 - mean) * total


@final
@frozen
class QuantileBand:
    """Ages at which the band of a curve crosses a share (Brookmeyer and Crowley 1982, Biometrics 38, 29-41)."""

    curve: SurvivalCurve
    share: float

    @property
    def method(self) -> str:
        """The method's name."""
        return "inverted log-log band"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return the ages at which the lower and the upper limit first reach the share; ``inf`` where neither did."""
        ages = np.append(0.0, self.curve.risk_ages)
        low, high = self.curve.band_at(ages, level)
        below = np.flatnonzero(low <= self.share)
        above = np.flatnonzero(high <= self.share)
        return (
            np.asarray(ages[below[0]] if below.size else ages[-1]),
            np.asarray(ages[above[0]] if above.size else np.inf),
        )


@final
@frozen
class NobodyLost:
    """Limits of a restricted mean while nobody is lost: the least survival, all the way up to the horizon."""

    horizon: float
    at_risk: float

    @property
    def method(self) -> str:
        """The method's name."""
        return "least survival while nobody is lost"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return both ends, never of zero width."""
        return self.horizon * least_survival(np.asarray(self.at_risk), level), value
