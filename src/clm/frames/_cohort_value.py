"""From an order log to cumulative value by age: the public function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clm.data import Calendar, check_period, describe, parse_start
from clm.errors import InvalidDataError
from clm.frames._cohort_cells import cohort_cells, value_of_cells
from clm.frames._orders import read_orders
from clm.frames._rules import Rules
from clm.frames._source import open_table
from clm.stats import plain_number

if TYPE_CHECKING:
    from clm.frames._orders import Orders
    from clm.frames._rfm import Refunds
    from clm.ltv import CohortValue
    from clm.typing import Period


def cohort_ltv(
    orders: Any,
    *,
    period: Period = "month",
    customer: str | None = None,
    at: str | None = None,
    amount: str | None = None,
    margin: float = 1.0,
    start: Any = None,
    through: Any = None,
    tz: Any = "UTC",
    refunds: Refunds = "net",
    week_start: str = "monday",
) -> CohortValue:
    """Tell what a customer has brought by each age, from cohorts of which the later are still young.

    A cohort is the customers whose first purchase falls in one period; age counts periods since. Each age is averaged
    over the cohorts that have completed it, and these averages are added up. Dividing by all customers instead would
    count the young as if they had stopped buying.

    Parameters
    ----------
    orders
        One row an order: any dataframe, or a `Source`.
    period
        Calendar period of cohorts and ages.
    customer, at, amount
        Names of the columns; ``customer_id``, ``at`` and ``amount`` by default.
    margin
        Gross margin, as a fraction; 1, the default, counts revenue.
    start
        First date or instant whose new customers count. Earlier rows still tell who is not new.
    through
        Last date or instant up to which the data are complete; a date includes the whole day. By default the last
        row's instant, whose period is then not complete.
    tz
        Time zone in whose wall time periods are cut and times without a zone are read.
    refunds
        What a negative amount is. ``"net"``: it is added into its period, and a customer enters with the first period
        that is not below 0; ``"ignore"``: the row is left out; ``"raise"``: an error.
    week_start
        Weekday on which weeks start.

    Returns
    -------
    CohortValue
        An estimate with one cell an age, and the cohorts behind it: ``by_cohort()``, ``projected(horizon)``.

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, an amount is missing or infinite, nobody's first purchase lies
        between `start` and `through`, or the period is too short for the time that the data span.

    Notes
    -----
    With cohorts complete at age j, their money S_j and customers N_j, the value through age a is the sum of
    ``S_j / N_j`` over ages up to a: it grows with every age that brings something, also where young cohorts are worth
    less. If cohorts differ, it mixes them: look at ``by_cohort()``. Standard errors are clustered by customer, with all
    customers taken as one population.

    Examples
    --------
    >>> by_age = clm.cohort_ltv(clm.datasets.cdnow(), period="quarter", through="1998-06-30")
    >>> by_age.value.round(1), by_age.n
    (array([ 47.7,  62. ,  73.4,  85.4,  95.9, 103.6]), array([2357, 2357, 2357, 2357, 2357, 2357]))
    >>> by_age.projected(7).value[6:].round()
    array([112., 120.])
    """
    check_period(period)
    share = plain_number(margin, "margin", lowest=0, highest=1)
    rules = Rules.of(
        unit="day", occasion=period, start=None, through=through, tz=tz, refunds=refunds, week_start=week_start
    )
    since = None if start is None else parse_start(start, rules.zone)
    table = open_table(
        orders, {"customer": customer, "at": at, "amount": amount}, required=("customer", "at", "amount"), what="orders"
    )
    log = read_orders(table.collected(), rules)
    if since is not None and since > log.through:
        raise InvalidDataError(f"start={start!r} lies after through={through!r}. Give the earlier one as start.")
    return _value(log, Calendar(period, rules.zone, week_start), since, share)


def _value(log: Orders, calendar: Calendar, since: int | None, margin: float) -> CohortValue:
    cells = cohort_cells(log, calendar, since)
    return value_of_cells(cells, margin, _definition(log, calendar, since, margin))


def _definition(log: Orders, calendar: Calendar, since: int | None, margin: float) -> str:
    money = "Money" if margin == 1 else f"Margin of {margin:.6g} of the money"
    weeks = f", from {log.rules.week_start}" if calendar.period == "week" else ""
    began = "" if since is None else f" from {describe(since, calendar.zone)}"
    refunds = {"net": "refunds taken off", "ignore": "refunds left out", "raise": "no refunds"}[log.rules.refunds]
    return (
        f"{money} per customer through each age in {calendar.period}s ({calendar.zone.name}{weeks}; age 0 is that of "
        f"the first purchase{began}), {refunds}: the sum over ages of the mean over cohorts that completed the age "
        f"by {describe(log.through, calendar.zone)}; {log.note}."
    )
