"""How value spreads over the customers: the mean is made by few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.plot._style import BLUE, GREY, ORANGE, literally, new_axes, shorten, tidy, vector, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.stats import Estimate

BARS = 30


def value_distribution(values: Estimate[Any], ax: Axes | None = None, *, up_to: float = 0.99) -> Axes:
    """Draw how many customers are worth how much, with the median and the mean.

    The upper tail is collected in the last bar, so that one large customer does not press all others into the first.

    Parameters
    ----------
    values
        One cell a customer, as from ``clm.lifetime_value`` or ``clm.historic_ltv``.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    up_to
        Share of the customers that the bars before the last one span.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If there is no defined value, or `up_to` is not a share above 0.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> values = clm.Estimate(value=[10.0, 12.0, 30.0], n=3, name="value", unit="USD", definition="Value.")
    >>> clm.plot.value_distribution(values).get_xlabel()
    'Value per customer (USD)'
    """
    if not 0 < up_to <= 1:
        raise InvalidDataError(f"up_to must lie above 0 and not above 1, not {up_to!r}.")
    cells = vector(values, "value_distribution")
    cells = cells[~np.isnan(cells)]
    if not cells.size:
        raise InvalidDataError("there is no defined value to show.")
    ax = tidy(new_axes(ax))
    lowest, top = float(cells.min()), float(np.quantile(cells, up_to))
    if top <= lowest:
        top = float(cells.max())
    if top <= lowest:
        top = lowest + 1.0
    edges = np.linspace(lowest, top, BARS + 1)
    counts = np.histogram(cells[cells <= top], bins=edges)[0]
    ax.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=BLUE, alpha=0.85, linewidth=0)
    above = int((cells > top).sum())
    if above:
        step = edges[1] - edges[0]
        ax.bar(top + step / 2, above, width=step, align="edge", color=GREY, linewidth=0, label=f"above {_money(top)}")
    for name, at, colour, style in (
        ("median", float(np.median(cells)), "black", "--"),
        ("mean", float(cells.mean()), ORANGE, "-"),
    ):
        ax.axvline(at, color=colour, linestyle=style, linewidth=1.5, label=f"{name} {_money(at)}")
    name = shorten(f"{values.name[:1].upper()}{values.name[1:]}", 40)
    literally([ax.set_xlabel(f"{name} per customer ({shorten(values.unit)})")])
    ax.set_ylabel("Customers")
    whole(ax, "y")
    ax.legend(frameon=False, fontsize="small", loc="upper right")
    return ax


def _money(amount: float) -> str:
    return f"{amount:,.0f}" if abs(amount) >= 100 else f"{amount:,.2f}"
