"""Limits for survey scores: shares other than Wilson's, and net scores such as NPS."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.stats._arrays import array_field, numbers, seal
from clm.stats._bands import z_score

if TYPE_CHECKING:
    from clm.typing import FloatArray

_PSEUDO_ANSWERS = 3.0
_HALVINGS = 60  # of an interval of length 2: to the last bit of a double


def _shares(values: object) -> FloatArray:
    return numbers(values, "share")


@final
@frozen
class AgrestiCoull:
    """Wald's interval around a share to which z²/2 successes and as many failures were added.

    References
    ----------
    .. [1] Agresti and Coull (1998), The American Statistician 52, 119-126.
    """

    trials: FloatArray = array_field(converter=_shares)
    scale: float = 1.0

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "Agresti-Coull"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends, cut at the range; NaN where there are no trials."""
        z = z_score(level)
        trials = np.where(self.trials > 0, self.trials, np.nan) + z * z
        centre = (value / self.scale * self.trials + z * z / 2) / trials
        half = z * np.sqrt(centre * (1 - centre) / trials)
        return np.maximum(centre - half, 0) * self.scale, np.minimum(centre + half, 1) * self.scale


@final
@frozen
class Jeffreys:
    """Equal-tailed interval of the posterior under Jeffreys' prior, closed at shares of 0 and 1.

    References
    ----------
    .. [1] Brown, Cai and DasGupta (2001), Statistical Science 16, 101-133.
    """

    trials: FloatArray = array_field(converter=_shares)
    scale: float = 1.0

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "Jeffreys"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends; NaN where there are no trials."""
        return _beta_limits(value, self.trials, self.scale, level, shift=(0.5, 0.5))


@final
@frozen
class ClopperPearson:
    """The exact interval: it covers at least as often as it says, and often more.

    References
    ----------
    .. [1] Clopper and Pearson (1934), Biometrika 26, 404-413.
    """

    trials: FloatArray = array_field(converter=_shares)
    scale: float = 1.0

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "Clopper-Pearson"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends; NaN where there are no trials."""
        return _beta_limits(value, self.trials, self.scale, level, shift=(0.0, 1.0))


@final
@frozen
class AdjustedWald:
    """The adjusted Wald interval (3,T) of a net score: the share that is for, less the share that is against.

    Three answers are added, split 3/4 against, 3/2 between and 3/4 for, so that unanimous answers have an interval.

    Parameters
    ----------
    against, in_favour : array_like
        Shares of the answers, inside [0, 1].
    trials : array_like
        Answers; an effective number where they are weighted.
    scale : float
        What a share of 1 is on the score's scale.

    References
    ----------
    .. [1] Rocks (2016), Interval estimation for the net promoter score, The American Statistician 70, 365-372.
    """

    against: FloatArray = array_field(converter=_shares)
    in_favour: FloatArray = array_field(converter=_shares)
    trials: FloatArray = array_field(converter=_shares)
    scale: float = 100.0

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "adjusted Wald (3,T)"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends, never of zero width; NaN where there are no answers."""
        centre, error = self.adjusted()
        half = z_score(level) * error
        return np.maximum(centre - half, -self.scale), np.minimum(centre + half, self.scale)

    def adjusted(self) -> tuple[FloatArray, FloatArray]:
        """Return the score with the added answers and its standard error; NaN where there are no answers."""
        trials = np.where(self.trials > 0, self.trials, np.nan)
        adjusted = trials + _PSEUDO_ANSWERS
        against = (self.against * trials + _PSEUDO_ANSWERS / 4) / adjusted
        in_favour = (self.in_favour * trials + _PSEUDO_ANSWERS / 4) / adjusted
        centre = in_favour - against
        return centre * self.scale, np.sqrt((in_favour + against - centre**2) / adjusted) * self.scale


@final
@frozen
class TangoScore:
    """The score interval of a net score: all scores that the answers do not refute.

    Parameters
    ----------
    against, in_favour, trials, scale
        As for `AdjustedWald`.

    Notes
    -----
    With ``b`` answers against, ``c`` in favour and ``n`` in all, the ends solve
    ``(c - b - n s)² = z² n (2 q + s (1 - s))``, where ``q`` is the likeliest share against, given the net score ``s``.

    References
    ----------
    .. [1] Tango (1998), Statistics in Medicine 17, 891-908.
    """

    against: FloatArray = array_field(converter=_shares)
    in_favour: FloatArray = array_field(converter=_shares)
    trials: FloatArray = array_field(converter=_shares)
    scale: float = 100.0

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "score (Tango)"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends, never of zero width; NaN where there are no answers."""
        z = z_score(level)
        return self._end(-z) * self.scale, self._end(z) * self.scale

    def _end(self, z: float) -> FloatArray:
        """Halve the side of the observed score where the root lies: the excess falls as the score grows."""
        observed = self.in_favour - self.against
        low, high = (observed, np.ones_like(observed)) if z > 0 else (-np.ones_like(observed), observed)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            beyond = self._excess(middle, z) < 0
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return np.where(self.trials > 0, low if z > 0 else high, np.nan)

    def _excess(self, score: FloatArray, z: float) -> FloatArray:
        trials = np.where(self.trials > 0, self.trials, 1.0)
        linear = (2 - self.in_favour + self.against) * score - self.against - self.in_favour
        constant = -self.against * score * (1 - score)
        likeliest = (np.sqrt(np.maximum(linear**2 - 8 * constant, 0)) - linear) / 4
        variance = np.maximum(2 * likeliest + score * (1 - score), 0) / trials
        return self.in_favour - self.against - score + z * np.sqrt(variance)


@final
@frozen
class NetStudentT:
    """Student's t on answers coded -1, 0 and 1; of zero width where all are the same, as in the literature on NPS."""

    df: FloatArray = array_field(converter=_shares)
    scale: float = 100.0

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "Student's t"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends, cut at the range; NaN without degrees of freedom."""
        quantile = -special.stdtrit(np.where(self.df > 0, self.df, 1.0), (1 - level) / 2)
        half = np.where(self.df > 0, quantile, np.nan) * standard_error
        return np.maximum(value - half, -self.scale), np.minimum(value + half, self.scale)


def _beta_limits(
    value: FloatArray, trials: FloatArray, scale: float, level: float, shift: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    share = np.asarray(value) / scale
    known = (trials > 0) & ~np.isnan(share)
    successes = np.where(known, share * trials, 0.0)
    failures = np.where(known, trials - successes, 0.0)
    near, far = shift
    with np.errstate(invalid="ignore"):
        low = special.betaincinv(successes + near, failures + far, (1 - level) / 2)
        high = special.betainccinv(successes + far, failures + near, (1 - level) / 2)
    low, high = np.where(share == 0, 0.0, low), np.where(share == 1, 1.0, high)
    return np.where(known, low, np.nan) * scale, np.where(known, high, np.nan) * scale
