"""The order log that the purchase models were published with."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.typing import Array


def cdnow() -> dict[str, Array]:
    """Load the orders of 2,357 customers of an online music shop.

    All of them bought first in the first quarter of 1997; their orders are known through 1998-06-30. It is the 1/10
    sample of 23,570 customers [1]_ that purchase models are compared on.

    Returns
    -------
    dict of str to ndarray
        Equally long read-only columns, one row an order (6,919), ordered by customer and date: ``customer_id`` (int64),
        ``at`` (datetime64[us], midnight of the day of the order), ``quantity`` (int64, CDs) and ``amount`` (float64, US
        dollars; 8 orders of 0). A customer may have several orders on a day.

    References
    ----------
    .. [1] Fader, Hardie and Lee (2005), Marketing Science 24(2), 275-284. Public data that Fader and Hardie
       distribute for research and teaching.

    Examples
    --------
    >>> orders = clm.datasets.cdnow()
    >>> len(orders["customer_id"]), len(np.unique(orders["customer_id"]))
    (6919, 2357)
    """
    return dict(_columns())


@cache
def _columns() -> dict[str, Array]:
    text = files("clm.datasets").joinpath("cdnow_sample.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    kinds = {
        "customer_id": ("customer_id", "int64"),
        "at": ("date", "datetime64[us]"),
        "quantity": ("quantity", "int64"),
        "amount": ("amount", "float64"),
    }
    return {name: frozen_array([row[column] for row in rows], kind) for name, (column, kind) in kinds.items()}
