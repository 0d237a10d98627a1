"""Shares of customers with Wilson's interval, undefined where nothing can be said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.stats import Estimate, Wilson

if TYPE_CHECKING:
    from clm.typing import BoolArray, FloatArray, IntArray


def shares(
    hits: IntArray, trials: IntArray, *, known: BoolArray, certain: BoolArray, **described: Any
) -> Estimate[FloatArray]:
    """Return the share of each cell.

    Parameters
    ----------
    hits, trials
        Customers who count, and all of them.
    known
        Cells that can be stated.
    certain
        Cells that are 1 by definition, without error.
    **described
        The rest of the estimate.

    Returns
    -------
    Estimate
    """
    cases = np.where(known & (trials > 0), trials, 1)
    share = np.where(known, hits / cases, np.nan)
    error = np.where(certain, 0.0, np.sqrt(share * (1 - share) / cases))
    # Endless trials leave no width where the share is certain.
    band = Wilson(np.where(certain, np.inf, np.where(known, trials, 0)))
    return Estimate(
        value=share, standard_error=error, n=np.where(known, trials, 0), unit="fraction", band=band, **described
    )
