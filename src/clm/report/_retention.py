"""Who came back, on the page: the cohort table and its curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from clm import plot
from clm.data import DAY
from clm.frames import retention_table
from clm.report._model import Part, Table
from clm.report._numbers import shown
from clm.report._svg import draw
from clm.retention import RetentionDefinition
from clm.stats import plain

if TYPE_CHECKING:
    from clm.metrics import CustomerBase
    from clm.retention import RetentionTable
    from clm.typing import Period

MOST_AGES = 24
MOST_COHORTS = 48
_PERIODS: Final[tuple[tuple[Period, float], ...]] = (("month", 30.4), ("quarter", 91.3))


def cohorts(base: CustomerBase) -> RetentionTable:
    """Return who ordered again by month of his first order, or by a longer period where there are too many months.

    Raises
    ------
    InvalidDataError
        If there is no order.
    """
    if base.lacks("orders") is not None or not base.histories.order_at.size:
        return base.retention
    histories = base.histories
    days = (histories.through - int(histories.order_at.min())) / DAY
    period: Period = next((period for period, length in _PERIODS if days <= MOST_COHORTS * length), "year")
    if period == "month":
        return base.retention
    definition = RetentionDefinition(period=period, tz=base.tz)
    return retention_table(histories.order_log(), definition, through=base.period.ends)


def table_part(table: RetentionTable) -> Part:
    """Return the share that ordered again, cohort by age."""
    rates = table.rates()
    return Part(
        name="cohorts",
        title="Who came back, by cohort",
        definition=f"{rates.definition} Blank cells cannot be observed yet; hatched cells are still in progress, so"
        " that their rate is not stated.",
        svg=draw(
            lambda: plot.retention_table(table),
            "cohorts",
            f"Share of each cohort that came back, by age; {len(table.sizes):,} cohorts",
        ),
        data={
            "cohorts": plain(table.cohorts),
            "sizes": plain(table.sizes),
            "retained": plain(table.retained),
            "status": plain(table.status),
            "rates": plain(rates.value),
        },
    )


def curve_part(table: RetentionTable) -> Part:
    """Return the share that ordered again by age, over the cohorts that are old enough."""
    curve = table.curve()
    low, high = curve.confidence_interval()
    ages = range(np.size(curve.value)) if curve.index is None else np.asarray(curve.index).tolist()
    rows = tuple(
        (str(age), shown(value, "fraction"), f"{shown(a, 'fraction')} to {shown(b, 'fraction')}", f"{n:,}")
        for age, value, a, b, n in zip(ages, curve.value, low, high, np.asarray(curve.n), strict=True)
        if not np.isnan(value)
    )
    period = table.definition.period
    return Part(
        name="curve",
        title="Who came back, by age",
        definition=curve.definition,
        svg=draw(lambda: plot.retention_curve(table), "curve", "Share who came back, by age, with its band"),
        tables=(
            Table(
                caption=f"Came back, by age in {period}s" + (f", the first {MOST_AGES}" * (len(rows) > MOST_AGES)),
                head=(period, "came back", "95% interval", "customers"),
                rows=rows[:MOST_AGES],
                numeric=frozenset({1, 2, 3}),
            ),
        ),
        notes=curve.caveats,
        data={"curve": curve.to_dict()},
    )
