"""How many purchases a new customer will make, and whether a known one is still there, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.data import HOUR, RFM, days_in
from clm.errors import InvalidDataError
from clm.plot._fits import around_centre
from clm.plot._style import BLUE, GREY, new_axes, percent, tidy, units
from clm.stats import floats, plain_number, refuse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.typing import FloatArray

STEPS = 100


def repeat_purchases(fit: Any, ax: Axes | None = None, *, horizon: float, level: float = 0.95) -> Axes:
    """Draw how many repeat purchases a new customer is expected to make as time goes by.

    Parameters
    ----------
    fit
        A fitted purchase model.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    horizon
        How far ahead, above 0, in the fit's unit.
    level
        Nominal coverage of the band at each time.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If the fit is none, or the horizon is not above 0.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> fit = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
    >>> clm.plot.repeat_purchases(fit, horizon=52).get_xlabel()
    'Time since the first purchase (weeks)'
    """
    known = around_centre(fit)
    end = plain_number(horizon, "horizon", lowest=0)
    if not end:
        raise InvalidDataError("horizon must be above 0.")
    times = _steps(known.discrete, end)
    expected = known.expected_purchases(horizon=times)
    low, high = expected.confidence_interval(level)
    ax = tidy(new_axes(ax))
    if not np.isnan(low).any():
        ax.fill_between(times, low, high, color=BLUE, alpha=0.2, linewidth=0, label=f"{100 * level:g}% band")
    ax.plot(times, expected.value, color=BLUE, linewidth=1.8, label=f"expected by {known.model}")
    ax.set_xlim(0, end)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"Time since the first purchase ({units(known.unit)})")
    ax.set_ylabel("Repeat purchases of a new customer")
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    return ax


def alive_path(fit: Any, purchases: Any, ax: Axes | None = None, *, through: Any = None, level: float = 0.95) -> Axes:
    """Draw how likely one customer was still there, day by day, given what he had bought by then.

    Parameters
    ----------
    fit
        A fitted purchase model.
    purchases
        His purchases: dates or instants, or ages in the fit's unit counted from the first purchase, which is then 0.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    through
        Up to when: a date or instant, or an age, as the purchases. By default a quarter longer than the last one.
    level
        Nominal coverage of the band at each time.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If the fit is none, there is no purchase, one is missing, or `through` lies before the last.
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    Purchases of one instant are one. By BG/NBD a customer is there for certain until his first repeat purchase.

    Examples
    --------
    >>> fit = clm.ParetoNBD().with_params({"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}, unit="week")
    >>> ax = clm.plot.alive_path(fit, ["1997-01-04", "1997-01-18", "1997-08-02"], through="1997-12-31")
    >>> ax.get_ylabel()
    'P(alive)'
    """
    known = around_centre(fit)
    ages, end = _ages(purchases, through, known.unit)
    if known.discrete:
        ages = np.unique(np.round(ages))
    # A step before and one just after each purchase, so that the jump is upright.
    times = np.unique(np.concatenate([_steps(known.discrete, end), ages, np.nextafter(ages[1:], 0), [end]]))
    if known.discrete:
        times = np.unique(np.round(times))
    count = np.searchsorted(ages, times, side="right") - 1
    recency = ages[count]
    history = RFM.from_arrays(count, recency, np.maximum(times, recency), unit=known.unit)
    alive = known.probability_alive(history)
    low, high = alive.confidence_interval(level)
    ax = tidy(new_axes(ax))
    if not np.isnan(low).any():
        ax.fill_between(times, low, high, color=BLUE, alpha=0.2, linewidth=0, label=f"{100 * level:g}% band")
    ax.plot(times, alive.value, color=BLUE, linewidth=1.6, label=f"P(alive) by {known.model}")
    for i, age in enumerate(ages):
        ax.axvline(age, color=GREY, linestyle=":", linewidth=1, label="purchase" if i == 0 else None)
    ax.set_xlim(-0.01 * end, end)
    ax.set_ylim(0, 1.04)
    ax.set_xlabel(f"Time since the first purchase ({units(known.unit)})")
    ax.set_ylabel("P(alive)")
    percent(ax, "y")
    ax.legend(frameon=False, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return ax


def _steps(discrete: bool, end: float) -> FloatArray:  # noqa: FBT001  # a property of the model, passed on
    if discrete:
        return np.arange(int(end) + 1, dtype=float)
    return np.linspace(0, end, STEPS + 1)


def _ages(purchases: Any, through: Any, unit: str) -> tuple[FloatArray, float]:
    """Return ages at distinct purchases, the first 0, and the age at the end."""
    given = np.atleast_1d(np.asarray(purchases))
    if given.dtype.kind in "iuf":
        ages = np.unique(floats(given, "purchases"))
        end = None if through is None else plain_number(through, "through", lowest=0)
        refuse(~np.isfinite(ages) | (ages < 0), "purchases holds an age that is missing or negative", "Count from 0.")
        if ages.size and ages[0] > 0:
            raise InvalidDataError("purchases given as ages count from the first one, which is 0. Put it in.")
    else:
        try:
            at = given.astype("M8[us]")
            last = None if through is None else np.datetime64(through, "us")
        except (TypeError, ValueError) as error:
            raise InvalidDataError(f"purchases must be dates, instants or ages: {error}.") from error
        refuse(np.isnat(at), "purchases holds a missing date", "Leave it out.")
        moments = np.unique(at).astype(np.int64)
        length = HOUR * 24 * days_in(unit)
        ages = (moments - moments[:1]) / length
        end = None if last is None or not ages.size else float(last.astype(np.int64) - moments[0]) / length
    if not ages.size:
        raise InvalidDataError("purchases holds none. Give at least the first.")
    if end is None:
        end = 1.25 * float(ages[-1]) if ages[-1] > 0 else 1.0
    if end < ages[-1]:
        raise InvalidDataError("through lies before the last purchase. Give a later one, or leave purchases out.")
    return ages, float(end)
