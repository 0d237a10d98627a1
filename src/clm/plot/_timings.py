"""When single customers bought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.frames._tracking import occasions_of_some
from clm.plot._style import BLUE, GREY, literally, new_axes, shorten, tidy
from clm.stats import whole_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 60


def customer_timings(
    orders: Any,
    ax: Axes | None = None,
    *,
    customers: int = 20,
    customer: str | None = None,
    at: str | None = None,
    amount: str | None = None,
    start: Any = None,
    through: Any = None,
    tz: Any = "UTC",
) -> Axes:
    """Draw the purchase days of some customers, each on a line of his own, by the day they came.

    Parameters
    ----------
    orders
        One row an order: any dataframe, or a `Source`.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    customers
        How many, from 1 to 60, evenly spread over all in the order in which they came.
    customer, at, amount, start, through, tz
        As in ``clm.rfm``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        As ``clm.rfm``, or if `customers` is no whole number from 1 to 60.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = clm.plot.customer_timings(clm.datasets.cdnow(), customers=10, through="1997-09-30")
    >>> len(ax.get_yticks())
    10
    """
    count = whole_number(customers, "customers")
    if not 1 <= count <= MOST:
        raise InvalidDataError(f"customers must be a whole number from 1 to {MOST}, not {customers!r}.")
    columns = {"customer": customer, "at": at, "amount": amount}
    ids, row, days, last = occasions_of_some(orders, columns, count, start=start, through=through, tz=tz)
    ax = tidy(new_axes(ax, height=max(1.6, 0.8 + 0.15 * len(ids))), grid="x")
    first = np.flatnonzero(np.diff(row, prepend=-1))
    dates = days.astype("M8[D]")
    ax.hlines(row[first], dates[first], last, color=GREY, linewidth=0.8, alpha=0.6)
    again = np.ones(row.size, bool)
    again[first] = False
    ax.plot(dates[first], row[first], "D", color="black", markersize=3.5, label="first purchase")
    ax.plot(dates[again], row[again], "o", color=BLUE, markersize=3.5, label="repeat purchase")
    ax.set_yticks(np.arange(len(ids)))
    literally(ax.set_yticklabels([shorten(label, 12) for label in ids]))
    ax.tick_params(axis="y", labelsize="x-small")
    ax.set_ylim(len(ids) - 0.4, -0.6)
    ax.set_ylabel("Customer")
    ax.set_xlabel("Date")
    _dated(ax)
    ax.legend(frameon=False, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax


def _dated(ax: Axes) -> None:
    from matplotlib import dates

    of_dates: Any = dates  # its classes have no types
    locator = of_dates.AutoDateLocator(maxticks=7)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(of_dates.ConciseDateFormatter(locator))
