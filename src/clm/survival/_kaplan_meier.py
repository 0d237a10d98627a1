"""Kaplan-Meier survival of customers who may still be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve

from clm.data import Durations
from clm.errors import InvalidDataError
from clm.survival._curve import aged, curve_of

if TYPE_CHECKING:
    from clm.survival._curve import SurvivalCurve

_FEW = 10


def kaplan_meier(durations: Durations) -> SurvivalCurve:
    """Estimate the share of customers still there at each age.

    Customers whose end was not seen leave the risk set after their last age without counting as lost, so that a
    growing customer base does not look more loyal than it is.

    Parameters
    ----------
    durations
        Ages at loss, or at the end of observation. Delayed entry is honoured: a customer is at risk for
        ``entry < age <= duration``. Weights count as that many customers.

    Returns
    -------
    SurvivalCurve
        ``times`` (k,) distinct ages at which somebody was lost; ``value`` (k,) survival just after each.

    Raises
    ------
    InvalidDataError
        If nobody is ever at risk. That nobody was lost is no error: the curve is 1, with a one-sided band.

    Notes
    -----
    Product-limit estimator [1]_ with Greenwood's variance [2]_. The log-log band has no width at survival 1 and 0;
    there the beta-product limits [3]_ are returned instead. Unreliable where fewer than about 10 are at risk, and with
    delayed entry also at low ages: see ``at_risk`` and ``caveats``.

    References
    ----------
    .. [1] Kaplan and Meier (1958), JASA 53, 457-481.
    .. [2] Greenwood (1926), Reports on Public Health and Medical Subjects 33.
    .. [3] Fay, Brittain and Proschan (2013), Biostatistics 14, 723-736.

    Examples
    --------
    >>> curve = clm.kaplan_meier(clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week"))
    >>> float(curve.at(5))
    0.5
    """
    if not isinstance(durations, Durations):
        raise InvalidDataError(
            f"kaplan_meier takes Durations, not {type(durations).__name__}. Build them with"
            " clm.Durations(durations, observed) or clm.durations(frame, ...)."
        )
    ages, lost, at_risk = durations.risk_table()
    if not len(ages):
        raise InvalidDataError("nobody is ever at risk: there is no customer who ends after he enters.")
    event = lost > 0
    ages_lost, lost_then, at_risk_then = ages[event], lost[event], at_risk[event]
    curve = curve_of(
        times=ages_lost,
        at_risk=at_risk_then,
        lost=lost_then,
        risk_ages=ages,
        risk_set=at_risk,
        unit=durations.unit,
        n=durations.n,
        definition=(
            f"Share of customers still there by age in {durations.unit}s (Kaplan-Meier; those whose end was not seen"
            f" count up to their last age). {durations.definition}"
        ),
    )
    return evolve(curve, caveats=_caveats(durations, curve))


def _caveats(durations: Durations, curve: SurvivalCurve) -> tuple[str, ...]:
    unit, caveats = durations.unit, []
    few = curve.at_risk < _FEW
    if few.any():
        caveats.append(
            f"Fewer than {_FEW} customers are at risk at {int(few.sum()):,} of {len(few):,} ages, first at"
            f" {aged(curve.times[few][0], unit)}."
        )
    entry = durations.entry
    if entry is not None:
        never = int(((durations.durations == entry) & (entry > 0)).sum())
        if never:
            caveats.append(
                f"{never:,} of {len(durations):,} rows end at the age at which they come under observation: they are"
                " never at risk."
            )
    empty = curve.risk_set[1:] <= 0
    if empty.any():
        age = aged(curve.risk_ages[:-1][empty][0], unit)
        caveats.append(f"Nobody was at risk after {age} until others entered later.")
    zero = np.flatnonzero(curve.value == 0)
    if len(zero) > 1:
        age = aged(curve.times[zero[0]], unit)
        caveats.append(
            f"All {curve.at_risk[zero[0]]:g} at risk at {age} were lost: who entered later cannot raise the curve"
            " again."
        )
    return tuple(caveats)
