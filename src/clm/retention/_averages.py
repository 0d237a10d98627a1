"""Retention over all cohorts: weighted, simple, or of a fixed panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from clm.errors import InvalidDataError, nearest
from clm.retention._layout import COMPLETE, UNOBSERVED
from clm.retention._recurring import clustered
from clm.retention._shares import shares
from clm.stats import Estimate, Wilson

if TYPE_CHECKING:
    from clm.retention._table import RetentionTable
    from clm.typing import BoolArray, FloatArray, IntArray

Average = Literal["weighted", "simple", "panel", "observed"]

_SAID: Final = {
    "weighted": "of all cohorts complete at it, by size",
    "simple": "as the mean over all cohorts complete at it, each alike",
    "panel": "of the cohorts complete at age {age}, by size",
    "observed": "of all customers whose own period of that age has ended",
}
_IMMATURE: Final = "no cohort with customers is old enough"


def average_of(table: RetentionTable, average: Any, through_age: Any) -> Estimate[FloatArray]:
    """Return the share retained at each age over cohorts; see `RetentionTable.curve`.

    Raises
    ------
    InvalidDataError
        If the average is unknown, or `through_age` is missing or beyond the table.
    """
    if average not in _SAID:
        hint = nearest(str(average), _SAID)
        raise InvalidDataError(f"average={average!r} is not one of {', '.join(_SAID)}.{hint}")
    if (average == "panel") != (through_age is not None):
        raise InvalidDataError("average='panel' and through_age= go together: the panel is complete at that age.")
    if average == "observed" and table.definition.clock != "own":
        raise InvalidDataError(
            "average='observed' needs clock='own': by the calendar all of a cohort is observed at once."
        )
    counts = _cells(table, average, through_age)
    said = _SAID[average].format(age=through_age)
    described = {
        "name": "retention",
        "definition": f"Share retained at an age, {said}. {table.scope}",
        "index": table.ages,
        "undefined": _IMMATURE,
    }
    retained = np.where(counts, np.maximum(table.retained, 0), 0)
    sizes = np.where(counts, table.observed if average == "observed" else table.sizes[:, None], 0)
    if average != "simple" and table.activity is None:
        trials = sizes.sum(axis=0)
        known, certain = trials > 0, (trials > 0) & (table.ages == 0)
        return shares(retained.sum(axis=0), trials, known=known, certain=certain, **described)
    weights = _weights(counts, sizes, average)
    if table.activity is None:
        return _of_rates(table, retained, sizes, weights, described)
    return _clustered(table, retained, sizes, weights, average, described)


def _cells(table: RetentionTable, average: Any, through_age: Any) -> BoolArray:
    """Return which cells count."""
    if average == "observed":
        return np.asarray((table.status != UNOBSERVED) & (table.observed > 0))
    counts = (table.status == COMPLETE) & (table.sizes > 0)[:, None]
    if average != "panel":
        return np.asarray(counts)
    column = table.column(through_age)
    panel = counts[:, column]
    if not panel.any():
        raise InvalidDataError(
            f"no cohort with customers is complete at through_age={through_age}. Choose a smaller age."
        )
    return np.asarray(counts & panel[:, None] & (np.arange(counts.shape[1]) <= column))


def _weights(counts: BoolArray, sizes: IntArray, average: Any) -> FloatArray:
    """Return what the rate of each cohort counts at each age; they sum to 1."""
    plain = counts.astype(np.float64) if average == "simple" else sizes.astype(np.float64)
    total = plain.sum(axis=0)
    return np.asarray(plain / np.where(total > 0, total, 1.0))


def _of_rates(
    table: RetentionTable, retained: IntArray, sizes: IntArray, weights: FloatArray, described: dict[str, Any]
) -> Estimate[FloatArray]:
    """Return a mean of independent cohorts' rates."""
    rates = retained / np.maximum(sizes, 1)
    mean = (weights * rates).sum(axis=0)
    # A cohort of one tells nothing of its own variance: there the mean over all cohorts stands for its rate.
    spread = np.where(sizes > 1, rates * (1 - rates) / np.maximum(sizes - 1, 1), mean * (1 - mean))
    variance = (weights**2 * spread).sum(axis=0)
    return _with_variance(table, mean, variance, np.asarray((weights > 0).any(axis=0)), sizes.sum(axis=0), described)


def _clustered(
    table: RetentionTable,
    retained: IntArray,
    sizes: IntArray,
    weights: FloatArray,
    average: Average,
    described: dict[str, Any],
) -> Estimate[FloatArray]:
    """Return a mean over cohorts that share customers."""
    assert table.activity is not None
    rates = retained / np.maximum(sizes, 1)
    mean = (weights * rates).sum(axis=0)
    each = weights / np.maximum(sizes, 1)
    # By size the mean is a ratio of sums, with each cohort alike a mean of ratios: so it moves with one more entry.
    entered = -each * (rates if average == "simple" else mean)
    variance, customers = clustered(
        table.activity, table.definition.rule, table.columns, retained=each, entered=entered
    )
    return _with_variance(table, mean, variance, np.asarray((weights > 0).any(axis=0)), customers, described)


def _with_variance(
    table: RetentionTable,
    mean: FloatArray,
    variance: FloatArray,
    known: BoolArray,
    customers: IntArray,
    described: dict[str, Any],
) -> Estimate[FloatArray]:
    """State means by Wilson's interval of as many independent customers as have the same variance."""
    certain = known & (table.ages == 0)
    share = np.where(known, mean, np.nan)
    variance = np.where(certain, 0.0, variance)
    real = known & (variance > 0)
    effective = np.where(real, mean * (1 - mean) / np.where(real, variance, 1.0), np.where(known, customers, 0))
    return Estimate(
        value=share,
        standard_error=np.where(known, np.sqrt(variance), np.nan),
        n=np.where(known, customers, 0),
        unit="fraction",
        band=Wilson(np.where(certain, np.inf, effective)),
        **described,
    )
