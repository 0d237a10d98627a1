"""Who is probably still a customer, by how often and how lately he bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm.data import RFM
from clm.errors import InvalidDataError
from clm.plot._style import new_axes, ramp, seamless, tidy, units, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.ltv import PurchaseFit

STEPS = 48
MOST_FREQUENT = 30


def probability_alive(fit: PurchaseFit, rfm: RFM, ax: Axes | None = None) -> Axes:
    """Draw P(alive) by frequency and recency, for customers as old as the oldest of the data.

    Parameters
    ----------
    fit
        A fitted purchase model.
    rfm
        The customers: their oldest age and the reach of their frequencies give the axes.
    ax
        Where to draw; by default a new figure, 5 inches wide.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If nobody bought again, so that there is no frequency to show.
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    A frequent buyer who has been silent for a while is less likely to be alive than a rare buyer who has been silent
    as long: the bend of the lines to the right.

    Examples
    --------
    >>> rfm = clm.RFM.from_arrays([2, 0, 5], [30.0, 0, 20.0], [38.9, 38.9, 38.9])
    >>> fit = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
    >>> clm.plot.probability_alive(fit, rfm).get_xlabel()
    'Recency: age at the last purchase (weeks)'
    """
    repeaters = rfm.frequency > 0
    if not repeaters.any():
        raise InvalidDataError("nobody bought again, so there is no frequency to show P(alive) by.")
    age = float(rfm.T.max())
    highest = int(np.clip(np.quantile(rfm.frequency[repeaters], 0.995), 3, MOST_FREQUENT))
    recency = np.linspace(age / STEPS / 2, age, STEPS)
    frequency = np.arange(1, highest + 1, dtype=float)
    across, up = np.meshgrid(recency, frequency)
    grid = RFM.from_arrays(up.ravel(), across.ravel(), np.full(up.size, age), unit=rfm.unit)
    alive = np.asarray(fit.probability_alive(grid).value, float).reshape(up.shape)

    ax = tidy(new_axes(ax), grid=None)
    shades = ax.contourf(across, up, alive, levels=np.linspace(0, 1, 11), cmap=ramp())
    lines = ax.contour(across, up, alive, levels=[0.25, 0.5, 0.75], colors="#101010", linewidths=0.8)
    ax.clabel(lines, fmt=lambda level: f"{100 * level:.0f}%", fontsize="x-small")
    bar = ax.figure.colorbar(shades, ax=ax, ticks=np.linspace(0, 1, 6), pad=0.02)
    bar.ax.set_yticklabels([f"{tick:.0f}%" for tick in np.linspace(0, 100, 6)])
    bar.set_label("P(alive)")
    seamless(bar)
    ax.set_xlabel(f"Recency: age at the last purchase ({units(rfm.unit)})")
    ax.set_ylabel("Frequency: repeat purchases")
    whole(ax, "y")
    return ax
