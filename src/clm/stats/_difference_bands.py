"""How sure a difference is: its limits at every level, and the p-values that follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, final

import numpy as np
from attrs import frozen
from scipy import optimize, special

from clm.stats._bands import Wilson, z_score

if TYPE_CHECKING:
    from clm.stats._estimate import Estimate
    from clm.typing import FloatArray

_LEAST_Z: Final = 1e-9
_MOST_Z: Final = 8.0  # beyond it 1 less the level has no digits left


class Evidence(Protocol):
    """A band that can also say how compatible the data are with a smaller difference."""

    @property
    def method(self) -> str:
        """The method's name."""

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends."""

    def tails(self, threshold: float) -> tuple[float, float]:
        """Return the one-sided p-values of "the difference is `threshold` or less" and of "... or more"."""


def two_sided(evidence: Evidence, threshold: float = 0.0) -> float:
    """Return the p-value of "the difference is `threshold`"; NaN where the evidence has no limits."""
    return min(2 * min(evidence.tails(threshold)), 1.0)


@final
@frozen
class Pivot:
    """A centre plus or minus quantiles of its standard errors, cut at the difference's range.

    Attributes
    ----------
    method : str
        The method's name.
    centre, error : float
        In the unit of the difference.
    df : float
        Degrees of freedom; infinite for the normal distribution.
    lowest, highest : float
        The range.
    """

    method: str
    centre: float
    error: float
    df: float = np.inf
    lowest: float = -np.inf
    highest: float = np.inf

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return both ends."""
        half = self._quantile(level) * self.error
        return np.asarray(max(self.centre - half, self.lowest)), np.asarray(min(self.centre + half, self.highest))

    def tails(self, threshold: float) -> tuple[float, float]:
        """Return the one-sided p-values of "the difference is `threshold` or less" and of "... or more"."""
        if self.error == 0:
            below = float(np.heaviside(threshold - self.centre, 0.5))
            return below, 1 - below
        away = (threshold - self.centre) / self.error
        if np.isinf(self.df):
            return float(special.ndtr(away)), float(special.ndtr(-away))
        return float(special.stdtr(self.df, away)), float(special.stdtr(self.df, -away))

    def _quantile(self, level: float) -> float:
        return z_score(level) if np.isinf(self.df) else -float(special.stdtrit(self.df, (1 - level) / 2))


@final
@frozen
class Recovered:
    """Limits of a difference from the limits of each side; of two shares with Wilson's limits they are Newcombe's.

    Notes
    -----
    With values a, b and limits (l, u), (m, v) the ends are ``b - a - sqrt((b - m)**2 + (u - a)**2)`` and
    ``b - a + sqrt((v - b)**2 + (a - l)**2)`` [1]_ [2]_.

    References
    ----------
    .. [1] Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.
    .. [2] Zou and Donner (2008), Statistics in Medicine 27, 1693-1702.
    """

    first: Estimate[Any]
    second: Estimate[Any]
    lowest: float = -np.inf
    highest: float = np.inf

    @property
    def method(self) -> str:
        """The method's name."""
        sides = self.first, self.second
        if all(isinstance(side.band, Wilson) for side in sides):
            return "Newcombe"
        uncertain = [side for side in sides if side.standard_error != 0]
        return f"{uncertain[0].band.method}, shifted" if len(uncertain) == 1 else "MOVER"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return both ends; NaN where a side has none."""
        low, high = self._ends(level)
        return np.asarray(low), np.asarray(high)

    def _ends(self, level: float) -> tuple[float, float]:
        before, after = float(self.first.value), float(self.second.value)
        low_before, high_before = self.first.confidence_interval(level)
        low, high = self.second.confidence_interval(level)
        return (
            max(after - before - float(np.hypot(after - low, high_before - before)), self.lowest),
            min(after - before + float(np.hypot(high - after, before - low_before)), self.highest),
        )

    def tails(self, threshold: float) -> tuple[float, float]:
        """Return the one-sided p-values, from the level at which a limit meets the threshold.

        NaN where a side has no limits; not known below 1e-15.
        """
        low, high = self._ends_at(_LEAST_Z)
        if np.isnan(low) or np.isnan(high):
            return np.nan, np.nan
        if threshold < low:
            z = -self._meeting(0, threshold)
        elif threshold > high:
            z = self._meeting(1, threshold)
        else:
            z = 0.0
        return float(special.ndtr(z)), float(special.ndtr(-z))

    def _meeting(self, end: int, threshold: float) -> float:
        """Return how many standard normal units away a limit meets a threshold."""

        def short(z: float) -> float:
            away = self._ends_at(z)[end] - threshold
            return float(np.clip(away, -1e300, 1e300))

        if short(_LEAST_Z) * short(_MOST_Z) >= 0:
            return _MOST_Z
        return float(optimize.brentq(short, _LEAST_Z, _MOST_Z, xtol=1e-12))

    def _ends_at(self, z: float) -> tuple[float, float]:
        return self._ends(float(special.erf(z / np.sqrt(2))))
