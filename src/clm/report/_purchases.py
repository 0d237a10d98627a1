"""The purchase model on the page: who is still a customer, and how well it predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm import plot
from clm.errors import InvalidDataError
from clm.report._model import Part, Table
from clm.report._numbers import shown
from clm.report._svg import draw
from clm.stats import figure, plain

if TYPE_CHECKING:
    from clm.ltv import GammaGammaFit, PurchaseFit
    from clm.metrics import CustomerBase
    from clm.report._tracking import Check

_CLASSES = ((0, 0), (1, 1), (2, 2), (3, 4), (5, 9), (10, None))


def alive_part(base: CustomerBase) -> Part:
    """Return P(alive) by frequency and recency, and by frequency as a table."""
    fit, rfm = base.purchase_fit, base.rfm
    alive = fit.probability_alive(rfm)
    values = np.asarray(alive.value)
    rows = []
    for low, high in _CLASSES:
        inside = (rfm.frequency >= low) & (rfm.frequency <= (np.inf if high is None else high))
        if inside.any():
            name = str(low) if low == high else f"{low} and more" if high is None else f"{low} to {high}"
            mean = float(values[inside].mean())
            silent = float((rfm.T - rfm.recency)[inside].mean())
            rows.append((name, f"{int(inside.sum()):,}", f"{silent:.1f}", shown(mean, "fraction")))
    return Part(
        name="alive",
        title="Who is probably still a customer",
        definition=f"{alive.definition} The figure is for customers as old as the oldest, with lines at 25, 50 and"
        " 75 percent.",
        svg=draw(
            lambda: plot.probability_alive(fit, rfm),
            "alive",
            "Probability of being alive by frequency and recency: high for those who bought lately",
        ),
        tables=(
            Table(
                caption="Mean silence since the last purchase, and mean P(alive), by repeat purchases",
                head=("repeat purchases", "customers", f"{rfm.unit}s silent", "P(alive)"),
                rows=tuple(rows),
                numeric=frozenset({1, 2, 3}),
            ),
        ),
        notes=fit.caveats,
        data={
            "probability_alive": [
                dict(zip(("frequency", "customers", "silent", "alive"), row, strict=True)) for row in rows
            ]
        },
    )


def model_part(base: CustomerBase) -> Part:
    """Return the parameters of the purchase and order value models with their standard errors."""
    fit = base.purchase_fit
    models: dict[str, PurchaseFit | GammaGammaFit] = {"BG/NBD": fit}
    notes: tuple[str, ...] = fit.caveats
    try:
        models["Gamma-Gamma"] = base.order_value_fit
        notes = (*notes, *base.order_value_fit.caveats)
    except InvalidDataError as error:
        notes = (*notes, f"Gamma-Gamma: {error}")
    rows, data = [], {}
    for model, fitted in models.items():
        intervals = fitted.confidence_interval()
        for name, value in fitted.params.items():
            low, high = intervals[name]
            spread = fitted.standard_errors[name]
            rows.append((name, model, figure(value), figure(spread), f"{figure(low)} to {figure(high)}"))
        data[model] = {
            "params": fitted.params,
            "standard_errors": {name: plain(spread) for name, spread in fitted.standard_errors.items()},
            "loglik": plain(fitted.loglik),
            "n": fitted.n,
        }
    logliks = ", ".join(f"{model} {fitted.loglik:,.2f} ({fitted.n:,} customers)" for model, fitted in models.items())
    return Part(
        name="models",
        title="The models behind it",
        definition="BG/NBD (Fader, Hardie and Lee 2005): each customer buys at his own rate and may leave after any"
        " purchase. Gamma-Gamma (Fader and Hardie 2013): each customer has his own mean order value. Fitted by maximum"
        f" likelihood to the orders {base.scope}; log-likelihood: {logliks}.",
        tables=(
            Table(
                caption=f"Parameters; time in {fit.unit}s",
                head=("parameter", "model", "estimate", "standard error", "95% interval"),
                rows=tuple(rows),
                numeric=frozenset({2, 3, 4}),
            ),
        ),
        notes=tuple(dict.fromkeys(notes)),
        wide=True,
        data=data,
    )


def tracking_part(checked: Check) -> Part:
    """Return what was predicted for the second half beside what came."""
    low, high = checked.interval
    stated = not (np.isnan(low) or np.isnan(high))
    inside = ("yes" if low <= checked.actual <= high else "no") if stated else "cannot be said"
    limits = f"{low:,.0f} to {high:,.0f}" if stated else "cannot be stated"
    duration, unit = checked.holdout.duration, checked.holdout.unit
    course = checked.tracking
    return Part(
        name="tracking",
        title="Does the model predict?",
        definition=f"Repeat purchases of the {checked.calibration.n:,} customers acquired through"
        f" {checked.calibrated_through}: BG/NBD is fitted to that part alone and predicts the next {duration:g}"
        f" {unit}s, given each customer's history. The interval bounds the realised count, parameter error included.",
        svg=draw(
            lambda: plot.tracking(course),
            "tracking",
            f"Cumulative repeat purchases: {figure(checked.expected)} predicted, {figure(checked.actual)} came",
        ),
        tables=(
            Table(
                caption=f"The {duration:g} {unit}s after {checked.calibrated_through}",
                head=("", "purchases"),
                rows=(
                    ("predicted", f"{checked.expected:,.0f}"),
                    ("95% prediction interval", limits),
                    ("actual", f"{checked.actual:,.0f}"),
                    ("actual inside the interval", inside),
                ),
                numeric=frozenset({1}),
            ),
        ),
        notes=checked.fit.caveats,
        data={
            "calibrated_through": checked.calibrated_through,
            "duration": duration,
            "unit": unit,
            "predicted": checked.expected,
            "prediction_interval": {"level": checked.interval.level, "low": plain(low), "high": plain(high)},
            "actual": checked.actual,
            "course": {
                "times": plain(course.times),
                "actual": plain(course.actual),
                "expected": plain(course.expected),
                "low": plain(course.low),
                "high": plain(course.high),
            },
        },
    )
