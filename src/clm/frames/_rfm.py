"""From an order log to purchase histories: the public functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import evolve

from clm.data import NANO, RFM, Holdout, describe, parse_through
from clm.errors import InvalidDataError
from clm.frames._gaps import sum_log_gaps
from clm.frames._lazy_orders import LazyOrders, read_lazy_orders
from clm.frames._orders import Orders, read_orders
from clm.frames._plan import Plan, plan
from clm.frames._rules import Rules
from clm.frames._source import open_table
from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.frames._histories import Histories
    from clm.frames._source import Table
    from clm.typing import FloatArray, IntArray, Unit

Occasion = Literal["hour", "day", "week", "month", "quarter", "year", "order"]
Refunds = Literal["net", "ignore", "raise"]


def rfm(
    orders: Any,
    *,
    customer: str | None = None,
    at: str | None = None,
    amount: str | None = None,
    unit: Unit = "week",
    occasion: Occasion = "day",
    start: Any = None,
    through: Any = None,
    tz: Any = "UTC",
    refunds: Refunds = "net",
    week_start: str = "monday",
) -> RFM:
    """Reduce an order log to one purchase history a customer: how often he bought again, when last, known how long.

    Purchases of one day are one occasion, so that an order shipped in two parcels does not count twice. Lazy frames
    (Polars, DuckDB, Spark) are reduced where they are; the numbers are the same on every engine.

    Parameters
    ----------
    orders
        One row an order: any dataframe, or a `Source`.
    customer, at, amount
        Names of the columns; by default ``customer_id``, ``at``, and ``amount`` where there is one.
    unit
        Unit of recency and T. A month is 30.4375 days, a year 365.25.
    occasion
        Calendar period whose purchases are one occasion; ``"order"`` takes every row as one.
    start, through
        First and last date or instant that counts; a date as `through` includes the whole day. By default everything,
        through the last row's instant. Give `through` when the data were drawn later than the last order.
    tz
        Time zone in whose wall time periods are cut and times without a zone are read.
    refunds
        What a negative amount is. ``"net"``: it is added into its occasion, and an occasion below 0 is no purchase;
        ``"ignore"``: the row is left out; ``"raise"``: an error.
    week_start
        Weekday on which weeks start, for ``occasion="week"``.

    Returns
    -------
    RFM
        One row a customer, ascending by id; rows that were left out are counted in ``dropped`` (refunds by occasion
        under ``"net"``).

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, times mix zones, an amount is missing or infinite, or no row is left.

    Notes
    -----
    Recency and T are differences of occasion numbers times the occasion's length [1]_: with daily occasions and weeks
    as the unit, whole days over 7. Months and longer count by their mean length.

    References
    ----------
    .. [1] Fader, Hardie and Lee (2005), Marketing Science 24, 275-284.

    Examples
    --------
    >>> orders = {
    ...     "customer_id": ["ann", "bob", "ann", "ann"],
    ...     "at": ["2025-01-01", "2025-01-03", "2025-01-08", "2025-01-08"],
    ...     "amount": [20.0, 35.0, 10.0, 5.0],
    ... }
    >>> histories = clm.rfm(orders, through="2025-01-29")
    >>> histories.frequency, histories.recency, histories.T
    (array([1., 0.]), array([1., 0.]), array([4.        , 3.71428571]))
    >>> histories.monetary
    array([15., nan])
    """
    rules = Rules.of(
        unit=unit, occasion=occasion, start=start, through=through, tz=tz, refunds=refunds, week_start=week_start
    )
    log = _read(_open(orders, {"customer": customer, "at": at, "amount": amount}, rules), rules)
    histories, refunded = log.histories()
    return _container(histories, log, refunded)


def rfm_split(
    orders: Any,
    *,
    calibrate_through: Any,
    customer: str | None = None,
    at: str | None = None,
    amount: str | None = None,
    unit: Unit = "week",
    occasion: Occasion = "day",
    start: Any = None,
    through: Any = None,
    tz: Any = "UTC",
    refunds: Refunds = "net",
    week_start: str = "monday",
) -> tuple[RFM, Holdout]:
    """Split an order log in time: histories to fit a model on, and what the same customers bought afterwards.

    Parameters
    ----------
    orders, customer, at, amount, unit, occasion, start, through, tz, refunds, week_start
        As in `rfm`.
    calibrate_through
        Last date or instant of the histories.

    Returns
    -------
    calibration : RFM
        Purchase histories through `calibrate_through`.
    holdout : Holdout
        Purchase occasions after it, in the same row order. An occasion that began before the split counts there only.
        Customers who came later are left out and counted.

    Raises
    ------
    InvalidDataError
        As `rfm`, and if nobody bought by `calibrate_through`, or it does not lie before `through`.

    Examples
    --------
    >>> calibration, holdout = clm.rfm_split(clm.datasets.cdnow(), calibrate_through="1997-09-30", through="1998-06-30")
    >>> calibration.n, float(holdout.frequency.sum()), holdout.duration
    (2357, 1882.0, 39.0)
    """
    rules = Rules.of(
        unit=unit, occasion=occasion, start=start, through=through, tz=tz, refunds=refunds, week_start=week_start
    )
    until = parse_through(calibrate_through, rules.zone, "calibrate_through")
    table = _open(orders, {"customer": customer, "at": at, "amount": amount}, rules)
    everything = _read(table, rules)
    if until >= everything.through:
        raise InvalidDataError(
            f"calibrate_through={calibrate_through!r} leaves no holdout: the orders run through "
            f"{describe(everything.through, rules.zone)}. Give an earlier date."
        )
    early = _read(table, evolve(rules, through=until))
    histories, refunded = early.histories()
    later, later_refunded = everything.histories(after=until)
    return (
        _container(histories, early, refunded),
        _holdout(histories, later, everything, until, later_refunded),
    )


def rfm_cells(
    orders: Any,
    *,
    customer: str | None = None,
    at: str | None = None,
    amount: str | None = None,
    unit: Unit = "week",
    occasion: Occasion = "day",
    start: Any = None,
    through: Any = None,
    tz: Any = "UTC",
    refunds: Refunds = "net",
    week_start: str = "monday",
) -> RFM:
    """Reduce an order log to distinct purchase histories with the number of customers who share each.

    Purchase models need no more, and a database counts it without handing over a customer.

    Parameters
    ----------
    orders, customer, at, amount, unit, occasion, start, through, tz, refunds, week_start
        As in `rfm`; amounts matter only for refunds.

    Returns
    -------
    RFM
        Distinct (frequency, recency, T) with `weights`, without ids and amounts; `sum_log_gaps` is the mean of the
        customers who share a row.

    Raises
    ------
    InvalidDataError
        As `rfm`.

    Examples
    --------
    >>> cells = clm.rfm_cells(clm.datasets.cdnow(), through="1997-09-30")
    >>> cells.n, len(cells) < cells.n
    (2357, True)
    """
    rules = Rules.of(
        unit=unit, occasion=occasion, start=start, through=through, tz=tz, refunds=refunds, week_start=week_start
    )
    log = _read(_open(orders, {"customer": customer, "at": at, "amount": amount}, rules), rules)
    if isinstance(log, Orders):
        histories, refunded = log.histories()
        customers = _container(histories, log, refunded)
    else:
        found, refunded = log.cells()
        customers = evolve(
            _bare(found["occasions"], found["first"], found["last"], log, refunded),
            weights=frozen_array(found["weight"], float),
            sum_log_gaps=_sealed(np.where(found["tied"] > 0, -np.inf, found["nanos"] / NANO / found["weight"])),
        )
    return evolve(customers.cells, dropped=customers.dropped)


def _open(orders: Any, named: dict[str, str | None], rules: Rules) -> Table | Plan:
    """Find the columns, and fetch them where the engine cannot reduce them."""
    table = open_table(orders, named, required=("customer", "at"), optional=("amount",), what="orders")
    canonical = plan(table, rules.zone) if table.lazy else None
    return table.collected() if canonical is None else canonical


def _read(orders: Table | Plan, rules: Rules) -> Orders | LazyOrders:
    return read_lazy_orders(orders, rules) if isinstance(orders, Plan) else read_orders(orders, rules)


def _container(histories: Histories, log: Orders | LazyOrders, refunded: int) -> RFM:
    monetary = None
    if histories.value_repeat is not None:
        repeats = histories.occasions - 1
        monetary = np.full(len(repeats), np.nan)
        np.divide(histories.value_repeat, repeats, out=monetary, where=repeats > 0)
    return evolve(
        _bare(histories.occasions, histories.first, histories.last, log, refunded),
        monetary=_sealed(monetary),
        customer=_sealed(histories.customer),
        first=_sealed(histories.first_at.view("M8[us]")),
        value_first=_sealed(histories.value_first),
        value_total=_sealed(histories.value_total),
        sum_log_gaps=_sealed(_sum_log_gaps(histories, log.rules)),
    )


def _sum_log_gaps(histories: Histories, rules: Rules) -> FloatArray:
    assert histories.gap_units is not None  # they were asked for
    assert histories.tied is not None
    slot = float(rules.ages(np.array([1]))[0])
    return sum_log_gaps(histories.gap_units, histories.tied, histories.occasions, slot)


def _bare(occasions: IntArray, first: IntArray, last: IntArray, log: Orders | LazyOrders, refunded: int) -> RFM:
    if not len(occasions):
        raise InvalidDataError(
            f"orders hold no purchase: refunds took back all {refunded:,} occasions. Check the sign of the amounts."
        )
    rules = log.rules
    slot = _slot(log.through, rules)
    return RFM(
        frequency=_sealed(occasions - 1.0),
        recency=_sealed(rules.ages(last - first)),
        T=_sealed(rules.ages(slot - first)),
        unit=rules.unit,
        dropped=_with_refunds(log.dropped, refunded),
        definition=rules.sentence(note=log.note, through=log.through, amounts=log.has_amounts),
    )


def _holdout(before: Histories, later: Histories, log: Orders | LazyOrders, until: int, refunded: int) -> Holdout:
    rules = log.rules
    slot = _slot(until, rules)
    row = np.searchsorted(before.customer, later.customer)
    row[row == len(before.customer)] = 0
    known = before.customer[row] == later.customer
    row = row[known]
    # An occasion on both sides of the split belongs to the histories.
    shared = np.zeros(len(row), bool)
    if rules.calendar is not None:
        shared = (later.first[known] == slot) & (before.last[row] == slot)
    frequency = np.zeros(len(before.customer))
    frequency[row] = later.occasions[known] - shared
    monetary = None
    if later.value_first is not None and later.value_repeat is not None:
        value = np.zeros(len(before.customer))
        value[row] = later.value_repeat[known] + np.where(shared, 0.0, later.value_first[known])
        monetary = np.full(len(value), np.nan)
        np.divide(value, frequency, out=monetary, where=frequency > 0)
    newcomers = int((~known).sum())
    dropped = _with_refunds(log.dropped, refunded) | ({"customers who came later": newcomers} if newcomers else {})
    counted = rules.sentence(note=log.note, through=log.through, amounts=log.has_amounts)
    return Holdout(
        frequency=_sealed(frequency),
        monetary=_sealed(monetary),
        duration=float(rules.ages(np.array([_slot(log.through, rules) - slot]))[0]),
        unit=rules.unit,
        dropped=dropped,
        definition=f"Purchases after {describe(until, rules.zone)} of customers known by then. {counted}",
    )


def _slot(instant: int, rules: Rules) -> int:
    """Return the number of the occasion period that an instant lies in."""
    return instant if rules.calendar is None else int(rules.calendar.index(np.array([instant]))[0])


def _with_refunds(dropped: dict[str, int], refunded: int) -> dict[str, int]:
    return dropped | ({"refunds": refunded} if refunded else {})


def _sealed(values: Any) -> Any:
    """Make an array of ours read-only without copying it."""
    if values is not None:
        values.setflags(write=False)
    return values
