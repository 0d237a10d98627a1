"""Who entered when and came back at which ages: what one cell of a retention table, and all of them, are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.data import Calendar, describe, refuse_late_start
from clm.errors import InvalidDataError
from clm.frames._presence import NEVER, distinct_pairs
from clm.retention import (
    Activity,
    Entered,
    Scope,
    cohort_periods,
    hits,
    own_length,
    runs_by_period,
    runs_of,
    table_of_activity,
    table_of_own_clocks,
    table_of_runs,
    windows,
)

if TYPE_CHECKING:
    from clm.frames._ids import Ids
    from clm.frames._presence import Presence
    from clm.retention import RetentionDefinition, RetentionTable
    from clm.typing import Array, BoolArray, IntArray


@final
@frozen(eq=False)
class Members:
    """Customers of all cohorts.

    Attributes
    ----------
    definition : RetentionDefinition
    first, left_edge, through : int
        Number of the first cohort's period, customers who entered where the log begins, and the last instant observed.
    dropped : dict of str to int
        Rows that were left out, by reason.
    ids : Ids
    keys : (n,) ndarray of int64
        Key in `ids` of each customer of `entered` or `activity`.
    entered : Entered or None
        Where customers enter once.
    activity : Activity or None
        Where they enter again and again.
    """

    definition: RetentionDefinition
    first: int
    left_edge: int
    through: int
    dropped: dict[str, int]
    ids: Ids
    keys: IntArray
    entered: Entered | None = None
    activity: Activity | None = None

    def table(self) -> RetentionTable:
        """Count all cells."""
        scope = Scope(
            definition=self.definition,
            first=self.first,
            through=self.through,
            dropped=self.dropped,
            left_edge=self.left_edge,
        )
        if self.activity is not None:
            return table_of_activity(self.activity, scope)
        assert self.entered is not None
        if self.entered.at is not None:
            return table_of_own_clocks(self.entered, scope)
        return table_of_runs(runs_by_period(self.entered, self.definition, len(scope.cohorts())), scope)

    def behind(self, table: RetentionTable, row: int, column: int, *, retained: bool) -> Array:
        """Return the ids of those who were retained in a cell, or were not, ascending."""
        if self.activity is not None:
            chosen = self._entries(table, row, column, retained=retained)
        else:
            chosen = self._entered_once(table, row, column, retained=retained)
        return self.ids.labels(self.keys[chosen])

    def _entered_once(self, table: RetentionTable, row: int, column: int, *, retained: bool) -> IntArray:
        assert self.entered is not None
        cohort = self.entered.period == self.first + row
        if self.entered.at is not None:
            ended, _ = windows(self.entered.at, self.through, own_length(self.definition))
            cohort &= (table.columns.ended(ended) >= column) | (column == 0)
        came = np.full(len(cohort), column == 0)
        if column:
            customer, first, last = runs_of(
                self.entered.customer, self.entered.age, self.definition.rule, table.columns
            )
            came[customer[(first <= column) & (column <= last)]] = True
        return np.flatnonzero(cohort & (came if retained else ~came))

    def _entries(self, table: RetentionTable, row: int, column: int, *, retained: bool) -> IntArray:
        assert self.activity is not None
        found, begin = [], 0
        for starts, returns in self.activity.blocks():
            came = starts[row]
            if column:
                came = next(
                    hit[row] for at, hit in hits(starts, returns, self.definition.rule, table.columns) if at == column
                )
            chosen = came if retained else starts[row] & ~came
            found.append(np.flatnonzero(chosen) + begin)
            begin += starts.shape[1]
        return np.concatenate(found)


def by_calendar(log: Presence, definition: RetentionDefinition, start: int | None) -> Members:
    """Find out who entered when, and in which calendar periods they came back.

    Parameters
    ----------
    log
        Of start and return events.
    definition
        By the calendar.
    start
        Instant from which customers enter.

    Raises
    ------
    InvalidDataError
        If nobody enters.
    """
    returns = log.return_pairs(definition.minimum)
    if definition.entry == "recurring":
        return _again_and_again(log, definition, start, returns)
    same = log.starts is None and log.returns is None and definition.minimum == 1
    customer, period = returns if same else log.start_pairs()
    begin = _begins(customer)
    customer, entry = customer[begin], period[begin]
    early = _early(log, customer, entry, definition, start)
    dropped = log.dropped | ({"customers who entered before start": int(early.sum())} if early.any() else {})
    if early.any():
        customer, entry = customer[~early], entry[~early]
    first = first_cohort(entry, definition, start, log.through)
    back, active = returns
    if len(customer) < len(log):
        # Return events of customers who did not enter are none.
        place = np.full(len(log), -1)
        place[customer] = np.arange(len(customer))
        back = place[back]
        back, active = back[back >= 0], active[back >= 0]
    age = active - entry[back]
    later = age >= 1
    return Members(
        definition=definition,
        first=first,
        left_edge=int((entry == log.first).sum()),
        through=log.through,
        dropped=dropped,
        ids=log.ids,
        keys=log.keys[customer],
        entered=Entered(period=entry, at=None, customer=back[later], age=age[later]),
    )


def by_own_clock(log: Presence, definition: RetentionDefinition, start: int | None) -> Members:
    """Find out who entered when, and at which ages by his own clock he came back; as `by_calendar`.

    Parameters
    ----------
    log
        Rows, not what a database made of them.
    definition
        On customers' own clocks.
    start
        Instant from which customers enter.
    """
    rows = log.start_rows()
    at, customer = log.at[rows], log.customer[rows]
    if start is not None and definition.entry == "recurring":
        late = at >= start
        at, customer = at[late], customer[late]
    entered_at = np.full(len(log), NEVER)
    np.minimum.at(entered_at, customer, at)
    chosen = np.flatnonzero(entered_at < NEVER)
    back = slice(None) if log.returns is None else log.returns > 0
    customer, at = log.customer[back], log.at[back]
    known = entered_at[customer] <= at
    customer, at = customer[known], at[known]
    begun = clock_start(entered_at, definition)
    age = (at - begun[customer]) // own_length(definition)
    customer, age = distinct_pairs(customer, age, len(log), definition.minimum)
    place = np.full(len(log), -1)
    place[chosen] = np.arange(len(chosen))
    return on_own_clocks(
        definition,
        start,
        entered_at=entered_at[chosen],
        back=place[customer],
        age=age,
        keys=log.keys[chosen],
        ids=log.ids,
        through=log.through,
        log_first=log.first,
        dropped=log.dropped,
    )


def on_own_clocks(
    definition: RetentionDefinition,
    start: int | None,
    *,
    entered_at: IntArray,
    back: IntArray,
    age: IntArray,
    keys: IntArray,
    ids: Ids,
    through: int,
    log_first: int,
    dropped: dict[str, int],
) -> Members:
    """Leave out who entered before the start, and number cohorts.

    Parameters
    ----------
    definition, start
        As in `by_own_clock`.
    entered_at
        Instant of each customer's entry.
    back, age
        Distinct pairs of a customer's row and an age at which he came back often enough, by customer and age.
    keys, ids
        Who the customers are.
    through, log_first, dropped
        As in `Presence`.

    Raises
    ------
    InvalidDataError
        If nobody enters.
    """
    early = np.zeros(len(keys), bool) if start is None else entered_at < start
    if early.any():
        dropped = dropped | {"customers who entered before start": int(early.sum())}
    row = np.where(early, -1, np.cumsum(~early) - 1)
    entered_at, keys = entered_at[~early], keys[~early]
    back, age = row[back][(row[back] >= 0) & (age >= 1)], age[(row[back] >= 0) & (age >= 1)]
    entry = definition.calendar.index(entered_at)
    return Members(
        definition=definition,
        first=first_cohort(entry, definition, start, through),
        left_edge=int((entry == log_first).sum()),
        through=through,
        dropped=dropped,
        ids=ids,
        keys=keys,
        entered=Entered(period=entry, at=clock_start(entered_at, definition), customer=back, age=age),
    )


def clock_start(entered_at: IntArray, definition: RetentionDefinition) -> IntArray:
    """Return where own clocks start: at the instant of entry, or at the full hour that the local clock showed."""
    if not definition.full_hours:
        return entered_at
    hours = Calendar("hour", definition.calendar.zone)
    begun = np.full(len(entered_at), NEVER)
    real = entered_at != NEVER
    begun[real] = hours.start(hours.index(entered_at[real]))
    return begun


def _again_and_again(
    log: Presence, definition: RetentionDefinition, start: int | None, returns: tuple[IntArray, IntArray]
) -> Members:
    customer, period = log.start_pairs(start)
    first = first_cohort(period, definition, start, log.through)
    periods = int(definition.calendar.index(np.array([log.through]))[0]) - first + 1
    cohort_periods(definition, first, log.through)
    place = np.full(len(log), -1)
    entered = np.unique(customer)
    place[entered] = np.arange(len(entered))
    back = (place[returns[0]] >= 0) & (returns[1] >= first)
    activity = Activity.of(
        periods,
        len(entered),
        (period - first) * len(entered) + place[customer],
        (returns[1][back] - first) * len(entered) + place[returns[0][back]],
    )
    # Whose first start event of all lies where the log begins.
    return Members(
        definition=definition,
        first=first,
        left_edge=int((period == log.first).sum()),
        through=log.through,
        dropped=log.dropped,
        ids=log.ids,
        keys=log.keys[entered],
        activity=activity,
    )


def _early(
    log: Presence, customer: IntArray, entry: IntArray, definition: RetentionDefinition, start: int | None
) -> BoolArray:
    """Return who entered before the start; where it lies within his period, by the instant."""
    if start is None:
        return np.zeros(len(customer), bool)
    first = int(definition.calendar.index(np.array([start]))[0])
    early = entry < first
    if int(definition.calendar.start(np.array([first]))[0]) < start:
        rows = (log.period == first) & (log.at < start)
        if log.starts is not None:
            rows &= log.starts > 0
        before = np.zeros(len(log), bool)
        before[log.customer[rows]] = True
        early |= before[customer]
    return early


def _begins(customer: IntArray) -> IntArray:
    """Return where each customer's pairs begin."""
    new = np.ones(len(customer), bool)
    new[1:] = customer[1:] != customer[:-1]
    return np.flatnonzero(new)


def first_cohort(entry: IntArray, definition: RetentionDefinition, start: int | None, through: int) -> int:
    """Return the number of the first cohort's period.

    Raises
    ------
    InvalidDataError
        If nobody enters and no start is given, or it lies after the end.
    """
    if start is not None:
        refuse_late_start(start, through, definition.calendar.zone)
        return int(definition.calendar.index(np.array([start]))[0])
    if not len(entry):
        kind = "" if definition.start_kind is None else f" of kind {definition.start_kind!r}"
        raise InvalidDataError(
            f"events hold no start event{kind} through {describe(through, definition.calendar.zone)}. "
            "Check start_kind and through."
        )
    return int(entry.min())
