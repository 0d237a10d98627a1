"""From recurring revenue by customer and period to what moved it: the public function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clm.data import Calendar, check_period, describe, parse_start
from clm.economics import MRRMovements, movements_of
from clm.errors import InvalidDataError
from clm.frames._cohort_cells import money_by_period
from clm.frames._orders import read_orders
from clm.frames._rules import Rules
from clm.frames._source import open_table

if TYPE_CHECKING:
    from datetime import tzinfo

    from clm.frames._rfm import Refunds
    from clm.typing import Period

_MOST_PERIODS: Final = 100_000


def mrr_movements(
    revenue: Any,
    *,
    customer: str | None = None,
    at: str | None = None,
    amount: str | None = None,
    period: Period = "month",
    start: Any = None,
    through: Any = None,
    tz: str | tzinfo = "UTC",
    refunds: Refunds = "net",
    week_start: str = "monday",
) -> MRRMovements:
    """Take the change of recurring revenue apart: new, expansion, contraction, churn and reactivation, by period.

    Parameters
    ----------
    revenue
        Recurring revenue, one row a customer and period; rows of one customer and period add up. Any dataframe, or a
        `Source`. A period without a row is one without revenue.
    customer, at, amount
        Names of the columns; ``customer_id``, ``at`` and ``amount`` by default.
    period
        Calendar period.
    start
        First date or instant of the periods returned. Earlier rows still tell what was there before, and who came back.
        By default the first row's period, whose revenue then is all new.
    through
        Last date or instant up to which the data are complete; a date includes the whole day. By default the last
        row's instant, whose period is then not complete: say the end of the last month where rows are dated its first.
    tz
        Time zone in whose wall time periods are cut and times without a zone are read.
    refunds
        What a negative amount is. ``"net"``: it is added into its period; ``"ignore"``: the row is left out;
        ``"raise"``: an error. Where a customer's sum is 0 or below he has no revenue.
    week_start
        Weekday on which weeks start.

    Returns
    -------
    MRRMovements
        Amounts by period, ``nrr()``, ``grr()`` and ``quick_ratio()``.

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, an amount is missing or infinite, no row is left, `start` lies after
        `through`, or there are too many periods.

    Notes
    -----
    With a customer's revenue x of the period before and y of this one: new, y where he never had any; reactivation, y
    where x is 0 and he had some earlier; churn, x where y is 0; expansion and contraction, the difference where both
    are above 0. So ``end = start + new + expansion + reactivation - contraction - churn``. Net retention leaves new
    and reactivated revenue out; others count reactivation, which makes it look better.

    Examples
    --------
    >>> revenue = {
    ...     "customer_id": ["ann", "bob", "cat", "ann", "bob", "dan", "ann", "cat"],
    ...     "at": [*["2025-01-01"] * 3, *["2025-02-01"] * 3, *["2025-03-01"] * 2],
    ...     "amount": [50, 30, 20, 58, 25, 10, 58, 20],
    ... }
    >>> moved = clm.mrr_movements(revenue, through="2025-03-31")
    >>> moved.new, moved.expansion, moved.reactivation
    (array([100.,  10.,   0.]), array([0., 8., 0.]), array([ 0.,  0., 20.]))
    >>> moved.contraction, moved.churn
    (array([0., 5., 0.]), array([ 0., 20., 35.]))
    >>> moved.end, moved.nrr().value.round(2), moved.quick_ratio().value.round(2)
    (array([100.,  93.,  78.]), array([ nan, 0.83, 0.62]), array([ nan, 0.72, 0.57]))
    """
    check_period(period)
    rules = Rules.of(
        unit="day", occasion=period, start=None, through=through, tz=tz, refunds=refunds, week_start=week_start
    )
    since = None if start is None else parse_start(start, rules.zone)
    table = open_table(
        revenue,
        {"customer": customer, "at": at, "amount": amount},
        required=("customer", "at", "amount"),
        what="revenue",
    )
    log = read_orders(table.collected(), rules)
    if since is not None and since > log.through:
        raise InvalidDataError(f"start={start!r} lies after through={through!r}. Give the earlier one as start.")
    calendar = Calendar(period, rules.zone, week_start)
    cells, revenues = money_by_period(log)
    paid = revenues > 0
    if not paid.any():
        raise InvalidDataError("no customer has revenue above 0 in any period. Check the sign of the amounts.")
    dropped = dict(log.dropped)
    below = int((revenues < 0).sum())
    if below:
        dropped["customers' periods below 0"] = below
    last = int(calendar.index(np.array([log.through]))[0])
    first = int(cells.period.min() if since is None else calendar.index(np.array([since]))[0])
    if last - first >= _MOST_PERIODS:
        raise InvalidDataError(
            f"there would be {last - first + 1:,} periods of one {period}. Choose a longer period, or give start= to "
            "leave early ones out."
        )
    weeks = f" from {week_start}" if period == "week" else ""
    began = "" if since is None else f" from {describe(since, rules.zone)}"
    return movements_of(
        cells.customer[paid],
        cells.period[paid],
        revenues[paid],
        first=first,
        last=last,
        running=int(calendar.start(np.array([last + 1]))[0]) - 1 > log.through,
        periods=calendar.label(np.arange(first, last + 1)),
        period=period,
        scope=(
            f"Recurring revenue by calendar {period}{weeks} in {rules.zone.name}{began} through "
            f"{describe(log.through, rules.zone)}; {log.note}."
        ),
        dropped=dropped,
    )
