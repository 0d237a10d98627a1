"""From who did what when, as numbers, to a retention table."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.retention._columns import AgeColumns
from clm.retention._layout import (
    UNOBSERVED,
    calendar_status,
    cohort_periods,
    own_length,
    own_status,
    windows,
)
from clm.retention._recurring import counted_again
from clm.retention._single import counted, runs_of
from clm.retention._table import RetentionTable
from clm.stats import frozen_array, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.retention._activity import Activity
    from clm.retention._definition import RetentionDefinition
    from clm.typing import IntArray


@final
@frozen(eq=False)
class Entered:
    """Customers who enter once: when they did, and at which ages they came back.

    Attributes
    ----------
    period : (n,) ndarray of int64
        Number of the calendar period of each customer's entry.
    at : (n,) ndarray of int64, or None
        Where his own clock starts, in UTC microseconds; None by the calendar.
    customer, age : (m,) ndarray of int64
        Distinct pairs of a customer's place and an age from 1 on at which he came back often enough, by customer and
        age.
    """

    period: IntArray
    at: IntArray | None
    customer: IntArray
    age: IntArray

    __setstate__ = seal


@final
@frozen(eq=False)
class Runs:
    """In which columns customers count as retained, added up by cohort.

    Attributes
    ----------
    cohort, first, last : (r,) ndarray of int64
        Customers of the period who count from the first to the last column.
    customers : (r,) ndarray of int64, or None
        How many each run stands for; None for one.
    periods, sizes : (p,) ndarray of int64
        Customers who entered in each period that has any.
    """

    cohort: IntArray
    first: IntArray
    last: IntArray
    customers: IntArray | None
    periods: IntArray
    sizes: IntArray

    __setstate__ = seal


@final
@frozen(eq=False, kw_only=True)
class Scope:
    """What is counted, and of which log.

    Attributes
    ----------
    definition : RetentionDefinition
    first : int
        Number of the first cohort's period.
    through : int
        Last instant observed, UTC microseconds.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    left_edge : int
        Customers who entered where the log begins.
    """

    definition: RetentionDefinition
    first: int
    through: int
    dropped: Mapping[str, int]
    left_edge: int

    def cohorts(self) -> IntArray:
        """Return the numbers of the cohorts' periods.

        Raises
        ------
        InvalidDataError
            If there are more than a table can hold.
        """
        return cohort_periods(self.definition, self.first, self.through)


def table_of_runs(runs: Runs, scope: Scope) -> RetentionTable:
    """Lay out a calendar table whose customers enter once.

    Parameters
    ----------
    runs
        In which columns they count.
    scope
        What was counted.

    Raises
    ------
    InvalidDataError
        If there are more cohorts than a table can hold.
    """
    numbers = scope.cohorts()
    columns = AgeColumns.of(scope.definition.brackets, len(numbers))
    sizes = np.zeros(len(numbers), np.int64)
    np.add.at(sizes, runs.periods - scope.first, runs.sizes)
    row = runs.cohort - scope.first
    last = runs.last
    if last is not runs.first or not columns.plain:
        last = np.minimum(last, columns.ended(len(numbers) - row))
    retained = counted(row, runs.first, last, (len(numbers), len(columns)), runs.customers)
    return _calendar_table(scope, numbers, columns, sizes, retained)


def runs_by_period(entered: Entered, definition: RetentionDefinition, ages: int) -> Runs:
    """Return who counts in which columns of a calendar table.

    Parameters
    ----------
    entered
        Customers who enter once.
    definition
        What is counted.
    ages
        How many ages the table has at most.
    """
    customer, first, last = runs_of(
        entered.customer, entered.age, definition.rule, AgeColumns.of(definition.brackets, ages)
    )
    periods, sizes = np.unique(entered.period, return_counts=True)
    return Runs(entered.period[customer], first, last, None, periods, sizes)


def table_of_activity(activity: Activity, scope: Scope) -> RetentionTable:
    """Lay out a calendar table whose customers enter in every period with a start event; as `table_of_runs`."""
    numbers = scope.cohorts()
    columns = AgeColumns.of(scope.definition.brackets, len(numbers))
    sizes, retained = counted_again(activity, scope.definition.rule, columns)
    return _calendar_table(scope, numbers, columns, sizes, retained, activity)


def table_of_own_clocks(entered: Entered, scope: Scope) -> RetentionTable:
    """Lay out a table on customers' own clocks; as `table_of_runs`."""
    assert entered.at is not None
    definition, through, numbers = scope.definition, scope.through, scope.cohorts()
    length = own_length(definition)
    ended, begun = windows(entered.at, through, length)
    columns = AgeColumns.of(definition.brackets, max(int(begun.max(initial=0)), 1))
    row = entered.period - scope.first
    sizes = np.bincount(row, minlength=len(numbers))
    shape = (len(numbers), len(columns))
    final_column = columns.ended(ended)
    observed = counted(row, np.zeros(len(row), np.int64), final_column, shape)
    customer, first_column, last = runs_of(entered.customer, entered.age, definition.rule, columns)
    last = np.minimum(last, final_column[customer])
    retained = counted(row[customer], first_column, last, shape)
    retained[:, 0] = sizes
    observed[:, 0] = sizes
    # Where nobody entered, somebody could have: at the first moment of the period, or at the last.
    starts = definition.calendar.start(np.append(numbers, numbers[-1] + 1))
    fewest, most = windows(starts[1:] - 1, through, length)[0], windows(starts[:-1], through, length)[1]
    filled = sizes > 0
    fewest[filled] = np.iinfo(np.int64).max
    most[filled] = 0
    np.minimum.at(fewest, row, ended)
    np.maximum.at(most, row, begun)
    status = own_status(fewest, most, columns)
    retained[status == UNOBSERVED] = -1
    retained[:, 0] = sizes
    return RetentionTable(
        cohorts=frozen_array(definition.calendar.label(numbers)),
        sizes=frozen_array(sizes),
        retained=frozen_array(retained),
        status=frozen_array(status),
        observed=frozen_array(observed),
        through=np.datetime64(through, "us"),
        definition=definition,
        dropped=scope.dropped,
        left_edge=scope.left_edge,
    )


def _calendar_table(
    scope: Scope,
    numbers: IntArray,
    columns: AgeColumns,
    sizes: IntArray,
    retained: IntArray,
    activity: Activity | None = None,
) -> RetentionTable:
    status = calendar_status(scope.definition, len(numbers), int(numbers[-1]) + 1, scope.through, columns)
    retained[:, 0] = sizes
    unobserved = status == UNOBSERVED
    retained[unobserved] = -1
    return RetentionTable(
        cohorts=frozen_array(scope.definition.calendar.label(numbers)),
        sizes=frozen_array(sizes),
        retained=frozen_array(retained),
        status=frozen_array(status),
        observed=frozen_array(np.where(unobserved, 0, sizes[:, None])),
        through=np.datetime64(scope.through, "us"),
        definition=scope.definition,
        dropped=scope.dropped,
        left_edge=scope.left_edge,
        activity=activity,
    )
