"""Fixed lengths of time, and discount rates that carry their own period."""

from __future__ import annotations

import math
from numbers import Real
from typing import Final, final

from attrs import field, frozen

from clm.errors import InvalidDataError, nearest

DAYS: Final[dict[str, float]] = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}
"""Length of each unit in days; a month is a twelfth of a Julian year."""


def days_in(unit: str) -> float:
    """Return the length of a unit in days.

    Raises
    ------
    InvalidDataError
        If the unit is not one of hour, day, week, month, year.

    Examples
    --------
    >>> clm.data.days_in("month")
    30.4375
    """
    try:
        return DAYS[unit]
    except (KeyError, TypeError):
        message = f"unit {unit!r} is not one of {', '.join(DAYS)}.{nearest(str(unit), DAYS)}"
        raise InvalidDataError(message) from None


def _rate(rate: object) -> float:
    number = float(rate) if not isinstance(rate, bool) and isinstance(rate, Real) else math.nan
    if not (math.isfinite(number) and number >= 0):
        raise InvalidDataError(
            f"a discount rate must be a finite number from 0 on, not {rate!r}. Give 0.10 for 10 percent."
        )
    return number


@final
@frozen
class Discount:
    """A discount rate with the period it is charged for.

    A bare rate of 0.10 means one thing a week and another a year, so that dated predictions take only this.

    Parameters
    ----------
    rate : float
        Effective rate per period, as a fraction: 0.10 for ten percent.
    per : {"hour", "day", "week", "month", "year"}
        The period.

    Raises
    ------
    InvalidDataError
        If the rate is negative or not finite, or the period is unknown.

    Examples
    --------
    >>> yearly = clm.Discount(0.10, per="year")
    >>> round(yearly.rate_per("month"), 6)
    0.007974
    """

    rate: float = field(converter=_rate)
    per: str = field(kw_only=True, validator=lambda _, __, per: days_in(per) and None)

    def continuous(self, unit: str) -> float:
        """Return the continuously compounded rate per `unit`: the value of 1 falls by exp(-rate * t)."""
        return math.log1p(self.rate) * days_in(unit) / days_in(self.per)

    def rate_per(self, unit: str) -> float:
        """Return the effective rate per `unit`, compounding (10 percent a year is 0.797 percent a month)."""
        try:
            return math.expm1(self.continuous(unit))
        except OverflowError:
            raise InvalidDataError(
                f"a rate of {self.rate:g} per {self.per} compounds beyond any number per {unit}. Check its period."
            ) from None
