"""Aalen-Johansen shares of customers lost to each of several competing causes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from clm.data import Durations
from clm.errors import InvalidDataError, nearest
from clm.stats import is_missing, refuse
from clm.survival._incidence import CumulativeIncidence, IncidenceCurve
from clm.survival._kaplan_meier import kaplan_meier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.survival._curve import SurvivalCurve
    from clm.typing import Array, FloatArray, IntArray

Variance: TypeAlias = Literal["greenwood", "aalen"]

_VARIANCES = ("greenwood", "aalen")
_ROUNDING = 1e-12


def aalen_johansen(durations: Durations, cause: Any, *, variance: Variance = "greenwood") -> CumulativeIncidence:
    """Estimate the share of customers lost to each of several causes by age.

    A customer who is lost to one cause can no longer be lost to another. One minus Kaplan-Meier of a single cause
    takes the others for censoring, and so tells what would happen if they did not exist; this tells what happens.

    Parameters
    ----------
    durations
        Ages at loss or at the end of observation, in ``durations.unit``; delayed entry and weights as in
        `kaplan_meier`.
    cause : array_like
        What each customer was lost to, shape (n,), text or numbers; not looked at where the end was not observed.
    variance : {"greenwood", "aalen"}
        Greenwood's, which with one cause is that of `kaplan_meier` and without censoring that of a share; or Aalen's,
        which is a little larger in small samples.

    Returns
    -------
    CumulativeIncidence
        A mapping of cause, in sorted order, to its `IncidenceCurve`; ``survival`` is the share lost to none.

    Raises
    ------
    InvalidDataError
        If a customer whose end was observed has no cause, nobody's end was, or nobody is ever at risk.

    Notes
    -----
    The share of cause c grows at each age t by S(t-) d_c / n: Kaplan-Meier survival just before, times the losses to
    the cause over those at risk [1]_. With F for the share, the variance at t adds over the ages s up to t [2]_

        (F(t) - F(s))**2 d / (n (n - d)) + S(s-)**2 d_c (n - d_c) / n**3 - 2 (F(t) - F(s)) S(s-) d_c / n**2,

    or in Aalen's form [3]_

        (F(t) - F(s))**2 d / ((n - 1) (n - d)) + S(s-)**2 d_c (n - d_c) / (n**2 (n - 1))
        - 2 (F(t) - F(s)) S(s-) d_c (n - d_c) / (n (n - d) (n - 1)).

    Limits are symmetric on the scale log(-log F). Ages at which several causes occur are no difficulty. Causes need
    not be independent; censoring has to be.

    References
    ----------
    .. [1] Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150.
    .. [2] Marubini and Valsecchi (1995), Analysing Survival Data from Clinical Trials and Observational Studies.
    .. [3] Aalen (1978), Annals of Statistics 6, 534-545; Gray (1988), Annals of Statistics 16, 1141-1154.

    Examples
    --------
    >>> ends = clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week")
    >>> left = clm.aalen_johansen(ends, ["price", "moved", None, "price"])
    >>> left
    <CumulativeIncidence: 4 customers, lost to moved 1, price 2>
    >>> left["price"].at(5).value, left["moved"].at(5).value, left.survival.at(5).value
    (0.25, 0.25, 0.5)
    """
    if not isinstance(durations, Durations):
        raise InvalidDataError(
            f"aalen_johansen takes Durations, not {type(durations).__name__}. Build them with"
            " clm.Durations(durations, observed) or clm.durations(frame, ...)."
        )
    labels, codes = _coded(cause, durations)
    return incidence_by_code(durations, codes, labels, variance=variance)


def incidence_by_code(
    durations: Durations, codes: IntArray, causes: Sequence[Any], *, variance: Variance = "greenwood"
) -> CumulativeIncidence:
    """Estimate the shares where causes are numbered; ``aalen_johansen`` reads labels and calls this.

    Parameters
    ----------
    durations
        As in `aalen_johansen`.
    codes
        For each row the place of its cause in `causes`, shape (n,); any number where the end was not observed.
    causes
        Labels.
    variance
        As in `aalen_johansen`.
    """
    if variance not in _VARIANCES:
        raise InvalidDataError(
            f"variance={variance!r} is not one of {', '.join(_VARIANCES)}.{nearest(str(variance), _VARIANCES)}"
        )
    curve = kaplan_meier(durations)
    before = np.append(1.0, curve.value[:-1]) if len(curve) else np.empty(0)
    curves = []
    for code, cause in enumerate(causes):
        lost = _lost_to(durations, durations.observed & (codes == code), curve)
        value = np.cumsum(before * lost / curve.at_risk)
        value[value > 1 - _ROUNDING] = 1.0
        spread = (_greenwood if variance == "greenwood" else _aalen)(value, before, lost, curve)
        curves.append(
            IncidenceCurve(
                cause=cause,
                times=curve.times,
                value=value,
                standard_error=np.sqrt(np.maximum(spread, 0.0)),  # rounding may leave it a hair below 0
                at_risk=curve.at_risk,
                lost=lost,
                survival=curve,
                unit=durations.unit,
                n=durations.n,
                definition=(
                    f"Share of customers lost to {cause} by age in {durations.unit}s, while other causes compete"
                    f" (Aalen-Johansen; those whose end was not seen count up to their last age)."
                    f" {durations.definition}"
                ),
                caveats=curve.caveats,
            )
        )
    return CumulativeIncidence(causes=tuple(causes), curves=tuple(curves), survival=curve)


def _coded(cause: Any, durations: Durations) -> tuple[list[Any], IntArray]:
    """Return the distinct causes of those whose end was seen, sorted, and the place of each row's among them."""
    given = np.asarray(cause)
    seen = durations.observed
    if given.shape != seen.shape:
        raise InvalidDataError(
            f"cause has shape {given.shape}, durations {seen.shape}. Give one cause a customer, anything where the end"
            " was not observed."
        )
    missing = np.zeros(len(seen), bool)
    missing[seen] = [is_missing(entry) for entry in given[seen]] if given.dtype.kind in "OfmM" else False
    refuse(missing, "cause is missing where the end was observed", "Name it, or set observed to False there.")
    if not seen.any():
        raise InvalidDataError("nobody's end was observed, so that there is no cause. Check the column of ends.")
    try:
        labels, inverse = np.unique(given[seen], return_inverse=True)
    except TypeError:
        raise InvalidDataError("cause mixes kinds of labels that have no order. Give text, or numbers.") from None
    codes = np.full(len(seen), -1, np.int64)
    codes[seen] = inverse.reshape(-1)
    return labels.tolist(), codes


def _lost_to(durations: Durations, rows: Array, curve: SurvivalCurve) -> Array:
    """Return how many were lost at each of the curve's ages, of some rows whose end was seen."""
    entry, weights = durations.entry, durations.weights
    own = Durations(
        durations.durations[rows],
        np.ones(int(rows.sum()), bool),
        entry=None if entry is None else entry[rows],
        weights=None if weights is None else weights[rows],
        unit=durations.unit,
    )
    ages, lost, _ = own.risk_table()
    counted = np.zeros(len(curve), lost.dtype)
    counted[np.searchsorted(curve.times, ages[lost > 0])] = lost[lost > 0]
    return counted


def _greenwood(value: FloatArray, before: FloatArray, lost: Array, curve: SurvivalCurve) -> FloatArray:
    n, d = np.asarray(curve.at_risk, float), np.asarray(curve.lost, float)
    # Where nobody is left the shares stay as they are, so that the term adds nothing.
    square = np.divide(d, n * (n - d), out=np.zeros_like(n), where=n > d)
    return _added_up(value, square, before**2 * lost * (n - lost) / n**3, before * lost / n**2)


def _aalen(value: FloatArray, before: FloatArray, lost: Array, curve: SurvivalCurve) -> FloatArray:
    n, d = np.asarray(curve.at_risk, float), np.asarray(curve.lost, float)
    one_less = np.where(n > 1, n - 1, np.inf)
    left = np.where(n > d, n - d, np.inf)
    return _added_up(
        value,
        d / (one_less * left),
        before**2 * lost * (n - lost) / (n**2 * one_less),
        before * lost * (n - lost) / (n * left * one_less),
    )


def _added_up(value: FloatArray, square: FloatArray, own: FloatArray, cross: FloatArray) -> FloatArray:
    """Add over the ages up to each: (F(t) - F(s))**2 square + own - 2 (F(t) - F(s)) cross."""
    quadratic = value**2 * np.cumsum(square) - 2 * value * np.cumsum(square * value) + np.cumsum(square * value**2)
    linear = value * np.cumsum(cross) - np.cumsum(cross * value)
    return np.asarray(quadratic + np.cumsum(own) - 2 * linear)
