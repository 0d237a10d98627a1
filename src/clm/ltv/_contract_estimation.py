"""Fit a model of contracts to counted renewals."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import evolve

from clm.errors import IdentifiabilityWarning, InvalidDataError
from clm.ltv._contract_fit import NAMES, ContractFit
from clm.ltv._contract_likelihood import ContractLikelihood
from clm.ltv._contract_renewals import Renewals
from clm.stats import Parameters, figure, maximise
from clm.stats._likelihood import FAR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.typing import FloatArray

_ALIKE: Final = "customers do not differ in how likely they are to leave"
_EDGES: Final = {
    "alpha": ("some leave at their first renewal and the others never", _ALIKE),
    "beta": ("all leave at their first renewal, or never", f"{_ALIKE}, or leave late"),
    "c": ("who renews once never leaves", "every customer stays for a time fixed in advance"),
}
_FEW: Final = 30

_POWERS: Final = 0.35
"""From 0.06 to 16 a power of time is ordinary; beyond, its effect on customers hardly changes."""


def fitted(
    survivors: Any,
    unit: Any,
    *,
    model: str,
    starts: Sequence[tuple[float, ...]],
    tol: float,
    max_iterations: int,
) -> ContractFit:
    """Climb to the maximum.

    Parameters
    ----------
    survivors, unit
        As in `Renewals.of`.
    model
        Its name.
    starts
        Values of alpha, of beta over the odds of staying, and of c where the model has it.
    tol, max_iterations
        As in `maximise`.

    Raises
    ------
    InvalidDataError
        If the counts do not carry so many parameters.

    Warns
    -----
    IdentifiabilityWarning
        If there is no maximum inside, so that intervals are undefined.
    """
    renewals = Renewals.of(survivors, unit)
    names = NAMES[: len(starts[0])]
    _carries(renewals, model, len(names))
    lost, stayed = renewals.lost, renewals.at_risk - renewals.lost
    # Where contracts are renewed daily, beta may be as ordinary near 1 as at the odds of staying, a hundred thousand.
    odds = float(np.log(stayed.sum() / lost.sum()))
    centre = np.array([0.0, odds / 2, 0.0])[: len(names)]
    stretch = np.array([1.0, 1 + abs(odds) / (2 * FAR), _POWERS])[: len(names)]
    found = maximise(
        ContractLikelihood(lost=lost, stayed=stayed, centre=centre, stretch=stretch),
        [(np.log(start) + np.array([0.0, odds, 0.0])[: len(names)] - centre) / stretch for start in starts],
        names=names,
        edges=_EDGES,
        tolerance=tol,
        max_iterations=max_iterations,
    )
    maximum = evolve(
        found, log_values=stretch * found.log_values, covariance=found.covariance * np.outer(stretch, stretch)
    )
    parameters = Parameters.estimated(maximum, names, n=renewals.n, scale=np.exp(centre), offset=0.0)
    if parameters.undefined is not None:
        warnings.warn(
            f"{model}: {parameters.undefined}. Predictions stand without intervals; {_instead(parameters.values)}.",
            IdentifiabilityWarning,
            stacklevel=3,
        )
    return ContractFit(
        model=model,
        parameters=parameters,
        renewals=renewals,
        unit=renewals.unit,
        caveats=_caveats(parameters, renewals),
    )


def _carries(renewals: Renewals, model: str, parameters: int) -> None:
    lost = float(renewals.lost.sum())
    if not lost:
        raise InvalidDataError(
            f"none of the {renewals.n:,} customers left at any of {len(renewals.at_risk):,} renewals, so that nothing "
            "is known of how they leave. Wait, or state a bound with clm.churn_ltv."
        )
    if lost == float(renewals.at_risk.sum()):
        raise InvalidDataError(
            f"all {renewals.n:,} customers left at the first renewal they were observed at, so that nothing is known "
            "of how they stay. Give customers who renewed."
        )
    if renewals.periods < parameters:
        raise InvalidDataError(
            f"{model} has {parameters} parameters, which take {parameters} renewals or more, but customers were "
            f"observed at {renewals.periods}. Wait, count shorter periods"
            f"{', or fit clm.ShiftedBetaGeometric' if renewals.periods == len(NAMES) - 1 else ''}."
        )


def _instead(values: FloatArray) -> str:
    """Say what to do where there is no maximum inside."""
    if values[0] > 1000 and len(values) < len(NAMES):
        return "one churn rate for all says as much (clm.formula_ltv), or clm.BetaDiscreteWeibull where churn rises"
    return "give more customers or more renewals, or a simpler model"


def _caveats(parameters: Parameters, renewals: Renewals) -> tuple[str, ...]:
    caveats = []
    lost = float(renewals.lost.sum())
    if lost < _FEW:
        caveats.append(f"only {figure(lost)} customers left: with fewer than {_FEW} intervals may be too narrow")
    if renewals.periods == len(parameters.names):
        caveats.append(
            f"{renewals.periods} renewals for {len(parameters.names)} parameters: the curve passes through all that "
            "was observed, and nothing tests its shape"
        )
    found = parameters.diagnostics
    if found is not None and found.starts_agreeing < found.starts and parameters.undefined is None:
        caveats.append(f"only {found.starts_agreeing} of {found.starts} starting values led to this maximum")
    if found is not None and found.ridge and parameters.undefined is None:
        caveats.append("some combination of the parameters is hardly known: their values mean little one by one")
    return tuple(caveats)
