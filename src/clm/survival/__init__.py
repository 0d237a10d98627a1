"""Survival of customers who may still be there: curves, their bands, and what is read off them."""

from clm.survival._curve import SurvivalCurve
from clm.survival._kaplan_meier import kaplan_meier

__all__ = ["SurvivalCurve", "kaplan_meier"]
