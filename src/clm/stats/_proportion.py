"""Shares of counted cases and means of measured ones, as estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.stats._arrays import floats, numbers, refuse
from clm.stats._bands import Exact, StudentT, Wilson
from clm.stats._estimate import Estimate

if TYPE_CHECKING:
    from clm.typing import Array, Floats


def proportion(
    successes: Any,
    trials: Any,
    *,
    name: str,
    definition: str,
    index: Array | None = None,
    undefined: str = "there are no cases to take the share of",
) -> Estimate[Any]:
    """Estimate a share from counts, with Wilson's interval.

    Parameters
    ----------
    successes, trials : int or array_like of int
        Counted cases; scalars, or one entry a cell.
    name, definition
        As in `Estimate`.
    index
        What the cells are.
    undefined
        Why the share is undefined where there are no trials.

    Returns
    -------
    Estimate
        Unit ``"fraction"``; NaN where `trials` is 0.

    Raises
    ------
    InvalidDataError
        If a count is negative or successes exceed trials.

    Examples
    --------
    >>> clm.stats.proportion(22, 50, name="very disappointed", definition="Share who would be very disappointed.")
    <very disappointed: 0.44 fraction (95% interval 0.3116 to 0.5769; n = 50)>
    """
    hits, n = numbers(successes, f"{name}: successes"), numbers(trials, f"{name}: trials")
    if hits.shape != n.shape and hits.ndim and n.ndim:
        raise InvalidDataError(
            f"{name}: successes have shape {hits.shape}, trials {n.shape}. Give one entry a cell in each."
        )
    if not np.all((hits >= 0) & (hits <= n) & np.isfinite(n)):
        raise InvalidDataError(f"{name}: successes must lie between 0 and trials. Check which count is which.")
    with np.errstate(invalid="ignore"):
        share = np.where(n > 0, hits / np.where(n > 0, n, 1), np.nan)
        error = np.sqrt(share * (1 - share) / np.where(n > 0, n, np.nan))
    return Estimate(
        value=share,
        standard_error=error,
        n=np.rint(n).astype(np.int64),
        name=name,
        unit="fraction",
        definition=definition,
        index=index,
        undefined=undefined,
        band=Wilson(n),
    )


def mean(values: Floats, *, name: str, unit: str, definition: str) -> Estimate[float]:
    """Estimate the mean of independent observations, with Student's t interval.

    Parameters
    ----------
    values : array_like of float
        Finite observations, shape (n,).
    name, unit, definition
        As in `Estimate`.

    Returns
    -------
    Estimate
        NaN without observations; with a single one, or identical ones, the interval is undefined.

    Raises
    ------
    InvalidDataError
        If an observation is missing, infinite or not a number.

    Examples
    --------
    >>> clm.stats.mean([3.0, 4.0, 5.0], name="basket", unit="items", definition="Mean items a basket.").value
    4.0
    """
    observed = floats(values, name)
    refuse(~np.isfinite(observed), f"{name}: an observation is missing or infinite", "Leave those rows out.")
    n = observed.size
    # Rounding must not give identical observations a spread.
    spread = np.std(observed, ddof=1) if n > 1 and observed.min() < observed.max() else 0.0
    error = float(spread / np.sqrt(n)) if n > 1 else np.nan
    return Estimate(
        value=float(observed.mean()) if n else np.nan,
        standard_error=error,
        n=n,
        name=name,
        unit=unit,
        definition=definition,
        undefined="there is no observation",
        band=StudentT(np.asarray(n - 1.0)),
    )


def exact(value: Any, *, n: Any, name: str, unit: str, definition: str, index: Array | None = None) -> Estimate[Any]:
    """State a quantity that was counted in full: its standard error is 0.

    Parameters
    ----------
    value, n, name, unit, definition, index
        As in `Estimate`.

    Returns
    -------
    Estimate
        With an interval that is the value itself.

    Examples
    --------
    >>> clm.stats.exact(6919, n=6919, name="orders", unit="orders", definition="Number of orders.")
    <orders: 6,919 orders (exact; n = 6,919)>
    """
    return Estimate(
        value=value,
        standard_error=np.zeros(np.shape(value)),
        n=n,
        name=name,
        unit=unit,
        definition=definition,
        index=index,
        undefined="there is no observation",
        band=Exact(),
    )
