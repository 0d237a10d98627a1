"""What is known of customers, joined to their purchase histories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.frames._ids import identify
from clm.frames._source import open_table
from clm.stats import frozen_array, where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.data import RFM
    from clm.typing import Array, FloatArray


def covariates(
    frame: Any, rfm: RFM, *, columns: Sequence[str] | str, customer: str | None = None
) -> dict[str, FloatArray]:
    """Look up what is known of each customer, in the order of his purchase history, for a model with covariates.

    Parameters
    ----------
    frame
        One row a customer: any dataframe, or a `Source`. Customers who are not in `rfm` do not matter.
    rfm
        Purchase histories with ids, as ``clm.rfm`` makes them.
    columns
        Names of columns that hold numbers or truth values.
    customer
        Name of the column of ids; by default ``customer_id``.

    Returns
    -------
    dict of str to ndarray
        By column, one number a customer of `rfm`; NaN where the frame has none.

    Raises
    ------
    InvalidDataError
        If a column is missing or holds no numbers, `rfm` has no ids, a customer comes twice, or one of `rfm` is not in
        the frame.

    Examples
    --------
    >>> orders = {"customer_id": ["bob", "ann", "bob"], "at": ["2025-01-01", "2025-01-03", "2025-01-08"]}
    >>> histories = clm.rfm(orders, through="2025-01-31")
    >>> customers = {"customer_id": ["ann", "bob"], "age": [41, 35], "app": [True, False]}
    >>> clm.covariates(customers, histories, columns=["age", "app"])
    {'age': array([41., 35.]), 'app': array([1., 0.])}
    """
    mine: Array | None = getattr(rfm, "customer", None)
    if mine is None:
        raise InvalidDataError(
            "rfm must be purchase histories with customer ids. Build them with clm.rfm(orders, ...)."
        )
    names = [columns] if isinstance(columns, str) else list(columns)
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidDataError("columns must be names of columns. Give at least one.")
    roles = {f"{name} " if name == "customer" else name: name for name in names}
    table = open_table(
        frame, {"customer": customer, **roles}, required=("customer", *roles), what="customers"
    ).collected()
    ids = identify(table).dense()
    known = np.flatnonzero(ids.keys >= 0)
    keys = ids.keys[known]
    again = np.zeros(len(ids.keys), bool)
    again[known] = np.bincount(keys, minlength=ids.size)[keys] > 1
    if again.any():
        raise InvalidDataError(f"customers come more than once {where(again)}. Give one row each.")
    labels = ids.labels(np.arange(ids.size))
    if len(labels) and (labels.dtype.kind == "U") != (mine.dtype.kind == "U"):
        kinds = ("text", "numbers") if labels.dtype.kind == "U" else ("numbers", "text")
        raise InvalidDataError(f"customers have {kinds[0]} as ids, rfm has {kinds[1]}. Make them the same.")
    place = np.minimum(np.searchsorted(labels, mine), max(len(labels) - 1, 0))
    absent = labels[place] != mine if len(labels) else np.ones(len(rfm), bool)
    if absent.any():
        raise InvalidDataError(
            f"customers of rfm are not in the frame {where(absent)}, as {mine[absent][0]}. "
            "Give them a row, or leave them out of rfm."
        )
    row_of = np.empty(len(labels), np.int64)
    row_of[keys] = known
    rows = row_of[place]
    return {name: frozen_array(_numbers(table.column(role), name)[rows]) for role, name in roles.items()}


def _numbers(column: Any, name: str) -> FloatArray:
    if column.values.dtype.kind == "b":
        return np.where(column.missing, np.nan, column.values)
    numbers: FloatArray = column.numbers(name)
    return numbers
