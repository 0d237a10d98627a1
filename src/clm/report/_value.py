"""What customers are worth, on the page: how value spreads, and what has been earned so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from clm import plot
from clm.data import DAYS
from clm.errors import InvalidDataError
from clm.ltv import average_order_ltv, historic_ltv, lifetime_value, margin_ltv
from clm.report._model import Part, Table
from clm.report._numbers import shown
from clm.report._svg import draw
from clm.stats import figure

if TYPE_CHECKING:
    from clm.metrics import CustomerBase
    from clm.report._options import Options
    from clm.stats import Estimate

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def expected_values(base: CustomerBase, options: Options) -> Estimate[Any]:
    """Return what each customer is expected to bring over the horizon, one cell a customer.

    Raises
    ------
    InvalidDataError
        If there are no amounts, or the models cannot be fitted.
    """
    fit = base.purchase_fit
    values = lifetime_value(
        fit,
        base.rfm,
        order_value=base.order_value_fit,
        horizon=options.years * DAYS["year"] / DAYS[fit.unit],
        discount=options.discount,
        margin=options.margin,
    )
    return evolve(values, unit=base.currency)


def value_part(base: CustomerBase, values: Estimate[Any], options: Options) -> Part:
    """Return how the expected value of the next years spreads over the customers."""
    cells = np.sort(np.asarray(values.value))[::-1]
    total = float(cells.sum())
    rows = [(f"{share:.0%} of customers are below", figure(float(np.quantile(cells, share)))) for share in _QUANTILES]
    if total > 0:
        best = float(cells[: max(1, round(cells.size / 5))].sum()) / total
        rows.append(("share of all value held by the best fifth", shown(best, "fraction")))
    return Part(
        name="value",
        title="Expected value per customer",
        definition=f"{values.definition} Over {options.span}, "
        f"{'as revenue' if options.margin == 1 else f'at a margin of {options.margin:g}'}; {options.discounting}.",
        svg=draw(
            lambda: plot.value_distribution(values),
            "value",
            f"Distribution of expected value per customer: median {figure(float(np.median(cells)))} {base.currency}",
        ),
        tables=(
            Table(
                caption=f"Expected value per customer, in {base.currency}",
                head=("", base.currency),
                rows=tuple(rows),
                numeric=frozenset({1}),
            ),
        ),
        notes=values.caveats,
        data={
            "mean": values.mean().to_dict(),
            "total": values.sum().to_dict(),
            "quantiles": {f"{share:g}": float(np.quantile(cells, share)) for share in _QUANTILES},
        },
    )


def earned_part(base: CustomerBase, options: Options) -> Part:
    """Return what customers have brought so far, by the simple formulas."""
    rfm = base.rfm
    if rfm.value_total is None:
        raise InvalidDataError("the orders have no amounts: name their column to see what customers have brought.")
    methods = {"sum of purchases": historic_ltv(rfm), "average order x number of orders": average_order_ltv(rfm)}
    if options.margin != 1:
        methods[f"sum of purchases x margin {options.margin:g}"] = margin_ltv(rfm, margin=options.margin)
    rows, data = [], {}
    for name, values in methods.items():
        mean, total = evolve(values.mean(), unit=base.currency), evolve(values.sum(), unit=base.currency)
        rows.append((name, shown(total.value), shown(mean.value)))
        data[name] = {"total": total.to_dict(), "mean": mean.to_dict()}
    return Part(
        name="earned",
        title="Value so far",
        definition=f"What the customers have brought, {base.scope}, in {base.currency}; refunds taken off. Counted in"
        " full, so there is no sampling error.",
        tables=(
            Table(
                caption=f"Past value, in {base.currency}",
                head=("method", "all customers", "per customer"),
                rows=tuple(rows),
                numeric=frozenset({1, 2}),
            ),
        ),
        data=data,
    )
