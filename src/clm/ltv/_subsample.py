"""A small image of many customers, for trying starting values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clm.typing import FloatArray


def subsample(weights: FloatArray, size: int) -> FloatArray:
    """Return how many of `size` customers fall in each cell when every so many-th customer is taken.

    Cells are in order, so that this is a stratified sample, the same whatever order the customers came in.

    Parameters
    ----------
    weights
        Customers a cell stands for.
    size
        How many to take.

    Returns
    -------
    ndarray of float64
        Adds up to `size`.
    """
    ends = np.cumsum(weights)
    taken = (np.arange(size) + 0.5) * (ends[-1] / size)
    cells = np.searchsorted(ends, taken, side="right").clip(max=weights.size - 1)
    counted: FloatArray = np.bincount(cells, minlength=weights.size).astype(np.float64)
    return counted
