"""Metrics of a whole customer base, built in and plugged in, and the scorecard that shows them by stage."""

from clm.metrics import rules
from clm.metrics._acquisition import CostPerAcquisition, NewCustomers, SignUpRate
from clm.metrics._base import CustomerBase
from clm.metrics._conversion import AverageOrderValue, ConversionRate, Orders, Revenue, TimeToFirstPurchase
from clm.metrics._due import due
from clm.metrics._due_list import STATUSES, DueList
from clm.metrics._fits import NotFittedError
from clm.metrics._loyalty import CustomerLifetimeValue, LoyalShare, ReferralRate
from clm.metrics._protocol import STAGES, TABLES, Direction, Metric
from clm.metrics._reach import ChannelTotal, ClickThroughRate, CustomersReached, Followers
from clm.metrics._registry import get, measure, names
from clm.metrics._retention import (
    ChurnRate,
    ProbabilityAlive,
    PurchaseFrequency,
    RepeatPurchaseRate,
    RetentionRate,
    SurveyScore,
)
from clm.metrics._row import ScorecardRow
from clm.metrics._rules import DateOf, Event, Rule, Silence, StageEntered
from clm.metrics._scorecard import Scorecard, scorecard

__all__ = [
    "STAGES",
    "STATUSES",
    "TABLES",
    "AverageOrderValue",
    "ChannelTotal",
    "ChurnRate",
    "ClickThroughRate",
    "ConversionRate",
    "CostPerAcquisition",
    "CustomerBase",
    "CustomerLifetimeValue",
    "CustomersReached",
    "DateOf",
    "Direction",
    "DueList",
    "Event",
    "Followers",
    "LoyalShare",
    "Metric",
    "NewCustomers",
    "NotFittedError",
    "Orders",
    "ProbabilityAlive",
    "PurchaseFrequency",
    "ReferralRate",
    "RepeatPurchaseRate",
    "RetentionRate",
    "Revenue",
    "Rule",
    "Scorecard",
    "ScorecardRow",
    "SignUpRate",
    "Silence",
    "StageEntered",
    "SurveyScore",
    "TimeToFirstPurchase",
    "due",
    "get",
    "measure",
    "names",
    "rules",
    "scorecard",
]
