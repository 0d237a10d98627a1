"""Survival of customers who may still be there: curves, their bands, and what is read off them."""

from clm.survival._aalen_johansen import aalen_johansen, incidence_by_code
from clm.survival._curve import SurvivalCurve
from clm.survival._gaps import EndedGaps, Gaps
from clm.survival._incidence import CumulativeIncidence, IncidenceCurve
from clm.survival._kaplan_meier import kaplan_meier
from clm.survival._log_rank import LogRankTest, log_rank
from clm.survival._nelson_aalen import HazardCurve, nelson_aalen

__all__ = [
    "CumulativeIncidence",
    "EndedGaps",
    "Gaps",
    "HazardCurve",
    "IncidenceCurve",
    "LogRankTest",
    "SurvivalCurve",
    "aalen_johansen",
    "incidence_by_code",
    "kaplan_meier",
    "log_rank",
    "nelson_aalen",
]
