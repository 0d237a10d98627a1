"""Where customers stand: stages over time, and how far they got."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm.errors import InvalidDataError
from clm.journeys import Funnel, StageFunnel
from clm.plot._style import BLUE, literally, new_axes, shorten, stage_colours, tidy, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.core import Lifecycle
    from clm.journeys import Occupancy


def occupancy(result: Occupancy, ax: Axes | None = None, *, lifecycle: Lifecycle | None = None) -> Axes:
    """Draw how many customers are in each stage, period after period, one stage upon the other.

    Parameters
    ----------
    result
        From ``log.occupancy(...)``.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    lifecycle
        Whose ranks say which stages are on the ladder: those get one ramp of blues, the others colours of their own.
        By default all are taken to be on it.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If there is no period to show.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> touchpoints = {"customer_id": ["ann", "bob"], "at": ["2025-01-03", "2025-03-05"], "kind": ["order", "visit"]}
    >>> log = clm.replay(touchpoints, clm.lifecycles.five_stage(), through="2025-06-30")
    >>> clm.plot.occupancy(log.occupancy("month")).get_ylabel()
    'Customers'
    """
    if not len(result.periods):
        raise InvalidDataError("there is no period to show: the log has no visit.")
    ax = tidy(new_axes(ax))
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    ranked = [True] * len(result.stages)
    if lifecycle is not None:
        on_ladder = {stage.name for stage in lifecycle.stages if stage.rank is not None}
        ranked = [stage in on_ladder for stage in result.stages]
    colours = stage_colours(ranked)
    shown = [column for column in range(len(result.stages)) if result.counts[:, column].any()]
    times, counts = np.asarray(result.periods, "datetime64[s]"), result.counts
    if len(times) == 1:
        # One period is a block, not a line without width.
        times, counts = np.array([times[0], times[0] + np.timedelta64(1, "D")]), np.repeat(counts, 2, axis=0)
    ax.stackplot(
        times,
        counts[:, shown].T,
        colors=[colours[column] for column in shown],
        labels=[shorten(result.stages[column]) for column in shown],
        linewidth=0,
    )
    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]  # matplotlib types it not yet
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # as above
    ax.set_xlim(times[0], times[-1])
    ax.set_ylim(bottom=0)
    ax.set_xlabel("Stage at the end of each period")
    ax.set_ylabel("Customers")
    whole(ax, "y")
    handles, labels = ax.get_legend_handles_labels()
    legend = ax.legend(
        handles[::-1], labels[::-1], frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.02)
    )
    literally(legend.get_texts())
    return ax


def funnel(result: Funnel | StageFunnel, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw the share of customers who reached each step, with Wilson's interval, the counts beside it.

    Parameters
    ----------
    result
        From ``clm.funnel(...)`` or ``log.funnel(...)``. Bars are of the customers whose window has closed, where there
        is one; counts are of all.
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
        If nobody entered the funnel, no window has closed yet, or `result` is no funnel.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> touchpoints = {"customer_id": ["ann", "bob"], "at": ["2025-01-03", "2025-03-05"], "kind": ["order", "visit"]}
    >>> log = clm.replay(touchpoints, clm.lifecycles.five_stage(), through="2025-06-30")
    >>> ax = clm.plot.funnel(log.funnel())
    >>> [label.get_text() for label in ax.get_yticklabels()][:3]
    ['reach', 'acquisition', 'conversion']
    """
    if not isinstance(result, (Funnel, StageFunnel)):
        raise InvalidDataError(
            f"a funnel is what clm.funnel or log.funnel returns, not {type(result).__name__}. Give one of those."
        )
    share = np.asarray(result.conversion.value, float)
    if np.isnan(share).all():
        raise InvalidDataError(f"there is no funnel to show: {result.conversion.undefined[0]}.")
    steps = np.arange(len(share))
    low, high = (np.asarray(end, float) for end in result.conversion.confidence_interval(level))
    ax = tidy(new_axes(ax, height=1.0 + 0.36 * len(share)), grid="x")
    ax.barh(steps, share, height=0.7, color=BLUE, alpha=0.8, linewidth=0)
    ax.errorbar(share, steps, xerr=[share - low, high - share], fmt="none", ecolor="black", elinewidth=1.1, capsize=3)
    step_share = np.asarray(result.step_conversion.value, float)
    for step, (count, of_all, of_last) in enumerate(zip(result.counts, share, step_share, strict=True)):
        texts = (f"{count:,}", _percent(of_all), "" if step == 0 else _percent(of_last))
        for place, text in zip(_PLACES, texts, strict=True):
            _beside(ax, place, step, text)
    for place, text in zip(_PLACES, ("customers", "of all", "of last"), strict=True):
        _beside(ax, place, -0.85, text, muted=True)
    ax.set_ylim(len(share) - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ax.set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
    ax.set_yticks(steps, [shorten(stage, 18) for stage in np.asarray(result.conversion.index)])
    literally(ax.get_yticklabels())
    ax.tick_params(axis="y", length=0)
    whom = "all who entered" if result.window is None else "closed windows"
    ax.set_xlabel(f"Of {whom} ({100 * level:g}% interval)")
    return ax


_PLACES = (54, 98, 142)
"""Right ends of the columns of figures beside the bars, in points from the axes."""


def _beside(ax: Axes, place: int, row: float, text: str, *, muted: bool = False) -> None:
    ax.annotate(
        text,
        (1.0, row),
        xycoords=ax.get_yaxis_transform(),
        xytext=(place, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize="x-small" if muted else "small",
        alpha=0.7 if muted else 1.0,
        annotation_clip=False,
    )


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f}%"
