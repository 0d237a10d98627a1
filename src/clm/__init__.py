"""The customer lifecycle in numbers, each with its uncertainty and its exact definition.

Names load when first used, so that ``import clm`` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clm import datasets, lifecycles, metrics, plot, report, testing
    from clm.core import Customer, Lifecycle, Stage, State, Timeout, Touchpoint, Transition, Visit, when
    from clm.data import RFM, Discount, Durations, Holdout
    from clm.economics import (
        ABTest,
        ab_test,
        average_order_value,
        cac,
        churn_rate,
        conversion_rate,
        ltv_to_cac,
        payback_period,
        purchase_frequency,
        repeat_purchase_rate,
        retention_rate,
        roi,
        sample_size_ab,
    )
    from clm.errors import (
        ClmError,
        ClmWarning,
        ConvergenceError,
        IdentifiabilityWarning,
        InvalidDataError,
        MissingExtraError,
        PluginWarning,
        TransitionError,
        UnknownMetricError,
    )
    from clm.frames import (
        Grouped,
        Period,
        Source,
        by,
        ces,
        cohort_ltv,
        csat,
        durations,
        nps,
        replay,
        retention_table,
        rfm,
        rfm_cells,
        rfm_split,
        to_frame,
    )
    from clm.journeys import StageLog
    from clm.ltv import (
        BGNBD,
        BGNBDFit,
        CohortValue,
        GammaGamma,
        GammaGammaFit,
        average_order_ltv,
        berger_nasr_ltv,
        churn_ltv,
        contribution_ltv,
        customer_equity,
        formula_ltv,
        historic_ltv,
        lifetime_value,
        margin_ltv,
        margin_multiple,
        markov_ltv,
        order_frequency_ltv,
    )
    from clm.metrics import CustomerBase, Scorecard, scorecard
    from clm.retention import RetentionDefinition, RetentionTable
    from clm.satisfaction import (
        CES,
        CSAT,
        NPS,
        Scale,
        detectable_nps,
        power_nps,
        sample_size_csat,
        sample_size_nps,
    )
    from clm.stats import Comparisons, Difference, Estimate, Interval, compare
    from clm.survival import SurvivalCurve, kaplan_meier

__version__ = "0.1.0"

_SUBPACKAGES = (
    "core",
    "data",
    "datasets",
    "economics",
    "errors",
    "frames",
    "journeys",
    "lifecycles",
    "ltv",
    "metrics",
    "plot",
    "report",
    "retention",
    "satisfaction",
    "stats",
    "survival",
    "testing",
    "typing",
)

_HOMES = {
    "clm.core": ("Customer", "Lifecycle", "Stage", "State", "Timeout", "Touchpoint", "Transition", "Visit", "when"),
    "clm.data": ("RFM", "Discount", "Durations", "Holdout"),
    "clm.economics": (
        "ABTest",
        "ab_test",
        "average_order_value",
        "cac",
        "churn_rate",
        "conversion_rate",
        "ltv_to_cac",
        "payback_period",
        "purchase_frequency",
        "repeat_purchase_rate",
        "retention_rate",
        "roi",
        "sample_size_ab",
    ),
    "clm.errors": (
        "ClmError",
        "ClmWarning",
        "ConvergenceError",
        "IdentifiabilityWarning",
        "InvalidDataError",
        "MissingExtraError",
        "PluginWarning",
        "TransitionError",
        "UnknownMetricError",
    ),
    "clm.frames": (
        "Grouped",
        "Period",
        "Source",
        "by",
        "ces",
        "cohort_ltv",
        "csat",
        "durations",
        "nps",
        "replay",
        "retention_table",
        "rfm",
        "rfm_cells",
        "rfm_split",
        "to_frame",
    ),
    "clm.journeys": ("StageLog",),
    "clm.ltv": (
        "BGNBD",
        "BGNBDFit",
        "CohortValue",
        "GammaGamma",
        "GammaGammaFit",
        "average_order_ltv",
        "berger_nasr_ltv",
        "churn_ltv",
        "contribution_ltv",
        "customer_equity",
        "formula_ltv",
        "historic_ltv",
        "lifetime_value",
        "margin_ltv",
        "margin_multiple",
        "markov_ltv",
        "order_frequency_ltv",
    ),
    "clm.metrics": ("CustomerBase", "Scorecard", "scorecard"),
    "clm.retention": ("RetentionDefinition", "RetentionTable"),
    "clm.satisfaction": (
        "CES",
        "CSAT",
        "NPS",
        "Scale",
        "detectable_nps",
        "power_nps",
        "sample_size_csat",
        "sample_size_nps",
    ),
    "clm.stats": ("Comparisons", "Difference", "Estimate", "Interval", "compare"),
    "clm.survival": ("SurvivalCurve", "kaplan_meier"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BGNBD",
    "CES",
    "CSAT",
    "NPS",
    "RFM",
    "ABTest",
    "BGNBDFit",
    "ClmError",
    "ClmWarning",
    "CohortValue",
    "Comparisons",
    "ConvergenceError",
    "Customer",
    "CustomerBase",
    "Difference",
    "Discount",
    "Durations",
    "Estimate",
    "GammaGamma",
    "GammaGammaFit",
    "Grouped",
    "Holdout",
    "IdentifiabilityWarning",
    "Interval",
    "InvalidDataError",
    "Lifecycle",
    "MissingExtraError",
    "Period",
    "PluginWarning",
    "RetentionDefinition",
    "RetentionTable",
    "Scale",
    "Scorecard",
    "Source",
    "Stage",
    "StageLog",
    "State",
    "SurvivalCurve",
    "Timeout",
    "Touchpoint",
    "Transition",
    "TransitionError",
    "UnknownMetricError",
    "Visit",
    "__version__",
    "ab_test",
    "average_order_ltv",
    "average_order_value",
    "berger_nasr_ltv",
    "by",
    "cac",
    "ces",
    "churn_ltv",
    "churn_rate",
    "cohort_ltv",
    "compare",
    "contribution_ltv",
    "conversion_rate",
    "csat",
    "customer_equity",
    "datasets",
    "detectable_nps",
    "durations",
    "formula_ltv",
    "historic_ltv",
    "kaplan_meier",
    "lifecycles",
    "lifetime_value",
    "ltv_to_cac",
    "margin_ltv",
    "margin_multiple",
    "markov_ltv",
    "metrics",
    "nps",
    "order_frequency_ltv",
    "payback_period",
    "plot",
    "power_nps",
    "purchase_frequency",
    "repeat_purchase_rate",
    "replay",
    "report",
    "retention_rate",
    "retention_table",
    "rfm",
    "rfm_cells",
    "rfm_split",
    "roi",
    "sample_size_ab",
    "sample_size_csat",
    "sample_size_nps",
    "scorecard",
    "testing",
    "to_frame",
    "when",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in _SUBPACKAGES:
            return import_module(f"clm.{name}")
        if name in _HOME_OF:
            # Kept in the module's namespace, so that the next access is a plain look-up.
            globals()[name] = found = getattr(import_module(_HOME_OF[name]), name)
            return found
        from clm.errors import nearest

        raise AttributeError(f"module 'clm' has no attribute {name!r}.{nearest(name, __dir__())}")

    def __dir__() -> list[str]:
        return sorted({*__all__, *_SUBPACKAGES})
