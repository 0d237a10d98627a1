"""Count who came back where customers enter again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.retention._activity import Activity
    from clm.retention._columns import AgeColumns
    from clm.typing import BoolArray, FloatArray, IntArray


def counted_again(activity: Activity, rule: str, columns: AgeColumns) -> tuple[IntArray, IntArray]:
    """Return the size of each cohort, and how many of it count as retained in each column.

    Parameters
    ----------
    activity
        Of all customers; every period is a cohort.
    rule
        As in `RetentionDefinition`.
    columns
        Of the table.

    Returns
    -------
    sizes : (p,) ndarray of int64
    retained : (p, c) ndarray of int64
        0 where the column's last period lies beyond the last one.
    """
    sizes = np.zeros(activity.periods, np.int64)
    retained = np.zeros((activity.periods, len(columns)), np.int64)
    for starts, returns in activity.blocks():
        sizes += _row_counts(starts)
        for column, hit in hits(starts, returns, rule, columns):
            retained[: len(hit), column] += _row_counts(hit)
    retained[:, 0] = sizes
    return sizes, retained


def hits(starts: BoolArray, returns: BoolArray, rule: str, columns: AgeColumns) -> Iterator[tuple[int, BoolArray]]:
    """Yield for each column after the first who counts as retained, (cohorts, m), as far as its last period is there.

    Parameters
    ----------
    starts, returns : (p, m) ndarray of bool
        Periods in which each customer entered, and came back.
    """
    periods = len(returns)
    later = np.logical_or.accumulate(returns[::-1], axis=0)[::-1] if rule == "on_or_after" else returns
    so_far: BoolArray | None = None
    for column, (first, last) in enumerate(zip(columns.first.tolist(), columns.last.tolist(), strict=True)):
        cohorts = periods - last
        if cohorts <= 0:
            return
        if not column:
            continue
        reached = later[first : first + cohorts]
        if rule != "on_or_after":
            for age in range(first + 1, last + 1):
                reached = reached | returns[age : age + cohorts]
        if rule == "any":
            reached = so_far = reached if so_far is None else so_far[:cohorts] | reached
        elif rule == "every":
            reached = so_far = reached if so_far is None else so_far[:cohorts] & reached
        yield column, starts[:cohorts] & reached


def clustered(
    activity: Activity, rule: str, columns: AgeColumns, *, retained: FloatArray, entered: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Return the variance of a weighted sum of cohorts' rates in each column, customers being the independent units.

    Parameters
    ----------
    activity, rule, columns
        As for `counted_again`.
    retained, entered : (p, c) ndarray of float64
        What one more retained customer, and one more entered one, of each cohort add to the sum, to first order; the
        former is 0 where a cohort does not count.

    Returns
    -------
    variance : (c,) ndarray of float64
        ``N/(N - 1)`` times the sum of squares of what each customer adds: the linearised variance of a ratio, as in
        cluster sampling [1]_.
    customers : (c,) ndarray of int64
        N, customers who entered a cohort that counts.

    References
    ----------
    .. [1] Cochran (1977), Sampling Techniques, 3rd edition, section 6.
    """
    squares = np.zeros(len(columns))
    customers = np.zeros(len(columns), np.int64)
    for starts, returns in activity.blocks():
        customers[0] += int(starts[np.flatnonzero(retained[:, 0])].any(axis=0).sum())
        for column, hit in hits(starts, returns, rule, columns):
            # An entry adds nothing where nobody was retained, but a cohort that counts always weighs what it retains.
            counts = np.flatnonzero(retained[: len(hit), column])
            if not len(counts):
                continue
            here = starts[counts]
            adds = retained[counts, column] @ hit[counts].astype(np.float64)
            adds += entered[counts, column] @ here.astype(np.float64)
            squares[column] += float(adds @ adds)
            customers[column] += int(here.any(axis=0).sum())
    correction = np.where(customers > 1, customers / np.maximum(customers - 1, 1), np.nan)
    return squares * correction, customers


def _row_counts(flags: BoolArray) -> IntArray:
    # Counting row by row reads bits at memory speed, which summing along an axis does not.
    return np.array([np.count_nonzero(row) for row in flags], np.int64)
