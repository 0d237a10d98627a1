"""Values with their gradients, combined without losing either."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.data import RFM
    from clm.typing import FloatArray

    Evaluated: TypeAlias = tuple[FloatArray, FloatArray]
    """Values (m,) and their derivatives by k parameters (m, k)."""


def once_a_pair(rfm: RFM, evaluate: Callable[[FloatArray, FloatArray], Evaluated]) -> Evaluated:
    """Evaluate what depends on frequency and age alone once for each pair of them.

    Parameters
    ----------
    rfm
        m histories.
    evaluate
        Takes the frequencies and ages of the distinct pairs.

    Returns
    -------
    value : (m,) ndarray of float64
    gradient : (m, k) ndarray of float64
    """
    _, count = np.unique(rfm.frequency, return_inverse=True)
    ages, slot = np.unique(rfm.T, return_inverse=True)
    _, first, pair = np.unique(count * len(ages) + slot, return_index=True, return_inverse=True)
    value, gradient = evaluate(rfm.frequency[first], rfm.T[first])
    return value[pair], gradient[pair]


def weighed(there: Evaluated, then: Evaluated, otherwise: float = 0.0) -> Evaluated:
    """Return ``p v + (1 - p) w`` of a chance p, of what follows if it comes true, and of a constant w if not."""
    p, change = there
    value, gradient = then
    return otherwise + p * (value - otherwise), change * (value - otherwise)[:, None] + p[:, None] * gradient
