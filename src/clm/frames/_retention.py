"""From an event log to a retention table, counted in memory or in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.data import Zone, parse_start, parse_through
from clm.errors import InvalidDataError
from clm.frames._members import by_calendar, by_own_clock
from clm.frames._plan import plan
from clm.frames._presence import presence_of_plan, presence_of_rows
from clm.frames._retention_lazy import own_clocks_lazily, table_lazily
from clm.frames._source import open_table
from clm.retention import UNOBSERVED, Activity, ActivityLog, RetentionDefinition
from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.frames._members import Members
    from clm.frames._plan import Plan
    from clm.frames._presence import Presence
    from clm.frames._source import Table
    from clm.retention import RetentionTable
    from clm.typing import Array


def retention_table(
    events: Any,
    definition: RetentionDefinition | None = None,
    *,
    customer: str | None = None,
    at: str | None = None,
    kind: str | None = None,
    start: Any = None,
    through: Any = None,
) -> RetentionTable:
    """Count who came back, by cohort of entry and age.

    Cells that nobody could observe yet are not zeros: they are marked, and rates are given for complete cells only.

    Parameters
    ----------
    events
        One row an event: any dataframe, or a `Source`.
    definition
        What retained means; by default ``RetentionDefinition()``.
    customer, at, kind
        Names of the columns; by default ``customer_id``, ``at`` and ``kind``. Kinds are needed only where the
        definition names one.
    start
        Date or instant from which customers enter. Earlier events still count as history: who entered before is in no
        cohort. By default cohorts run from the first entry.
    through
        Date or instant to which the log is complete; by default the last row's instant, whose period then counts as
        still running.

    Returns
    -------
    RetentionTable

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, nobody enters, `start` lies after `through`, or there are too many
        cohorts.

    Examples
    --------
    >>> events = {
    ...     "customer_id": ["ann", "ann", "ann", "bob", "cat", "cat"],
    ...     "at": ["2025-01-05", "2025-02-07", "2025-03-01", "2025-01-31", "2025-02-02", "2025-03-03"],
    ... }
    >>> table = clm.retention_table(events, clm.RetentionDefinition(period="month"), through="2025-03-31")
    >>> table.retained
    array([[ 2,  1,  1],
           [ 1,  1, -1],
           [ 0, -1, -1]])
    >>> table.curve().value
    array([1.        , 0.66666667, 0.5       ])
    """
    log = _Log.of(events, definition, customer=customer, at=at, kind=kind, start=start, through=through)
    counts_alone = (log.definition.entry, log.definition.clock, log.definition.brackets) == ("first", "calendar", None)
    if log.plan is not None and counts_alone:
        return table_lazily(log.plan, log.definition, log.start, log.through)
    return log.members().table()


def retention_customers(
    events: Any,
    definition: RetentionDefinition | None = None,
    *,
    cohort: Any,
    age: int,
    retained: bool = True,
    customer: str | None = None,
    at: str | None = None,
    kind: str | None = None,
    start: Any = None,
    through: Any = None,
) -> Array:
    """Say who is behind a cell of a retention table.

    Parameters
    ----------
    events, definition, customer, at, kind, start, through
        As for `retention_table`.
    cohort
        Date on which the cohort's period starts, or any time in it.
    age
        Age of the column; of a bracket any age in it.
    retained
        True for those who were retained, False for those of the cohort who were not.

    Returns
    -------
    (n,) ndarray
        Customer ids, ascending. On customers' own clocks those whose period has not ended are in neither list.

    Raises
    ------
    InvalidDataError
        As `retention_table`; and if there is no such cell, or nothing of it was observed.

    Examples
    --------
    >>> events = {
    ...     "customer_id": ["ann", "ann", "bob", "cat", "cat"],
    ...     "at": ["2025-01-05", "2025-02-07", "2025-01-31", "2025-02-02", "2025-03-03"],
    ... }
    >>> monthly = clm.RetentionDefinition(period="month")
    >>> clm.retention_customers(events, monthly, cohort="2025-01-01", age=1, retained=False, through="2025-03-31")
    array(['bob'], dtype='<U3')
    """
    log = _Log.of(events, definition, customer=customer, at=at, kind=kind, start=start, through=through)
    if not isinstance(retained, bool):
        raise InvalidDataError(f"retained={retained!r} must be True or False.")
    members = log.members()
    table = members.table()
    row, column = table.row(cohort), table.column(age)
    if table.status[row, column] == UNOBSERVED:
        raise InvalidDataError(
            f"cohort {table.cohorts[row]} has not been observed at age {age} by through. Choose a smaller age."
        )
    return frozen_array(members.behind(table, row, column, retained=retained))


def activity_log(
    events: Any,
    definition: RetentionDefinition | None = None,
    *,
    customer: str | None = None,
    at: str | None = None,
    kind: str | None = None,
    through: Any = None,
) -> ActivityLog:
    """Keep a log as one bit a customer and period, to bring tables up to date without reading old events again.

    Parameters
    ----------
    events, definition, customer, at, kind, through
        As for `retention_table`; the definition by the calendar, with a minimum of 1.

    Returns
    -------
    ActivityLog
        Its ``merged`` takes later events in, its ``table`` counts.

    Raises
    ------
    InvalidDataError
        As `retention_table`; and if the definition needs more than a bit.

    Examples
    --------
    >>> january = {"customer_id": ["ann", "bob"], "at": ["2025-01-05", "2025-01-31"]}
    >>> february = {"customer_id": ["ann", "cat"], "at": ["2025-02-07", "2025-02-02"]}
    >>> monthly = clm.RetentionDefinition(period="month")
    >>> log = clm.activity_log(january, monthly, through="2025-01-31")
    >>> log = log.merged(clm.activity_log(february, monthly, through="2025-02-28"))
    >>> log.table().retained
    array([[ 2,  1],
           [ 1, -1]])
    """
    log = _Log.of(events, definition, customer=customer, at=at, kind=kind, start=None, through=through)
    if log.definition.clock != "calendar" or log.definition.minimum != 1:
        raise InvalidDataError(
            "a bit a period cannot tell of own clocks or of a minimum above 1. Call retention_table with all events."
        )
    presence = log.presence()
    starts, returns = presence.start_pairs(), presence.return_pairs()
    first, size = presence.first, len(presence)
    periods = int(log.definition.calendar.index(np.array([presence.through]))[0]) - first + 1
    return ActivityLog(
        definition=log.definition,
        customer=presence.labels(np.arange(size)),
        first=first,
        activity=Activity.of(periods, size, *((period - first) * size + place for place, period in (starts, returns))),
        through=np.datetime64(presence.through, "us"),
        dropped=presence.dropped,
    )


@final
@frozen(eq=False)
class _Log:
    """What a call was given, checked."""

    definition: RetentionDefinition
    table: Table
    plan: Plan | None
    start: int | None
    through: int | None

    @classmethod
    def of(cls, events: Any, definition: Any, *, start: Any, through: Any, **named: str | None) -> _Log:
        definition = RetentionDefinition() if definition is None else definition
        if not isinstance(definition, RetentionDefinition):
            raise InvalidDataError(
                f"definition must be a clm.RetentionDefinition, not {type(definition).__name__}. "
                "Name the columns by keyword: customer=, at=, kind=."
            )
        zone = Zone.of(definition.tz)
        first = None if start is None else parse_start(start, zone)
        last = None if through is None else parse_through(through, zone)
        if first is not None and last is not None and first > last:
            raise InvalidDataError(f"start={start!r} lies after through={through!r}. Give the earlier one as start.")
        needed = ("kind",) if (definition.start_kind, definition.return_kind) != (None, None) else ()
        optional = () if needed else ("kind",)
        table = open_table(events, named, required=("customer", "at", *needed), optional=optional, what="events")
        return cls(definition, table, plan(table, zone, texts=needed) if table.lazy else None, first, last)

    def members(self) -> Members:
        """Find out who entered and came back when."""
        own = self.definition.clock == "own"
        if self.plan is not None and own:
            return own_clocks_lazily(self.plan, self.definition, self.start, self.through)
        return (by_own_clock if own else by_calendar)(self.presence(), self.definition, self.start)

    def presence(self) -> Presence:
        """Find out who was active in which periods."""
        calendar = self.definition.calendar
        start_kind, return_kind = self.definition.start_kind, self.definition.return_kind
        if self.plan is None:
            return presence_of_rows(
                self.table.collected(), calendar, start_kind=start_kind, return_kind=return_kind, through=self.through
            )
        return presence_of_plan(
            self.plan,
            calendar,
            start_kind=start_kind,
            return_kind=return_kind,
            through=self.through,
            since=self.start if self.definition.entry == "recurring" else None,
        )
