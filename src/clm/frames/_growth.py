"""From an event log to growth accounting, bands of recency and stickiness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from clm.data import MISSING, Calendar, Zone, describe, parse_start, parse_through, refuse_late_start
from clm.errors import InvalidDataError
from clm.frames._epoch import instants
from clm.frames._presence import presence_of, presence_of_rows
from clm.frames._source import open_table
from clm.retention import (
    COMPLETE,
    IN_PROGRESS,
    GrowthAccounting,
    RecencyBands,
    Stickiness,
    check_edges,
    flows_of,
    stocks_of,
)
from clm.stats import frozen_array

if TYPE_CHECKING:
    from datetime import tzinfo

    from clm.frames._presence import Presence
    from clm.typing import Array, IntArray, Period

_MOST_PERIODS = 100_000


def growth_accounting(
    events: Any,
    *,
    period: Period = "week",
    customer: str | None = None,
    at: str | None = None,
    start: Any = None,
    through: Any = None,
    tz: str | tzinfo = "UTC",
    week_start: str = "monday",
    born: str | None = None,
) -> GrowthAccounting:
    """Count who is new, retained, resurrected or gone dormant, period by period.

    Parameters
    ----------
    events
        One row an event: any dataframe, or a `Source`.
    period
        "hour", "day", "week", "month", "quarter" or "year".
    customer, at
        Names of the columns; by default ``customer_id`` and ``at``.
    start
        Date or instant in the first period; by default that of the first event. Earlier events still count as history.
    through
        Date or instant to which the log is complete; by default the last row's instant, whose period is then running.
    tz
        Time zone in whose wall time periods are cut.
    week_start
        Weekday on which weeks start.
    born
        Name of a column with the date on which a customer was born, the date of sign-up say; by default he is new with
        his first event. The earliest of his rows counts, and never later than his first event. Who is born in one
        period and first active in a later one is resurrected there, not new.

    Returns
    -------
    GrowthAccounting

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, no row is left, or `start` lies after `through`.

    Examples
    --------
    >>> log = {
    ...     "customer_id": [1, 2, 1, 3, 2, 3],
    ...     "at": ["2025-01-06", "2025-01-07", "2025-01-14", "2025-01-15", "2025-01-21", "2025-01-22"],
    ... }
    >>> flows = clm.growth_accounting(log, period="week", through="2025-01-26")
    >>> flows.new, flows.retained, flows.resurrected, flows.dormant
    (array([2, 1, 0]), array([0, 1, 1]), array([0, 0, 1]), array([0, 1, 1]))
    """
    log = _Read.of(events, period, tz, week_start, start, through, customer=customer, at=at, born=born)
    customers, periods = log.presence.return_pairs()
    first, last = log.ends()
    counts = flows_of(customers, periods, log.born, first, last)
    status = np.full(last - first + 1, COMPLETE, dtype=f"U{len(IN_PROGRESS)}")
    if int(log.calendar.start(np.array([last + 1]))[0]) > log.presence.through + 1:
        status[-1] = IN_PROGRESS
    birth = "with the first event" if born is None else f"in the period of {born!r}, or of the first event if earlier"
    return GrowthAccounting(
        periods=frozen_array(log.calendar.label(np.arange(first, last + 1))),
        **dict(zip(("new", "retained", "resurrected", "dormant"), map(frozen_array, counts), strict=True)),
        status=frozen_array(status),
        period=period,
        through=np.datetime64(log.presence.through, "us"),
        definition=f"Active is a customer with an event in {log.said()}; new {birth}.",
        dropped=log.presence.dropped,
    )


def recency_bands(
    events: Any,
    edges: Any,
    *,
    period: Period = "week",
    customer: str | None = None,
    at: str | None = None,
    start: Any = None,
    through: Any = None,
    tz: str | tzinfo = "UTC",
    week_start: str = "monday",
) -> RecencyBands:
    """Count customers by how many periods ago they were last active, at the end of each period.

    Where growth accounting counts flows, these are stocks: everybody known so far is in one band.

    Parameters
    ----------
    events
        One row an event: any dataframe, or a `Source`.
    edges
        Last number of periods since the last active one of each band but the last: ``[0, 3]`` are active, 1 to 3
        periods silent, and more.
    period, customer, at, start, through, tz, week_start
        As for `growth_accounting`.

    Returns
    -------
    RecencyBands

    Raises
    ------
    InvalidDataError
        As `growth_accounting`; and if the edges do not ascend.

    Examples
    --------
    >>> log = {"customer_id": [1, 2, 1], "at": ["2025-01-06", "2025-01-07", "2025-01-28"]}
    >>> clm.recency_bands(log, [0, 2], through="2025-02-02").counts
    array([[2, 0, 0],
           [0, 2, 0],
           [0, 2, 0],
           [1, 0, 1]])
    """
    bands = check_edges(edges)
    log = _Read.of(events, period, tz, week_start, start, through, customer=customer, at=at)
    first, last = log.ends()
    return RecencyBands(
        periods=frozen_array(log.calendar.label(np.arange(first, last + 1))),
        bands=bands,
        counts=frozen_array(stocks_of(*log.presence.return_pairs(), bands, first, last)),
        period=period,
        definition=(
            f"Share of the customers known by the end of a {period}, by the {period}s since their last event, in "
            f"{log.said()}."
        ),
        dropped=log.presence.dropped,
    )


def stickiness(
    events: Any,
    *,
    period: Period = "day",
    customer: str | None = None,
    at: str | None = None,
    start: Any = None,
    through: Any = None,
    tz: str | tzinfo = "UTC",
    week_start: str = "monday",
) -> Stickiness:
    """Count customers by the number of periods in which they were active, within a window.

    Parameters
    ----------
    events
        One row an event: any dataframe, or a `Source`.
    period
        "hour", "day", "week", "month", "quarter" or "year".
    customer, at
        Names of the columns; by default ``customer_id`` and ``at``.
    start, through
        First and last date or instant of the window; by default the log's own. Earlier rows do not count.
    tz, week_start
        As for `growth_accounting`.

    Returns
    -------
    Stickiness

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, no row is left, or `start` lies after `through`.

    Examples
    --------
    >>> log = {"customer_id": [1, 1, 1, 2], "at": ["2025-01-01", "2025-01-01", "2025-01-03", "2025-01-02"]}
    >>> found = clm.stickiness(log, through="2025-01-07")
    >>> dict(found.counts), dict(found.at_least)
    ({1: 1, 2: 1}, {1: 2, 2: 1})
    """
    log = _Read.of(events, period, tz, week_start, start, through, customer=customer, at=at, window=True)
    customers, periods = log.presence.return_pairs()
    first, last = log.ends()
    width = last - first + 1
    return Stickiness(
        customers_by_periods=frozen_array(np.bincount(np.bincount(customers), minlength=width + 1)[1:]),
        active=frozen_array(np.bincount(periods - first, minlength=width)),
        periods=frozen_array(log.calendar.label(np.arange(first, last + 1))),
        period=period,
        definition=f"Active is a customer with an event in {log.said()}.",
        dropped=log.presence.dropped,
    )


@frozen(eq=False)
class _Read:
    """A log that was read, and its calendar."""

    presence: Presence
    calendar: Calendar
    start: int | None
    born: IntArray | None

    @classmethod
    def of(
        cls,
        events: Any,
        period: Any,
        tz: Any,
        week_start: Any,
        start: Any,
        through: Any,
        *,
        window: bool = False,
        **named: str | None,
    ) -> _Read:
        zone = Zone.of(tz)
        calendar = Calendar(period, zone, week_start)
        first = None if start is None else parse_start(start, zone)
        last = None if through is None else parse_through(through, zone)
        if first is not None and last is not None and first > last:
            raise InvalidDataError(f"start={start!r} lies after through={through!r}. Give the earlier one as start.")
        born = named.get("born")
        required = ("customer", "at") if born is None else ("customer", "at", "born")
        table = open_table(events, named, required=required, what="events")
        since = first if window else None
        if born is None:
            return cls(presence_of(table, calendar, through=last, not_before=since), calendar, first, None)
        table = table.collected()
        presence = presence_of_rows(table, calendar, start_kind=None, return_kind=None, through=last, not_before=since)
        birth = _births(presence, instants(table.column("born"), table.names["born"], zone).values, calendar)
        return cls(presence, calendar, first, birth)

    def ends(self) -> tuple[int, int]:
        """Return the numbers of the first and the last period."""
        if self.start is not None:
            refuse_late_start(self.start, self.presence.through, self.calendar.zone)
        last = int(self.calendar.index(np.array([self.presence.through]))[0])
        first = self.presence.first if self.start is None else int(self.calendar.index(np.array([self.start]))[0])
        if last - first >= _MOST_PERIODS:
            raise InvalidDataError(
                f"there would be {last - first + 1:,} periods of one {self.calendar.period}. Choose a longer period, "
                "or give start= to leave early ones out."
            )
        return first, last

    def said(self) -> str:
        """Return which periods were counted, for definitions."""
        weeks = f" from {self.calendar.week_start}" if self.calendar.period == "week" else ""
        zone = self.calendar.zone
        since = "" if self.start is None else f" from {describe(self.start, zone)}"
        return (
            f"a calendar {self.calendar.period}{weeks} in {zone.name}{since} through "
            f"{describe(self.presence.through, zone)}"
        )


def _births(presence: Presence, born: Array, calendar: Calendar) -> IntArray:
    """Return the period of each customer's birth: the earliest stated, or of his first event."""
    number = calendar.index(born[presence.rows])
    number = np.where(number == MISSING, np.iinfo(np.int64).max, number)
    births = np.full(len(presence), np.iinfo(np.int64).max)
    np.minimum.at(births, presence.customer, np.minimum(number, presence.period))
    return births
