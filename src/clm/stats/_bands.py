"""How limits follow from a value and its standard error: one small class a method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.stats._arrays import array_field, frozen_array, seal

if TYPE_CHECKING:
    from clm.typing import FloatArray


class Band(Protocol):
    """What an estimate needs to state its limits."""

    @property
    def method(self) -> str:
        """The method's name, for readers."""

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends, NaN where they cannot be known. The estimate widens them to hold its value."""


def z_score(level: float) -> float:
    """Return the standard normal quantile that leaves ``1 - level`` outside on both sides together."""
    return -float(special.ndtri((1 - level) / 2))  # the lower tail keeps its digits near level 1


@final
@frozen
class Normal:
    """Value plus or minus z standard errors, cut at the quantity's range."""

    lowest: float = -np.inf
    highest: float = np.inf

    @property
    def method(self) -> str:
        """The method's name."""
        return "Wald"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends."""
        half = z_score(level) * standard_error
        return np.maximum(value - half, self.lowest), np.minimum(value + half, self.highest)


@final
@frozen
class LogNormal:
    """Delta method on the log scale: for quantities that cannot be negative."""

    @property
    def method(self) -> str:
        """The method's name."""
        return "delta method on the log scale"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends; a value of 0 without error gives (0, 0)."""
        positive = value > 0
        with np.errstate(over="ignore"):
            factor = np.exp(
                z_score(level) * np.where(positive, standard_error, np.nan) / np.where(positive, value, 1.0)
            )
            low, high = value / factor, value * factor
        certain = standard_error == 0
        return np.where(certain, value, low), np.where(certain, value, high)


@final
@frozen
class LogitNormal:
    """Delta method on the logit scale: for probabilities."""

    @property
    def method(self) -> str:
        """The method's name."""
        return "delta method on the logit scale"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends inside [0, 1]; a probability of 0 or 1 without error gives itself twice."""
        inside = (value > 0) & (value < 1)
        safe = np.where(inside, value, 0.5)
        with np.errstate(over="ignore"):  # an unbounded half-width gives (0, 1)
            half = z_score(level) * np.where(inside, standard_error, np.nan) / (safe * (1 - safe))
        centre = special.logit(safe)
        certain = standard_error == 0
        return (
            np.where(certain, value, special.expit(centre - half)),
            np.where(certain, value, special.expit(centre + half)),
        )


@final
@frozen
class StudentT:
    """Mean plus or minus t standard errors, cut at the quantity's range."""

    df: FloatArray = array_field(converter=lambda df: frozen_array(df, float))
    lowest: float = -np.inf
    highest: float = np.inf

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "Student's t"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends; NaN without degrees of freedom or where every observation is the same."""
        known = (self.df > 0) & (standard_error > 0)
        half = np.where(known, -special.stdtrit(np.where(self.df > 0, self.df, 1.0), (1 - level) / 2), np.nan)
        half = half * standard_error
        return np.maximum(value - half, self.lowest), np.minimum(value + half, self.highest)


@final
@frozen
class Wilson:
    """Wilson's score interval [1]_ for a share of counted cases.

    References
    ----------
    .. [1] Wilson (1927), JASA 22, 209-212.
    """

    trials: FloatArray = array_field(converter=lambda trials: frozen_array(trials, float))
    scale: float = 1.0

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "Wilson"

    @property
    def lowest(self) -> float:
        """The lower end of the range."""
        return 0.0

    @property
    def highest(self) -> float:
        """The upper end of the range: 1, or 100 for percent."""
        return self.scale

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends, never of zero width; NaN where there are no trials."""
        low, high = wilson_limits(value / self.scale, self.trials, level)
        return low * self.scale, high * self.scale


@final
@frozen
class Exact:
    """No sampling error: the quantity was counted in full."""

    @property
    def method(self) -> str:
        """The method's name."""
        return "exact: counted in full"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return the value twice."""
        return value, value


@final
@frozen
class NoBand:
    """An interval that cannot be stated, with the reason."""

    reason: str

    @property
    def method(self) -> str:
        """The reason."""
        return f"undefined: {self.reason}"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return NaN twice."""
        nowhere = np.full(np.shape(value), np.nan)
        return nowhere, nowhere


def wilson_limits(share: FloatArray, trials: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Return Wilson's limits for shares in [0, 1]; trials may be an effective number."""
    z2 = z_score(level) ** 2
    trials = np.asarray(trials, float)
    n = np.where(trials > 0, trials, np.nan)
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # Rounding may leave the closed end a hair away from a share of exactly 0 or 1.
    return np.where(share == 0, 0.0, np.maximum(centre - half, 0.0)), np.where(
        share == 1, 1.0, np.minimum(centre + half, 1.0)
    )
