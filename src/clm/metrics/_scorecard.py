"""The whole customer lifecycle on one card: each metric's value, baseline and target, by stage."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.errors import ConvergenceError, InvalidDataError, PluginWarning, UnknownMetricError, nearest
from clm.metrics._aims import read_baseline, read_targets
from clm.metrics._base import CustomerBase
from clm.metrics._layout import html, text
from clm.metrics._protocol import STAGES, description_of, direction_on, undefined, unit_of
from clm.metrics._registry import check_base, measure, names, resolve
from clm.metrics._row import ScorecardRow
from clm.stats import check_level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clm.metrics._protocol import Metric
    from clm.stats import Estimate
    from clm.typing import Array


@final
@frozen(kw_only=True, repr=False)
class Scorecard:
    """Metrics of a customer base by lifecycle stage, each beside its baseline and target.

    Attributes
    ----------
    rows : tuple of ScorecardRow
        One a metric, in the order of the stages.
    scope : str
        Which time the card covers.
    currency : str
        What money is counted in.
    """

    rows: tuple[ScorecardRow, ...]
    scope: str
    currency: str

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[ScorecardRow]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> ScorecardRow:
        for row in self.rows:
            if row.name == name:
                return row
        known = [row.name for row in self.rows]
        raise UnknownMetricError(f"this card has no row {name!r}.{nearest(str(name), known)}")

    def by_stage(self) -> dict[str, tuple[ScorecardRow, ...]]:
        """Return the rows of each stage, in order.

        Returns
        -------
        dict of str to tuple of ScorecardRow
        """
        stages = dict.fromkeys(row.stage for row in self.rows)
        return {stage: tuple(row for row in self.rows if row.stage == stage) for stage in stages}

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return equally long columns, one entry a metric, as a dataframe wants them.

        Parameters
        ----------
        level
            Nominal coverage of the interval in ``low`` and ``high``.

        Returns
        -------
        dict of str to ndarray
            Numbers as float64 with NaN for what is not there; text, ``met`` and ``undefined`` as objects with None.
        """
        limits = [row.estimate.confidence_interval(check_level(level)) for row in self.rows]

        def words(attribute: str) -> Array:
            return np.array([getattr(row, attribute) for row in self.rows] or [], dtype=object)

        def numbers(attribute: str) -> Array:
            return np.array([getattr(row, attribute) for row in self.rows], dtype=np.float64)

        return {
            "stage": words("stage"),
            "name": words("name"),
            "description": words("description"),
            "unit": words("unit"),
            "direction": words("direction"),
            "baseline": numbers("baseline"),
            "value": numbers("value"),
            "low": np.array([limit.low for limit in limits], dtype=np.float64),
            "high": np.array([limit.high for limit in limits], dtype=np.float64),
            "standard_error": np.array([row.estimate.standard_error for row in self.rows], dtype=np.float64),
            "n": np.array([row.estimate.n for row in self.rows], dtype=np.int64),
            "target": numbers("target"),
            "change": numbers("change"),
            "relative_change": numbers("relative_change"),
            "progress": numbers("progress"),
            "met": words("met"),
            "undefined": words("undefined"),
            "definition": words("definition"),
        }

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return plain values that JSON can hold; what is undefined is None, with the reason beside it.

        Parameters
        ----------
        level
            Nominal coverage of the intervals that are written out.
        """
        return {"scope": self.scope, "currency": self.currency, "rows": [row.to_dict(level) for row in self.rows]}

    def __repr__(self) -> str:
        return text(f"Scorecard, {self.scope}", self.rows)

    def _repr_html_(self) -> str:
        return html(f"Scorecard, {self.scope}", self.rows)


def scorecard(
    base: CustomerBase,
    metrics: Iterable[str | Metric] | None = None,
    *,
    baseline: CustomerBase | Scorecard | Mapping[str, Any] | None = None,
    targets: Mapping[str, float] | None = None,
) -> Scorecard:
    """Measure a customer base along its lifecycle, and say how far each metric is on its way.

    A metric whose table is not there, or for which there is not enough data, is a row that says so.

    Parameters
    ----------
    base
        What is measured.
    metrics
        Names or metric objects; by default all that are built in or plugged in.
    baseline
        Where the metrics started: another base (``base.between(...)`` gives an earlier period), a scorecard, or a
        mapping of metric name to number or Estimate.
    targets
        Where they should go, by metric name; shares as fractions, 0.06 for 6 percent.

    Returns
    -------
    Scorecard
        Rows in the order of the stages: reach, acquisition, conversion, retention, loyalty, then others.

    Raises
    ------
    UnknownMetricError
        If a metric, a target or a baseline names none; the message names the nearest.
    InvalidDataError
        If a table of the base cannot be read, a metric occurs twice, or a target or baseline is no finite number.

    Warns
    -----
    PluginWarning
        If a metric fails with an error of its own; its row says which.

    Notes
    -----
    Progress is (value - baseline) / (target - baseline), whichever way is better, and is not cut to 0 to 1.

    Examples
    --------
    >>> base = clm.CustomerBase(answers={"kind": ["nps"] * 4, "at": ["2025-03-01"] * 4, "score": [10, 9, 8, 3]})
    >>> card = clm.scorecard(base, metrics=["nps"], baseline={"nps": 20}, targets={"nps": 40})
    >>> card["nps"].value, card["nps"].progress, card["nps"].met
    (25.0, 0.25, False)
    """
    check_base(base)
    chosen = _chosen(metrics)
    goals = read_targets(targets, chosen)
    starts = _starts(baseline, chosen, base)
    rows = []
    for metric in chosen:
        start = starts.get(metric.name)
        row = ScorecardRow(
            name=metric.name,
            stage=metric.stage,
            description=description_of(metric),
            unit=unit_of(metric, base.currency),
            direction=direction_on(metric, base),
            estimate=_measured(metric, base),
            baseline=None if start is None else start.value,
            baseline_undefined=None if start is None else start.undefined,
            target=goals.get(metric.name),
        )
        rows.append(row)
    return Scorecard(rows=tuple(rows), scope=base.scope, currency=base.currency)


def _chosen(metrics: Iterable[str | Metric] | None) -> list[Metric]:
    if isinstance(metrics, str):
        raise InvalidDataError(f"metrics is a collection of metrics; write [{metrics!r}] for one.")
    chosen = [resolve(metric) for metric in (names() if metrics is None else metrics)]
    seen: set[str] = set()
    for metric in chosen:
        if metric.name in seen:
            raise InvalidDataError(f"metric {metric.name!r} occurs twice. A card has one row a name.")
        seen.add(metric.name)
    order = {stage: rank for rank, stage in enumerate(dict.fromkeys([*STAGES, *(m.stage for m in chosen)]))}
    return sorted(chosen, key=lambda metric: order[metric.stage])


def _measured(metric: Metric, base: CustomerBase) -> Estimate[float]:
    """Measure, and turn what a metric could not do into the reason of its row; unreadable tables still raise."""
    try:
        return measure(metric, base)
    except InvalidDataError:
        raise
    except ConvergenceError as error:
        return undefined(metric, str(error), base)
    except Exception as error:  # noqa: BLE001  # a stranger's metric may raise anything, and must not take the card down
        reason = f"the metric failed with {type(error).__name__}: {error}"
        warnings.warn(f"{metric.name}: {reason}", PluginWarning, stacklevel=3)
        return undefined(metric, reason, base)


def _starts(baseline: Any, chosen: list[Metric], base: CustomerBase) -> dict[str, Estimate[float]]:
    """Return where the metrics started, by name."""
    if baseline is None:
        return {}
    if isinstance(baseline, Mapping):
        return read_baseline(baseline, chosen)
    if not isinstance(baseline, (CustomerBase, Scorecard)):
        kind = type(baseline).__name__
        raise InvalidDataError(
            f"baseline is a CustomerBase, a Scorecard or a mapping of metric name to number, not {kind}."
        )
    if baseline.currency != base.currency:
        raise InvalidDataError(
            f"the baseline is in {baseline.currency}, the base in {base.currency}. Convert one of them first."
        )
    if isinstance(baseline, Scorecard):
        return {row.name: row.estimate for row in baseline.rows}
    return {metric.name: _measured(metric, baseline) for metric in chosen}
