"""Choose how two numbers are told apart, by what each of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from clm.stats._arrays import same
from clm.stats._bands import Exact, LogitNormal, LogNormal, NoBand, Normal, StudentT, Wilson
from clm.stats._difference_bands import Pivot, Recovered
from clm.stats._score_intervals import AdjustedWald, TangoScore

if TYPE_CHECKING:
    from clm.stats._difference_bands import Evidence
    from clm.stats._estimate import Estimate

_ROUNDING = 1e-9


def choose_evidence(first: Estimate[Any], second: Estimate[Any]) -> Evidence | NoBand:
    """Return the band of second less first; `NoBand` with the reason where none can be stated."""
    reason = why_undefined(first, second) or _why_no_interval(first, second)
    return NoBand(reason) if reason else _evidence(first, second)


def why_undefined(first: Estimate[Any], second: Estimate[Any]) -> str | None:
    """Say why there is no difference, else None."""
    for side, which in ((first, "first"), (second, "second")):
        if side.undefined is not None:
            return f"the {which} is undefined, because {side.undefined}"
    return None


def _why_no_interval(first: Estimate[Any], second: Estimate[Any]) -> str | None:
    for side, which in ((first, "first"), (second, "second")):
        if any(map(np.isnan, side.confidence_interval(0.95))):
            return f"the {which} has no interval ({_why(side)})"
    return None


def _evidence(first: Estimate[Any], second: Estimate[Any]) -> Evidence:
    reach = range_of_difference(first, second)
    if shares_fit(first, second):
        return Pivot(
            "delta method, both from one fit", _away(first, second), _joint_error(first, second), np.inf, *reach
        )
    before, after = first.band, second.band
    if isinstance(before, AdjustedWald) and isinstance(after, AdjustedWald):
        return _adjusted(before, after, reach)
    if _all_of(first, second, StudentT):
        method = "Student's t" if isinstance(before, Exact) or isinstance(after, Exact) else "Welch's t"
        return Pivot(method, _away(first, second), _error(first, second), _welch_df(first, second), *reach)
    if _all_of(first, second, Normal):
        return Pivot("Wald", _away(first, second), _error(first, second), np.inf, *reach)
    return Recovered(_scored(first), _scored(second), *reach)


def plain_evidence(first: Estimate[Any], second: Estimate[Any]) -> Pivot | NoBand:
    """Return Wald's band from the standard errors as they are."""
    error = _joint_error(first, second) if shares_fit(first, second) else _error(first, second)
    if np.isnan(error) or np.isnan(_away(first, second)):
        return NoBand("a standard error is not known")
    return Pivot("Wald", _away(first, second), error, np.inf, *range_of_difference(first, second))


def pooled_evidence(first: Estimate[Any], second: Estimate[Any]) -> Pivot:
    """Return the score test of two shares, which are taken as one where there is no difference."""
    assert isinstance(first.band, Wilson)
    assert isinstance(second.band, Wilson)
    trials = np.array([float(first.band.trials), float(second.band.trials)])
    pooled = float(trials @ [first.value, second.value] / trials.sum()) / first.band.scale
    error = first.band.scale * float(np.sqrt(max(pooled * (1 - pooled), 0.0) * (1 / trials).sum()))
    return Pivot("score", _away(first, second), error)


def range_of_difference(first: Estimate[Any], second: Estimate[Any]) -> tuple[float, float]:
    """Return the least and the greatest difference there can be."""
    (low_before, high_before), (low, high) = value_range(first), value_range(second)
    return low - high_before, high - low_before


def value_range(estimate: Estimate[Any]) -> tuple[float, float]:
    """Return the range of a quantity: its value where it is known exactly, infinite where its band tells none."""
    band = estimate.band
    if isinstance(band, Exact):
        return float(estimate.value), float(estimate.value)
    if isinstance(band, LogitNormal):
        return 0.0, 1.0
    if isinstance(band, LogNormal):
        return 0.0, np.inf
    net = getattr(band, "scale", None) if hasattr(band, "against") else None
    if net is not None:
        return -net, net
    return getattr(band, "lowest", -np.inf), getattr(band, "highest", np.inf)


def shares_fit(first: Estimate[Any], second: Estimate[Any]) -> bool:
    """Whether both lean on the parameters of one fit, so that their errors go together."""
    return any(same(one.covariance, other.covariance) for one in first.sources for other in second.sources)


def _joint_error(first: Estimate[Any], second: Estimate[Any]) -> float:
    """Return the standard error of the difference: what the fits share is taken off, what else there is is added."""
    rest = list(first.sources)
    variance = 0.0
    for source in second.sources:
        twin = next((other for other in rest if same(other.covariance, source.covariance)), None)
        gradient = source.gradient
        if twin is not None:
            rest.remove(twin)
            gradient = gradient - twin.gradient
        variance += float(gradient @ source.covariance @ gradient)
    variance += sum(float(source.variance()) for source in rest)
    for side in (first, second):
        beside = float(side.standard_error) ** 2 - sum(float(source.variance()) for source in side.sources)
        variance += beside if beside > _ROUNDING * float(side.standard_error) ** 2 else 0.0
    return float(np.sqrt(max(variance, 0.0)))


def _away(first: Estimate[Any], second: Estimate[Any]) -> float:
    return float(second.value) - float(first.value)


def _error(first: Estimate[Any], second: Estimate[Any]) -> float:
    return float(np.hypot(first.standard_error, second.standard_error))


def _all_of(first: Estimate[Any], second: Estimate[Any], kind: type[Any]) -> bool:
    """Whether each has a band of one kind, or one of the two is known exactly."""
    bands = first.band, second.band
    return all(isinstance(band, (kind, Exact)) for band in bands) and any(isinstance(band, kind) for band in bands)


def _adjusted(first: AdjustedWald, second: AdjustedWald, reach: tuple[float, float]) -> Pivot:
    (centre_before, error_before), (centre, error) = first.adjusted(), second.adjusted()
    joint = float(np.hypot(error_before, error))
    return Pivot(second.method, float(centre - centre_before), joint, np.inf, *reach)


def _welch_df(first: Estimate[Any], second: Estimate[Any]) -> float:
    parts = [
        (float(side.standard_error) ** 2, float(side.band.df))
        for side in (first, second)
        if isinstance(side.band, StudentT)
    ]
    # Relative to the larger, so that the squares of small variances do not vanish.
    largest = max(part for part, _ in parts)
    total = sum(part / largest for part, _ in parts)
    return total**2 / sum((part / largest) ** 2 / df for part, df in parts)


def _scored(side: Estimate[Any]) -> Estimate[Any]:
    """Return a net score with the score interval, whose p-values are symmetric around any target."""
    band = side.band
    if not isinstance(band, AdjustedWald):
        return side
    return evolve(side, band=TangoScore(band.against, band.in_favour, band.trials, band.scale))


def _why(side: Estimate[Any]) -> str:
    if isinstance(side.band, NoBand):
        return side.band.reason
    if side.standard_error == 0:
        return "all observations are the same"
    return "its standard error is not known"
