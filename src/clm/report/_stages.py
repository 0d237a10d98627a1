"""Stages of the lifecycle on the page: who is where, and how far customers got."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm import plot
from clm.data import DAY
from clm.errors import InvalidDataError
from clm.report._model import Part, Table
from clm.report._numbers import shown
from clm.report._svg import draw
from clm.stats import plain

if TYPE_CHECKING:
    from clm.metrics import CustomerBase

_GRAINS = (("day", 45), ("week", 120 * 7), ("month", 120 * 31), ("quarter", 120 * 92))


def occupancy_part(base: CustomerBase) -> Part:
    """Return the customers in each stage over time, and those of today as a table."""
    log = base.stage_log
    result = log.occupancy(grain(base))
    now = result.counts[-1]
    total = int(now.sum())
    rows = tuple(
        (stage, f"{count:,}", shown(count / total if total else np.nan, "fraction"))
        for stage, count in zip(result.stages, now.tolist(), strict=True)
    )
    return Part(
        name="occupancy",
        title="Customers by stage",
        definition=f"{result.definition} {log.definition}",
        svg=draw(
            lambda: plot.occupancy(result, lifecycle=log.lifecycle),
            "occupancy",
            f"Customers in each stage over time; at the end {_listed(result.stages, now.tolist())}",
        ),
        tables=(
            Table(
                caption=f"Customers by stage, {base.scope}",
                head=("stage", "customers", "share"),
                rows=rows,
                numeric=frozenset({1, 2}),
            ),
        ),
        notes=_absent_notes(base),
        data={
            "periods": plain(result.periods),
            "status": plain(result.status),
            "stages": list(result.stages),
            "counts": plain(result.counts),
        },
    )


def funnel_part(base: CustomerBase) -> Part:
    """Return the share of customers who reached each ranked stage."""
    result = base.stage_log.funnel()
    low, high = result.conversion.confidence_interval()
    rows = tuple(
        (
            stage,
            f"{count:,}",
            shown(share, "fraction"),
            f"{shown(a, 'fraction')} to {shown(b, 'fraction')}",
            shown(step, "fraction"),
        )
        for stage, count, share, a, b, step in zip(
            result.stages,
            result.counts.tolist(),
            result.conversion.value.tolist(),
            low.tolist(),
            high.tolist(),
            result.step_conversion.value.tolist(),
            strict=True,
        )
    )
    return Part(
        name="funnel",
        title="How far customers got",
        definition=f"{result.conversion.definition} Bars: share of all who entered; whiskers: Wilson's interval.",
        svg=draw(
            lambda: plot.funnel(result),
            "funnel",
            f"Customers who reached each stage: {_listed(result.stages, result.counts.tolist())}",
        ),
        tables=(
            Table(
                caption="Customers who reached each stage",
                head=("stage", "customers", "of all", "95% interval", "of last"),
                rows=rows,
                numeric=frozenset({1, 2, 3, 4}),
            ),
        ),
        data={
            "stages": list(result.stages),
            "counts": plain(result.counts),
            "conversion": result.conversion.to_dict(),
            "step_conversion": result.step_conversion.to_dict(),
        },
    )


def grain(base: CustomerBase) -> str:
    """Return the calendar period that gives a readable number of points over the whole log."""
    entered = base.stage_log.visits["entered_at"].astype("datetime64[us]").astype(np.int64)
    if not entered.size:
        kinds = ", ".join(base.lifecycle.known_kinds)
        raise InvalidDataError(
            f"nobody has entered the lifecycle {base.lifecycle.name!r} {base.scope}."
            f" It knows touchpoints of kind {kinds}."
        )
    first = entered.min()
    days = (base.period.last - int(first)) // DAY + 1
    return next((period for period, most in _GRAINS if days <= most), "year")


def _absent_notes(base: CustomerBase) -> tuple[str, ...]:
    if base.touchpoints is not None and base.lacks("touchpoints") is None:
        return ()
    return (
        "This base has no touchpoints besides orders, so that nothing is seen before the first order.",
        "Give touchpoints (customer, time, kind) to see visits, sign-ups and referrals.",
    )


def _listed(names: tuple[str, ...], counts: list[int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in zip(names, counts, strict=True))
