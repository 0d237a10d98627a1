"""What customers cost, when they pay back, how many are lost, and which of two arms did better."""

from clm.economics._acquisition import cac, ltv_to_cac, roi
from clm.economics._churn import churn_rate, retention_rate
from clm.economics._experiment import ABTest, ab_test
from clm.economics._payback import payback_period
from clm.economics._purchases import (
    average_order_value,
    conversion_rate,
    purchase_frequency,
    repeat_purchase_rate,
)
from clm.economics._recurring import MovementMoments, MRRMovements, movements_of
from clm.economics._sample_size import sample_size_ab

__all__ = [
    "ABTest",
    "MRRMovements",
    "MovementMoments",
    "ab_test",
    "average_order_value",
    "cac",
    "churn_rate",
    "conversion_rate",
    "ltv_to_cac",
    "movements_of",
    "payback_period",
    "purchase_frequency",
    "repeat_purchase_rate",
    "retention_rate",
    "roi",
    "sample_size_ab",
]
