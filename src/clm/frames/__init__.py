"""The edge where any dataframe comes in, and results go out as one."""

from clm.frames._answers import ces, csat, nps
from clm.frames._backtest import backtest
from clm.frames._by import Grouped, by
from clm.frames._churn_threshold import churn_threshold
from clm.frames._cohort_value import cohort_ltv
from clm.frames._covariates import covariates
from clm.frames._drivers import drivers
from clm.frames._durations import durations
from clm.frames._funnel import funnel
from clm.frames._growth import growth_accounting, recency_bands, stickiness
from clm.frames._health import health_score
from clm.frames._mrr_movements import mrr_movements
from clm.frames._output import Columnar, to_frame
from clm.frames._period import Period
from clm.frames._questionnaires import product_market_fit, sus, umux_lite
from clm.frames._raking import post_stratify, rake
from clm.frames._respondents import compare_paired, score_per_customer
from clm.frames._retention import activity_log, retention_customers, retention_table
from clm.frames._revenue_retention import revenue_retention
from clm.frames._rfm import rfm, rfm_cells, rfm_split
from clm.frames._score import score
from clm.frames._silences import suggest_timeouts
from clm.frames._source import Source
from clm.frames._touchpoints import replay
from clm.frames._tracking import tracking

__all__ = [
    "Columnar",
    "Grouped",
    "Period",
    "Source",
    "activity_log",
    "backtest",
    "by",
    "ces",
    "churn_threshold",
    "cohort_ltv",
    "compare_paired",
    "covariates",
    "csat",
    "drivers",
    "durations",
    "funnel",
    "growth_accounting",
    "health_score",
    "mrr_movements",
    "nps",
    "post_stratify",
    "product_market_fit",
    "rake",
    "recency_bands",
    "replay",
    "retention_customers",
    "retention_table",
    "revenue_retention",
    "rfm",
    "rfm_cells",
    "rfm_split",
    "score",
    "score_per_customer",
    "stickiness",
    "suggest_timeouts",
    "sus",
    "to_frame",
    "tracking",
    "umux_lite",
]
