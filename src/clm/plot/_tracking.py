"""Purchases as they came beside purchases as they were predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import field, frozen

from clm.data import days_in
from clm.errors import InvalidDataError
from clm.ltv import PurchaseTracking
from clm.plot._fits import refuse_other
from clm.plot._style import BLUE, GREY, new_axes, tidy, units, whole
from clm.stats import array_field, floats, seal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.stats import Estimate, Interval
    from clm.typing import FloatArray


@final
@frozen(kw_only=True)
class Tracking:
    """Cumulative repeat purchases of a base, actual and expected, through calibration and holdout.

    Attributes
    ----------
    times : (k,) ndarray of float64
        Time since the base began, in `unit`, ascending.
    actual : (k,) ndarray of float64
        Repeat purchases up to each time.
    expected : (k,) ndarray of float64
        As the model has them: fitted up to `calibrated_through`, predicted after it.
    low, high : (k,) ndarray of float64
        Ends of the prediction interval for the realised count; NaN where nothing is predicted.
    calibrated_through : float
        Where the calibration ends, on the scale of `times`.
    unit : {"hour", "day", "week", "month", "year"}
        Unit of the times.
    level : float
        Nominal coverage of the prediction interval.

    Raises
    ------
    InvalidDataError
        If the rows differ in length or the times do not ascend.
    """

    times: FloatArray = array_field(converter=lambda values: floats(values, "times"))
    actual: FloatArray = array_field(converter=lambda values: floats(values, "actual"))
    expected: FloatArray = array_field(converter=lambda values: floats(values, "expected"))
    low: FloatArray = array_field(converter=lambda values: floats(values, "low"))
    high: FloatArray = array_field(converter=lambda values: floats(values, "high"))
    calibrated_through: float
    unit: str = field(validator=lambda _, __, unit: days_in(unit) and None)
    level: float = 0.95

    __setstate__ = seal

    def __attrs_post_init__(self) -> None:
        lengths = {len(row) for row in (self.times, self.actual, self.expected, self.low, self.high)}
        if len(lengths) > 1 or not len(self.times):
            raise InvalidDataError(
                "tracking needs rows of one length, at least one time. Give one entry a time in each."
            )
        if (np.diff(self.times) <= 0).any():
            raise InvalidDataError("the times of a tracking must ascend. Sort them and add up what falls together.")


def tracking(result: Tracking | PurchaseTracking, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw cumulative repeat purchases: actual, fitted, and predicted with the interval of what will be counted.

    Parameters
    ----------
    result
        From ``clm.tracking``; or a course of your own.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    level
        Nominal coverage of the bands, where the result comes from ``clm.tracking``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> orders = clm.datasets.cdnow()
    >>> fit = clm.BGNBD().fit(clm.rfm(orders, through="1997-09-30"))
    >>> clm.plot.tracking(clm.tracking(orders, fit, calibrate_through="1997-09-30")).get_xlabel()
    'Time since the first order (weeks)'

    A course of your own:

    >>> nan = float("nan")
    >>> course = clm.plot.Tracking(
    ...     times=[1, 2, 3],
    ...     actual=[5, 9, 12],
    ...     expected=[4.8, 9.1, 12.9],
    ...     low=[nan, 9, 11],
    ...     high=[nan, 9, 15],
    ...     calibrated_through=2,
    ...     unit="week",
    ... )
    >>> clm.plot.tracking(course).get_ylabel()
    'Repeat purchases so far'
    """
    if isinstance(result, PurchaseTracking):
        ax = _course(result, result.cumulative, result.actual, ax, level, counts=result.prediction_interval(level))
        ax.set_ylabel("Repeat purchases so far")
        ax.legend(frameon=False, fontsize="small", loc="upper left")
        return ax
    refuse_other(result, Tracking, "what clm.tracking returns", "result")
    ax = tidy(new_axes(ax))
    fitted, predicted = result.times <= result.calibrated_through, result.times >= result.calibrated_through
    if (~np.isnan(result.low) & predicted).any():
        ax.fill_between(
            result.times[predicted],
            result.low[predicted],
            result.high[predicted],
            color=BLUE,
            alpha=0.25,
            linewidth=0,
            label=f"{100 * result.level:g}% prediction interval",
        )
    ax.plot(result.times, result.actual, color="black", linewidth=1.6, label="actual")
    ax.plot(result.times[fitted], result.expected[fitted], color=BLUE, linestyle=":", linewidth=1.8, label="fitted")
    ax.plot(
        result.times[predicted],
        result.expected[predicted],
        color=BLUE,
        linestyle="--",
        linewidth=1.8,
        label="predicted",
    )
    ax.axvline(result.calibrated_through, color=GREY, linewidth=1)
    ax.annotate(
        "calibration ends ",
        (result.calibrated_through, 0.03),
        xycoords=("data", "axes fraction"),
        ha="right" if result.calibrated_through > result.times.mean() / 2 else "left",
        fontsize="x-small",
    )
    ax.set_xlim(0, float(result.times[-1]))
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"Time since the first order ({units(result.unit)})")
    ax.set_ylabel("Repeat purchases so far")
    whole(ax, "y")
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    return ax


def incremental_purchases(result: PurchaseTracking, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw the repeat purchases of each step of time: expected with its band, and actual.

    Parameters
    ----------
    result
        From ``clm.tracking``.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    level
        Nominal coverage of the band around the expectation; counts scatter around it by chance.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If it is anything else.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> orders = clm.datasets.cdnow()
    >>> fit = clm.BGNBD().fit(clm.rfm(orders, through="1997-09-30"))
    >>> course = clm.tracking(orders, fit, calibrate_through="1997-09-30")
    >>> clm.plot.incremental_purchases(course).get_ylabel()
    'Repeat purchases per week'
    """
    refuse_other(result, PurchaseTracking, "what clm.tracking returns", "result")
    ax = _course(result, result.incremental, result.actual_incremental, ax, level)
    steps = np.diff(result.times, prepend=0.0)
    even = np.allclose(steps, steps[0])
    step = f"{steps[0]:g} {units(result.unit)}" if steps[0] != 1 else result.unit
    ax.set_ylabel(f"Repeat purchases per {step}" if even else "Repeat purchases since the time before")
    ax.legend(frameon=False, fontsize="small", loc="best")
    return ax


def _course(
    result: PurchaseTracking,
    expected: Estimate[FloatArray],
    actual: FloatArray | None,
    ax: Axes | None,
    level: float,
    *,
    counts: Interval[FloatArray] | None = None,
) -> Axes:
    """Draw one course with its bands, and where the calibration ends if the course goes on."""
    ax = tidy(new_axes(ax))
    times, percentage = result.times, f"{100 * level:g}%"
    low, high = expected.confidence_interval(level)
    if counts is not None and not np.isnan(counts.low).all():
        label = f"{percentage} of counts"
        ax.fill_between(times, counts.low, counts.high, color=BLUE, alpha=0.12, linewidth=0, label=label)
    if not np.isnan(low).all():
        label = f"{percentage} of the expectation"
        ax.fill_between(times, low, high, color=BLUE, alpha=0.3, linewidth=0, label=label)
    if actual is not None:
        ax.plot(times, actual, color="black", linewidth=1.4, label="actual")
    ax.plot(times, expected.value, color=BLUE, linestyle="--", linewidth=1.8, label=f"by {result.model}")
    if result.calibrated_through < times[-1] * (1 - 1e-9):
        ax.axvline(result.calibrated_through, color=GREY, linewidth=1)
        ax.annotate(
            " calibration ends",
            (result.calibrated_through, 0.03),
            xycoords=("data", "axes fraction"),
            ha="left",
            fontsize="x-small",
        )
    ax.set_xlim(0, float(times[-1]))
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"Time since the first order ({units(result.unit)})")
    whole(ax, "y")
    return ax
