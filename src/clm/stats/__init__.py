"""Estimates, their intervals, and the statistics under them."""

from clm.stats._arguments import generator, period_rate, plain_number, whole_number
from clm.stats._arrays import (
    array_field,
    floats,
    frozen_array,
    is_missing,
    numbers,
    refuse,
    same,
    scalar_or_array,
    seal,
    where,
)
from clm.stats._bands import (
    Band,
    Exact,
    LogitNormal,
    LogNormal,
    NoBand,
    Normal,
    StudentT,
    Wilson,
    wilson_limits,
    z_score,
)
from clm.stats._compare import Difference, Equivalence, compare
from clm.stats._comparisons import Comparisons, adjusted_p_values
from clm.stats._delta import central_differences, delta_estimate
from clm.stats._draws import Draws
from clm.stats._estimate import Estimate
from clm.stats._format import figure, plain, summary
from clm.stats._has_estimate import HasEstimate
from clm.stats._interval import Interval, check_level
from clm.stats._likelihood import Diagnostics, Likelihood, Maximum, maximise
from clm.stats._linearised import Linearised
from clm.stats._mover import Mover, Quantity, propagate
from clm.stats._parameters import Parameters
from clm.stats._proportion import exact, mean, proportion
from clm.stats._score_intervals import (
    AdjustedWald,
    AgrestiCoull,
    ClopperPearson,
    Jeffreys,
    NetStudentT,
    TangoScore,
)

__all__ = [
    "AdjustedWald",
    "AgrestiCoull",
    "Band",
    "ClopperPearson",
    "Comparisons",
    "Diagnostics",
    "Difference",
    "Draws",
    "Equivalence",
    "Estimate",
    "Exact",
    "HasEstimate",
    "Interval",
    "Jeffreys",
    "Likelihood",
    "Linearised",
    "LogNormal",
    "LogitNormal",
    "Maximum",
    "Mover",
    "NetStudentT",
    "NoBand",
    "Normal",
    "Parameters",
    "Quantity",
    "StudentT",
    "TangoScore",
    "Wilson",
    "adjusted_p_values",
    "array_field",
    "central_differences",
    "check_level",
    "compare",
    "delta_estimate",
    "exact",
    "figure",
    "floats",
    "frozen_array",
    "generator",
    "is_missing",
    "maximise",
    "mean",
    "numbers",
    "period_rate",
    "plain",
    "plain_number",
    "propagate",
    "proportion",
    "refuse",
    "same",
    "scalar_or_array",
    "seal",
    "summary",
    "where",
    "whole_number",
    "wilson_limits",
    "z_score",
]
