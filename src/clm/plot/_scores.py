"""Survey scores side by side, each on its own scale with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.plot._style import BLUE, GREY, LONGEST_LABEL, literally, new_axes, shorten
from clm.satisfaction import SurveyScore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

RANGES = {"percent": (0.0, 100.0), "fraction": (0.0, 1.0)}


def scores(results: Sequence[Any], ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw each score as a dot with its confidence interval, on a track that spans the score's own scale.

    Parameters
    ----------
    results
        Single numbers with an interval: the results of ``clm.nps``, ``clm.csat``, ``clm.ces``, or any estimates.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    level
        Nominal coverage of the intervals.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If there is no result, or one of them has many cells.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = clm.plot.scores([clm.nps([10, 9, 8, 3]), clm.csat([5, 4, 2, 5], scale=clm.Scale(1, 5))])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['NPS', 'CSAT']
    """
    shown = list(results)
    if not shown:
        raise InvalidDataError("there is no score to show. Give a sequence of results.")
    for result in shown:
        if np.ndim(result.value):
            raise InvalidDataError(f"{result.name} has {np.size(result.value)} cells; scores shows single numbers.")
    ax = new_axes(ax, height=0.7 + 0.62 * len(shown))
    for row, result in enumerate(shown):
        _track(ax, row, result, level)
    ax.set_xlim(-0.06, 1.06)
    ax.set_ylim(len(shown) - 0.5, -0.55)
    ax.set_xticks([])
    ax.set_yticks(range(len(shown)), [shorten(result.name) for result in shown])
    literally(ax.get_yticklabels())
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(f"dot: score, bar: {100 * level:g}% interval", fontsize="small")
    return ax


def _track(ax: Axes, row: int, result: Any, level: float) -> None:
    low, high = result.confidence_interval(level)
    bottom, top = _range(result, low, high)

    def place(value: float) -> float:
        return (min(max(value, bottom), top) - bottom) / (top - bottom)

    ax.plot([0, 1], [row, row], color=GREY, alpha=0.35, linewidth=1, zorder=1)
    for value, align in ((bottom, "left"), (top, "right")):
        ax.text(
            place(value), row + 0.13, f"{value:g}", ha=align, va="top", fontsize="x-small", alpha=0.75, parse_math=False
        )
    if np.isnan(result.value):
        text = shorten(f"undefined: {result.undefined}", 2 * LONGEST_LABEL)
    else:
        ax.plot(place(result.value), row, "o", color=BLUE, markersize=7, zorder=3)
        limits = ""
        if np.isfinite(low) and np.isfinite(high):
            ax.plot([place(low), place(high)], [row, row], color=BLUE, linewidth=4, alpha=0.45, zorder=2)
            limits = f" ({_figure(low)} to {_figure(high)})"
        text = f"{_figure(result.value)}{limits} {shorten(result.unit)}, n = {result.n:,}"
    ax.text(0, row - 0.16, text, ha="left", va="bottom", fontsize="small", parse_math=False)


def _range(result: Any, low: float, high: float) -> tuple[float, float]:
    if isinstance(result, SurveyScore):
        bottom, top = result.span
    elif result.unit in RANGES:
        bottom, top = RANGES[result.unit]
    else:
        ends = [value for value in (result.value, low, high, 0.0) if np.isfinite(value)]
        bottom, top = min(ends), max(ends)
    return (bottom, top) if top > bottom else (bottom - 1, bottom + 1)


def _figure(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"
