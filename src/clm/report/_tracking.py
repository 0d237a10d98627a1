"""Calibrate on the first part of a base, predict the rest, and set what came beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final
from warnings import catch_warnings, filterwarnings

import numpy as np
from attrs import frozen

from clm.data import DAY
from clm.errors import ConvergenceError, IdentifiabilityWarning, InvalidDataError
from clm.frames import rfm_split
from clm.ltv import BGNBD
from clm.plot import Tracking

if TYPE_CHECKING:
    from clm.data import RFM, Holdout
    from clm.ltv import PurchaseFit
    from clm.metrics import CustomerBase
    from clm.stats import Interval
    from clm.typing import FloatArray, IntArray

SHORTEST: Final = 56
"""Days that are worth splitting: four weeks to learn from, four to check."""
POINTS: Final = 6
"""Where the prediction interval is drawn: each takes as long as the first."""
WEEK: Final = 7


@final
@frozen(kw_only=True)
class Check:
    """A prediction beside what came.

    Attributes
    ----------
    calibration, holdout
        The two parts.
    fit
        Of the calibration.
    calibrated_through : str
        Its last day.
    expected : float
        Purchases expected in the holdout.
    interval : Interval
        Prediction interval of their count.
    actual : float
        Purchases that came.
    tracking : Tracking
        Both, week by week.
    """

    calibration: RFM
    holdout: Holdout
    fit: PurchaseFit
    calibrated_through: str
    expected: float
    interval: Interval[float]
    actual: float
    tracking: Tracking


def check(base: CustomerBase) -> Check:
    """Fit the first half of a base and predict the second.

    Raises
    ------
    InvalidDataError
        If the base is too short to split, or its first half too small to fit.

    Examples
    --------
    >>> found = clm.report.check(clm.CustomerBase(orders=clm.datasets.cdnow()))
    >>> found.calibrated_through, found.actual, tuple(found.interval)
    ('1997-09-30', 1882.0, (1459.0, 1858.0))
    """
    customer, day = _occasions(base)
    zone = base.period.zone
    begin, end = int(day.min()), int(zone.to_wall(np.array([base.period.last]))[0] // DAY)
    days = end - begin + 1
    if days < SHORTEST:
        raise InvalidDataError(
            f"the orders span {days:,} days; at least {SHORTEST} are needed to fit one half and check the other."
        )
    # The holdout counts whole weeks.
    last = end - days // 2 // WEEK * WEEK
    calibrated_through = str(np.datetime64(last, "D"))
    calibration, holdout = rfm_split(
        base.orders, calibrate_through=calibrated_through, through=base.period.ends, unit="week", tz=base.tz
    )
    with catch_warnings():
        # The fit's caveats say it, and the interval says that there is none.
        filterwarnings("ignore", category=IdentifiabilityWarning)
        fit = _fitted(calibration, calibrated_through)
    first = _first_days(customer, day)
    known = first[customer] <= last
    repeat = day[known & (day > first[customer])]
    actual = np.cumsum(np.bincount(repeat - begin, minlength=days))
    acquired = np.bincount(first[(first >= begin) & (first <= last)] - begin, minlength=last - begin + 1)
    tracking = _tracked(fit, calibration, actual, acquired, holdout.duration)
    total = fit.prediction_interval(calibration.cells, horizon=holdout.duration).total
    return Check(
        calibration=calibration,
        holdout=holdout,
        fit=fit,
        calibrated_through=calibrated_through,
        expected=_expected(fit, calibration, holdout.duration),
        interval=total,
        actual=float(holdout.frequency.sum()),
        tracking=tracking,
    )


def _fitted(calibration: RFM, through: str) -> PurchaseFit:
    try:
        return BGNBD().fit(calibration)
    except (InvalidDataError, ConvergenceError) as error:
        raise InvalidDataError(f"BG/NBD cannot be fitted to the orders through {through}: {error}") from error


def _tracked(fit: PurchaseFit, calibration: RFM, actual: IntArray, acquired: IntArray, duration: float) -> Tracking:
    ages = np.arange(len(acquired)) / WEEK
    per_customer = np.asarray(fit.expected_purchases(horizon=ages).value, float)
    fitted_daily = np.convolve(acquired, per_customer)[: len(acquired)]
    fitted_days = np.unique(np.append(np.arange(WEEK - 1, len(acquired), WEEK), len(acquired) - 1))
    ahead = np.unique(np.round(np.linspace(0, duration * WEEK, POINTS + 1)[1:])).astype(np.int64)
    horizons = ahead / WEEK
    start = float(actual[len(acquired) - 1])
    expected = np.array([_expected(fit, calibration, horizon) for horizon in horizons])
    ends: list[Any] = [fit.prediction_interval(calibration.cells, horizon=horizon).total for horizon in horizons]
    nowhere = np.full(len(fitted_days) - 1, np.nan)
    days = np.concatenate([fitted_days, len(acquired) - 1 + ahead])
    return Tracking(
        times=(days + 1) / WEEK,
        actual=actual[days].astype(float),
        # At the boundary the prediction takes off from what has come by then.
        expected=np.concatenate([fitted_daily[fitted_days[:-1]], [start], start + expected]),
        low=np.concatenate([nowhere, [start], start + np.array([end.low for end in ends])]),
        high=np.concatenate([nowhere, [start], start + np.array([end.high for end in ends])]),
        calibrated_through=len(acquired) / WEEK,
        unit="week",
    )


def _expected(fit: PurchaseFit, calibration: RFM, horizon: float) -> float:
    cells = calibration.cells
    value: FloatArray = np.asarray(fit.expected_purchases(cells, horizon=horizon).value)
    return float(value @ np.asarray(cells.weights))


def _occasions(base: CustomerBase) -> tuple[IntArray, IntArray]:
    """Return customer and local day of each purchase occasion, refunds netted, as ``clm.rfm`` counts them."""
    reason = base.lacks("orders")
    if reason is not None:
        raise InvalidDataError(f"{reason}.")
    histories = base.histories
    orders = histories.orders
    assert orders is not None
    assert orders.at is not None
    counted = orders.at <= histories.through
    customer, day = histories.code_of["orders"][counted], histories.zone.to_wall(orders.at[counted]) // DAY
    if not day.size:
        raise InvalidDataError("there is no order to learn from.")
    lowest, span = int(day.min()), int(np.ptp(day)) + 1
    keys, cell = np.unique(customer * span + (day - lowest), return_inverse=True)
    amount = orders.columns.get("amount")
    if amount is not None:
        total = np.bincount(cell.reshape(-1), amount[counted], minlength=len(keys))
        keys = keys[total >= -1e-9 * max(float(np.abs(amount).max(initial=0.0)), 1.0)]
    if not keys.size:
        raise InvalidDataError("no order is a purchase: all of them are taken back by refunds.")
    return keys // span, keys % span + lowest


def _first_days(customer: IntArray, day: IntArray) -> IntArray:
    first = np.full(int(customer.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, customer, day)
    return first
