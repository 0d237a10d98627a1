"""From a log of revenue to net and gross revenue retention by cohort and age: the public function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clm.data import Calendar, check_period, describe, parse_start
from clm.errors import InvalidDataError, nearest
from clm.frames._cohort_cells import cohort_cells, value_of_cells
from clm.frames._orders import read_orders
from clm.frames._rules import Rules
from clm.frames._source import open_table
from clm.retention import revenue_of_cells

if TYPE_CHECKING:
    from datetime import tzinfo

    from clm.frames._orders import Orders
    from clm.frames._rfm import Refunds
    from clm.retention import Cap, Reactivation, RevenueRetention
    from clm.typing import Period

_CHOICES: Final = {"reactivation": ("exclude", "include"), "cap": ("start", "lowest")}


def revenue_retention(
    revenue: Any,
    *,
    customer: str | None = None,
    at: str | None = None,
    amount: str | None = None,
    period: Period = "month",
    reactivation: Reactivation = "exclude",
    cap: Cap = "start",
    start: Any = None,
    through: Any = None,
    tz: str | tzinfo = "UTC",
    refunds: Refunds = "net",
    week_start: str = "monday",
) -> RevenueRetention:
    """Tell how much of the revenue that customers began with is still there, by cohort of their first revenue and age.

    Parameters
    ----------
    revenue
        One row a payment or an invoice: any dataframe, or a `Source`. Rows of one customer and period add up, repeated
        ones too.
    customer, at, amount
        Names of the columns; ``customer_id``, ``at`` and ``amount`` by default.
    period
        Calendar period of cohorts and ages.
    reactivation
        ``"exclude"``: after his first period without revenue a customer counts for nothing, also when he comes back;
        ``"include"``: then he counts again.
    cap
        What gross retention counts of a customer at most: ``"start"``, his revenue of age 0 (point to point);
        ``"lowest"``, his lowest so far (chained), which never rises again.
    start
        First date or instant whose new customers count. Earlier rows still tell who is not new.
    through
        Last date or instant up to which the data are complete; a date includes the whole day. By default the last
        row's instant, whose period is then not complete.
    tz
        Time zone in whose wall time periods are cut and times without a zone are read.
    refunds
        What a negative amount is. ``"net"``: it is added into its period; ``"ignore"``: the row is left out;
        ``"raise"``: an error. A period that is 0 or below is one without revenue. Net retention adds the first such
        period of a customer as it is; gross retention never counts less than 0.
    week_start
        Weekday on which weeks start.

    Returns
    -------
    RevenueRetention
        ``nrr`` and ``grr`` by cohort and age, their curves over cohorts, and ``cumulative`` revenue per customer.

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, an amount is missing or infinite, nobody's first revenue lies between
        `start` and `through`, a rule is unknown, or the period is too short for the time that the data span.

    Notes
    -----
    A customer enters with his first period whose revenue is above 0. With his revenue y at an age and x at age 0, the
    retention of a cohort is ``R = sum(y) / sum(x)``; its variance is that of a ratio over customers [1]_,
    ``n / (n - 1) * sum((y - R x)**2) / sum(x)**2``. Net retention has Student's interval, gross retention Wilson's with
    as many customers as have that variance. A few large customers make both rough: then n says little.

    Age 0 is the whole period of entry: where customers are billed by the day it holds only part of a period's revenue,
    and retention comes out too high. Take recurring revenue a period, not payments.

    References
    ----------
    .. [1] Cochran (1977), Sampling Techniques, 3rd edition, section 6.

    Examples
    --------
    >>> revenue = {
    ...     "customer_id": ["ann", "ann", "ann", "bob", "bob", "cat", "cat"],
    ...     "at": ["2025-01-01", "2025-02-01", "2025-03-01", "2025-01-01", "2025-03-01", "2025-02-01", "2025-03-01"],
    ...     "amount": [100, 150, 150, 100, 100, 50, 40],
    ... }
    >>> table = clm.revenue_retention(revenue, through="2025-03-31")
    >>> table.nrr.value
    array([[1.  , 0.75, 0.75],
           [1.  , 0.8 ,  nan],
           [ nan,  nan,  nan]])
    >>> table.grr.value[0], clm.revenue_retention(revenue, through="2025-03-31", reactivation="include").grr.value[0]
    (array([1. , 0.5, 0.5]), array([1. , 0.5, 1. ]))
    >>> table.cumulative.value.round(1)
    array([ 83.3, 146.7, 271.7])
    """
    check_period(period)
    for name, given in (("reactivation", reactivation), ("cap", cap)):
        if given not in _CHOICES[name]:
            known = _CHOICES[name]
            raise InvalidDataError(f"{name}={given!r} is not one of {', '.join(known)}.{nearest(str(given), known)}")
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
    cells = cohort_cells(log, calendar, since, paying=True)
    scope = _scope(log, calendar, since)
    return revenue_of_cells(
        cohort=cells.cohort,
        customer=cells.customer,
        age=cells.age,
        amount=cells.amount,
        complete=cells.complete,
        begun=cells.begun,
        reactivation=reactivation,
        cap=cap,
        cohorts=cells.cohorts,
        cumulative=value_of_cells(cells, 1.0, f"Revenue per acquired customer through each age. {scope}"),
        period=period,
        scope=scope,
        dropped=cells.dropped,
    )


def _scope(log: Orders, calendar: Calendar, since: int | None) -> str:
    weeks = f", from {log.rules.week_start}" if calendar.period == "week" else ""
    began = "" if since is None else f" from {describe(since, calendar.zone)}"
    refunds = {"net": "refunds taken off", "ignore": "refunds left out", "raise": "no refunds"}[log.rules.refunds]
    return (
        f"Ages in {calendar.period}s ({calendar.zone.name}{weeks}); age 0 is the {calendar.period} of a customer's "
        f"first revenue{began}; {refunds}; observed through {describe(log.through, calendar.zone)}; {log.note}."
    )
