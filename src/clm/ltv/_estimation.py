"""Fit a purchase model: what all of them need around their likelihoods."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from clm.errors import IdentifiabilityWarning, InvalidDataError
from clm.ltv._arguments import as_rfm
from clm.ltv._predictions import PurchaseProcess
from clm.ltv._subsample import subsample
from clm.stats import Parameters, maximise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clm.data import RFM
    from clm.stats import Likelihood
    from clm.typing import FloatArray

ENOUGH: Final = 10_000
"""Customers on which starting values are tried."""

_FEW: Final = 500
"""Repeat buyers below which intervals have been seen to cover less than they say."""


class OpenEndedProcess(PurchaseProcess, Protocol):
    """A purchase process that also says where its purchases have no finite sum."""

    def without_end(self) -> str:
        """Say why undiscounted purchases have no finite sum, where they have none."""


def cells_for(rfm: RFM, parameters: int) -> RFM:
    """Return the distinct histories, if so many parameters can be read off them.

    Raises
    ------
    InvalidDataError
        If `rfm` is something else, holds no customers or no repeat purchase, or has too few kinds of histories.
    """
    rfm = as_rfm(rfm)
    if not len(rfm):
        raise InvalidDataError("rfm holds no customers. Check the filters before it.")
    cells = rfm.cells
    cells.validate()
    if not (cells.frequency > 0).any():
        raise InvalidDataError(
            f"none of the {rfm.n:,} customers bought again, so that nothing is known of when and how long they buy. "
            "Give a longer history, or check that rfm was built from all orders, not from first ones."
        )
    if len(cells) < parameters:
        raise InvalidDataError(
            f"only {len(cells)} of the {rfm.n:,} histories differ, too few to find {parameters} parameters. "
            "Give more customers."
        )
    return cells


def mean_age(cells: RFM) -> float:
    """Return the mean age of the customers at the end of observation."""
    weights = np.asarray(cells.weights)
    return float((weights * cells.T).sum() / weights.sum())


def purchases_each(cells: RFM) -> float:
    """Return the mean number of repeat purchases."""
    weights = np.asarray(cells.weights)
    return float((weights * cells.frequency).sum() / weights.sum())


def estimated(
    cells: RFM,
    likelihood_of: Callable[[FloatArray], Likelihood],
    starts: Sequence[FloatArray],
    *,
    model: str,
    names: tuple[str, ...],
    edges: Mapping[str, tuple[str, str]],
    scale: FloatArray,
    offset: float,
    tol: float,
    max_iterations: int,
    stacklevel: int,
) -> Parameters:
    """Climb to the maximum, on a sample of the customers first where they are many.

    Parameters
    ----------
    cells
        Distinct histories, with weights.
    likelihood_of
        Prepares the cells for given weights.
    starts
        Starting values in scaled logarithms.
    model
        Its name, for the warning.
    names, edges, tol, max_iterations
        As in `maximise`.
    scale, offset
        As in `Parameters.estimated`.
    stacklevel
        Where a warning is to point, counted from here.

    Warns
    -----
    IdentifiabilityWarning
        If there is no maximum inside, so that intervals are undefined.
    """
    weights = np.asarray(cells.weights)
    customers = float(weights.sum())
    maximum = maximise(
        likelihood_of(weights),
        starts,
        names=names,
        edges=edges,
        trial=likelihood_of(subsample(weights, ENOUGH)) if customers > 2 * ENOUGH else None,
        tolerance=tol,
        max_iterations=max_iterations,
    )
    parameters = Parameters.estimated(maximum, names, n=round(customers), scale=scale, offset=offset)
    if parameters.undefined is not None:
        warnings.warn(
            f"{model}: {parameters.undefined}. Predictions stand without intervals; "
            "give more customers or a longer history, or a simpler model.",
            IdentifiabilityWarning,
            stacklevel=stacklevel + 1,
        )
    return parameters


def repeaters(cells: RFM) -> float:
    """Return how many customers bought again."""
    return float(np.asarray(cells.weights)[cells.frequency > 0].sum())


def caveats_of(parameters: Parameters, repeat_buyers: float) -> tuple[str, ...]:
    """Return what a careful reader should know of any fit."""
    caveats = []
    if repeat_buyers < _FEW:
        caveats.append(
            f"only {repeat_buyers:,.0f} customers bought again: with fewer than {_FEW} intervals may be too narrow"
        )
    found = parameters.diagnostics
    if found is not None and found.starts_agreeing < found.starts:
        caveats.append(f"only {found.starts_agreeing} of {found.starts} starting values led to this maximum")
    if found is not None and found.ridge and parameters.undefined is None:
        caveats.append("some combination of the parameters is hardly known: their values mean little one by one")
    return tuple(caveats)
