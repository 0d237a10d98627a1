"""How many customers bought how often, and how often they should have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.data import RFM
from clm.errors import InvalidDataError
from clm.ltv._expected_counts import expected_counts
from clm.plot._fits import around_centre
from clm.plot._style import BLUE, GREY, ORANGE, new_axes, tidy, units, whole
from clm.stats import whole_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 40
BARS = 30


def purchase_counts(rfm: RFM, fit: Any = None, ax: Axes | None = None, *, most: int = 7, level: float = 0.95) -> Axes:
    """Draw how many customers bought 0, 1, 2 ... times again, and how many a model expects to.

    Parameters
    ----------
    rfm
        Purchase histories; weights count.
    fit
        A fitted purchase model; by default only what came is drawn.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    most
        Purchases from which on customers are counted together, from 1 to 40.
    level
        Nominal coverage of the intervals of what is expected.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If there are no histories, `most` is no whole number from 1 to 40, or the fit is none.
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    A model is asked for each customer as if he were new, for as long as he has been known.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), through="1997-09-30")
    >>> ax = clm.plot.purchase_counts(rfm, clm.BGNBD().fit(rfm))
    >>> int(ax.patches[0].get_height())
    1411
    """
    last = whole_number(most, "most")
    if not 1 <= last <= MOST:
        raise InvalidDataError(f"most must be a whole number from 1 to {MOST}, not {most!r}.")
    _refuse_none(rfm)
    counts = np.minimum(rfm.frequency, last).astype(np.int64)
    came = np.bincount(counts, rfm.weights, minlength=last + 1)
    ax = tidy(new_axes(ax))
    at = np.arange(last + 1)
    ax.bar(at, came, width=0.7, color=BLUE, alpha=0.85, linewidth=0, label="actual")
    if fit is not None:
        expected = expected_counts(around_centre(fit), rfm, last)
        low, high = expected.confidence_interval(level)
        ends = np.nan_to_num(np.stack([expected.value - low, high - expected.value]))
        label = "expected" if np.isnan(low).any() else f"expected, {100 * level:g}% interval"
        ax.errorbar(
            at, expected.value, yerr=ends, fmt="o", color=ORANGE, markersize=4, capsize=3, linewidth=1.2, label=label
        )
        ax.legend(frameon=False, fontsize="small", loc="upper right")
    ax.set_xticks(at[:: 1 + last // 12])
    ax.set_xticklabels([f"{count}+" if count == last else f"{count}" for count in at[:: 1 + last // 12]])
    ax.set_xlabel("Repeat purchases")
    ax.set_ylabel("Customers")
    whole(ax, "y")
    return ax


def interpurchase_times(rfm: RFM, ax: Axes | None = None, *, up_to: float = 0.99) -> Axes:
    """Draw how long customers wait between purchases: of each repeat buyer the mean time.

    Parameters
    ----------
    rfm
        Purchase histories; weights count, and customers without a repeat purchase are left out.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    up_to
        Share of the repeat buyers that the bars before the last one span.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If nobody bought again, or `up_to` is not a share above 0.
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    Those who wait long have often not bought again yet, so the times of all customers are longer than those seen.

    Examples
    --------
    >>> rfm = clm.RFM.from_arrays([2, 0, 5], [30.0, 0, 20.0], [38.9, 38.9, 38.9])
    >>> clm.plot.interpurchase_times(rfm).get_xlabel()
    'Mean time between purchases (weeks)'
    """
    if not 0 < up_to <= 1:
        raise InvalidDataError(f"up_to must lie above 0 and not above 1, not {up_to!r}.")
    _refuse_none(rfm)
    again = rfm.frequency > 0
    if not again.any():
        raise InvalidDataError("nobody bought again, so there is no time between purchases.")
    waits = rfm.recency[again] / rfm.frequency[again]
    customers = np.ones(waits.size) if rfm.weights is None else rfm.weights[again]
    top = float(np.quantile(waits, up_to))
    edges = np.linspace(0, top if top > 0 else 1.0, BARS + 1)
    heights = np.histogram(waits[waits <= top], bins=edges, weights=customers[waits <= top])[0]
    ax = tidy(new_axes(ax))
    ax.bar(edges[:-1], heights, width=np.diff(edges), align="edge", color=BLUE, alpha=0.85, linewidth=0)
    longer = float(customers[waits > top].sum())
    if longer:
        step = edges[1]
        ax.bar(top + step / 2, longer, width=step, align="edge", color=GREY, linewidth=0, label=f"above {top:.3g}")
    order = np.argsort(waits)
    so_far = np.cumsum(customers[order])
    median = float(waits[order][np.searchsorted(so_far, so_far[-1] / 2)])
    ax.axvline(median, color="black", linestyle="--", linewidth=1.5, label=f"median {median:.3g}")
    ax.set_xlabel(f"Mean time between purchases ({units(rfm.unit)})")
    ax.set_ylabel("Repeat buyers")
    ax.set_xlim(left=0)
    whole(ax, "y")
    ax.legend(frameon=False, fontsize="small", loc="upper right")
    return ax


def _refuse_none(rfm: Any) -> None:
    if not isinstance(rfm, RFM):
        raise InvalidDataError(f"rfm must be purchase histories, not {type(rfm).__name__}. Build them with clm.rfm.")
    if not len(rfm):
        raise InvalidDataError("rfm holds no histories. Check the filters before it.")
