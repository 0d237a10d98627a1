"""From an order log to what its customers should have bought by now: the public function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import evolve, frozen

from clm.data import DAY, RFM, describe, parse_through
from clm.errors import InvalidDataError
from clm.frames._histories import run_starts
from clm.frames._orders import Orders, read_orders
from clm.frames._plan import ID, PERIOD
from clm.frames._rfm import _open, _read, _slot
from clm.frames._rules import Rules
from clm.frames._source import collect, open_table
from clm.ltv._tracking import PurchaseTracking, tracked, tracked_histories, unit_of

if TYPE_CHECKING:
    from clm.frames._lazy_orders import LazyOrders
    from clm.frames._rfm import Occasion, Refunds
    from clm.typing import Array, IntArray


def tracking(
    orders: Any,
    fit: Any,
    *,
    times: Any = None,
    calibrate_through: Any = None,
    customer: str | None = None,
    at: str | None = None,
    amount: str | None = None,
    occasion: Occasion = "day",
    start: Any = None,
    through: Any = None,
    tz: Any = "UTC",
    refunds: Refunds = "net",
    week_start: str = "monday",
) -> PurchaseTracking:
    """Set what a base should have bought over calendar time beside what it did buy.

    Customers come at different times, and each counts from his first purchase on. The course up to the calibration's
    end shows how well a model fits, the course after it how well it predicts.

    Parameters
    ----------
    orders
        One row an order: any dataframe, or a `Source`; or an `RFM`, whose ages say when its customers came. The course
        of an `RFM` is expected only, as histories do not tell when purchases were made.
    fit
        A fitted purchase model, as ``clm.BGNBD().fit(rfm)``.
    times
        Times since the first customer came, ascending, in the fit's unit, where the course is told; by default whole
        units up to the end of the data, at most 200 of equal length. They may lie beyond the data of an `RFM`.
    calibrate_through
        Last date or instant of the histories that the model was fitted to; customers who came later are left out. By
        default the end of the data.
    customer, at, amount, occasion, start, through, tz, refunds, week_start
        As in `rfm`.

    Returns
    -------
    PurchaseTracking
        Cumulative and incremental repeat purchases, expected and actual; ``clm.plot.tracking`` and
        ``clm.plot.incremental_purchases`` draw it.

    Raises
    ------
    InvalidDataError
        As `rfm`, or if the fit is none, nobody bought by `calibrate_through`, times do not ascend from above 0 or reach
        beyond the data of a log.

    Notes
    -----
    With ``E[X(t)]`` the expected purchases of a new customer, the course is the sum of ``E[X(t - b)]`` over customers
    who came at times b before t. With more than 40 different ages it is interpolated at 40 Chebyshev nodes in the
    logarithm of time, which costs less than 1e-8 of it.

    Examples
    --------
    >>> orders = clm.datasets.cdnow()
    >>> fit = clm.BGNBD().fit(clm.rfm(orders, through="1997-09-30"))
    >>> course = clm.tracking(orders, fit, calibrate_through="1997-09-30")
    >>> course
    <PurchaseTracking: BG/NBD, 2,357 customers, 77 weeks: 4,130 purchases expected, 4,315 came>
    >>> course.actual_incremental[:5].astype(int)
    array([ 3, 19, 30, 32, 47])
    """
    unit = unit_of(fit)
    if isinstance(orders, RFM):
        given = {"calibrate_through": calibrate_through, "start": start, "through": through}
        given |= {"customer": customer, "at": at, "amount": amount}
        for name, value in given.items():
            if value is not None:
                raise InvalidDataError(f"{name}= is for an order log; histories were reduced already. Leave it out.")
        return tracked_histories(orders, fit, times)
    rules = Rules.of(
        unit=unit, occasion=occasion, start=start, through=through, tz=tz, refunds=refunds, week_start=week_start
    )
    log = _read(_open(orders, {"customer": customer, "at": at, "amount": amount}, rules), rules)
    until = log.through
    if calibrate_through is not None:
        until = parse_through(calibrate_through, rules.zone, "calibrate_through")
        if until > log.through:
            raise InvalidDataError(
                f"calibrate_through={calibrate_through!r} lies beyond the orders, which run through "
                f"{describe(log.through, rules.zone)}. Give an earlier date, or through= if they are complete for "
                "longer."
            )
    counted = _counted(log, _slot(until, log.rules))
    if not counted.came.size:
        raise InvalidDataError(f"nobody bought by {describe(until, rules.zone)}. Give a later calibrate_through.")
    begin = int(counted.came[0])
    ages = log.rules.ages(_slot(until, log.rules) - counted.came)
    end = float(log.rules.ages(np.array([_slot(log.through, log.rules) - begin]))[0])
    course = tracked(fit, ages, counted.customers.astype(float), times, end=end)
    if times is not None and course.times[-1] > end * (1 + 1e-9):
        raise InvalidDataError(f"times reach beyond the orders, which end at {end:g} {unit}s. Give earlier times.")
    moments = log.rules.ages(counted.periods - begin)
    sums = np.append(0, np.cumsum(counted.repeats))
    actual = sums[np.searchsorted(moments, course.times * (1 + 1e-12), side="right")]
    return evolve(course, actual=actual.astype(float))


@final
@frozen(eq=False)
class _Counted:
    """Customers by the period they came in, and repeat occasions by period, both ascending."""

    came: IntArray
    customers: IntArray
    periods: IntArray
    repeats: IntArray


def _counted(log: Orders | LazyOrders, until: int) -> _Counted:
    """Count the occasions of customers who came in a period up to `until`."""
    if isinstance(log, Orders):
        occasions = log.occasions()
        bought = ~occasions.refunded
        customer, period = occasions.customer[bought], occasions.period[bought]
        starts = run_starts(customer)
        first = period[starts]
        base = np.repeat(first <= until, np.diff(np.append(starts, customer.size)))
        came, customers = np.unique(first[first <= until], return_counts=True)
        periods, count = np.unique(period[base], return_counts=True)
    else:
        came, customers, periods, count = _counted_there(log, until)
    repeats = count.copy()
    repeats[np.searchsorted(periods, came)] -= customers
    return _Counted(came, customers, periods, repeats)


def _counted_there(log: LazyOrders, until: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    bought = log.bought().select(ID, PERIOD)
    firsts = bought.group_by(ID).agg(first=nw.col(PERIOD).min()).filter(nw.col("first") <= until)
    count = nw.len().cast(nw.Int64())
    frames = (
        firsts.group_by("first").agg(n=count),
        bought.join(firsts.select(ID), on=ID, how="inner").group_by(PERIOD).agg(n=count),
    )
    found = []
    for frame, key in zip(frames, ("first", PERIOD), strict=True):
        rows = collect(frame, log.plan.engine, log.plan.what)
        keys = rows[key].to_numpy().astype(np.int64)
        order = np.argsort(keys)
        found += [keys[order], rows["n"].to_numpy().astype(np.int64)[order]]
    return found[0], found[1], found[2], found[3]


def occasions_of_some(
    orders: Any, columns: dict[str, str | None], count: int, *, start: Any, through: Any, tz: Any
) -> tuple[Array, IntArray, IntArray, np.datetime64]:
    """Return the purchase days of some customers, evenly spread over all in the order in which they came.

    Returns
    -------
    ids : (k,) ndarray
        The customers.
    row, day : (m,) ndarray of int64
        Place in `ids`, and days since 1970 in the zone's wall time; by place and day.
    last : datetime64[D]
        The last day that counts.
    """
    rules = Rules.of(
        unit="day", occasion="day", start=start, through=through, tz=tz, refunds="net", week_start="monday"
    )
    table = open_table(orders, columns, required=("customer", "at"), optional=("amount",), what="orders")
    log = read_orders(table.collected() if table.lazy else table, rules)
    occasions = log.occasions()
    bought = ~occasions.refunded
    customer, day = occasions.customer[bought], occasions.period[bought]
    starts = run_starts(customer)
    if not starts.size:
        raise InvalidDataError("orders hold no purchase: refunds took back all occasions. Check the sign of amounts.")
    lengths = np.diff(np.append(starts, customer.size))
    came = np.argsort(day[starts], kind="stable")
    chosen = came[np.unique(np.linspace(0, came.size - 1, count).round().astype(np.intp))]
    rows = np.repeat(np.arange(chosen.size), lengths[chosen])
    offsets = np.arange(rows.size) - np.repeat(np.cumsum(lengths[chosen]) - lengths[chosen], lengths[chosen])
    zero = int(rules.zone.to_wall(np.array([log.through]))[0] // DAY) - _slot(log.through, log.rules)
    ids = log.ids.labels(customer[starts[chosen]])
    last = np.datetime64(int(_slot(log.through, log.rules)) + zero, "D")
    return ids, rows, day[np.repeat(starts[chosen], lengths[chosen]) + offsets] + zero, last
