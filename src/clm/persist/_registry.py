"""What can be written down: a name in the text, and the class that it stands for."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_HOMES: Final = {
    "clm.core": ("Lifecycle",),
    "clm.data": ("Discount", "Durations", "Holdout", "RFM"),
    "clm.economics": ("ABTest", "MRRMovements", "MovementMoments"),
    "clm.economics._acquisition": ("PerCount",),
    "clm.economics._experiment": ("LogRatio", "Newcombe"),
    "clm.frames": ("Grouped",),
    "clm.journeys": (
        "Cycles",
        "Funnel",
        "Occupancy",
        "StageAt",
        "StageFunnel",
        "StagePaths",
        "StageTimes",
        "StepMatrix",
        "TimeoutLengths",
        "TransitionMatrix",
        "Upcoming",
    ),
    "clm.ltv": (
        "Backtest",
        "BacktestScore",
        "BootstrapFit",
        "CohortValue",
        "ContractFit",
        "CovariateFit",
        "Covariates",
        "GammaGammaFit",
        "LikelihoodRatioTest",
        "ModelComparison",
        "PosteriorFit",
        "PredictionInterval",
        "PurchaseFit",
        "PurchaseTracking",
        "RollingBacktest",
        "Renewals",
        "RetentionProjection",
    ),
    "clm.ltv._berger_nasr": ("MarginLessPromotion",),
    "clm.ltv._bg_bb_process": ("BGBBProcess",),
    "clm.ltv._bg_cnbd_process": ("BGCNBDProcess",),
    "clm.ltv._bg_nbd_process": ("BGNBDProcess",),
    "clm.ltv._churn": ("MarginOverChurn",),
    "clm.ltv._contract_counts": ("Between",),
    "clm.ltv._customer_equity": ("ProspectValue",),
    "clm.ltv._effects": ("Effects",),
    "clm.ltv._formula": ("RetentionFamily",),
    "clm.ltv._ggompertz_nbd_process": ("GGompertzNBDProcess",),
    "clm.ltv._margin_multiple": ("MarginMultiple",),
    "clm.ltv._nbd_process": ("NBDProcess",),
    "clm.ltv._pareto_nbd_process": ("ParetoNBDProcess",),
    "clm.ltv._subscription": ("NobodyLeft",),
    "clm.metrics": ("Scorecard",),
    "clm.metrics._row": ("ScorecardRow",),
    "clm.retention": (
        "Activity",
        "ActivityLog",
        "ChurnThreshold",
        "GrowthAccounting",
        "RecencyBands",
        "RetentionDefinition",
        "RetentionTable",
        "RevenueRetention",
        "RevenueSums",
        "Stickiness",
        "ThresholdErrors",
    ),
    "clm.retention._cohort_difference": ("CohortNewcombe", "CommonCustomers"),
    "clm.retention._growth": ("CountRatio",),
    "clm.retention._shrinkage": ("BetaPosterior",),
    "clm.satisfaction": (
        "CES",
        "CSAT",
        "Drivers",
        "HealthScores",
        "Margin",
        "NPS",
        "NonresponseBounds",
        "ProductMarketFit",
        "Scale",
        "SurveyWeights",
        "Usability",
    ),
    "clm.satisfaction._answers": ("Answers",),
    "clm.satisfaction._cells": ("Cells",),
    "clm.satisfaction._contributions": ("Contributions",),
    "clm.satisfaction._paired": ("PairedDifference",),
    "clm.satisfaction._scorings": ("Raised",),
    "clm.stats": (
        "AdjustedWald",
        "AgrestiCoull",
        "ClopperPearson",
        "Comparisons",
        "Diagnostics",
        "Difference",
        "Draws",
        "Equivalence",
        "Estimate",
        "Exact",
        "Interval",
        "Jeffreys",
        "Linearised",
        "LogNormal",
        "LogitNormal",
        "Mover",
        "NetStudentT",
        "NoBand",
        "Normal",
        "Parameters",
        "Quantity",
        "StudentT",
        "TangoScore",
        "Wilson",
    ),
    "clm.stats._difference_bands": ("Pivot", "Recovered"),
    "clm.survival": ("CumulativeIncidence", "HazardCurve", "IncidenceCurve", "LogRankTest", "SurvivalCurve"),
    "clm.survival._band": ("NobodyLost", "QuantileBand", "SurvivalBand"),
    "clm.survival._gaps": ("CrossingBand",),
    "clm.survival._incidence": ("IncidenceBand",),
}
"""Classes of frozen attributes, by module. Whoever adds a result that is worth keeping adds one line."""

_RENAMED: Final = {
    "PerBase": ("clm.economics._churn", "_PerBase"),
    "Annuity": ("clm.economics._payback", "_Annuity"),
    "PaybackCurve": ("clm.economics._payback", "_Curve"),
}

_FUNCTIONS: Final = {
    "ltv to cac": ("clm.economics._acquisition", "_ratio"),
    "return on investment": ("clm.economics._acquisition", "_gained"),
    "product": ("clm.ltv._subscription", "_product"),
    "product less cost": ("clm.ltv._order_frequency", "_product_less_cost"),
}
"""Formulas that intervals are computed with."""

_CLASSES: Final = {name: (home, name) for home, names in _HOMES.items() for name in names} | _RENAMED


def class_named(name: Any) -> type[Any] | None:
    """Return the class that a name in a text stands for; None where there is none."""
    found: type[Any] | None = _load(_CLASSES, name)
    return found


def function_named(name: Any) -> Any:
    """Return the formula that a name in a text stands for; None where there is none."""
    return _load(_FUNCTIONS, name)


def name_of_class(kind: type[Any]) -> str | None:
    """Return what a class is called in a text; None where it cannot be written down."""
    return next((name for name in _candidates(kind) if class_named(name) is kind), None)


def name_of_function(function: Any) -> str | None:
    """Return what a formula is called in a text; None where it cannot be written down."""
    return next((name for name in _FUNCTIONS if function_named(name) is function), None)


def known_results() -> list[str]:
    """Return the names of the classes that users meet."""
    public = {home: names for home, names in _HOMES.items() if home.count(".") == 1 and home != "clm.stats"}
    listed = {name for names in public.values() for name in names}
    return sorted(listed | {"Comparisons", "Difference", "Estimate", "Interval"})


def _candidates(kind: type[Any]) -> list[str]:
    return [name for name, (_, attribute) in _CLASSES.items() if attribute == kind.__name__]


def _load(table: dict[str, tuple[str, str]], name: Any) -> Any:
    if not isinstance(name, str) or name not in table:
        return None
    home, attribute = table[name]
    return getattr(import_module(home), attribute)
