"""Put a log in the order in which the machine reads it: by customer, then by time, then by what breaks ties."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.typing import Array, BoolArray, IntArray


def row_numbers(kept: BoolArray) -> IntArray:
    """Return the numbers of the rows that are kept, in as few bytes as they need."""
    rows = np.flatnonzero(kept)
    return rows.astype(np.int32) if len(kept) < np.iinfo(np.int32).max else rows


def in_order(customer: IntArray, at: IntArray, rows: IntArray, tie_breakers: Sequence[Array]) -> IntArray:
    """Sort rows by customer, time and tie breakers; what is equal in all of them stays in row order.

    Parameters
    ----------
    customer, at, tie_breakers
        Columns of the log, shape (n,).
    rows
        The rows to sort, ascending, shape (m,).

    Returns
    -------
    (m,) ndarray of int
        The rows, sorted.
    """
    whose, when = customer[rows], at[rows]
    if tie_breakers:
        keys = [column[rows] for column in reversed(tie_breakers)]
        return rows[np.lexsort([*keys, when, whose])]
    if bool(np.all(when[1:] >= when[:-1])):
        # Most logs are written as time goes by: then only customers have to be gathered.
        del when
        return rows[np.argsort(whose, kind="stable")]
    return rows[np.lexsort([when, whose])]


def count_ties(customer: IntArray, at: IntArray, rows: IntArray, order: Array | None) -> int:
    """Count the sorted rows whose place nothing but their row decided: same customer, instant and `order` as before."""
    same = np.ones(max(len(rows) - 1, 0), bool)
    for column in (customer, at, order):
        if column is not None:
            ordered = column[rows]
            same &= ordered[1:] == ordered[:-1]
    return int(np.count_nonzero(same))


def ranks(column: Array, *, missing_last: bool = False) -> IntArray:
    """Return the place of each value among the distinct ones, so that columns of any type can be sorted by."""
    if column.dtype == object:
        missing = np.fromiter((value is None or value != value for value in column), bool, len(column))  # noqa: PLR0124  # NaN
        texts = np.where(missing, "", column).astype(str)
        places = np.unique(texts, return_inverse=True)[1].reshape(-1).astype(np.int64)
        places[missing] = len(places) if missing_last else -1
        return places
    return np.unique(column, return_inverse=True)[1].reshape(-1).astype(np.int64, copy=False)
