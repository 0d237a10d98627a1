"""Numbers as the page's readers see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import ClmError, MissingExtraError
from clm.report._model import Headline, Part
from clm.stats import figure

if TYPE_CHECKING:
    from collections.abc import Callable

LEVEL = 0.95


def shown(value: float, unit: str = "") -> str:
    """Return a number with its unit; fractions as percent."""
    if np.isnan(value):
        return "undefined"
    if unit == "fraction":
        return f"{100 * value:.1f}%"
    if unit == "percent":
        return f"{value:.1f}%"
    return figure(value)


def limits(estimate: Any, level: float = LEVEL) -> str:
    """Return an interval in words: what it bounds, or why there is none."""
    if estimate.undefined is not None:
        return f"undefined: {estimate.undefined}"
    low, high = estimate.confidence_interval(level)
    if np.isnan(low) or np.isnan(high):
        return "no interval can be stated"
    if low == high and estimate.standard_error == 0:
        return "counted in full"
    return f"{level:.0%} interval {shown(low, estimate.unit)} to {shown(high, estimate.unit)}"


def headline(estimate: Any, name: str | None = None) -> Headline:
    """Return an estimate as one of the numbers that the page opens with."""
    unit = estimate.unit
    bare = unit in {"fraction", "percent", "points", "customers", "orders"}
    value = shown(float(estimate.value), unit)
    return Headline(
        name=name or estimate.name,
        value=value,
        unit="" if bare or np.isnan(estimate.value) else unit,
        interval=limits(estimate),
        definition=estimate.definition,
    )


def attempt(name: str, title: str, build: Callable[[], Part], *, wide: bool = False) -> Part:
    """Return a part, or one that says why it could not be computed.

    Raises
    ------
    MissingExtraError
        If a package is missing: no data could help.
    """
    try:
        return build()
    except MissingExtraError:
        raise
    except ClmError as error:
        return Part(name=name, title=title, missing=str(error), wide=wide)
