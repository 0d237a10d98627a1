"""What was seen of a retention curve and where it is expected to go, in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm.plot._style import BLUE, GREY, ORANGE, new_axes, percent, tidy, units, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.ltv import RetentionProjection

_MOST_MARKS = 60


def retention_projection(projection: RetentionProjection, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw the share still there after each renewal, as observed and as projected, with the projection's band.

    Parameters
    ----------
    projection
        From ``clm.project_retention``.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    level
        Nominal coverage of the band, and of the bars of what was observed, at each renewal.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> ahead = clm.project_retention([1000, 869, 743, 653, 593, 551, 517, 491], horizon=12)
    >>> clm.plot.retention_projection(ahead).get_xlabel()
    'Renewals (periods)'
    """
    ax = tidy(new_axes(ax))
    expected = np.asarray(projection.projected.value, float)
    low, high = (np.asarray(end, float) for end in projection.projected.confidence_interval(level))
    renewal = np.arange(len(expected))
    if not np.isnan(low).all():
        ax.fill_between(renewal, low, high, color=BLUE, alpha=0.2, linewidth=0, label=f"{100 * level:g}% band")
    by = projection.projected.name.removeprefix("retention projected by ").removeprefix("the ")
    ax.plot(renewal, expected, color=BLUE, linewidth=1.8, label=by)
    seen = np.asarray(projection.observed.value, float)
    last = len(seen) - 1
    low, high = (np.asarray(end, float) for end in projection.observed.confidence_interval(level))
    if last <= _MOST_MARKS:
        ends = np.stack([seen - low, high - seen])
        ax.errorbar(
            np.arange(last + 1), seen, yerr=ends, fmt="o", color=ORANGE, markersize=3.5, linewidth=1, label="observed"
        )
    else:
        ax.plot(np.arange(last + 1), seen, color=ORANGE, linewidth=1.2, label="observed")
    if projection.horizon > last:
        ax.axvline(last, color=GREY, linewidth=0.8, linestyle=":")
    ax.set_xlim(-0.02 * projection.horizon, max(projection.horizon, 1) * 1.02)
    ax.set_ylim(0, 1.04)
    ax.set_xlabel(f"Renewals ({units(projection.unit)})")
    ax.set_ylabel("Still there")
    whole(ax, "x", most=10)
    percent(ax, "y")
    ax.legend(frameon=False, fontsize="small", loc="best")
    return ax
