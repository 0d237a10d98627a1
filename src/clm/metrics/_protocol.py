"""What an object must have to be a metric, and the check that says what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import numpy as np

from clm.errors import InvalidDataError, nearest
from clm.stats import Estimate, HasEstimate

if TYPE_CHECKING:
    from collections.abc import Collection

    from clm.metrics._base import CustomerBase

Direction: TypeAlias = Literal["higher", "lower"]
"""Which way is better."""

TABLES: Final = ("orders", "touchpoints", "customers", "answers", "channels")
"""What a metric may name in `needs`: the tables of a `CustomerBase`."""

STAGES: Final = ("reach", "acquisition", "conversion", "retention", "loyalty")
"""The stages of the scorecard, in order; metrics of other stages follow."""


class Metric(Protocol):
    """A number of a whole customer base: built in, plugged in, or written in the next cell of a notebook.

    Any object with these attributes is one; nothing need be inherited. An attribute ``description``, one sentence that
    says what the number answers, is shown where it is present. Where the better way depends on the base, as it does on
    the scale of an effort score, a method ``direction_on(base)`` says so. See also ``clm.testing.check_metric``.

    Attributes
    ----------
    name : str
        What the metric is called, unique among metrics: ``"share_of_wallet"``.
    stage : str
        The lifecycle stage it belongs to, as ``"loyalty"``.
    needs : collection of str
        Tables of the base without which it is undefined; `measure` is not called without them.
    unit : str
        ``"fraction"``, ``"points"``, ``"percent"``, a count noun, a time unit; ``"currency"`` for the base's currency.
    direction : {"higher", "lower"}
        Which way is better.
    """

    @property
    def name(self) -> str:
        """What the metric is called."""

    @property
    def stage(self) -> str:
        """The lifecycle stage it belongs to."""

    @property
    def needs(self) -> Collection[str]:
        """Tables of the base without which it is undefined."""

    @property
    def unit(self) -> str:
        """The unit of its value."""

    @property
    def direction(self) -> Direction:
        """Which way is better."""

    def measure(self, base: CustomerBase, /) -> Estimate[float] | HasEstimate:
        """Compute it: a single number, NaN with its reason where the base does not hold enough."""


def check_protocol(metric: Any) -> Metric:
    """Return an object that is a metric.

    Raises
    ------
    InvalidDataError
        If an attribute is missing or holds what it must not; the message names it and what is expected.
    """
    who = f"metric {type(metric).__name__}" if not isinstance(metric, type) else f"metric class {metric.__name__}"
    if isinstance(metric, type):
        raise InvalidDataError(f"{who} is a class, not an object: call it first, {metric.__name__}().")
    missing = [part for part in ("name", "stage", "needs", "unit", "direction", "measure") if not hasattr(metric, part)]
    if missing:
        raise InvalidDataError(f"{who} lacks {', '.join(missing)}: see clm.metrics.Metric for what a metric has.")
    for part in ("name", "stage", "unit"):
        text = getattr(metric, part)
        if not (isinstance(text, str) and text.strip()):
            raise InvalidDataError(f"{who}: {part} must be text that is not empty, not {text!r}.")
    who = f"metric {metric.name!r}"
    if metric.direction not in ("higher", "lower"):
        raise InvalidDataError(f"{who}: direction must be 'higher' or 'lower' (is better), not {metric.direction!r}.")
    _check_needs(who, metric.needs)
    if not callable(metric.measure):
        raise InvalidDataError(f"{who}: measure must be a method that takes a CustomerBase.")
    description = getattr(metric, "description", "")
    if not isinstance(description, str):
        raise InvalidDataError(f"{who}: description must be text, not {description!r}.")
    checked: Metric = metric
    return checked


def _check_needs(who: str, needs: Any) -> None:
    if isinstance(needs, str):
        raise InvalidDataError(f"{who}: needs is a collection of table names; write ({needs!r},) for one.")
    try:
        tables = list(needs)
    except TypeError:
        raise InvalidDataError(f"{who}: needs must be a collection of table names, not {needs!r}.") from None
    for table in tables:
        if table not in TABLES:
            hint = nearest(str(table), TABLES)
            raise InvalidDataError(f"{who}: needs names {table!r}, which is not one of {', '.join(TABLES)}.{hint}")


def description_of(metric: Metric) -> str:
    """Return what the number answers, or nothing where the metric does not say."""
    return str(getattr(metric, "description", ""))


def direction_on(metric: Metric, base: CustomerBase) -> Direction:
    """Return which way is better on this base."""
    depends = getattr(metric, "direction_on", None)
    return metric.direction if depends is None else depends(base)


def unit_of(metric: Metric, currency: str) -> str:
    """Return the unit of a metric's value on a base with this currency."""
    return currency if metric.unit == "currency" else metric.unit


def check_estimate(metric: Metric, result: Any) -> Estimate[float]:
    """Return what `measure` gave as a plain estimate.

    Raises
    ------
    InvalidDataError
        If it is not a single number with its definition.
    """
    estimate = result.estimate if isinstance(result, HasEstimate) else result
    if not isinstance(estimate, Estimate):
        raise InvalidDataError(
            f"metric {metric.name!r}: measure returned {type(result).__name__}, but an Estimate is expected: "
            "clm.Estimate(value=..., n=..., name=..., unit=..., definition=...)."
        )
    if np.ndim(estimate.value):
        raise InvalidDataError(
            f"metric {metric.name!r}: measure returned {np.size(estimate.value)} cells, but a metric is a single "
            "number. Give their .sum() or .mean()."
        )
    return estimate


def undefined(metric: Metric, reason: str, base: CustomerBase) -> Estimate[float]:
    """Return an estimate that says why there is no value."""
    return Estimate(
        value=np.nan,
        n=0,
        name=metric.name,
        unit=unit_of(metric, base.currency),
        definition=f"{description_of(metric)} Not computed, because {reason}.".lstrip(),
        undefined=reason,
    )
