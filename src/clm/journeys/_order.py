"""Put a log in the order in which the machine reads it: by customer, then by time, then by what breaks ties."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.typing import Array, IntArray


def in_order(
    customer: IntArray, at: IntArray, rows: IntArray, tie_breakers: Sequence[Array]
) -> tuple[IntArray, IntArray]:
    """Sort rows by customer, time and tie breakers; what is equal in all of them stays in row order.

    Parameters
    ----------
    customer, at, tie_breakers
        Columns of the log, shape (n,).
    rows
        The rows to sort, ascending, shape (m,).

    Returns
    -------
    rows : (m,) ndarray of int64
        Sorted.
    customers : (m,) ndarray
        Customer of each.
    """
    keys = [column[rows] for column in (*reversed(tie_breakers), at, customer)]
    whose, when = keys[-1], keys[-2]
    later = when[1:] >= when[:-1]
    if not tie_breakers and bool(np.all((whose[1:] > whose[:-1]) | ((whose[1:] == whose[:-1]) & later))):
        return rows, whose
    order = np.lexsort(keys)
    return rows[order], whose[order]


def count_ties(customers: IntArray, at: IntArray, order: Array | None) -> int:
    """Count rows whose place nothing but their row decided: same customer, instant and `order` as the one before."""
    same = (customers[1:] == customers[:-1]) & (at[1:] == at[:-1])
    if order is not None:
        same &= order[1:] == order[:-1]
    return int(same.sum())


def ranks(column: Array, *, missing_last: bool = False) -> IntArray:
    """Return the place of each value among the distinct ones, so that columns of any type can be sorted by."""
    if column.dtype == object:
        missing = np.fromiter((value is None or value != value for value in column), bool, len(column))  # noqa: PLR0124  # NaN
        texts = np.where(missing, "", column).astype(str)
        places = np.unique(texts, return_inverse=True)[1].reshape(-1).astype(np.int64)
        places[missing] = len(places) if missing_last else -1
        return places
    return np.unique(column, return_inverse=True)[1].reshape(-1).astype(np.int64, copy=False)
