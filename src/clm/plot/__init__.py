"""Figures of results: every function takes and returns a matplotlib Axes."""

from clm.plot._alive import expected_purchases, probability_alive
from clm.plot._counts import interpurchase_times, purchase_counts
from clm.plot._course import alive_path, repeat_purchases
from clm.plot._drivers import drivers
from clm.plot._flows import sankey, step_matrix, transitions
from clm.plot._growth import churn_threshold, growth_accounting
from clm.plot._heterogeneity import dropout_rates, purchase_rates
from clm.plot._holdout import backtest, holdout_purchases, model_comparison
from clm.plot._machine import machine
from clm.plot._order_values import order_values
from clm.plot._projection import retention_projection
from clm.plot._retention import retention_curve, retention_table
from clm.plot._scores import scores
from clm.plot._stages import funnel, occupancy
from clm.plot._survival import cumulative_incidence, survival_curve
from clm.plot._timings import customer_timings
from clm.plot._tracking import Tracking, incremental_purchases, tracking
from clm.plot._values import value_distribution

__all__ = [
    "Tracking",
    "alive_path",
    "backtest",
    "churn_threshold",
    "cumulative_incidence",
    "customer_timings",
    "drivers",
    "dropout_rates",
    "expected_purchases",
    "funnel",
    "growth_accounting",
    "holdout_purchases",
    "incremental_purchases",
    "interpurchase_times",
    "machine",
    "model_comparison",
    "occupancy",
    "order_values",
    "probability_alive",
    "purchase_counts",
    "purchase_rates",
    "repeat_purchases",
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
