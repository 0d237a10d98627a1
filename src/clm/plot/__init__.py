"""Figures of results: every function takes and returns a matplotlib Axes."""

from clm.plot._alive import probability_alive
from clm.plot._drivers import drivers
from clm.plot._flows import sankey, step_matrix, transitions
from clm.plot._machine import machine
from clm.plot._projection import retention_projection
from clm.plot._retention import retention_curve, retention_table
from clm.plot._scores import scores
from clm.plot._stages import funnel, occupancy
from clm.plot._survival import cumulative_incidence, survival_curve
from clm.plot._tracking import Tracking, tracking
from clm.plot._values import value_distribution

__all__ = [
    "Tracking",
    "cumulative_incidence",
    "drivers",
    "funnel",
    "machine",
    "occupancy",
    "probability_alive",
    "retention_curve",
    "retention_projection",
    "retention_table",
    "sankey",
    "scores",
    "step_matrix",
    "survival_curve",
    "tracking",
    "transitions",
    "value_distribution",
]
