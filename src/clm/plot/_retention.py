"""Who came back: the cohort table as a heat map, and its curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.plot._style import BLUE, GREY, ink_on, new_axes, percent, ramp, seamless, tidy, units, whole
from clm.retention import RetentionTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.typing import Array, FloatArray

MOST_NUMBERED = 19
MOST_LABELS = 26
MOST_SHAPES = 20_000
MOST_TICKS = 14


def retention_table(table: RetentionTable, ax: Axes | None = None) -> Axes:
    """Draw the share that came back, cohort by age.

    Cells that nobody could observe stay blank, cells whose period still runs are hatched: neither is a zero.

    Parameters
    ----------
    table
        From ``clm.retention_table``.
    ax
        Where to draw; by default a new figure, 5 inches wide.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If the table has no cohort, or none that is old enough for age 1.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> events = {"customer_id": ["a", "a", "b"], "at": ["2025-01-01", "2025-02-03", "2025-02-10"]}
    >>> table = clm.retention_table(events, clm.RetentionDefinition(period="month"), through="2025-03-31")
    >>> clm.plot.retention_table(table).get_xlabel()
    'Age (months)'
    """
    _check(table)
    filled = np.flatnonzero(np.asarray(table.sizes) > 0)
    if not filled.size:
        raise InvalidDataError("the retention table has no cohort to show.")
    # Cohorts that nobody entered, before the first customers and after the last, would be blank rows.
    rows = slice(int(filled[0]), int(filled[-1]) + 1)
    rates, status = np.asarray(table.rates().value, float)[rows], np.asarray(table.status)[rows]
    ages = int(np.flatnonzero((status != "unobserved").any(axis=0))[-1]) + 1
    if ages < 2:
        raise InvalidDataError("no cohort is old enough to show who came back at age 1.")
    rates, status, sizes = rates[:, :ages], status[:, :ages], np.asarray(table.sizes)[rows]
    cohorts = len(rates)
    ax = new_axes(ax, height=float(np.clip(0.26 * cohorts + 1.1, 2.0, 7.0)))
    # Age 0 is everybody by definition; its 100 percent would wash out all others.
    later = rates[:, 1:]
    top = _upper_end(later)
    from matplotlib.colors import Normalize

    shades, scale = ramp(), Normalize(0.0, top)
    mesh = ax.pcolormesh(
        np.arange(ages) + 0.5,
        np.arange(cohorts + 1) - 0.5,
        np.ma.masked_invalid(later),
        cmap=shades,
        norm=scale,
        linewidth=0.5 if ages <= MOST_NUMBERED else 0.0,
    )
    # So many cells are better kept as an image than as shapes.
    mesh.set_rasterized(later.size > MOST_SHAPES)
    # A line around a cell that is not there would show on a dark page.
    mesh.set_edgecolor(["none" if missing else "white" for missing in np.isnan(later).ravel()])
    _hatch(ax, status[:, 1:] == "in_progress")
    if ages <= MOST_NUMBERED and cohorts <= MOST_LABELS:
        for (row, column), rate in np.ndenumerate(later):
            if not np.isnan(rate):
                ink = ink_on(shades(scale(rate)))
                label = f"{100 * rate:.0f}"
                ax.text(column + 1, row, label, ha="center", va="center", fontsize="x-small", color=ink)
    tidy(ax, grid=None)
    ax.set_xlim(0.5, max(ages - 0.5, 1.5))
    ax.set_ylim(cohorts - 0.5, -0.5)
    ticks = np.arange(1, max(ages, 2), -(-ages // MOST_TICKS))
    columns = table.columns
    ax.set_xticks(ticks, [_span(columns.first[tick], columns.last[tick]) for tick in ticks])
    shown = np.arange(0, cohorts, -(-cohorts // MOST_LABELS))
    labels = _cohort_labels(np.asarray(table.cohorts)[rows], table.definition.period)
    ax.set_yticks(shown, [f"{labels[row]} ({sizes[row]:,})" for row in shown], fontsize="small")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02)
    percent(bar.ax, "y")
    bar.set_label("Came back")
    seamless(bar)
    marks = {"in_progress": "hatched: still in progress", "unobserved": "blank: not observable yet"}
    told = "; ".join(mark for name, mark in marks.items() if (status == name).any())
    ax.set_title(told, fontsize="small", loc="left")
    ax.set_xlabel(f"Age ({units(table.definition.period)})")
    ax.set_ylabel("Cohort (customers)")
    return ax


def retention_curve(table: RetentionTable, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw the share that came back by age, over all cohorts that are old enough, with its band.

    Parameters
    ----------
    table
        From ``clm.retention_table``.
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
        If no cohort is old enough for age 1.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> events = {"customer_id": ["a", "a", "b"], "at": ["2025-01-01", "2025-02-03", "2025-02-10"]}
    >>> table = clm.retention_table(events, clm.RetentionDefinition(period="month"), through="2025-03-31")
    >>> clm.plot.retention_curve(table).get_ylabel()
    'Came back'
    """
    _check(table)
    curve = table.curve()
    ages = np.arange(np.size(curve.value)) if curve.index is None else np.asarray(curve.index, float)
    value = np.asarray(curve.value, float)
    low, high = (np.asarray(end, float) for end in curve.confidence_interval(level))
    later = (ages > 0) & ~np.isnan(value)
    if not later.any():
        raise InvalidDataError("no cohort is old enough to show who came back at age 1.")
    ax = tidy(new_axes(ax))
    marker = "o" if later.sum() <= MOST_LABELS else None
    ax.fill_between(
        ages[later], low[later], high[later], color=BLUE, alpha=0.25, linewidth=0, label=f"{100 * level:g}% band"
    )
    ax.plot(ages[later], value[later], color=BLUE, linewidth=1.8, marker=marker, markersize=3.5, label="came back")
    ax.set_ylim(0, float(np.nanmax(high[later])) * 1.08 or 1.0)
    ax.set_xlabel(f"Age ({units(table.definition.period)})")
    ax.set_ylabel("Came back")
    whole(ax, "x", most=10)
    percent(ax, "y")
    ax.legend(frameon=False, fontsize="small", loc="upper right")
    return ax


def _upper_end(rates: FloatArray) -> float:
    known = rates[~np.isnan(rates)]
    return max(float(known.max()) if known.size else 0.0, 0.01)


def _hatch(ax: Axes, running: Any) -> None:
    from matplotlib.patches import Rectangle

    for row, column in np.argwhere(running):
        ax.add_patch(
            Rectangle((column + 0.5, row - 0.5), 1, 1, fill=False, hatch="////", edgecolor=GREY, linewidth=0.0)
        )


def _span(first: int, last: int) -> str:
    """Return the ages of a column: a bracket holds several."""
    return f"{first}" if first == last else f"{first}\N{EN DASH}{last}"


def _cohort_labels(cohorts: Array, period: str) -> list[str]:
    if period == "hour":
        return [str(start).replace("T", " ") for start in cohorts]
    starts = cohorts.astype("datetime64[D]")
    if period == "month":
        return [str(start)[:7] for start in starts]
    if period == "quarter":
        return [f"{str(start)[:4]} Q{(int(str(start)[5:7]) + 2) // 3}" for start in starts]
    if period == "year":
        return [str(start)[:4] for start in starts]
    return [str(start) for start in starts]


def _check(table: object) -> None:
    if not isinstance(table, RetentionTable):
        raise InvalidDataError(f"this draws what clm.retention_table returns, not {type(table).__name__}.")
