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
        Source,
        ces,
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
        GammaGamma,
        GammaGammaFit,
        average_order_ltv,
        contribution_ltv,
        historic_ltv,
        lifetime_value,
        margin_ltv,
    )
    from clm.metrics import CustomerBase, Scorecard, scorecard
    from clm.retention import RetentionDefinition, RetentionTable
    from clm.satisfaction import CES, CSAT, NPS, Scale
    from clm.stats import Estimate, Interval
    from clm.survival import SurvivalCurve, kaplan_meier

__version__ = "0.1.0"

_SUBPACKAGES = (
    "core",
    "data",
    "datasets",
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
        "Source",
        "ces",
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
        "GammaGamma",
        "GammaGammaFit",
        "average_order_ltv",
        "contribution_ltv",
        "historic_ltv",
        "lifetime_value",
        "margin_ltv",
    ),
    "clm.metrics": ("CustomerBase", "Scorecard", "scorecard"),
    "clm.retention": ("RetentionDefinition", "RetentionTable"),
    "clm.satisfaction": ("CES", "CSAT", "NPS", "Scale"),
    "clm.stats": ("Estimate", "Interval"),
    "clm.survival": ("SurvivalCurve", "kaplan_meier"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BGNBD",
    "CES",
    "CSAT",
    "NPS",
    "RFM",
    "BGNBDFit",
    "ClmError",
    "ClmWarning",
    "ConvergenceError",
    "Customer",
    "CustomerBase",
    "Discount",
    "Durations",
    "Estimate",
    "GammaGamma",
    "GammaGammaFit",
    "Holdout",
    "IdentifiabilityWarning",
    "Interval",
    "InvalidDataError",
    "Lifecycle",
    "MissingExtraError",
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
    "average_order_ltv",
    "ces",
    "contribution_ltv",
    "csat",
    "datasets",
    "durations",
    "historic_ltv",
    "kaplan_meier",
    "lifecycles",
    "lifetime_value",
    "margin_ltv",
    "metrics",
    "nps",
    "plot",
    "replay",
    "report",
    "retention_table",
    "rfm",
    "rfm_cells",
    "rfm_split",
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
