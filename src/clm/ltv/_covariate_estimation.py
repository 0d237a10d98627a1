"""Fit a purchase model in which customers differ by what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from clm.data import RFM
from clm.errors import InvalidDataError
from clm.ltv._covariate_fit import CovariateFit
from clm.ltv._covariate_likelihood import CovariateLikelihood, bg_nbd_by_row, pareto_nbd_by_row
from clm.ltv._covariates import Covariates
from clm.ltv._effects import Effects
from clm.ltv._estimation import caveats_of, cells_for, estimated, mean_age, purchases_each, repeaters
from clm.stats import frozen_array

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clm.stats import Parameters
    from clm.typing import FloatArray


def fitted_with_covariates(
    rfm: RFM,
    covariates: Any,
    transaction: Any,
    dropout: Any,
    *,
    model: str,
    leaves_at_random: bool,
    names: tuple[str, ...],
    edges: Mapping[str, tuple[str, str]],
    starts: Callable[[float], Sequence[FloatArray]],
    caveats: tuple[str, ...],
    tol: float,
    max_iterations: int,
    stacklevel: int,
) -> CovariateFit:
    """Estimate the parameters and the effects by maximum likelihood.

    Parameters
    ----------
    rfm
        Histories; weights count.
    covariates, transaction, dropout
        As the models take them.
    model, names, edges, tol, max_iterations
        As in `estimated`.
    leaves_at_random
        The model is Pareto/NBD; else BG/NBD.
    starts
        Starting values of the four parameters, given the mean number of repeat purchases.
    caveats
        Of the model.
    stacklevel
        Where a warning is to point, counted from here.
    """
    plain = cells_for(rfm, len(names))
    known = Covariates.read(covariates, len(rfm))
    roles = known.chosen(transaction, "transaction"), known.chosen(dropout, "dropout")
    used = sorted({*roles[0], *roles[1]})
    if not used:
        raise InvalidDataError("no covariate is used. Name some in transaction or dropout, or fit without covariates.")
    known = Covariates(tuple(known.names[j] for j in used), frozen_array(known.values[:, used]))
    known.check_apart()
    columns = tuple(tuple(used.index(j) for j in role) for role in roles)
    effects = (Effects.on_rates if leaves_at_random else Effects.on_chances)(known.names, *columns)
    cells, values = _collapsed(rfm, known.values)
    weights, scale, each = np.asarray(cells.weights), mean_age(plain), purchases_each(plain)
    if len(cells) < len(names) + len(effects.names):
        raise InvalidDataError(
            f"only {len(cells)} kinds of customers, too few to find {len(names) + len(effects.names)} parameters. "
            "Give more customers, or fewer covariates."
        )
    middle = (weights @ values) / weights.sum()
    spread = np.sqrt((weights @ (values - middle) ** 2) / weights.sum())
    design = effects.design((values - middle) / spread)

    def likelihood(weights: FloatArray) -> CovariateLikelihood:
        taken = weights > 0
        return CovariateLikelihood(
            of_rows=pareto_nbd_by_row if leaves_at_random else bg_nbd_by_row,
            frequency=cells.frequency[taken],
            recency=cells.recency[taken] / scale,
            age=cells.T[taken] / scale,
            weight=weights[taken],
            design=design[taken],
        )

    nothing = np.zeros(len(effects.names))
    unbounded = "its effect has no bound"
    standard = estimated(
        cells,
        likelihood,
        [np.append(start, nothing) for start in starts(each)],
        model=f"{model} with covariates",
        names=names + effects.names,
        edges=dict(edges) | dict.fromkeys(effects.names, (unbounded, unbounded)),
        scale=np.append([1.0, scale, 1.0, scale if leaves_at_random else 1.0], np.exp(nothing)),
        offset=-each * float(weights.sum()) * float(np.log(scale)),
        tol=tol,
        max_iterations=max_iterations,
        stacklevel=stacklevel + 1,
    )
    return CovariateFit(
        model=model,
        parameters=_in_units(standard, effects, middle, spread),
        effects_on=effects,
        unit=cells.unit,
        known=known,
        histories=RFM(frequency=rfm.frequency, recency=rfm.recency, T=rfm.T, unit=rfm.unit),
        caveats=(*caveats, *caveats_of(standard, repeaters(plain))),
    )


def _collapsed(rfm: RFM, values: FloatArray) -> tuple[RFM, FloatArray]:
    """Return distinct histories with covariates, with weights, ordered by history."""
    rows = np.column_stack([rfm.frequency, rfm.recency, rfm.T, values])
    cells, cell_of = np.unique(rows, axis=0, return_inverse=True)
    weights = np.bincount(cell_of.ravel(), rfm.weights, minlength=len(cells)).astype(float)
    x, recency, age = cells[:, :3].T
    return RFM(frequency=x, recency=recency, T=age, weights=weights, unit=rfm.unit), cells[:, 3:]


def _in_units(standard: Parameters, effects: Effects, middle: FloatArray, spread: FloatArray) -> Parameters:
    """Return parameters at covariates of 0, and effects of a unit, from those of standardised covariates."""
    turn = np.eye(len(standard.names))
    at = 4
    for _, parameter, sign, columns in effects.moved:
        for j in columns:
            turn[at, at] = 1 / spread[j]
            turn[parameter, at] = -sign * middle[j] / spread[j]
            at += 1
    return evolve(
        standard,
        values=np.exp(turn @ standard.log_values),
        log_covariance=turn @ standard.log_covariance @ turn.T,
    )
