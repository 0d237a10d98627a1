"""Predicted purchases beside those that came, by what was known of the customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from clm.data import RFM, Holdout
from clm.errors import InvalidDataError, nearest
from clm.ltv import Backtest, ModelComparison
from clm.plot._fits import predicts, refuse_other
from clm.plot._style import BLUE, GREY, LINES, ORANGE, literally, new_axes, shorten, tidy, units
from clm.stats import Estimate, z_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.typing import Array, FloatArray

By = Literal["frequency", "recency", "T", "silence"]
LAST = 7
BINS = 8


def holdout_purchases(
    fit: Any,
    calibration: RFM,
    holdout: Holdout,
    ax: Axes | None = None,
    *,
    by: By = "frequency",
    level: float = 0.95,
) -> Axes:
    """Draw mean purchases in a holdout, predicted and actual, by what customers had done before.

    Parameters
    ----------
    fit
        A purchase model fitted to the calibration.
    calibration, holdout
        From ``clm.rfm_split``.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    by : {"frequency", "recency", "T", "silence"}
        What customers are grouped by: repeat purchases, age at the last one, age at the end of the calibration, or the
        time between both. All but the first in eight groups of equally many customers.
    level
        Nominal coverage of the intervals: of the predicted means, and of the means that are behind the actual ones.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If the holdout does not belong to the calibration, there are no customers, or `by` is unknown.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> calibration, holdout = clm.rfm_split(clm.datasets.cdnow(), calibrate_through="1997-09-30", through="1998-06-30")
    >>> ax = clm.plot.holdout_purchases(clm.BGNBD().fit(calibration), calibration, holdout)
    >>> ax.get_xlabel()
    'Repeat purchases in the calibration'
    """
    if by not in get_args(By):
        raise InvalidDataError(f"by={by!r} is not one of {', '.join(get_args(By))}.{nearest(str(by), get_args(By))}")
    predicts(fit)
    refuse_other(calibration, RFM, "what clm.rfm_split returns first", "calibration")
    refuse_other(holdout, Holdout, "what clm.rfm_split returns second", "holdout")
    if len(holdout.frequency) != len(calibration) or not len(calibration):
        raise InvalidDataError(
            f"the holdout has {len(holdout.frequency):,} customers, the calibration {len(calibration):,}. "
            "Take both from one clm.rfm_split."
        )
    group, names, across = _groups(calibration, by)
    predicted = fit.expected_purchases(calibration, horizon=holdout.duration)
    means = predicted.mean(by=group)
    ends = _around(means, level)
    counts = np.bincount(group)
    actual = np.bincount(group, holdout.frequency) / counts
    spread = np.bincount(group, (holdout.frequency - actual[group]) ** 2) / np.maximum(counts - 1, 1)
    error = z_score(level) * np.where(counts > 1, np.sqrt(spread / counts), 0.0)
    at = np.arange(len(names))
    ax = tidy(new_axes(ax))
    down = np.minimum(error, actual)
    ax.errorbar(
        at - 0.08, actual, yerr=[down, error], fmt="o-", color=BLUE, markersize=4, linewidth=1.4, label="actual"
    )
    label = f"predicted by {shorten(getattr(fit, 'model', type(fit).__name__))}"
    ax.errorbar(at + 0.08, means.value, yerr=ends, fmt="s--", color=ORANGE, markersize=4, linewidth=1.4, label=label)
    ax.set_xticks(at)
    ax.set_xticklabels(names)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(across)
    ax.set_ylabel(f"Purchases in {holdout.duration:g} {units(holdout.unit)}, mean")
    ax.legend(frameon=False, fontsize="small", loc="best", title=f"{100 * level:g}% intervals", title_fontsize="small")
    return ax


def _groups(calibration: RFM, by: By) -> tuple[Array, list[str], str]:
    if by == "frequency":
        capped = np.minimum(calibration.frequency, LAST).astype(np.int64)
        found, group = np.unique(capped, return_inverse=True)
        names = [f"{count}+" if count == LAST else f"{count}" for count in found]
        return group, names, "Repeat purchases in the calibration"
    values = {
        "recency": calibration.recency,
        "T": calibration.T,
        "silence": calibration.T - calibration.recency,
    }[by]
    across = {
        "recency": "Age at the last purchase",
        "T": "Age at the end of the calibration",
        "silence": "Time since the last purchase",
    }[by]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
    _, group = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)
    counts = np.bincount(group)
    names = [f"{mean:.3g}" for mean in np.bincount(group, values) / counts]
    return group, names, f"{across} (mean of each group, {units(calibration.unit)})"


def _around(means: Estimate[Any], level: float) -> FloatArray:
    low, high = means.confidence_interval(level)
    return np.asarray(np.nan_to_num(np.stack([means.value - low, high - means.value])))


def backtest(result: Backtest, ax: Axes | None = None) -> Axes:
    """Draw mean purchases in the holdout by purchases in the calibration: actual, and predicted by each model.

    Parameters
    ----------
    result
        From ``clm.backtest``.
    ax
        Where to draw; by default a new figure, 5 inches wide.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If it is anything else.
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    ``clm.plot.holdout_purchases`` draws one model with intervals.

    Examples
    --------
    >>> calibration, holdout = clm.rfm_split(clm.datasets.cdnow(), calibrate_through="1997-09-30", through="1998-06-30")
    >>> clm.plot.backtest(clm.backtest([clm.NBD(), clm.BGNBD()], calibration, holdout)).get_ylabel()
    'Purchases in 39 weeks, mean'
    """
    refuse_other(result, Backtest, "what clm.backtest returns of one calibration", "result")
    known = result.bin_customers > 0
    at = np.arange(int(known.sum()))
    ax = tidy(new_axes(ax))
    ax.bar(at, result.bin_actual[known], width=0.7, color=GREY, alpha=0.45, linewidth=0, label="actual")
    for i, score in enumerate(result.scores):
        ax.plot(
            at,
            score.bin_predicted[known],
            color=LINES[i % len(LINES)],
            marker="osD^v<>"[i % 7],
            markersize=4,
            linewidth=1.4,
            label=shorten(score.model),
        )
    ax.set_xticks(at)
    ax.set_xticklabels([name for name, there in zip(result.bins, known, strict=True) if there])
    ax.set_ylim(bottom=0)
    ax.set_xlabel("Repeat purchases in the calibration")
    ax.set_ylabel(f"Purchases in {result.duration:g} {units(result.unit)}, mean")
    literally(ax.legend(frameon=False, fontsize="small", loc="upper left").get_texts())
    return ax


def model_comparison(result: ModelComparison, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw how far the log-likelihood of each model lies below that of the best one, with its interval.

    Parameters
    ----------
    result
        From ``clm.compare_models``.
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
        If it is anything else.
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    The best is the one with the least AIC, which counts parameters too: another may fit a little better.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), through="1997-09-30")
    >>> result = clm.compare_models([clm.NBD().fit(rfm), clm.BGNBD().fit(rfm)])
    >>> [label.get_text() for label in clm.plot.model_comparison(result).get_yticklabels()]
    ['BG/NBD', 'NBD']
    """
    refuse_other(result, ModelComparison, "what clm.compare_models returns", "result")
    order = np.argsort(-result.difference)
    at = np.arange(order.size)
    half = z_score(level) * np.nan_to_num(result.difference_error[order])
    ax = tidy(new_axes(ax, height=max(1.6, 0.9 + 0.34 * order.size)), grid="x")
    ax.errorbar(result.difference[order], at, xerr=half, fmt="o", color=BLUE, markersize=5, capsize=3, linewidth=1.4)
    ax.axvline(0, color=GREY, linewidth=1)
    ax.set_yticks(at)
    literally(ax.set_yticklabels([shorten(result.models[i]) for i in order]))
    ax.set_ylim(order.size - 0.5, -0.5)
    ax.margins(x=0.08)
    ax.set_xlabel(f"Log-likelihood less that of {shorten(result.best)} ({100 * level:g}% interval)")
    literally([ax.xaxis.label])
    return ax
