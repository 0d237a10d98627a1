"""Who is probably still a customer, and who will buy, by how often and how lately he bought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.data import RFM
from clm.errors import InvalidDataError
from clm.plot._fits import predicts, refuse_other
from clm.plot._style import new_axes, ramp, seamless, tidy, units, whole
from clm.stats import plain_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.ltv import PurchaseFit
    from clm.typing import FloatArray

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
    grid, across, up = _grid(fit, rfm, "P(alive)")
    alive = np.asarray(fit.probability_alive(grid).value, float).reshape(up.shape)
    ax = tidy(new_axes(ax), grid=None)
    shades = ax.contourf(across, up, alive, levels=np.linspace(0, 1, 11), cmap=ramp())
    lines = ax.contour(across, up, alive, levels=[0.25, 0.5, 0.75], colors="#101010", linewidths=0.8)
    ax.clabel(lines, fmt=lambda level: f"{100 * level:.0f}%", fontsize="x-small")
    bar = ax.figure.colorbar(shades, ax=ax, ticks=np.linspace(0, 1, 6), pad=0.02)
    bar.ax.set_yticklabels([f"{tick:.0f}%" for tick in np.linspace(0, 100, 6)])
    bar.set_label("P(alive)")
    seamless(bar)
    return _labelled(ax, rfm)


def expected_purchases(fit: Any, rfm: RFM, ax: Axes | None = None, *, horizon: float) -> Axes:
    """Draw how many purchases to expect by frequency and recency, for customers as old as the oldest of the data.

    Parameters
    ----------
    fit
        A fitted purchase model.
    rfm
        The customers: their oldest age and the reach of their frequencies give the axes.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    horizon
        How far ahead, above 0, in the fit's unit.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If nobody bought again, so that there is no frequency to show, or the horizon is not above 0.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> rfm = clm.RFM.from_arrays([2, 0, 5], [30.0, 0, 20.0], [38.9, 38.9, 38.9])
    >>> fit = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
    >>> clm.plot.expected_purchases(fit, rfm, horizon=39).get_ylabel()
    'Frequency: repeat purchases'
    """
    ahead = plain_number(horizon, "horizon", lowest=0)
    if not ahead:
        raise InvalidDataError("horizon must be above 0.")
    grid, across, up = _grid(fit, rfm, "expected purchases")
    expected = np.asarray(fit.expected_purchases(grid, horizon=ahead).value, float).reshape(up.shape)
    ax = tidy(new_axes(ax), grid=None)
    shades = ax.contourf(across, up, expected, levels=12, cmap=ramp())
    bar = ax.figure.colorbar(shades, ax=ax, pad=0.02)
    name = rfm.unit if ahead == 1 else units(rfm.unit)
    bar.set_label(f"Purchases in the next {ahead:g} {name}")
    seamless(bar)
    return _labelled(ax, rfm)


def _grid(fit: Any, rfm: RFM, what: str) -> tuple[RFM, FloatArray, FloatArray]:
    """Return histories over the plane of recency and frequency, and their places in it."""
    predicts(fit)
    refuse_other(rfm, RFM, "purchase histories, as from clm.rfm", "rfm")
    repeaters = rfm.frequency > 0
    if not repeaters.any():
        raise InvalidDataError(f"nobody bought again, so there is no frequency to show {what} by.")
    age = float(rfm.T.max())
    highest = int(np.clip(np.quantile(rfm.frequency[repeaters], 0.995), 3, MOST_FREQUENT))
    recency: FloatArray = np.linspace(age / STEPS / 2, age, STEPS)
    frequency: FloatArray = np.arange(1, highest + 1, dtype=float)
    if getattr(fit, "discrete", False):
        # Purchases fall on whole units of time, at most one on each.
        recency = np.arange(1, age + 1)
        frequency = frequency[frequency <= age]
    across, up = np.meshgrid(recency, frequency)
    most = across.ravel() if getattr(fit, "discrete", False) else np.inf
    grid = RFM.from_arrays(np.minimum(up.ravel(), most), across.ravel(), np.full(up.size, age), unit=rfm.unit)
    return grid, across, up


def _labelled(ax: Axes, rfm: RFM) -> Axes:
    ax.set_xlabel(f"Recency: age at the last purchase ({units(rfm.unit)})")
    ax.set_ylabel("Frequency: repeat purchases")
    whole(ax, "y")
    return ax
