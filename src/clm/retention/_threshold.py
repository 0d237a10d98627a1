"""After how long a silence a customer counts as gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import evolve, frozen

from clm.data import dropped_field
from clm.stats import Estimate, HasEstimate, NoBand, Wilson, figure, summary
from clm.survival import EndedGaps, SurvivalCurve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.retention._threshold_errors import ThresholdErrors
    from clm.stats import Band, Interval
    from clm.survival import Gaps

_FEW: Final = 10
_EXTRACT: Final = (
    "Each customer's first row is taken for his first purchase: an extract that begins later holds too few of those "
    "who buy rarely."
)
_OPEN: Final = (
    "A gap that never ends counts as long: where many customers leave after a purchase, the quantile is not reached "
    "whatever the length. clm.suggest_timeouts gives lengths among the silences that end."
)


@final
@frozen(kw_only=True, repr=False)
class ChurnThreshold(HasEstimate):
    """The length of silence after which a customer counts as gone, with what it rests on. Made by `churn_threshold`.

    It has the attributes of an `Estimate`.

    Attributes
    ----------
    estimate : Estimate
        The length that the stated share of gaps between purchases do not exceed, gaps that never end among all.
    curve : SurvivalCurve
        Share of gaps that have not ended, by length.
    naive : Estimate
        The same quantile of the gaps that ended, each alike: the usual recipe, which comes out too low.
    called_churned : Estimate
        Share of gaps longer than `naive`: of customers who all stay, those whom it would call churned.
    errors : ThresholdErrors
        Type I and type II error of every threshold at a moment in the past.
    quantile : float
        The share.
    dropped : mapping of str to int
        Rows that were left out, by reason.

    Examples
    --------
    >>> orders = {"customer_id": [1, 1, 1, 2, 2, 3], "at": [f"2025-01-{day:02d}" for day in (1, 3, 9, 1, 6, 28)]}
    >>> clm.churn_threshold(orders, through="2025-01-31", quantile=0.5).value
    5.0
    """

    estimate: Estimate[float]
    curve: SurvivalCurve
    naive: Estimate[float]
    called_churned: Estimate[float]
    errors: ThresholdErrors
    quantile: float
    dropped: Mapping[str, int] = dropped_field()

    def confidence_interval(self, level: float = 0.95) -> Interval[float]:
        """Return limits of the threshold; ``inf`` above where the log does not bound it."""
        return self.estimate.confidence_interval(level)

    def __repr__(self) -> str:
        return f"<ChurnThreshold: {summary(self.estimate)}>"


def threshold_of(gaps: Gaps, errors: ThresholdErrors, quantile: float, dropped: Mapping[str, int]) -> ChurnThreshold:
    """Estimate the threshold.

    Parameters
    ----------
    gaps
        Between each customer's purchases.
    errors, quantile, dropped
        As the attributes of `ChurnThreshold`.
    """
    ended = EndedGaps.of(gaps)
    curve = evolve(
        ended.curve,
        definition=f"Share of gaps that have not ended, by length (Kaplan-Meier). {gaps.durations.definition}",
        caveats=("Its band takes customers as alike; that of the threshold does not.",),
    )
    naive = _naive(gaps, quantile)
    return ChurnThreshold(
        estimate=_threshold(ended, curve, quantile),
        curve=curve,
        naive=naive,
        called_churned=_called_churned(ended, naive),
        errors=errors,
        quantile=quantile,
        dropped=dropped,
    )


def _threshold(ended: EndedGaps, curve: SurvivalCurve, quantile: float) -> Estimate[float]:
    step, percent = ended.first_at(quantile), figure(100 * quantile)
    reached = step < len(ended.share)
    caveats = [_EXTRACT]
    reason = None
    if not reached:
        reason = _unreached(ended, curve)
        caveats.append(_OPEN)
    elif curve.at_risk[step] < _FEW:
        caveats.append(f"Fewer than {_FEW} customers' gaps were seen to last so long.")
    band: Band = ended.crossing(quantile, beyond=curve.last_age)
    if ended.customers < _FEW:
        band = NoBand(f"there are fewer than {_FEW} customers")
    return Estimate(
        value=float(curve.times[step]) if reached else np.nan,
        n=ended.customers,
        name="churn threshold",
        unit=curve.unit,
        definition=(
            f"Length that {percent} percent of gaps do not exceed, of all gaps, those that never end among them. "
            f"{ended.gaps.durations.definition}"
        ),
        undefined=reason,
        band=band,
        caveats=tuple(caveats),
    )


def _unreached(ended: EndedGaps, curve: SurvivalCurve) -> str:
    unit, watched = curve.unit, figure(curve.last_age)
    percent = figure(100 * float(ended.share[-1])) if len(ended.share) else "0"
    if not len(curve.times):
        return f"nobody bought again, though customers were watched for up to {watched} {unit}s"
    return (
        f"only {percent} percent of gaps end within {figure(float(curve.times[-1]))} {unit}s, "
        f"the longest that was seen to end; gaps were watched for up to {watched}"
    )


def _naive(gaps: Gaps, quantile: float) -> Estimate[float]:
    closed = gaps.durations.durations[gaps.durations.observed]
    return Estimate(
        value=float(np.quantile(closed, quantile, method="inverted_cdf")) if len(closed) else np.nan,
        n=len(closed),
        name="naive churn threshold",
        unit=gaps.durations.unit,
        definition=(
            f"Length that {figure(100 * quantile)} percent of the gaps that ended do not exceed, every gap alike, gaps "
            "that have not ended left out."
        ),
        undefined="no gap ended",
        band=NoBand("it is biased, so that no interval around it holds the threshold"),
        caveats=("Too low: frequent buyers have the most gaps, and long gaps are the ones that have not ended yet.",),
    )


def _called_churned(ended: EndedGaps, naive: Estimate[float]) -> Estimate[float]:
    """Return the share of gaps that are longer than the naive threshold, with errors by customer."""
    step = int(np.searchsorted(ended.curve.times, naive.value, side="right"))
    known = naive.undefined is None
    share = float(ended.curve.value[step - 1]) if known else np.nan
    variance = float(np.sum(np.square(ended.scores(step)))) if known else np.nan
    spread = known and variance > 0 and 0 < share < 1
    effective = share * (1 - share) / variance if spread else float(ended.customers if known else 0)
    return Estimate(
        value=share,
        standard_error=np.sqrt(variance),
        n=ended.customers,
        name="share called churned too early",
        unit="fraction",
        definition=(
            f"Share of gaps longer than the naive threshold: of customers who all stay, those whom it calls churned. "
            f"{ended.gaps.durations.definition}"
        ),
        undefined="no gap ended",
        band=Wilson(np.asarray(effective)),
        caveats=("Customers who left are among them, where some did.",),
    )
