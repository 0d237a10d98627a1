"""What orders are worth: as they were, and as a model has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from clm.data import RFM
from clm.errors import InvalidDataError
from clm.ltv import GammaGammaFit
from clm.plot._style import BLUE, GREY, ORANGE, new_axes, tidy, whole
from clm.stats import LogNormal, central_differences, delta_estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.stats import Estimate
    from clm.typing import FloatArray

BARS = 30


def order_values(
    rfm: RFM, fit: GammaGammaFit | None = None, ax: Axes | None = None, *, up_to: float = 0.98, level: float = 0.95
) -> Axes:
    """Draw how many repeat buyers spend how much an order, and how many a model expects to.

    Parameters
    ----------
    rfm
        Purchase histories with amounts; weights count, and customers without a repeat order are left out.
    fit
        A fitted ``clm.GammaGamma``; by default only what came is drawn.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    up_to
        Share of the repeat buyers that the bars before the last one span.
    level
        Nominal coverage of the band around what is expected.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If there are no amounts, nobody spent anything on a repeat order, the fit is none or `up_to` is not a share
        above 0.
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    The mean z of x orders lies below z with the probability that a Beta(p x, q) variable lies below
    ``x z / (v + x z)`` [1]_; what is expected is its mean over the repeat buyers.

    References
    ----------
    .. [1] Fader and Hardie (2013), "The gamma-gamma model of monetary value", brucehardie.com/notes/025.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), through="1997-09-30")
    >>> clm.plot.order_values(rfm, clm.GammaGamma().fit(rfm)).get_xlabel()
    'Mean value of a repeat order'
    """
    if not 0 < up_to <= 1:
        raise InvalidDataError(f"up_to must lie above 0 and not above 1, not {up_to!r}.")
    if not isinstance(rfm, RFM):
        raise InvalidDataError(f"rfm must be purchase histories, not {type(rfm).__name__}. Build them with clm.rfm.")
    if fit is not None and not isinstance(fit, GammaGammaFit):
        raise InvalidDataError(f"fit must be what clm.GammaGamma().fit(rfm) returns, not {type(fit).__name__}.")
    if rfm.monetary is None:
        raise InvalidDataError("rfm holds no amounts. Build it from an order log with clm.rfm(orders, amount=...).")
    spent = (rfm.frequency > 0) & (rfm.monetary > 0)
    if not spent.any():
        raise InvalidDataError("nobody spent anything on a repeat order, so there is no value to show.")
    orders, values = rfm.frequency[spent], rfm.monetary[spent]
    customers = np.ones(values.size) if rfm.weights is None else rfm.weights[spent]
    top = float(np.quantile(values, up_to))
    edges = np.linspace(0.0, top, BARS + 1)
    shown = values <= top
    heights = np.histogram(values[shown], bins=edges, weights=customers[shown])[0]
    ax = tidy(new_axes(ax))
    step = edges[1]
    ax.bar(edges[:-1], heights, width=step, align="edge", color=BLUE, alpha=0.7, linewidth=0, label="actual")
    above = float(customers[~shown].sum())
    if above:
        label = f"actual, above {top:,.0f}" if top >= 100 else f"actual, above {top:,.3g}"
        ax.bar(top + step / 2, above, width=step, align="edge", color=GREY, linewidth=0, label=label)
    if fit is not None:
        expected = _expected(fit, orders, customers, edges)
        low, high = expected.confidence_interval(level)
        middle = (edges[1:] + edges[:-1]) / 2
        if not np.isnan(low).any():
            ax.fill_between(middle, low, high, color=ORANGE, alpha=0.25, linewidth=0, label=f"{100 * level:g}% band")
        ax.plot(middle, expected.value, color=ORANGE, linewidth=1.8, label="expected by gamma-gamma")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("Mean value of a repeat order")
    ax.set_ylabel(f"Repeat buyers per {step:,.3g}")
    whole(ax, "y")
    ax.legend(frameon=False, fontsize="small", loc="upper right")
    return ax


def _expected(fit: GammaGammaFit, orders: FloatArray, customers: FloatArray, edges: FloatArray) -> Estimate[Any]:
    """Return how many of the customers are expected between the edges."""
    each, row = np.unique(orders, return_inverse=True)
    weights = np.bincount(row, customers)

    def between(log_values: FloatArray) -> FloatArray:
        p, q, v = np.exp(log_values)
        below = special.betainc(p * each[:, None], q, each[:, None] * edges / (v + each[:, None] * edges))
        return np.asarray(np.diff(weights @ below))

    log_values = np.log(fit.parameters.values)
    return delta_estimate(
        between(log_values),
        central_differences(between, log_values),
        fit.parameters,
        band=LogNormal(),
        name="customers",
        unit="customers",
        definition="Expected customers by mean value of a repeat order, by the gamma-gamma model.",
    )
