"""Who comes back: definitions and tables of retention."""

from clm.retention._activity import Activity
from clm.retention._activity_log import ActivityLog
from clm.retention._columns import AgeColumns
from clm.retention._count import (
    Entered,
    Runs,
    Scope,
    runs_by_period,
    table_of_activity,
    table_of_own_clocks,
    table_of_runs,
)
from clm.retention._definition import RetentionDefinition
from clm.retention._growth import GrowthAccounting, RecencyBands, check_edges, flows_of, stocks_of
from clm.retention._layout import COMPLETE, IN_PROGRESS, UNOBSERVED, cohort_periods, own_length, windows
from clm.retention._recurring import hits
from clm.retention._revenue import Cap, Reactivation, RevenueRetention, RevenueSums, revenue_of_cells
from clm.retention._revenue_ratio import RevenueRatio
from clm.retention._single import runs_of
from clm.retention._stickiness import Stickiness
from clm.retention._table import RetentionTable
from clm.retention._threshold import ChurnThreshold, threshold_of
from clm.retention._threshold_errors import ThresholdErrors, threshold_errors

__all__ = [
    "COMPLETE",
    "IN_PROGRESS",
    "UNOBSERVED",
    "Activity",
    "ActivityLog",
    "AgeColumns",
    "Cap",
    "ChurnThreshold",
    "Entered",
    "GrowthAccounting",
    "Reactivation",
    "RecencyBands",
    "RetentionDefinition",
    "RetentionTable",
    "RevenueRatio",
    "RevenueRetention",
    "RevenueSums",
    "Runs",
    "Scope",
    "Stickiness",
    "ThresholdErrors",
    "check_edges",
    "cohort_periods",
    "flows_of",
    "hits",
    "own_length",
    "revenue_of_cells",
    "runs_by_period",
    "runs_of",
    "stocks_of",
    "table_of_activity",
    "table_of_own_clocks",
    "table_of_runs",
    "threshold_errors",
    "threshold_of",
    "windows",
]
