"""Survival of customers as a step curve with its band, and the ends that compete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm.errors import InvalidDataError
from clm.plot._style import BLUE, LINES, literally, new_axes, percent, shorten, tidy, units

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.survival import CumulativeIncidence, SurvivalCurve
    from clm.typing import FloatArray


def survival_curve(curve: SurvivalCurve, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw the share still active by age, with its confidence band.

    Parameters
    ----------
    curve
        From ``clm.kaplan_meier`` and its like.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    level
        Nominal coverage of the band at each age.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If the curve has no age at which it is defined.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> curve = clm.kaplan_meier(clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week"))
    >>> clm.plot.survival_curve(curve).get_xlabel()
    'Age (weeks)'
    """
    times, value = np.asarray(curve.times, float), np.asarray(curve.value, float)
    low, high = (np.asarray(end, float) for end in curve.confidence_interval(level))
    known = ~np.isnan(value)
    if not known.any():
        raise InvalidDataError("the survival curve is undefined at every age: nobody's end was seen.")
    ax = tidy(new_axes(ax))
    # The curve holds its last value up to the last age at which anybody was observed.
    x = np.concatenate([[0.0], times[known], [curve.last_age]])
    ax.fill_between(
        x,
        _held(np.nan_to_num(low[known], nan=0.0)),
        _held(np.nan_to_num(high[known], nan=1.0)),
        step="post",
        color=BLUE,
        alpha=0.2,
        linewidth=0,
        label=f"{100 * level:g}% band",
    )
    ax.step(x, _held(value[known]), where="post", color=BLUE, linewidth=1.8, label="still active")
    ax.set_xlim(0, max(x[-1], 1e-9))
    ax.set_ylim(0, 1.02)
    ax.set_xlabel(f"Age ({units(curve.unit)})")
    ax.set_ylabel("Still active")
    percent(ax, "y")
    ax.legend(frameon=False, fontsize="small", loc="upper right")
    return ax


def cumulative_incidence(result: CumulativeIncidence, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw the share lost to each of several competing causes by age, each with its band.

    Parameters
    ----------
    result
        From ``clm.aalen_johansen``, or from ``log.time_in_stage(..., exits=...)``.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    level
        Nominal coverage of the bands at each age.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If nobody was lost to any cause.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> ends = clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week")
    >>> left = clm.aalen_johansen(ends, ["price", "moved", None, "price"])
    >>> clm.plot.cumulative_incidence(left).get_ylabel()
    'Left for each'
    """
    shown = [curve for curve in result.curves if len(curve) and curve.value[-1] > 0]
    if not shown:
        raise InvalidDataError("nobody was lost to any cause: there is no share to draw.")
    ax = tidy(new_axes(ax))
    last = result.survival.last_age
    for number, curve in enumerate(shown):
        colour, style = LINES[number % len(LINES)], ("-", "--", ":")[number // len(LINES) % 3]
        low, high = curve.confidence_interval(level)
        # Before anybody was lost to the cause its share is 0.
        x = np.concatenate([[0.0], curve.times, [1.03 * last]])
        ax.fill_between(x, _from_zero(low), _from_zero(high), step="post", color=colour, alpha=0.15, linewidth=0)
        ax.step(x, _from_zero(curve.value), where="post", color=colour, linestyle=style, label=shorten(curve.cause))
    # A step at the last age is seen only where something follows it.
    ax.set_xlim(0, max(1.03 * last, 1e-9))
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"Age ({units(result.survival.unit)})")
    ax.set_ylabel("Left for each")
    percent(ax, "y")
    legend = ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.02))
    literally(legend.get_texts())
    return ax


def _from_zero(steps: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], steps, [steps[-1]]])


def _held(steps: FloatArray) -> FloatArray:
    return np.concatenate([[1.0], steps, [steps[-1]]])
