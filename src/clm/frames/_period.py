"""Name the calendar periods, or the windows of them, that rows are grouped by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np
from attrs import field, frozen

from clm.data import Calendar, Zone, parse_start, parse_through
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from clm.typing import Array, IntArray
    from clm.typing import Period as Grain

Weekday: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _whole(_: Any, __: Any, window: Any) -> None:
    if isinstance(window, bool) or not isinstance(window, (int, np.integer)) or window < 1:
        raise InvalidDataError(f"window must be a whole number of periods from 1 on, not {window!r}.")


def _name(_: Any, __: Any, at: Any) -> None:
    if at is not None and not isinstance(at, str):
        raise InvalidDataError(f"at={at!r} must be the name of a column.")


@final
@frozen
class Period:
    """Calendar periods as groups for ``clm.by``: each on its own, as trailing windows, or cumulative.

    Parameters
    ----------
    period : {"hour", "day", "week", "month", "quarter", "year"}
        The grain, cut in local wall time.
    at : str, optional
        Column of the times, ``"at"`` by default, or as the `Source` names it.
    window : int
        Periods that each group reaches back over, itself among them: ``Period("day", window=30)`` gives for each day
        the thirty days that end with it.
    cumulative : bool
        Whether each group holds everything up to its end.
    start : date-like, optional
        First period, that of the first row by default. Earlier rows still belong to windows that reach back to them.
    through : date-like, optional
        Last moment that counts, inclusive; that of the last row by default. Later rows are left out.
    tz : str or tzinfo
        In which naive times are read and periods are cut.
    week_start : str
        The weekday on which weeks start.

    Raises
    ------
    InvalidDataError
        If the grain, the zone, a weekday, the window or a date is none.

    Examples
    --------
    >>> answers = {"at": ["2025-01-07", "2025-01-20", "2025-03-02"], "score": [10, 9, 3]}
    >>> trend = clm.by(answers, clm.Period("month"), clm.nps)
    >>> [(str(month), nps.value) for month, nps in trend.items()]
    [('2025-01-01', 100.0), ('2025-02-01', nan), ('2025-03-01', -100.0)]
    """

    period: Grain
    at: str | None = field(default=None, kw_only=True, validator=_name)
    window: int = field(default=1, kw_only=True, validator=_whole)
    cumulative: bool = field(default=False, kw_only=True)
    start: Any = field(default=None, kw_only=True)
    through: Any = field(default=None, kw_only=True)
    tz: Any = field(default="UTC", kw_only=True)
    week_start: Weekday = field(default="monday", kw_only=True)

    def __attrs_post_init__(self) -> None:
        _ = self.calendar  # what is unknown is refused here, not when rows are grouped
        if not isinstance(self.cumulative, bool):
            raise InvalidDataError(f"cumulative must be True or False, not {self.cumulative!r}.")
        if self.cumulative and self.window != 1:
            raise InvalidDataError("a cumulative group has no window: it reaches back to the first row. Give one.")
        bounds = self.bounds()
        if bounds[0] is not None and bounds[1] is not None and bounds[0] > bounds[1]:
            raise InvalidDataError(f"start={self.start!r} is after through={self.through!r}.")

    @property
    def calendar(self) -> Calendar:
        """How periods are numbered."""
        return Calendar(self.period, Zone.of(self.tz), self.week_start)

    @property
    def overlapping(self) -> bool:
        """Whether one row may lie in several groups."""
        return self.cumulative or self.window > 1

    def bounds(self) -> tuple[int | None, int | None]:
        """Return the UTC microseconds of `start` and `through`, None where not given."""
        zone = Zone.of(self.tz)
        start = None if self.start is None else parse_start(self.start, zone)
        return start, None if self.through is None else parse_through(self.through, zone)

    def numbers(self, first: int | None, last: int | None) -> IntArray:
        """Return the numbers of all groups, empty ones included.

        Parameters
        ----------
        first, last
            Numbers of the first and the last period that hold a row; None without rows.

        Raises
        ------
        InvalidDataError
            If there are too many for a trend.
        """
        start, through = (
            bound if given is None else int(self.calendar.index(np.array([given]))[0])
            for bound, given in zip((first, last), self.bounds(), strict=True)
        )
        if start is None or through is None:
            return np.empty(0, np.int64)
        if through - start >= _MOST_PERIODS:
            span = " to ".join(map(str, self.label(np.array([start, through]))))
            raise InvalidDataError(
                f"rows span {through - start + 1:,} periods, {span}. Correct stray dates, take a coarser period, or"
                " give start=."
            )
        return np.arange(start, through + 1)

    def reach(self, number: int) -> tuple[int | None, int]:
        """Return the numbers of the first and last period of a group; None for no first."""
        return (None if self.cumulative else number - self.window + 1), number

    def label(self, numbers: IntArray) -> Array:
        """Return the local date, or hour, on which each period starts."""
        return self.calendar.label(numbers)


_MOST_PERIODS = 100_000  # eleven years of hours
