"""Where metrics started and where they should go, checked before anything is measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError, UnknownMetricError, nearest
from clm.metrics._registry import is_built_in, names
from clm.stats import Estimate, HasEstimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.metrics._protocol import Metric


def read_targets(targets: Any, metrics: Sequence[Metric]) -> dict[str, float]:
    """Return targets by metric name.

    Raises
    ------
    UnknownMetricError
        If one names no metric.
    InvalidDataError
        If one is no finite number, or a share beyond 1.
    """
    if targets is None:
        return {}
    if not isinstance(targets, Mapping):
        raise InvalidDataError(f"targets is a mapping of metric name to number, not {type(targets).__name__}.")
    _check_names(targets, metrics, "targets")
    numbers = {name: _number(value, f"the target of {name!r}") for name, value in targets.items()}
    _check_shares(numbers, metrics, "target")
    return numbers


def read_baseline(baseline: Mapping[str, Any], metrics: Sequence[Metric]) -> dict[str, Estimate[float]]:
    """Return a baseline that was given as a mapping, by metric name; None stands for none.

    Raises
    ------
    UnknownMetricError
        If a name is that of no metric.
    InvalidDataError
        If one is neither a finite number nor an Estimate, or a share beyond 1.
    """
    _check_names(baseline, metrics, "baseline")
    found = {name: _as_estimate(name, value) for name, value in baseline.items() if value is not None}
    _check_shares({name: estimate.value for name, estimate in found.items()}, metrics, "baseline")
    return found


def _check_names(given: Mapping[str, Any], metrics: Sequence[Metric], what: str) -> None:
    known = dict.fromkeys([*(metric.name for metric in metrics), *names()])
    for name in given:
        if name not in known:
            raise UnknownMetricError(f"{what} names {name!r}, which is no metric.{nearest(str(name), known)}")


def _check_shares(numbers: Mapping[str, float], metrics: Sequence[Metric], what: str) -> None:
    """Refuse percents where fractions are meant: built-in metrics of this unit are shares, which end at 1."""
    for metric in metrics:
        number = numbers.get(metric.name, 0.0)
        if metric.unit == "fraction" and is_built_in(metric) and not (np.isnan(number) or 0 <= number <= 1):
            raise InvalidDataError(
                f"the {what} of {metric.name!r} is a fraction between 0 and 1, not {number:g}. Give 0.06 for 6 percent."
            )


def _number(value: Any, what: str) -> float:
    number = math.nan
    if not isinstance(value, (bool, np.bool_, str)):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
    if not math.isfinite(number):
        raise InvalidDataError(f"{what} must be a finite number, not {value!r}.")
    return number


def _as_estimate(name: str, value: Any) -> Estimate[float]:
    if isinstance(value, HasEstimate):
        return value.estimate
    if isinstance(value, Estimate) and not np.ndim(value.value):
        return value
    number = _number(value, f"the baseline of {name!r}")
    return Estimate(value=number, n=0, name=name, unit="as given", definition="Given as the baseline.")
