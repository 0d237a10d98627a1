"""Shares of customers lost to each of several competing ends, as step functions with bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.errors import InvalidDataError
from clm.stats import Estimate, Interval, array_field, check_level, figure, frozen_array, numbers, seal, z_score
from clm.survival._band import least_survival
from clm.survival._curve import SurvivalCurve, aged

if TYPE_CHECKING:
    from clm.typing import Array, FloatArray


def _array() -> Any:
    return array_field(converter=frozen_array)


@final
@frozen
class IncidenceBand:
    """Limits symmetric on the scale log(-log); binomial ones where nobody, or everybody, was lost to the cause.

    Parameters
    ----------
    at_one : tuple of float or None
        Shapes of the beta distribution that stands for survival where everybody was lost.
    followed : array_like
        Customers lost to anything by each age or still at risk then.
    """

    at_one: tuple[float, float] | None
    followed: FloatArray = array_field(converter=lambda followed: numbers(followed, "followed"))

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "log-log, beta product at 0 and 1"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends inside [0, 1], never of zero width."""
        inside = (value > 0) & (value < 1)
        safe = np.where(inside, value, 0.5)
        with np.errstate(over="ignore"):  # an error without bound gives (0, 1)
            power = np.exp(z_score(level) * np.where(inside, standard_error, 0.0) / (safe * -np.log(safe)))
            low, high = safe**power, safe ** (1 / power)
        low = np.where(value == 0, 0.0, np.where(value == 1, self._least(level), low))
        high = np.where(value == 0, 1 - least_survival(self.followed, level), np.where(value == 1, 1.0, high))
        known = ~np.isnan(value)
        return np.where(known, low, np.nan), np.where(known, high, np.nan)

    def _least(self, level: float) -> float:
        return np.nan if self.at_one is None else 1 - float(special.betainccinv(*self.at_one, (1 - level) / 2))


@final
@frozen(kw_only=True, repr=False)
class IncidenceCurve:
    """The share of customers lost to one cause by age, while other causes compete, as a step function.

    Attributes
    ----------
    cause : object
        The cause's label.
    times : (k,) ndarray of float64
        Distinct ages at which somebody was lost, to whatever cause; rising, in `unit`.
    value : (k,) ndarray of float64
        Share lost to this cause by each, the age itself included; before the first it is 0.
    standard_error : (k,) ndarray of float64
        Standard errors.
    at_risk, lost : (k,) ndarray
        Customers at risk at each age, and lost to this cause at it.
    survival : SurvivalCurve
        Share lost to no cause.
    unit : str
        Unit of the ages.
    n : int
        Customers, weights counted.
    definition : str
        One sentence that fixes what was computed.
    caveats : tuple of str
        What a careful reader should know before quoting the curve.
    """

    cause: Any
    times: FloatArray = _array()
    value: FloatArray = _array()
    standard_error: FloatArray = _array()
    at_risk: Array = _array()
    lost: Array = _array()
    survival: SurvivalCurve
    unit: str
    n: int
    definition: str
    caveats: tuple[str, ...] = ()

    __setstate__ = seal

    def at(self, t: Any) -> Estimate[Any]:
        """Return the share lost to the cause by some age.

        Parameters
        ----------
        t : float or array_like
            Age or ages, from 0 on, in `unit`.

        Returns
        -------
        Estimate
            Unit ``"fraction"``; NaN after the last observed age, unless everybody was lost by then.

        Raises
        ------
        InvalidDataError
            If an age is negative or missing.
        """
        ages = numbers(t, "age")
        if ages.ndim > 1 or not (np.isfinite(ages) & (ages >= 0)).all():
            raise InvalidDataError("an age must be a finite number from 0 on. Give one, or a row of them.")
        return self._estimate(ages)

    def _estimate(self, ages: FloatArray) -> Estimate[Any]:
        step = np.searchsorted(self.times, ages, side="right")
        curve = self.survival
        left = np.append(1.0, curve.value)[step]
        at_risk = np.append(curve.risk_set, 0)[np.searchsorted(curve.risk_ages, ages, side="right")]
        return Estimate(
            value=np.where((ages > curve.last_age) & (left > 0), np.nan, np.append(0.0, self.value)[step]),
            standard_error=np.append(0.0, self.standard_error)[step],
            n=self.n,
            index=ages if ages.ndim else None,
            name=f"lost to {self.cause}" + ("" if ages.ndim else f" by {aged(float(ages), self.unit)}"),
            unit="fraction",
            definition=self.definition,
            undefined=f"nobody was observed after {aged(curve.last_age, self.unit)}",
            band=IncidenceBand(curve.at_zero, np.append(0, np.cumsum(curve.lost))[step] + at_risk),
            caveats=self.caveats,
        )

    def confidence_interval(self, level: float = 0.95) -> Interval[FloatArray]:
        """Return pointwise limits at `times`, inside [0, 1] and never of zero width.

        Parameters
        ----------
        level
            Nominal coverage at each age, inside (0, 1); not of the whole curve.

        Returns
        -------
        Interval
            ``low`` and ``high``, shape (k,).
        """
        return self._estimate(self.times).confidence_interval(level)

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row an age: ``time, incidence, standard_error, low, high, at_risk, lost``."""
        low, high = self.confidence_interval(check_level(level))
        return {
            "time": self.times,
            "incidence": self.value,
            "standard_error": self.standard_error,
            "low": low,
            "high": high,
            "at_risk": self.at_risk,
            "lost": self.lost,
        }

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        ended = float(self.value[-1]) if len(self.value) else 0.0
        lost = figure(float(self.lost.sum()))
        return f"<IncidenceCurve: {lost} of {self.n:,} lost to {self.cause}, {figure(100 * ended)} percent in the end>"


@final
@frozen(kw_only=True, repr=False)
class CumulativeIncidence(Mapping[Any, IncidenceCurve]):
    """Shares of customers lost to competing causes by age: a mapping of cause to curve.

    At every age the shares of all causes and the share lost to none add up to 1.

    Attributes
    ----------
    causes : tuple
        Labels of the causes.
    curves : tuple of IncidenceCurve
        One each.
    survival : SurvivalCurve
        Share lost to no cause, by Kaplan-Meier; its median and restricted mean are those of the time to any end.

    Examples
    --------
    >>> ends = clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week")
    >>> left = clm.aalen_johansen(ends, ["price", "moved", None, "price"])
    >>> left["price"].value
    array([0.25, 0.25, 0.75])
    """

    causes: tuple[Any, ...]
    curves: tuple[IncidenceCurve, ...]
    survival: SurvivalCurve

    def at(self, t: float) -> Estimate[Any]:
        """Return the share lost to each cause by one age.

        Parameters
        ----------
        t
            Age from 0 on, in the unit of the durations.

        Returns
        -------
        Estimate
            One cell a cause, ``index`` the causes.

        Raises
        ------
        InvalidDataError
            If the age is not one number from 0 on.
        """
        if np.ndim(t):
            raise InvalidDataError("one age gives one share a cause. For several ages ask a single cause's curve.")
        cells = [curve.at(t) for curve in self.curves]
        first = cells[0]
        return Estimate(
            value=[cell.value for cell in cells],
            standard_error=[cell.standard_error for cell in cells],
            n=first.n,
            index=np.array(self.causes, dtype=object),
            name=f"lost by {aged(float(t), self.survival.unit)}",
            unit="fraction",
            definition=f"Share lost to each cause by an age; the rest is lost to none. {self.survival.definition}",
            undefined=first.undefined,
            band=first.band,
            caveats=first.caveats,
        )

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row a cause and age; see `IncidenceCurve.to_columns`."""
        tables = [curve.to_columns(level) for curve in self.curves]
        cause = np.array(self.causes, dtype=object)
        columns = {"cause": np.repeat(cause, [len(curve) for curve in self.curves])}
        return columns | {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}

    def __getitem__(self, cause: Any) -> IncidenceCurve:
        if cause not in self.causes:
            raise KeyError(cause)
        return self.curves[self.causes.index(cause)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.causes)

    def __len__(self) -> int:
        return len(self.causes)

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def __repr__(self) -> str:
        lost = ", ".join(f"{curve.cause} {figure(float(curve.lost.sum()))}" for curve in self.curves)
        return f"<CumulativeIncidence: {self.survival.n:,} customers, lost to {lost}>"
