"""A survival curve: the share still there by age, and what is read off it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats import Estimate, Interval, NoBand, Normal, array_field, check_level, figure, frozen_array, numbers, seal
from clm.survival._band import NobodyLost, QuantileBand, SurvivalBand, beta_product

if TYPE_CHECKING:
    from clm.stats import Band
    from clm.survival._band import BandScale
    from clm.typing import Array, FloatArray

_ROUNDING: Final = 1e-12


def _array() -> Any:
    return array_field(converter=frozen_array)


def aged(age: float, unit: str) -> str:
    """Return an age for readers, as in ``3 weeks``."""
    return f"{figure(age)} {unit}{'' if age == 1 else 's'}"


@final
@frozen(kw_only=True, repr=False)
class SurvivalCurve:
    """The share of customers still there by age, as a step function.

    Attributes
    ----------
    times : (k,) ndarray of float64
        Distinct ages at which somebody was lost, rising, in `unit`.
    value : (k,) ndarray of float64
        Share still there just after each; before the first it is 1.
    standard_error : (k,) ndarray of float64
        Greenwood's.
    at_risk, lost : (k,) ndarray
        Customers at risk at each age, and lost at it.
    risk_ages, risk_set : (m,) ndarray
        Every age at which the risk set changed, and its size there.
    at_zero : tuple of float, or None
        Shapes of the beta distribution that bounds survival once the curve is 0.
    unit : str
        Unit of the ages.
    n : int
        Customers, weights counted.
    definition : str
        One sentence that fixes what was computed.
    caveats : tuple of str
        What a careful reader should know before quoting the curve.

    Examples
    --------
    >>> curve = clm.kaplan_meier(clm.Durations([6, 6, 9, 13, 20], [True, True, False, True, False], unit="week"))
    >>> curve
    <SurvivalCurve: 5 customers, 3 lost, median 13 weeks>
    >>> curve.value
    array([0.6, 0.3])
    """

    times: FloatArray = _array()
    value: FloatArray = _array()
    standard_error: FloatArray = _array()
    at_risk: Array = _array()
    lost: Array = _array()
    risk_ages: FloatArray = _array()
    risk_set: Array = _array()
    at_zero: tuple[float, float] | None
    unit: str
    n: int
    definition: str
    caveats: tuple[str, ...] = ()

    __setstate__ = seal

    @property
    def last_age(self) -> float:
        """The last age at which anybody was observed; after it the curve is undefined, unless it is 0."""
        return float(self.risk_ages[-1])

    def confidence_interval(self, level: float = 0.95, method: BandScale = "log-log") -> Interval[FloatArray]:
        """Return pointwise limits at `times`, inside [0, 1] and never of zero width.

        Parameters
        ----------
        level
            Nominal coverage at each age, inside (0, 1); not of the whole curve.
        method : {"log-log", "log", "plain"}
            Scale on which the limits are symmetric. At survival 1 and 0 all give the beta-product limits.

        Returns
        -------
        Interval
            ``low`` and ``high``, shape (k,).

        Raises
        ------
        InvalidDataError
            If the level or the method is none.
        """
        return self._estimate(self.times, method).confidence_interval(level)

    def at(self, t: Any) -> Estimate[Any]:
        """Return the share still there just after some age.

        Parameters
        ----------
        t : float or array_like
            Age or ages, from 0 on, in `unit`.

        Returns
        -------
        Estimate
            Unit ``"fraction"``; with one cell an age where `t` is an array. NaN after the last observed age, unless
            everybody was lost by then.

        Raises
        ------
        InvalidDataError
            If an age is negative or missing.

        Examples
        --------
        >>> curve = clm.kaplan_meier(clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week"))
        >>> curve.at(4)
        <survival at 4 weeks: 0.75 fraction (95% interval 0.1279 to 0.9605; n = 4)>
        >>> float(curve.at(5))
        0.5
        """
        ages = numbers(t, "age")
        if ages.ndim > 1 or not (np.isfinite(ages) & (ages >= 0)).all():
            raise InvalidDataError("an age must be a finite number from 0 on. Give one, or a row of them.")
        return self._estimate(ages, "log-log")

    def _estimate(self, ages: FloatArray, method: BandScale) -> Estimate[Any]:
        step = np.searchsorted(self.times, ages, side="right")
        value, error = np.append(1.0, self.value)[step], np.append(0.0, self.standard_error)[step]
        beyond = (ages > self.last_age) & (value > 0)
        remaining = np.append(self.risk_set, 0)[np.searchsorted(self.risk_ages, ages, side="right")]
        return Estimate(
            value=np.where(beyond, np.nan, value),
            standard_error=error,
            n=self.n,
            index=ages if ages.ndim else None,
            name="survival" if ages.ndim else f"survival at {self._aged(float(ages))}",
            unit="fraction",
            definition=self.definition,
            undefined=f"nobody was observed after {self._aged(self.last_age)}",
            band=SurvivalBand(method, self.at_zero, remaining),
            caveats=self.caveats,
        )

    def band_at(self, ages: FloatArray, level: float) -> Interval[FloatArray]:
        """Return log-log limits at some ages."""
        return self._estimate(ages, "log-log").confidence_interval(level)

    @property
    def median(self) -> Estimate[float]:
        """The first age at which at most half are still there.

        Undefined where the curve ends above one half; its interval, the log-log band inverted, then still has a lower
        end. A side that the band does not reach is ``inf``.
        """
        half = np.flatnonzero(self.value <= 0.5 * (1 + _ROUNDING))
        ended = float(self.value[-1]) if len(self.value) else 1.0
        return Estimate(
            value=self.times[half[0]] if half.size else np.nan,
            n=self.n,
            name="median",
            unit=self.unit,
            definition=f"First age at which at most half are still there. {self.definition}",
            undefined=(
                f"{figure(100 * ended)} percent are still there at {self._aged(self.last_age)}, the last age observed"
            ),
            band=QuantileBand(self, 0.5),
            caveats=self.caveats,
        )

    def restricted_mean(self, t: float) -> Estimate[float]:
        """Return the mean time that customers stay, counted up to some age.

        Parameters
        ----------
        t
            Age at which counting stops, above 0, in `unit`.

        Returns
        -------
        Estimate
            Area under the curve up to `t`, in `unit`; undefined where `t` is after the last observed age, unless
            everybody was lost by then.

        Raises
        ------
        InvalidDataError
            If `t` is no positive number.

        Notes
        -----
        The variance adds, over the ages with losses, the squared area to the right of each, times Greenwood's term.
        While nobody is lost it is 0; the interval then takes the least survival that this allows.

        Examples
        --------
        >>> curve = clm.kaplan_meier(clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week"))
        >>> curve.restricted_mean(8).value
        6.0
        """
        horizon = numbers(t, "t")
        if horizon.ndim or not (np.isfinite(horizon) and horizon > 0):
            raise InvalidDataError(f"a restricted mean needs one age above 0, not {t!r}.")
        until = float(horizon)
        before = np.searchsorted(self.times, until, side="left")
        grid = np.concatenate([[0.0], self.times[:before], [until]])
        pieces = np.append(1.0, self.value[:before]) * np.diff(grid)
        to_the_right = np.cumsum(pieces[::-1])[::-1]
        left = self.at_risk[:before] - self.lost[:before]
        # Where nobody is left there is no area to the right either.
        greenwood = self.lost[:before] / self.at_risk[:before] / np.where(left > 0, left, 1.0)
        reached = until <= self.last_age or (len(self.value) and self.value[-1] == 0)
        error = float(np.sqrt(np.sum(to_the_right[1:] ** 2 * greenwood)))
        return Estimate(
            value=to_the_right[0] if reached else np.nan,
            standard_error=error,
            n=self.n,
            name=f"mean time up to {self._aged(until)}",
            unit=self.unit,
            definition=f"Mean time that customers stay, counted up to {self._aged(until)}. {self.definition}",
            undefined=f"nobody was observed after {self._aged(self.last_age)}",
            band=self._restricted_band(until, nobody_lost=not before, error=error),
            caveats=self.caveats,
        )

    def _restricted_band(self, until: float, *, nobody_lost: bool, error: float) -> Band:
        if nobody_lost:
            at_risk = np.append(self.risk_set, 0)[np.searchsorted(self.risk_ages, until, side="left")]
            return NobodyLost(until, float(at_risk))
        return Normal(0.0, until) if error else NoBand("everybody was lost at one age: nothing is known of the spread")

    def given(self, t: float) -> SurvivalCurve:
        """Return the survival of those still there just after some age.

        Parameters
        ----------
        t
            Age reached, from 0 on, in `unit`.

        Returns
        -------
        SurvivalCurve
            Ages still count from the beginning; up to `t` it is 1. Its errors are those of the losses after `t` alone.

        Raises
        ------
        InvalidDataError
            If the age is negative or missing, or nobody was at risk after it.

        Examples
        --------
        >>> curve = clm.kaplan_meier(clm.Durations([3, 5, 5, 8, 9], [True, True, False, True, False], unit="week"))
        >>> curve.given(4).at(8).value
        0.375
        """
        reached = numbers(t, "age")
        if reached.ndim or not (np.isfinite(reached) and reached >= 0):
            raise InvalidDataError(f"an age must be a finite number from 0 on, not {t!r}.")
        age = float(reached)
        later, seen = self.times > age, self.risk_ages > age
        if not seen.any():
            raise InvalidDataError(
                f"nobody was at risk after {self._aged(age)}: the last age observed is {self._aged(self.last_age)}. "
                "Give a lower age."
            )
        return curve_of(
            times=self.times[later],
            at_risk=self.at_risk[later],
            lost=self.lost[later],
            risk_ages=self.risk_ages[seen],
            risk_set=self.risk_set[seen],
            unit=self.unit,
            n=round(float(self.risk_set[seen][0])),
            definition=f"Of those still there after {self._aged(age)}: {self.definition}",
            caveats=self.caveats,
        )

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return the curve as equally long columns, one row an age with losses.

        Parameters
        ----------
        level
            Nominal coverage of the limits.

        Returns
        -------
        dict
            ``time, survival, standard_error, low, high, at_risk, lost``.
        """
        low, high = self.confidence_interval(check_level(level))
        return {
            "time": self.times,
            "survival": self.value,
            "standard_error": self.standard_error,
            "low": low,
            "high": high,
            "at_risk": self.at_risk,
            "lost": self.lost,
        }

    def _aged(self, age: float) -> str:
        return aged(age, self.unit)

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        half = self.median
        median = "not reached" if half.undefined else self._aged(half.value)
        lost = figure(float(self.lost.sum()))
        return f"<SurvivalCurve: {self.n:,} customers, {lost} lost, median {median}>"


def curve_of(*, at_risk: Array, lost: Array, **described: Any) -> SurvivalCurve:
    """Multiply up a curve from who was lost of whom.

    Parameters
    ----------
    at_risk, lost : (k,) ndarray
        At each age with losses.
    **described
        The other fields that do not follow from these.

    Returns
    -------
    SurvivalCurve
    """
    value = _survival(lost, at_risk)
    return SurvivalCurve(
        value=value,
        standard_error=_greenwood(value, lost, at_risk),
        at_risk=at_risk,
        lost=lost,
        at_zero=_at_zero(value, lost, at_risk),
        **described,
    )


def _survival(lost: Array, at_risk: Array) -> FloatArray:
    """Multiply up the shares that stay; over ages without censoring they are one share, without rounding."""
    if not len(lost):
        return np.empty(0)
    left = at_risk - lost
    begins = np.append(True, at_risk[1:] != left[:-1])  # the first stretch
    stretch = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    at_start = at_risk[first]
    kept = left[np.append(first[1:] - 1, len(left) - 1)] / at_start
    before = np.append(1.0, np.cumprod(kept)[:-1])
    return np.asarray(before[stretch] * (left / at_start[stretch]))


def _greenwood(value: FloatArray, lost: Array, at_risk: Array) -> FloatArray:
    left = np.asarray(at_risk - lost, float)
    terms = lost / at_risk / np.where(left > 0, left, np.inf)
    return np.asarray(value * np.sqrt(np.cumsum(terms)))


def _at_zero(value: FloatArray, lost: Array, at_risk: Array) -> tuple[float, float] | None:
    if not len(value) or value[-1] > 0:
        return None
    until = int(np.argmax(value == 0)) + 1
    return beta_product(lost[:until], at_risk[:until])
