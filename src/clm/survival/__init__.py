"""Survival of customers who may still be there: curves, their bands, and what is read off them."""

from clm.survival._aalen_johansen import aalen_johansen, incidence_by_code
from clm.survival._curve import SurvivalCurve
from clm.survival._incidence import CumulativeIncidence, IncidenceCurve
from clm.survival._kaplan_meier import kaplan_meier

__all__ = [
    "CumulativeIncidence",
    "IncidenceCurve",
    "SurvivalCurve",
    "aalen_johansen",
    "incidence_by_code",
    "kaplan_meier",
]
