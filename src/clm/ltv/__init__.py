"""Lifetime value: what a customer has brought, and what he is still expected to bring."""

from clm.ltv._average_order import average_order_ltv
from clm.ltv._backtest import Backtest, BacktestScore, backtest
from clm.ltv._berger_nasr import berger_nasr_ltv
from clm.ltv._beta_discrete_weibull import BetaDiscreteWeibull
from clm.ltv._bg_bb import BGBB
from clm.ltv._bg_cnbd import BGCNBD
from clm.ltv._bg_nbd import BGNBD
from clm.ltv._bootstrap import BootstrapFit
from clm.ltv._churn import churn_ltv
from clm.ltv._cohort import CohortValue
from clm.ltv._compare_models import ModelComparison, compare_models
from clm.ltv._contract_fit import ContractFit
from clm.ltv._contract_renewals import Renewals
from clm.ltv._contribution import contribution_ltv
from clm.ltv._covariate_fit import CovariateFit
from clm.ltv._covariates import Covariates
from clm.ltv._customer_equity import customer_equity
from clm.ltv._formula import formula_ltv
from clm.ltv._gamma_gamma import GammaGamma
from clm.ltv._gamma_gamma_fit import GammaGammaFit
from clm.ltv._ggompertz_nbd import GGompertzNBD
from clm.ltv._historic import historic_ltv
from clm.ltv._lifetime_value import OrderValueModel, PurchaseModel, lifetime_value
from clm.ltv._likelihood_ratio import LikelihoodRatioTest
from clm.ltv._margin import margin_ltv
from clm.ltv._margin_multiple import margin_multiple
from clm.ltv._markov import markov_ltv
from clm.ltv._mbg_cnbd import MBGCNBD
from clm.ltv._mbg_nbd import MBGNBD
from clm.ltv._nbd import NBD
from clm.ltv._order_frequency import order_frequency_ltv
from clm.ltv._pareto_nbd import ParetoNBD
from clm.ltv._posterior_fit import PosteriorFit
from clm.ltv._prediction_interval import PredictionInterval
from clm.ltv._purchase_fit import PurchaseFit
from clm.ltv._retention_projection import RetentionProjection, project_retention
from clm.ltv._rolling_backtest import RollingBacktest
from clm.ltv._shifted_beta_geometric import ShiftedBetaGeometric
from clm.ltv._subscription import Survives, subscription_ltv
from clm.ltv._tracking import PurchaseTracking

__all__ = [
    "BGBB",
    "BGCNBD",
    "BGNBD",
    "MBGCNBD",
    "MBGNBD",
    "NBD",
    "Backtest",
    "BacktestScore",
    "BetaDiscreteWeibull",
    "BootstrapFit",
    "CohortValue",
    "ContractFit",
    "CovariateFit",
    "Covariates",
    "GGompertzNBD",
    "GammaGamma",
    "GammaGammaFit",
    "LikelihoodRatioTest",
    "ModelComparison",
    "OrderValueModel",
    "ParetoNBD",
    "PosteriorFit",
    "PredictionInterval",
    "PurchaseFit",
    "PurchaseModel",
    "PurchaseTracking",
    "Renewals",
    "RetentionProjection",
    "RollingBacktest",
    "ShiftedBetaGeometric",
    "Survives",
    "average_order_ltv",
    "backtest",
    "berger_nasr_ltv",
    "churn_ltv",
    "compare_models",
    "contribution_ltv",
    "customer_equity",
    "formula_ltv",
    "historic_ltv",
    "lifetime_value",
    "margin_ltv",
    "margin_multiple",
    "markov_ltv",
    "order_frequency_ltv",
    "project_retention",
    "subscription_ltv",
]
