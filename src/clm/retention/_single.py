"""Count who came back where every customer enters once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clm.retention._columns import AgeColumns
    from clm.typing import IntArray


def runs_of(customer: IntArray, age: IntArray, rule: str, columns: AgeColumns) -> tuple[IntArray, IntArray, IntArray]:
    """Return in which columns each customer counts as retained, as runs of columns.

    Parameters
    ----------
    customer, age : (m,) ndarray of int64
        Distinct pairs with ages from 1 on, by customer and then age: when each customer came back.
    rule
        As in `RetentionDefinition`.
    columns
        Of the table.

    Returns
    -------
    customer, first, last : (r,) ndarray of int64
        The customer counts in these columns, both included. A run may reach beyond what was observed of him.
    """
    if not len(customer):
        return customer, customer, customer
    if rule == "on_or_after":
        ends = np.flatnonzero(np.append(customer[1:] != customer[:-1], True))
        return customer[ends], np.ones(len(ends), np.int64), columns.begun(age[ends])
    column = columns.holding(age)
    if not columns.plain or age.max() >= len(columns):
        inside = column < len(columns)
        customer, column = customer[inside], column[inside]
    if not columns.plain:
        # Several ages of one bracket count once.
        new = np.ones(len(customer), bool)
        new[1:] = (customer[1:] != customer[:-1]) | (column[1:] != column[:-1])
        customer, column = customer[new], column[new]
    if rule == "on" or not len(customer):
        return customer, column, column
    starts = np.flatnonzero(np.append([True], customer[1:] != customer[:-1]))
    if rule == "any":
        return customer[starts], column[starts], np.full(len(starts), len(columns) - 1)
    # Every column so far: the n-th column is n as long as none was left out.
    lengths = np.diff(np.append(starts, len(customer)))
    rank = np.arange(len(column)) - np.repeat(starts, lengths) + 1
    streak = np.add.reduceat((column == rank).astype(np.int64), starts)
    return customer[starts][streak > 0], np.ones(int((streak > 0).sum()), np.int64), streak[streak > 0]


def counted(
    cohort: IntArray, first: IntArray, last: IntArray, shape: tuple[int, int], customers: IntArray | None = None
) -> IntArray:
    """Return how many customers of each cohort count in each column.

    Parameters
    ----------
    cohort
        Row of each run.
    first, last
        Its columns, both included; runs whose last column lies before the first are empty.
    shape
        Cohorts and columns.
    customers
        How many customers each run stands for; by default one.

    Returns
    -------
    (cohorts, columns) ndarray of int64
    """
    rows, width = shape
    if first is last and customers is None:
        return np.bincount(cohort * width + first, minlength=rows * width).reshape(rows, width)
    real = first <= last
    cohort, first, last = cohort[real], first[real], last[real]
    weights = None if customers is None else customers[real].astype(np.float64)
    begin = np.bincount(cohort * (width + 1) + first, weights, minlength=rows * (width + 1))
    end = np.bincount(cohort * (width + 1) + last + 1, weights, minlength=rows * (width + 1))
    change = (begin - end).reshape(rows, width + 1)
    return np.asarray(np.cumsum(change, axis=1)[:, :width].astype(np.int64))
