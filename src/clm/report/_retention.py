"""Who came back, on the page: the cohort table and its curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm import plot
from clm.report._model import Part, Table
from clm.report._numbers import shown
from clm.report._svg import draw
from clm.stats import plain

if TYPE_CHECKING:
    from clm.metrics import CustomerBase

MOST_AGES = 24


def table_part(base: CustomerBase) -> Part:
    """Return the share that ordered again, cohort by age."""
    table = base.retention
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


def curve_part(base: CustomerBase) -> Part:
    """Return the share that ordered again by age, over the cohorts that are old enough."""
    table = base.retention
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
