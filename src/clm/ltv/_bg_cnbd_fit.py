"""Fit BG/CNBD-k and MBG/CNBD-k, and find out which k the purchases speak for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import evolve
from scipy import special

from clm.data import days_in
from clm.errors import ConvergenceError, InvalidDataError
from clm.ltv._bg_cnbd_likelihood import BGCNBDLikelihood
from clm.ltv._bg_cnbd_process import BGCNBDProcess
from clm.ltv._bg_nbd_likelihood import BGNBDLikelihood
from clm.ltv._bg_nbd_process import BGNBDProcess
from clm.ltv._estimation import ENOUGH, caveats_of, cells_for, estimated, mean_age, purchases_each, repeaters
from clm.ltv._origin import Origin
from clm.ltv._purchase_fit import PurchaseFit
from clm.ltv._subsample import subsample
from clm.stats import Maximum, Parameters, maximise, plain_number, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.data import RFM
    from clm.stats import Likelihood
    from clm.typing import FloatArray

MOST: Final = 12
"""The greatest k that is searched."""

_NAMES: Final = ("r", "alpha", "a", "b")
# Customers alike and unlike, leaving early and late, in time scaled to a mean age of 1.
_STARTS: Final = {
    0: ((0.5, 1.5, 0.8, 2.5), (2.0, 1.2, 0.3, 1.0), (0.2, 3.0, 2.0, 10.0)),
    1: ((0.5, 2.0, 0.8, 1.5), (2.0, 1.5, 0.3, 1.0), (0.2, 3.0, 2.0, 10.0)),
}
_SEARCHED: Final = f"k was searched from 1 to {MOST}: errors and AIC take it as known"
_AT_THE_END: Final = f"k = {MOST} is the greatest that is searched: purchases may be more regular still"
_WITHOUT_GAPS: Final = (
    "the histories do not hold sum_log_gaps: the log-likelihood lacks that term and cannot be compared with that of "
    "another k or model"
)


def stages(given: Any) -> int | None:
    """Return the shape of the times between purchases, or None where it is to be searched.

    Raises
    ------
    InvalidDataError
        If it is not a whole number from 1 to 100.
    """
    if given is None:
        return None
    k = whole_number(given, "k")
    if not 1 <= k <= 100:
        raise InvalidDataError(
            f"k must be a whole number from 1 to 100, not {k}. 1 is buying at random; at 12 customers buy like clocks."
        )
    return k


def fitted(
    rfm: RFM,
    *,
    model: str,
    k: int | None,
    first: int,
    edges: Mapping[str, tuple[str, str]],
    caveats: tuple[str, ...],
    tol: float,
    max_iterations: int,
    stacklevel: int,
) -> PurchaseFit:
    """Estimate the parameters for a given k, or for the most likely one.

    Parameters
    ----------
    rfm
        Histories; searching k needs their `sum_log_gaps`.
    model
        Its name without k.
    k, tol, max_iterations
        Options of the model.
    first
        Occasions to leave before the first repeat purchase.
    edges
        As in `maximise`.
    caveats
        Of the model.
    stacklevel
        Where a warning is to point, counted from here.
    """
    cells = cells_for(rfm, len(_NAMES))
    _check_gaps(cells, k)
    scale, each = mean_age(cells), purchases_each(cells)
    weights = np.asarray(cells.weights)
    purchases = each * float(weights.sum())
    chosen = _most_likely(cells, each, scale, first) if k is None else k
    parameters = estimated(
        cells,
        lambda weights: _likelihood(cells, weights, scale, chosen, first),
        _starts(each, chosen, first),
        model=f"{model}-{chosen}",
        names=_NAMES,
        edges=edges,
        scale=np.array([1.0, scale, 1.0, 1.0]),
        offset=-chosen * purchases * float(np.log(scale)) + _of_gaps(cells, weights, chosen),
        tol=tol,
        max_iterations=max_iterations,
        stacklevel=stacklevel + 1,
    )
    searched = () if k is not None else (_SEARCHED, _AT_THE_END) if chosen == MOST else (_SEARCHED,)
    unknown = (_WITHOUT_GAPS,) if chosen > 1 and cells.sum_log_gaps is None else ()
    fit = stated(
        parameters,
        model=model,
        k=chosen,
        first=first,
        unit=cells.unit,
        caveats=(*caveats, *searched, *unknown, *caveats_of(parameters, repeaters(cells))),
    )
    return evolve(fit, origin=Origin(None, cells))


def given(
    params: Mapping[str, float], *, unit: str, model: str, k: int | None, first: int, caveats: tuple[str, ...]
) -> PurchaseFit:
    """Take parameters from elsewhere; k may be among them.

    Raises
    ------
    InvalidDataError
        As `Parameters.given`, and if k is given nowhere, or twice and not the same.
    """
    days_in(unit)
    rest = dict(params) if hasattr(params, "keys") else params
    if isinstance(rest, dict) and "k" in rest:
        among = stages(plain_number(rest.pop("k"), "parameter k"))
        if k not in {None, among}:
            raise InvalidDataError(f"params has k = {among}, but the model was made with k = {k}. Give one of them.")
        k = among
    parameters = Parameters.given(rest, _NAMES)
    if k is None:
        name = model.replace("/", "")
        raise InvalidDataError(f"k is not known. Give it among params, or to the model, as in clm.{name}(k=2).")
    return stated(
        parameters, model=model, k=k, first=first, unit=unit, caveats=(*caveats, *caveats_of(parameters, np.inf))
    )


def stated(
    parameters: Parameters, *, model: str, k: int, first: int, unit: str, caveats: tuple[str, ...]
) -> PurchaseFit:
    """Return the fit; at k = 1 the process is that of BG/NBD or MBG/NBD."""
    values = parameters.values
    return PurchaseFit(
        model=f"{model}-{k}",
        process=BGNBDProcess(values, first) if k == 1 else BGCNBDProcess(values, k, first),
        parameters=parameters,
        unit=unit,
        k=k,
        caveats=caveats,
    )


def _check_gaps(cells: RFM, k: int | None) -> None:
    if k == 1 or (k is not None and cells.sum_log_gaps is None):
        return
    if cells.sum_log_gaps is None:
        raise InvalidDataError(
            "rfm does not hold sum_log_gaps, without which no k can be chosen. Build it with clm.rfm(orders, ...), "
            "give sum_log_gaps to clm.RFM.from_arrays, or give k, as in k=2."
        )
    if np.isneginf(cells.sum_log_gaps).any():
        raise InvalidDataError(
            "some purchases of one customer fall on one instant, which no k above 1 allows. "
            "Merge them: build rfm with occasion='day', or another period."
        )


def _likelihood(cells: RFM, weights: FloatArray, scale: float, k: int, first: int) -> Likelihood:
    if k == 1:
        return BGNBDLikelihood.of(cells, weights, scale=scale, first=first)
    return BGCNBDLikelihood.of(cells, weights, scale=scale, k=k, first=first)


def _starts(each: float, k: int, first: int) -> list[FloatArray]:
    return [np.log([r, r / (each * faster) / k, a, b]) for r, faster, a, b in _STARTS[first]]


def _of_gaps(cells: RFM, weights: FloatArray, k: int) -> float:
    """Return the part of the log-likelihood that no parameter moves."""
    gaps = 0.0 if k == 1 or cells.sum_log_gaps is None else float(weights @ cells.sum_log_gaps)
    return (k - 1) * gaps - float(weights @ cells.frequency) * float(special.gammaln(k))


def _most_likely(cells: RFM, each: float, scale: float, first: int) -> int:
    """Return the k of the greatest likelihood: found on a sample where customers are many, then asked of all."""
    weights = np.asarray(cells.weights)
    sample = subsample(weights, ENOUGH) if weights.sum() > 2 * ENOUGH else weights
    peaks: list[Maximum] = []
    reached = []
    for k in range(1, MOST + 1):
        starts = _starts(each, k, first)[:1]
        if peaks:
            starts.append(peaks[-1].log_values + np.log([1.0, (k - 1) / k, 1.0, 1.0]))
        peak = _peak(_likelihood(cells, sample, scale, k, first), starts)
        peaks.append(peak)
        reached.append(_comparable(peak, cells, sample, scale, k))
    best = int(np.argmax(reached)) + 1
    if sample is weights:
        return best
    known: dict[int, float] = {}
    while True:
        for k in {max(best - 1, 1), best, min(best + 1, MOST)} - known.keys():
            peak = _peak(_likelihood(cells, weights, scale, k, first), [peaks[k - 1].log_values])
            known[k] = _comparable(peak, cells, weights, scale, k)
        better = max(known, key=lambda k: known[k])
        if better == best:
            return best
        best = better


def _peak(likelihood: Likelihood, starts: list[FloatArray]) -> Maximum:
    edges = dict.fromkeys(_NAMES, ("", ""))
    try:
        return maximise(likelihood, starts, names=_NAMES, edges=edges, tolerance=1e-2)
    except ConvergenceError as error:
        # High enough to compare; the fit itself will say what is wrong.
        if not isinstance(error.result, Maximum):
            raise
        return error.result


def _comparable(peak: Maximum, cells: RFM, weights: FloatArray, scale: float, k: int) -> float:
    purchases = float(weights @ cells.frequency)
    return peak.value - k * purchases * float(np.log(scale)) + _of_gaps(cells, weights, k)
