"""The metrics there are: built in, and plugged in by installed packages."""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from clm.errors import ClmError, InvalidDataError, PluginWarning, UnknownMetricError, nearest
from clm.metrics._base import CustomerBase
from clm.metrics._built_in import BUILT_IN
from clm.metrics._protocol import check_estimate, check_protocol, undefined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

    from clm.metrics._protocol import Metric
    from clm.stats import Estimate

GROUP: Final = "clm.metrics"
"""The entry-point group in which packages announce their metrics."""


def names() -> tuple[str, ...]:
    """Return the names of all metrics: the built-in ones by stage, then those of plug-ins.

    Returns
    -------
    tuple of str

    Warns
    -----
    PluginWarning
        Once a process, for each plugged-in metric that cannot be used and is skipped.

    Examples
    --------
    >>> "nps" in clm.metrics.names()
    True
    """
    return tuple(_registered())


def get(name: str) -> Metric:
    """Return the metric of a name.

    Parameters
    ----------
    name
        As in `names`.

    Returns
    -------
    Metric

    Raises
    ------
    UnknownMetricError
        If there is none; the message names the nearest.

    Examples
    --------
    >>> clm.metrics.get("churn_rate").direction
    'lower'
    """
    metrics = _registered()
    if name not in metrics:
        raise UnknownMetricError(
            f"there is no metric {name!r}.{nearest(str(name), metrics)} clm.metrics.names() lists all of them."
        )
    return metrics[name]


def resolve(metric: str | Metric) -> Metric:
    """Return a metric given by name or as an object."""
    return get(metric) if isinstance(metric, str) else check_protocol(metric)


def measure(metric: str | Metric, base: CustomerBase) -> Estimate[float]:
    """Measure a customer base.

    Parameters
    ----------
    metric
        A name, or an object that is a metric.
    base
        What is measured.

    Returns
    -------
    Estimate
        A single number; NaN with the reason where a table or enough data is missing.

    Raises
    ------
    UnknownMetricError
        If no metric has that name.
    InvalidDataError
        If a table of the base cannot be read, or the object is no metric.

    Examples
    --------
    >>> orders = clm.datasets.cdnow()
    >>> base = clm.CustomerBase(orders=orders, through="1998-06-30")
    >>> clm.metrics.measure("average_order_value", base).unit
    'USD'
    """
    chosen = resolve(metric)
    check_base(base)
    lacking = [reason for table in chosen.needs if (reason := base.lacks(table))]
    if lacking:
        return undefined(chosen, "; ".join(lacking), base)
    return check_estimate(chosen, chosen.measure(base))


def check_base(base: Any) -> None:
    """Refuse to measure what is no customer base."""
    if not isinstance(base, CustomerBase):
        kind = type(base).__name__
        raise InvalidDataError(f"metrics measure a CustomerBase, not {kind}: give clm.CustomerBase(orders=...).")


def is_built_in(metric: Metric) -> bool:
    """Tell the metrics of this library, whatever their options, from those of others."""
    return type(BUILT_IN.get(metric.name)) is type(metric)


@cache
def _registered() -> Mapping[str, Metric]:
    metrics = dict(BUILT_IN)
    for entry in sorted(entry_points(group=GROUP), key=_origin):
        metric = _loaded(entry)
        if metric is None:
            continue
        if metric.name in metrics:
            winner = "the built-in one" if metric.name in BUILT_IN else "the one found first"
            _warn(
                f"metric {metric.name!r} of plug-in {_origin(entry)} is skipped: the name is taken, and {winner} wins."
            )
            continue
        metrics[metric.name] = metric
    return MappingProxyType(metrics)


def _loaded(entry: EntryPoint) -> Metric | None:
    """Return a plug-in's metric, or warn and return nothing."""
    try:
        found: Any = entry.load()
        return check_protocol(found() if isinstance(found, type) else found)
    except ClmError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001  # a stranger's code may raise anything, and must not take the others down
        reason = f"{type(error).__name__}: {error}"
    _warn(f"plug-in {_origin(entry)} is skipped: {reason}")
    return None


def _origin(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else "unknown package"
    return f"{entry.name!r} ({entry.value}, of {package})"


def _warn(message: str) -> None:
    warnings.warn(message, PluginWarning, stacklevel=4)
