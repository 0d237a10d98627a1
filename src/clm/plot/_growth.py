"""Who joined, stayed, came back and fell silent by period, and how often a threshold of silence errs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm.errors import InvalidDataError
from clm.plot._style import BLUE, GREEN, GREY, LINES, ORANGE, new_axes, percent, tidy, units, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer

    from clm.retention import ChurnThreshold, GrowthAccounting
    from clm.typing import BoolArray

_RETAINED = LINES[4]


def growth_accounting(flows: GrowthAccounting, ax: Axes | None = None) -> Axes:
    """Draw the customers of each period by where they come from, and below zero those who fell silent.

    Parameters
    ----------
    flows
        From ``clm.growth_accounting``.
    ax
        Where to draw; by default a new figure, 5 inches wide.

    Returns
    -------
    matplotlib.axes.Axes
        The bars of a period that still runs are hatched: more customers may come, and fewer be missing.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> log = {"customer_id": [1, 2, 1, 3], "at": ["2025-01-06", "2025-01-07", "2025-01-14", "2025-01-15"]}
    >>> clm.plot.growth_accounting(clm.growth_accounting(log, through="2025-01-19")).get_ylabel()
    'Customers'
    """
    ax = tidy(new_axes(ax))
    place = np.arange(len(flows.periods))
    running = flows.status == "in_progress"
    below = np.zeros(len(place))
    layers = (
        ("retained", flows.retained, _RETAINED),
        ("resurrected", flows.resurrected, GREEN),
        ("new", flows.new, BLUE),
    )
    for name, counts, colour in layers:
        bars = ax.bar(place, counts, bottom=below, color=colour, width=0.8, label=name)
        below = below + counts
        _hatch(bars, running)
    _hatch(ax.bar(place, -flows.dormant, color=ORANGE, width=0.8, label="dormant"), running)
    ax.axhline(0, color=GREY, linewidth=0.8)
    shown = place[:: max(1, -(-len(place) // 5))]
    ax.set_xticks(shown, [str(flows.periods[i]) for i in shown], fontsize="small")
    # Who fell silent is counted from 0 on too.
    from matplotlib.ticker import FuncFormatter

    whole(ax, "y")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))
    ax.set_ylabel("Customers")
    ax.set_xlabel(flows.period.capitalize())
    ax.legend(frameon=False, fontsize="small", ncols=4, loc="lower left", bbox_to_anchor=(0, 1.0))
    return ax


def churn_threshold(threshold: ChurnThreshold, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw the errors of every threshold of silence, and where those that were found lie.

    Parameters
    ----------
    threshold
        From ``clm.churn_threshold``.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    level
        Nominal coverage of the bands at each threshold.

    Returns
    -------
    matplotlib.axes.Axes
        A threshold that is undefined, or has errors that are, is left out.

    Raises
    ------
    InvalidDataError
        If nobody, or everybody, came back after the reference.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> found = clm.churn_threshold(clm.datasets.cdnow(), through="1998-06-30", quantile=0.4)
    >>> clm.plot.churn_threshold(found).get_xlabel()
    'Silent for at least (days)'
    """
    errors = threshold.errors
    if not errors.returned or not errors.gone:
        who = "everybody" if errors.returned else "nobody"
        raise InvalidDataError(
            f"there are no errors to draw: {who} came back after the reference. Choose another reference."
        )
    ax = tidy(new_axes(ax))
    for share, colour, label in (
        (errors.type_one, BLUE, "type I: came back, flagged"),
        (errors.type_two, ORANGE, "type II: gone, not flagged"),
    ):
        low, high = share.confidence_interval(level)
        ax.fill_between(errors.lengths, low, high, step="pre", color=colour, alpha=0.2, linewidth=0)
        ax.plot(errors.lengths, share.value, drawstyle="steps-pre", color=colour, linewidth=1.8, label=label)
    marks = (
        (threshold.value, "-", f"{100 * threshold.quantile:g}% of gaps end"),
        (errors.best.value, "--", "least errors"),
        (threshold.naive.value, ":", "naive percentile"),
    )
    for length, style, label in marks:
        if not np.isnan(length):
            ax.axvline(length, color=GREY, linestyle=style, linewidth=1.4, label=label)
    ax.set_ylim(0, 1)
    ax.set_xlim(0, None)
    percent(ax, "y")
    ax.set_xlabel(f"Silent for at least ({units(errors.unit)})")
    ax.set_ylabel("Share in error")
    ax.legend(frameon=False, fontsize="small", ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0))
    return ax


def _hatch(bars: BarContainer, running: BoolArray) -> None:
    for bar, runs in zip(bars, running, strict=True):
        if runs:
            bar.set(hatch="////", edgecolor="white", linewidth=0.0)
