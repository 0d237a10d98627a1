"""Satisfaction scores on named scales, with intervals that hold."""

from clm.satisfaction._answers import Answers
from clm.satisfaction._cells import Cells
from clm.satisfaction._ces import CES
from clm.satisfaction._coding import code_answers
from clm.satisfaction._contributions import Contributions, ScoreName
from clm.satisfaction._csat import CSAT
from clm.satisfaction._drivers import Drivers, explain
from clm.satisfaction._health import HealthScores, score_health
from clm.satisfaction._lmg import shapley_of_r_squared
from clm.satisfaction._nps import NPS
from clm.satisfaction._paired import PairedDifference
from clm.satisfaction._product_market_fit import ProductMarketFit
from clm.satisfaction._response import (
    NonresponseBounds,
    aapor_response_rates,
    nonresponse_bias,
    nonresponse_bounds,
    response_rate,
)
from clm.satisfaction._sample_size import detectable_nps, power_nps, sample_size_csat, sample_size_nps
from clm.satisfaction._scale import Scale
from clm.satisfaction._score import SurveyScore
from clm.satisfaction._targets import Margin, checked_margins
from clm.satisfaction._usability import Usability
from clm.satisfaction._weighting import SurveyWeights, weigh

__all__ = [
    "CES",
    "CSAT",
    "NPS",
    "Answers",
    "Cells",
    "Contributions",
    "Drivers",
    "HealthScores",
    "Margin",
    "NonresponseBounds",
    "PairedDifference",
    "ProductMarketFit",
    "Scale",
    "ScoreName",
    "SurveyScore",
    "SurveyWeights",
    "Usability",
    "aapor_response_rates",
    "checked_margins",
    "code_answers",
    "detectable_nps",
    "explain",
    "nonresponse_bias",
    "nonresponse_bounds",
    "power_nps",
    "response_rate",
    "sample_size_csat",
    "sample_size_nps",
    "score_health",
    "shapley_of_r_squared",
    "weigh",
]
