"""The cumulative hazard of customers who may still be there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.data import Durations
from clm.errors import InvalidDataError
from clm.stats import Estimate, LogNormal, array_field, frozen_array, numbers, seal
from clm.survival._curve import aged

if TYPE_CHECKING:
    from clm.stats import Interval
    from clm.typing import Array, FloatArray


@final
@frozen(kw_only=True, repr=False)
class HazardCurve:
    """The hazard added up by age, as a step function. Made by `nelson_aalen`.

    Attributes
    ----------
    times : (k,) ndarray of float64
        Distinct ages at which somebody was lost, rising, in `unit`.
    value : (k,) ndarray of float64
        Cumulative hazard just after each; 0 before the first.
    standard_error : (k,) ndarray of float64
        Aalen's.
    at_risk, lost : (k,) ndarray
        Customers at risk at each age, and lost at it.
    last_age : float
        The last age at which anybody was observed.
    unit : str
        Unit of the ages.
    n : int
        Customers, weights counted.
    definition : str
        One sentence that fixes what was computed.
    """

    times: FloatArray = array_field(converter=frozen_array)
    value: FloatArray = array_field(converter=frozen_array)
    standard_error: FloatArray = array_field(converter=frozen_array)
    at_risk: Array = array_field(converter=frozen_array)
    lost: Array = array_field(converter=frozen_array)
    last_age: float
    unit: str
    n: int
    definition: str

    __setstate__ = seal

    def at(self, t: Any) -> Estimate[Any]:
        """Return the cumulative hazard just after some age.

        Parameters
        ----------
        t : float or array_like
            Age or ages, from 0 on, in `unit`.

        Returns
        -------
        Estimate
            Losses a customer at risk is exposed to up to the age; with one cell an age where `t` is an array. NaN after
            the last observed age. Limits are symmetric on the log scale.

        Raises
        ------
        InvalidDataError
            If an age is negative or missing.
        """
        ages = numbers(t, "age")
        if ages.ndim > 1 or not (np.isfinite(ages) & (ages >= 0)).all():
            raise InvalidDataError("an age must be a finite number from 0 on. Give one, or a row of them.")
        step = np.searchsorted(self.times, ages, side="right")
        return Estimate(
            value=np.where(ages > self.last_age, np.nan, np.append(0.0, self.value)[step]),
            standard_error=np.append(0.0, self.standard_error)[step],
            n=self.n,
            index=ages if ages.ndim else None,
            name="cumulative hazard" if ages.ndim else f"cumulative hazard at {aged(float(ages), self.unit)}",
            unit="losses",
            definition=self.definition,
            undefined=f"nobody was observed after {aged(self.last_age, self.unit)}",
            band=LogNormal(),
        )

    def confidence_interval(self, level: float = 0.95) -> Interval[FloatArray]:
        """Return pointwise limits at `times`, symmetric on the log scale.

        Parameters
        ----------
        level
            Nominal coverage at each age, inside (0, 1).
        """
        return self.at(self.times).confidence_interval(level)

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return the curve as equally long columns, one row an age with losses."""
        low, high = self.confidence_interval(level)
        return {
            "time": self.times,
            "hazard": self.value,
            "standard_error": self.standard_error,
            "low": low,
            "high": high,
            "at_risk": self.at_risk,
            "lost": self.lost,
        }

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return f"<HazardCurve: {self.n:,} customers, {len(self.times):,} ages with losses, unit {self.unit}>"


def nelson_aalen(durations: Durations) -> HazardCurve:
    """Add up the hazard of being lost by age: where it bends, customers begin to leave faster or slower.

    Parameters
    ----------
    durations
        As for `kaplan_meier`.

    Returns
    -------
    HazardCurve

    Raises
    ------
    InvalidDataError
        If nobody is ever at risk.

    Notes
    -----
    ``H(t)`` is the sum of lost/at risk over the ages up to t, with variance the sum of lost/at risk squared [1]_.
    Unreliable where fewer than about 10 are at risk.

    References
    ----------
    .. [1] Aalen (1978), Annals of Statistics 6, 701-726; Nelson (1972), Technometrics 14, 945-966.

    Examples
    --------
    >>> hazard = clm.nelson_aalen(clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week"))
    >>> hazard.value.round(3)
    array([0.25 , 0.583, 1.583])
    """
    if not isinstance(durations, Durations):
        raise InvalidDataError(
            f"nelson_aalen takes Durations, not {type(durations).__name__}. Build them with"
            " clm.Durations(durations, observed) or clm.durations(frame, ...)."
        )
    ages, lost, at_risk = durations.risk_table()
    if not len(ages):
        raise InvalidDataError("nobody is ever at risk: there is no customer who ends after he enters.")
    event = lost > 0
    lost_then, at_risk_then = lost[event], at_risk[event]
    return HazardCurve(
        times=ages[event],
        value=np.cumsum(lost_then / at_risk_then),
        standard_error=np.sqrt(np.cumsum(lost_then / at_risk_then / at_risk_then)),
        at_risk=at_risk_then,
        lost=lost_then,
        last_age=float(ages[-1]),
        unit=durations.unit,
        n=durations.n,
        definition=(
            f"Losses a customer at risk is exposed to, added up by age in {durations.unit}s (Nelson-Aalen; those whose"
            f" end was not seen count up to their last age). {durations.definition}"
        ),
    )
