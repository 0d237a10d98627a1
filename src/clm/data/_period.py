"""Cut time into calendar periods in local wall time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import field, frozen

from clm.data._zone import DAY, HOUR, MISSING, Zone
from clm.errors import InvalidDataError, nearest

if TYPE_CHECKING:
    from clm.typing import Array, IntArray

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOURS: Final = {"hour": 1.0, "day": 24.0, "week": 168.0, "month": 730.5, "quarter": 2191.5, "year": 8766.0}
"""Length of each period in hours; calendar months and longer by their mean length, 365.25 days to a year."""

MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
"""Calendar months in each period that is made of them."""

_MONDAY = 4  # 1970-01-05, the first Monday, as a day number


def check_period(period: str) -> str:
    """Return a calendar grain.

    Raises
    ------
    InvalidDataError
        If it is not one of hour, day, week, month, quarter, year.
    """
    if period not in HOURS:
        raise InvalidDataError(f"period {period!r} is not one of {', '.join(HOURS)}.{nearest(str(period), HOURS)}")
    return period


def check_week_start(week_start: str) -> str:
    """Return a weekday.

    Raises
    ------
    InvalidDataError
        If it is not one of monday to sunday.
    """
    if week_start not in WEEKDAYS:
        hint = nearest(str(week_start).lower(), WEEKDAYS)
        raise InvalidDataError(f"week_start {week_start!r} is not one of {', '.join(WEEKDAYS)}.{hint}")
    return week_start


@final
@frozen
class Calendar:
    """Numbers consecutive periods of one grain, so that ages are differences of whole numbers.

    Parameters
    ----------
    period : {"hour", "day", "week", "month", "quarter", "year"}
        The grain.
    zone : Zone
        In whose wall time periods are cut. Hours are real hours, cut where the local clock shows a full hour, so that
        the hour that a clock set back shows twice is two hours.
    week_start : str
        The weekday on which weeks start.
    """

    period: str = field(validator=lambda _, __, period: check_period(period) and None)
    zone: Zone
    week_start: str = field(default="monday", validator=lambda _, __, day: check_week_start(day) and None)

    def index(self, instants: IntArray) -> IntArray:
        """Return the number of the period that each UTC instant lies in; missing stays missing."""
        if self.period == "hour":
            # Whole hours of an offset move no boundary: only its minutes do.
            minutes = 0 if self.zone.is_utc else self.zone.offset(instants) % HOUR
            number = (instants + minutes) // HOUR
        else:
            wall = self.zone.to_wall(instants)
            if self.period == "day":
                number = wall // DAY
            elif self.period == "week":
                number = (wall // DAY - self.first_day) // 7
            else:
                number = wall.view("M8[us]").astype("M8[M]").astype(np.int64) // MONTHS[self.period]
        return np.where(instants == MISSING, MISSING, number)

    def start(self, number: IntArray) -> IntArray:
        """Return the UTC instant, in microseconds, at which each period starts."""
        if self.period == "hour":
            instants = number * HOUR
            return instants if self.zone.is_utc else instants - self.zone.offset(instants) % HOUR
        return self.zone.to_utc(self._first_days(number).astype("M8[us]").astype(np.int64))

    def label(self, number: IntArray) -> Array:
        """Return the local date on which each period starts; for hours, the local hour."""
        if self.period == "hour":
            return self.zone.to_wall(self.start(number)).view("M8[us]").astype("M8[h]")
        return self._first_days(number)

    @property
    def hours(self) -> float:
        """The period's mean length in hours."""
        return HOURS[self.period]

    @property
    def first_day(self) -> int:
        """The first day of a week, in days since 1970-01-01."""
        return _MONDAY + WEEKDAYS.index(self.week_start)

    def _first_days(self, number: IntArray) -> Array:
        if self.period == "day":
            return number.astype("M8[D]")
        if self.period == "week":
            return (number * 7 + self.first_day).astype("M8[D]")
        return (number * MONTHS[self.period]).astype("M8[M]").astype("M8[D]")
