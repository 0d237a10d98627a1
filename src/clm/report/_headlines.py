"""The numbers that the page opens with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from clm.data import DAYS
from clm.errors import ClmError, MissingExtraError
from clm.report._model import Headline
from clm.report._numbers import headline
from clm.report._tracking import Check
from clm.stats import Estimate, exact, figure, proportion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clm.metrics import CustomerBase
    from clm.report._options import Options


def headlines(
    base: CustomerBase, checked: Check | str, values: Estimate[Any] | str, options: Options
) -> tuple[Headline, ...]:
    """Return those that can be computed; what cannot says why further down the page."""
    found = []
    for make in _makers(base, checked, values, options):
        try:
            found.append(make())
        except MissingExtraError:
            raise
        except ClmError:
            # Its reason stands in the part of the page that shows it.
            continue
    return tuple(found)


def _makers(
    base: CustomerBase, checked: Check | str, values: Estimate[Any] | str, options: Options
) -> Iterator[Callable[[], Headline]]:
    if base.lacks("orders") is None:
        yield lambda: _customers(base)
        yield lambda: _orders(base)
        yield lambda: _repeat(base)
        yield lambda: _alive(base)
        yield lambda: _purchases(base, options)
        if isinstance(values, Estimate):
            yield lambda: _value(values, options)
        if isinstance(checked, Check):
            yield lambda: _prediction(checked)
    if base.lacks("answers") is None:
        for kind in ("nps", "csat", "ces"):
            yield partial(_score, base, kind)


def _customers(base: CustomerBase) -> Headline:
    n = base.rfm.n
    definition = f"Customers who ever ordered, {base.scope}."
    return headline(exact(n, n=n, name="customers", unit="customers", definition=definition), "Customers who ordered")


def _orders(base: CustomerBase) -> Headline:
    rows, days = len(base.histories.order_at), int(base.rfm.frequency.sum()) + base.rfm.n
    return Headline(
        name="Orders",
        value=f"{rows:,}",
        interval=f"on {days:,} days of purchase",
        definition=f"Orders, {base.scope}, refunds left out; those of one customer and day are one purchase in models.",
    )


def _repeat(base: CustomerBase) -> Headline:
    again = int((base.rfm.frequency > 0).sum())
    definition = f"Share of the customers who ordered on a second day, {base.scope}."
    return headline(proportion(again, base.rfm.n, name="bought again", definition=definition), "Bought again")


def _alive(base: CustomerBase) -> Headline:
    alive = base.purchase_fit.probability_alive(base.rfm).sum()
    return headline(evolve(alive, unit="customers"), "Probably still customers")


def _purchases(base: CustomerBase, options: Options) -> Headline:
    fit = base.purchase_fit
    weeks = options.years * DAYS["year"] / DAYS[fit.unit]
    total = fit.expected_purchases(base.rfm, horizon=weeks).sum()
    return headline(evolve(total, unit="orders"), f"Orders expected in the {options.ahead}")


def _value(values: Estimate[Any], options: Options) -> Headline:
    return headline(values.mean(), f"Expected value per customer, {options.ahead}")


def _score(base: CustomerBase, kind: str) -> Headline:
    return headline(base.score(kind))


def _prediction(checked: Check) -> Headline:
    low, high = checked.interval
    limits = "no interval can be stated" if np.isnan(low) else f"95% prediction interval {low:,.0f} to {high:,.0f}"
    return Headline(
        name=f"Came in the {checked.holdout.duration:g} {checked.holdout.unit}s after {checked.calibrated_through}",
        value=f"{figure(checked.actual)}",
        interval=f"{figure(checked.expected)} predicted; {limits}",
        definition="Repeat purchases after the calibration by the customers acquired in it, beside the prediction.",
    )
